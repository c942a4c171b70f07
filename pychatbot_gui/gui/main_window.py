"""The main window: layout and window state. No logic: the controller connects what is here."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QIcon, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from pychatbot_gui.core.paths import shipped
from pychatbot_gui.gui.context_meter import ContextMeter
from pychatbot_gui.gui.conversations.conversation_list import ConversationList
from pychatbot_gui.gui.plain_text import ElidedLabel
from pychatbot_gui.gui.prompt_box import PromptBox
from pychatbot_gui.gui.system_prompt import SystemPrompt
from pychatbot_gui.gui.theme import apply_theme, system_theme
from pychatbot_gui.gui.window_menus import MenuWindow

if TYPE_CHECKING:
    from pychatbot_gui.gui.chat.chat_view import ChatView
    from pychatbot_gui.gui.chat.find_bar import FindBar
    from pychatbot_gui.gui.empty_state import EmptyState
    from pychatbot_gui.gui.notice_bar import NoticeBar

_NARROW = 600  # a narrower window gives the room of the list to the chat
_HIDDEN = "hidden "  # before the saved split, where the person has hidden the list
_COLUMN = 860  # widest useful width of the prompt, pixels: a little more than the text column


class MainWindow(MenuWindow):
    """Everything that is seen, and signals for what the person wants.

    It begins as its frame, with nothing in the middle; `complete` puts the chat there.
    """

    chat_view: "ChatView"
    empty_state: "EmptyState"
    find_bar: "FindBar"
    notice_bar: "NoticeBar"

    model_dropped = Signal(str)
    closing = Signal()
    """It is going to be closed: what has not been made yet still can be, before `closed`."""
    closed = Signal()
    first_painted = Signal()
    """The window was seen for the first time."""

    def __init__(self) -> None:
        super().__init__()
        # First: what is there already has to be dressed twice.
        apply_theme(_application(), system_theme(_application()))
        self._is_painted = self._busy = False
        self._gave_room = False  # the list is hidden because the window is narrow
        self.setWindowTitle("PyChatbot")
        _application().setWindowIcon(_icon())
        self.resize(1120, 760)
        self.setMinimumSize(420, 420)
        self.setAcceptDrops(True)
        self._make_tool_bar()
        self._lay_out()
        self._connect_actions()
        self.make_menus()
        _application().styleHints().colorSchemeChanged.connect(self._wear_theme)

    def complete(self) -> None:
        """Make what stands in the middle; nobody can use it in the moment of the first paint."""
        from pychatbot_gui.gui.chat.chat_view import ChatView
        from pychatbot_gui.gui.chat.find_bar import FindBar
        from pychatbot_gui.gui.empty_state import EmptyState
        from pychatbot_gui.gui.notice_bar import NoticeBar

        self.notice_bar = NoticeBar(self._upper.parentWidget())
        self._upper.addWidget(self.notice_bar)
        self.notice_bar.left.connect(self.prompt_box.setFocus)
        self.find_bar = FindBar(self._chat)
        self._column.insertWidget(self._column.indexOf(self._stack), self.find_bar)
        self.empty_state = EmptyState(self._stack)
        self._stack.addWidget(self.empty_state)
        self.chat_view = ChatView(self._stack, system_theme(_application()))
        self._stack.addWidget(self.chat_view)
        last = self.previousInFocusChain() or self
        for part in self.prompt_box.findChildren(QWidget):  # Tab comes to it last, as before
            if part.focusPolicy() & Qt.FocusPolicy.TabFocus:
                self.setTabOrder(last, part)
                last = part
        self.add_zoom(self.chat_view.zoom_actions())
        _application().styleHints().colorSchemeChanged.connect(self._dress_chat)
        if self._is_painted:
            self._prepare_soon()
        else:
            self.first_painted.connect(self._prepare_soon)

    def is_busy(self) -> bool:
        """A model is loading, or an answer was asked for and is not finished."""
        return self._busy

    def set_busy(self, busy: bool, here: bool = True) -> None:
        """Something goes on, or no longer; `here`: in what is shown, so that it can be stopped."""
        self._busy = busy
        self.prompt_box.set_busy(busy and here)
        self.stop_action.setEnabled(busy and here)
        self.chat_view.set_actions_enabled(not busy)
        self.set_answering(busy)

    def show_chat(self, shown: bool) -> None:
        """Show the conversation, or the empty state in its place."""
        self._stack.setCurrentWidget(self.chat_view if shown else self.empty_state)

    def set_model(self, name: str, tooltip: str = "") -> None:
        """Name the model in the tool bar and the title; "" for none."""
        self.model_label.setText(name or "No model")
        self.model_label.setToolTip(tooltip)
        self.setWindowTitle(f"{name.split(' · ')[0]} – PyChatbot" if name else "PyChatbot")

    def set_speed(self, tokens_per_second: float) -> None:
        """Say how fast the answer was; 0 for not known."""
        digits = 0 if tokens_per_second >= 100 else 1
        text = f"{tokens_per_second:,.{digits}f} tokens/s" if tokens_per_second > 0 else ""
        self.speed_label.setText(text)

    def set_recent(self, paths: tuple[str, ...]) -> None:
        """Offer the models that were open before."""
        self.empty_state.set_recent(list(paths))
        self.show_recent(paths)

    def come_to_front(self, model: str = "") -> None:
        """A second start asked for the window, and perhaps for a model."""
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()
        if model:
            self.model_dropped.emit(model)

    def geometry_text(self) -> tuple[str, str]:
        """Size and place of the window, and the split with the list, for `restore_geometry`."""
        hidden = not self.side_bar_action.isChecked() and not self._gave_room
        split = _text(self._split.saveState())
        return _text(self.saveGeometry()), f"{_HIDDEN}{split}" if hidden else split

    def restore_geometry(self, text: str, split: str = "") -> None:
        """Take the size and place of the last time; anything unusable is ignored."""
        if text:
            self.restoreGeometry(_bytes(text))
        if split:
            self._split.restoreState(_bytes(split.removeprefix(_HIDDEN)))
        if not self._gave_room:
            self.show_side_bar(not split.startswith(_HIDDEN))

    @Slot(bool)
    def show_side_bar(self, shown: bool) -> None:
        """Show the list of conversations, or give its room to the chat."""
        self._gave_room = False
        focus = self.focusWidget()
        if not shown and focus is not None and self.conversation_list.isAncestorOf(focus):
            self.prompt_box.setFocus()
        self.conversation_list.setVisible(shown)
        self.side_bar_action.setChecked(shown)

    @Slot()
    def search_all(self) -> None:
        """Take the keyboard to the search of all conversations."""
        self.show_side_bar(True)
        self.conversation_list.focus_search()

    @Slot()
    def show_deleted(self) -> None:
        """Show what was deleted and can be restored."""
        self.show_side_bar(True)
        self.conversation_list.show_deleted()

    def is_somewhere_else(self) -> bool:
        """Whether the person works in a part of the window that is not the chat."""
        focus = self.focusWidget()
        parts = (self.conversation_list, self.find_bar, self.system_prompt)
        return focus is not None and any(part.isAncestorOf(focus) for part in parts)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take model files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the model that was dropped."""
        files = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            event.acceptProposedAction()
            self.model_dropped.emit(files[0])

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Hide the list when the window becomes narrow, and bring it back when it is wide again."""
        super().resizeEvent(event)
        narrow, was_narrow = event.size().width() < _NARROW, 0 < event.oldSize().width() < _NARROW
        if narrow and not was_narrow and self.side_bar_action.isChecked():
            self.show_side_bar(False)
            self._gave_room = True
        elif was_narrow and not narrow and self._gave_room:
            self.show_side_bar(True)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tell, the first time, when this paint has reached the screen."""
        super().paintEvent(event)
        if not self._is_painted:
            self._is_painted = True
            QTimer.singleShot(0, self, self.first_painted.emit)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell the controller, which ends the thread and the model."""
        self.closing.emit()
        self.closed.emit()
        super().closeEvent(event)

    def _make_tool_bar(self) -> None:
        tools = QToolBar("Main tools", self)
        tools.setObjectName("mainToolBar")
        tools.setMovable(False)
        tools.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        tools.addAction(self.new_chat_action)
        self.model_label = ElidedLabel("")
        self.model_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.model_label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.model_label.setObjectName("modelLabel")
        self.model_label.setAccessibleName("Model")
        opener = QToolButton()
        opener.setDefaultAction(self.open_model_action)
        opener.setMenu(self.recent_menu)
        opener.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        tools.addWidget(opener)
        tools.addWidget(self.model_label)
        tools.addAction(self.settings_action)
        self.addToolBar(tools)
        for button in tools.findChildren(QToolButton):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def _lay_out(self) -> None:
        """Make the parts, each in its place: a part that is moved is dressed again, whole."""
        self._split = QSplitter(self)
        self._split.setObjectName("split")
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)
        self.setCentralWidget(self._split)
        self.conversation_list = ConversationList(self._split)
        chat = self._chat = QWidget(self._split)
        chat.setObjectName("central")
        chat.setMinimumWidth(300)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([250, 870])
        column = self._column = QVBoxLayout(chat)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.load_progress = QProgressBar(chat)
        self.load_progress.setObjectName("loadProgress")
        self.load_progress.setAccessibleName("Loading the model")
        self.load_progress.setTextVisible(False)
        self.load_progress.setFixedHeight(4)
        kept = self.load_progress.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # nothing below it moves when a load begins or ends
        self.load_progress.setSizePolicy(kept)
        self.load_progress.hide()
        column.addWidget(self.load_progress)
        upper = self._upper = _centred(column, chat)
        upper.setContentsMargins(16, 2, 16, 4)
        self.system_prompt = SystemPrompt(upper.parentWidget())
        upper.addWidget(self.system_prompt)
        self._stack = QStackedWidget(chat)
        self._stack.addWidget(QWidget(self._stack))  # what is shown there until `complete`
        column.addWidget(self._stack, 1)
        self._lay_out_lower(_centred(column, chat))

    def _lay_out_lower(self, lower: QVBoxLayout) -> None:
        lower.setContentsMargins(16, 8, 16, 10)
        lower.setSpacing(6)
        self.prompt_box = PromptBox(lower.parentWidget())
        lower.addWidget(self.prompt_box)
        footer = QHBoxLayout()
        footer.setContentsMargins(4, 0, 4, 0)
        lower.addLayout(footer)
        self.context_meter = ContextMeter(lower.parentWidget())
        footer.addWidget(self.context_meter, 1)
        self.speed_label = QLabel(lower.parentWidget())
        self.speed_label.setObjectName("speedLabel")
        self.speed_label.setAccessibleName("Speed")
        self.speed_label.setProperty("tone", "muted")
        footer.addWidget(self.speed_label)

    def _connect_actions(self) -> None:
        self.system_prompt_action.triggered.connect(self.system_prompt.open_for_editing)
        self.focus_prompt_action.triggered.connect(self.prompt_box.setFocus)
        self.system_prompt.left.connect(self.prompt_box.setFocus)
        self.side_bar_action.toggled.connect(self.show_side_bar)
        self.search_action.triggered.connect(self.search_all)
        self.deleted_chats_action.triggered.connect(self.show_deleted)

    @Slot()
    def _prepare_soon(self) -> None:
        QTimer.singleShot(0, self, self._prepare)

    @Slot()
    def _prepare(self) -> None:
        """Load what the first chat will need, in two steps, so that neither is felt."""
        self.chat_view.prepare()
        QTimer.singleShot(0, self, self.conversation_list.prepare)

    @Slot()
    def _wear_theme(self) -> None:
        apply_theme(_application(), system_theme(_application()))

    @Slot()
    def _dress_chat(self) -> None:
        self.chat_view.set_theme(system_theme(_application()))


def _application() -> QApplication:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    return application


def _icon() -> QIcon:
    """The program's icon. Not from the SVG file: what draws that takes a while to load."""
    icon = QIcon()
    for size in (16, 32, 64, 256):
        path = shipped("resources", "icons", f"pychatbot-{size}.png")
        icon.addFile(str(path), QSize(size, size))
    return icon


def _text(raw: QByteArray) -> str:
    return bytes(raw.toBase64().data()).decode("ascii")


def _bytes(text: str) -> QByteArray:
    return QByteArray.fromBase64(text.encode("ascii", errors="ignore"))


def _centred(column: QVBoxLayout, parent: QWidget) -> QVBoxLayout:
    """Add a full-width row whose content is at most `_COLUMN` wide, in the middle."""
    row = QWidget(parent)
    column.addWidget(row)
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addStretch()
    inner = QWidget(row)
    inner.setMaximumWidth(_COLUMN)
    layout.addWidget(inner, 1000)
    layout.addStretch()
    return QVBoxLayout(inner)
