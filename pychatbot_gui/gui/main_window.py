"""The main window: menus, layout, window state. No logic: the controller connects what is here."""

from pathlib import Path

from PySide6.QtCore import QByteArray, Qt, Signal, Slot
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QIcon, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QProgressBar,
    QSizePolicy,
    QStackedWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from pychatbot_gui.core.paths import shipped
from pychatbot_gui.gui.chat_view import ChatView
from pychatbot_gui.gui.context_meter import ContextMeter
from pychatbot_gui.gui.empty_state import EmptyState
from pychatbot_gui.gui.notice_bar import NoticeBar
from pychatbot_gui.gui.plain_text import ElidedLabel
from pychatbot_gui.gui.prompt_box import PromptBox
from pychatbot_gui.gui.system_prompt import SystemPrompt
from pychatbot_gui.gui.theme import apply_theme, system_theme

_COLUMN = 860  # widest useful width of the prompt, pixels: a little more than the text column


class MainWindow(QMainWindow):
    """Everything that is seen, and signals for what the person wants."""

    model_dropped = Signal(str)
    recent_chosen = Signal(str)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._busy = False
        self.setWindowTitle("PyChatbot")
        _application().setWindowIcon(QIcon(str(shipped("resources", "icons", "pychatbot.svg"))))
        self.resize(980, 760)
        self.setMinimumSize(420, 420)
        self.setAcceptDrops(True)
        self.chat_view = ChatView()
        self.empty_state = EmptyState()
        self.prompt_box = PromptBox()
        self.system_prompt = SystemPrompt()
        self.notice_bar = NoticeBar()
        self.context_meter = ContextMeter()
        self.model_label = ElidedLabel("No model")
        self.model_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.model_label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.model_label.setObjectName("modelLabel")
        self.model_label.setAccessibleName("Model")
        self.speed_label = QLabel()
        self.speed_label.setObjectName("speedLabel")
        self.speed_label.setAccessibleName("Speed")
        self.speed_label.setProperty("tone", "muted")
        self.load_progress = QProgressBar()
        self.load_progress.setObjectName("loadProgress")
        self.load_progress.setAccessibleName("Loading the model")
        self.load_progress.setTextVisible(False)
        self.load_progress.setFixedHeight(4)
        self.load_progress.hide()
        self._make_actions()
        self._make_menus()
        self._make_tool_bar()
        self._lay_out()
        self._follow_theme()

    def is_busy(self) -> bool:
        """A model is loading, or an answer was asked for and is not finished."""
        return self._busy

    def set_busy(self, busy: bool) -> None:
        """Show Stop in place of Send while something goes on."""
        self._busy = busy
        self.prompt_box.set_busy(busy)
        self.stop_action.setEnabled(busy)

    def show_chat(self, shown: bool) -> None:
        """Show the conversation, or the empty state in its place."""
        self._stack.setCurrentWidget(self.chat_view if shown else self.empty_state)

    def set_model(self, name: str, tooltip: str = "") -> None:
        """Name the model in the tool bar and the title; "" for none."""
        self.model_label.setText(name or "No model")
        self.model_label.setToolTip(tooltip)
        self.setWindowTitle(f"{name.split(' · ')[0]} – PyChatbot" if name else "PyChatbot")

    def set_recent(self, paths: tuple[str, ...]) -> None:
        """Offer the models that were open before."""
        self.empty_state.set_recent(list(paths))
        self._recent_menu.clear()
        for path in paths:
            action = self._recent_menu.addAction(Path(path).name.replace("&", "&&"))
            action.setToolTip(path)
            action.setData(path)
        self._recent_menu.setEnabled(bool(paths))

    def come_to_front(self, model: str = "") -> None:
        """A second start asked for the window, and perhaps for a model."""
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()
        if model:
            self.model_dropped.emit(model)

    def geometry_text(self) -> str:
        """Size and place of the window, for `restore_geometry`."""
        return bytes(self.saveGeometry().toBase64().data()).decode("ascii")

    def restore_geometry(self, text: str) -> None:
        """Take the size and place of the last time; anything unusable is ignored."""
        if text:
            self.restoreGeometry(QByteArray.fromBase64(text.encode("ascii", errors="ignore")))

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

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell the controller, which ends the thread and the model."""
        self.closed.emit()
        super().closeEvent(event)

    def _make_actions(self) -> None:
        def action(text: str, name: str, *keys: QKeySequence | str) -> QAction:
            made = QAction(text, self)
            made.setObjectName(name)
            made.setShortcuts([QKeySequence(key) for key in keys])
            tip = text.replace("&", "").rstrip("…")
            made.setToolTip(f"{tip} ({made.shortcut().toString()})" if keys else tip)
            return made

        self.new_chat_action = action("&New chat", "newChatAction", "Ctrl+N")
        self.open_model_action = action("&Open model…", "openModelAction", "Ctrl+O")
        self.settings_action = action("&Settings…", "settingsAction", "Ctrl+,")
        self.quit_action = action("&Quit", "quitAction", "Ctrl+Q")
        self.stop_action = action("&Stop", "stopAction", "Esc")
        self.stop_action.setEnabled(False)
        self.copy_answer_action = action("&Copy last answer", "copyAnswerAction", "Ctrl+Shift+C")
        self.system_prompt_action = action("S&ystem prompt", "systemPromptAction", "Ctrl+Shift+S")
        self.focus_prompt_action = action("&Write a message", "focusPromptAction", "Ctrl+L")
        self.log_action = action("Model lo&g", "logAction", "Ctrl+Shift+L")
        self.about_action = action("&About PyChatbot", "aboutAction")
        self.quit_action.triggered.connect(self.close)
        self.system_prompt_action.triggered.connect(self.system_prompt.open_for_editing)
        self.focus_prompt_action.triggered.connect(self.prompt_box.setFocus)

    def _make_menus(self) -> None:
        bar = self.menuBar()
        self._recent_menu = QMenu("Open &recent", self)
        self._recent_menu.setToolTipsVisible(True)
        self._recent_menu.setEnabled(False)
        self._recent_menu.triggered.connect(lambda a: self.recent_chosen.emit(a.data()))
        file = bar.addMenu("&File")
        file.addActions([self.new_chat_action, self.open_model_action])
        file.addMenu(self._recent_menu)
        file.addSeparator()
        file.addActions([self.settings_action, self.quit_action])
        chat = bar.addMenu("&Chat")
        chat.addActions([self.focus_prompt_action, self.stop_action, self.copy_answer_action])
        chat.addAction(self.system_prompt_action)
        view = bar.addMenu("&View")
        view.addActions(self.chat_view.zoom_actions())
        view.addSeparator()
        view.addAction(self.log_action)
        bar.addMenu("&Help").addAction(self.about_action)

    def _make_tool_bar(self) -> None:
        tools = QToolBar("Main tools", self)
        tools.setObjectName("mainToolBar")
        tools.setMovable(False)
        tools.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        tools.addAction(self.new_chat_action)
        opener = QToolButton()
        opener.setDefaultAction(self.open_model_action)
        opener.setMenu(self._recent_menu)
        opener.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        tools.addWidget(opener)
        tools.addWidget(self.model_label)
        tools.addAction(self.settings_action)
        self.addToolBar(tools)
        for button in tools.findChildren(QToolButton):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def _lay_out(self) -> None:
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty_state)
        self._stack.addWidget(self.chat_view)
        footer = QHBoxLayout()
        footer.setContentsMargins(4, 0, 4, 0)
        footer.addWidget(self.context_meter, 1)
        footer.addWidget(self.speed_label)
        lower = QVBoxLayout()
        lower.setContentsMargins(16, 8, 16, 10)
        lower.setSpacing(6)
        lower.addWidget(self.prompt_box)
        lower.addLayout(footer)
        upper = QVBoxLayout()
        upper.setContentsMargins(16, 6, 16, 4)
        upper.addWidget(self.system_prompt)
        upper.addWidget(self.notice_bar)
        central = QWidget()
        central.setObjectName("central")
        column = QVBoxLayout(central)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.load_progress)
        column.addWidget(_centred(upper))
        column.addWidget(self._stack, 1)
        column.addWidget(_centred(lower))
        self.setCentralWidget(central)

    def _follow_theme(self) -> None:
        self._wear_theme()
        _application().styleHints().colorSchemeChanged.connect(self._wear_theme)

    @Slot()
    def _wear_theme(self) -> None:
        theme = system_theme(_application())
        apply_theme(_application(), theme)
        self.chat_view.set_theme(theme)


def _application() -> QApplication:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    return application


def _centred(content: QVBoxLayout) -> QWidget:
    """A full-width row whose content is at most `_COLUMN` wide, in the middle."""
    inner = QWidget()
    inner.setLayout(content)
    inner.setMaximumWidth(_COLUMN)
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addStretch()
    layout.addWidget(inner, 1000)
    layout.addStretch()
    return row
