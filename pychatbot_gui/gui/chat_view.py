"""The conversation on the screen: follows the answer, lets the reader be, and is safe to click."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from PySide6.QtCore import QEvent, QMimeData, QPoint, QRectF, Qt, QUrl, Signal
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextCursor,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QFrame, QMenu, QTextBrowser, QWidget

from pychatbot_gui.gui.chat_document import STEP, ChatDocument, ConversationDocument
from pychatbot_gui.gui.chat_looks import Look, surface_palette, surface_sheet
from pychatbot_gui.gui.chat_paint import Backdrop
from pychatbot_gui.gui.chat_reading import code_block_at, plain_text
from pychatbot_gui.gui.jump_button import JumpButton
from pychatbot_gui.gui.link_question import ask_to_open
from pychatbot_gui.gui.text_zoom import TextZoom
from pychatbot_gui.gui.theme import LIGHT, Theme
from pychatbot_gui.gui.turns import Turns
from pychatbot_gui.gui.visible_text import repaired, visible

COLUMN = 760
_SIDE = 24
_AT_END = 8
_MOUSE = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonDblClick,
)


class ChatView(QTextBrowser):
    """The messages of one chat, from top to bottom.

    What is added is shown at once while it is little; of a large text a part is shown per turn
    of the event loop, in order, so that the window never stands still.
    """

    link_activated = Signal(str)
    """An http or https address that the reader clicked and agreed to open."""
    zoom_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._arriving: list[str] | None = None
        self._following = True
        self._held = False
        self._moving = False
        self.setObjectName("chatView")
        self.setAccessibleName("Conversation")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAutoFillBackground(True)
        self.setOpenLinks(False)
        # A file dropped on the conversation is for the window, which opens models.
        self.setAcceptDrops(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        document = ConversationDocument(self)
        document.setUndoRedoEnabled(False)
        self.setDocument(document)
        points = max(11.0, QApplication.font().pointSizeF())
        self._chat = ChatDocument(document, Look(LIGHT, points))
        self._turns = Turns(self._held_still, self)
        self._jump = JumpButton(self)
        self._jump.clicked.connect(self.jump_to_end)
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._on_scrolled)
        bar.rangeChanged.connect(self._on_range_changed)
        self.anchorClicked.connect(self._on_anchor_clicked)
        self._zoom = TextZoom(self)
        self._zoom.changed.connect(self._on_zoomed)
        self.addActions(self._zoom.actions)
        self.set_theme(LIGHT)

    # --- the conversation -----------------------------------------------------------------

    def clear_chat(self) -> None:
        """Forget everything and show nothing."""
        self._turns.clear()
        self._arriving = None
        self._chat.clear()
        self._following = True
        self._update_jump()

    def add_user_message(self, text: str) -> None:
        """Show what the person wrote, letter by letter as it is: no Markdown."""
        started = False

        def step() -> bool:
            nonlocal started
            if not started:
                started = True
                # Whoever writes wants to see what comes of it.
                self._following = True
                self._chat.begin_user(text)
            return self._chat.more_user()

        self._arriving = None
        self._turns.add(step)

    def begin_answer(self, speaker: str = "") -> None:
        """Show who answers, and a quiet waiting state until the first text comes."""
        self._add(lambda: self._chat.begin_answer(speaker))

    def set_progress(self, text: str) -> None:
        """Say what the model does before its first word; ignored once text has come."""
        self._add(lambda: self._chat.set_status(text))

    def append_text(self, piece: str) -> None:
        """Add to the answer that was begun."""
        if not piece:
            return
        if self._arriving is not None:
            self._arriving.append(piece)
            return
        arriving = [piece]

        def step() -> bool:
            text = "".join(arriving)
            # Other scripts cost more than twice as much to lay out.
            part = STEP if text.isascii() else STEP // 2
            arriving[:] = [text[part:]]
            self._chat.append(text[:part])
            if arriving[0]:
                return True
            if self._arriving is arriving:
                self._arriving = None
            return False

        self._turns.add(step)
        if self._turns.waiting:
            self._arriving = arriving

    def end_answer(self, note: str = "") -> None:
        """Finish the answer; `note` (such as "Stopped") is shown quietly below it."""
        self._add(lambda: self._chat.end_answer(note))

    def add_divider(self, text: str) -> None:
        """Draw a line across the conversation with a sentence in it."""
        self._add(lambda: self._chat.divider(text))

    def _add(self, action: Callable[[], object]) -> None:
        self._arriving = None
        self._turns.add_once(action)

    def toPlainText(self) -> str:
        """What a person reads from top to bottom, all of what was added so far."""
        self._turns.finish()
        return plain_text(self.document(), 0, self.document().characterCount() - 1)

    def is_empty(self) -> bool:
        """True while there is no message."""
        return not self._chat.messages and not self._turns.waiting

    def remove_last_exchange(self) -> None:
        """Take back the person's last message and everything after it."""
        self._turns.finish()
        self._add(self._chat.remove_exchange)

    def last_answer(self) -> str:
        """The latest answer as it was written, in Markdown; "" if there is none."""
        self._turns.finish()
        for message in reversed(self._chat.messages):
            if message.is_answer:
                return visible(repaired(message.source))
        return ""

    # --- looks ----------------------------------------------------------------------------

    def set_theme(self, theme: Theme) -> None:
        """Wear these colours."""
        self.setPalette(surface_palette(self.palette(), theme))
        self.setStyleSheet(surface_sheet(theme))
        self._jump.theme = theme
        self._set_look(replace(self._chat.look, theme=theme))

    def zoom(self) -> float:
        """How many times its usual size the text has."""
        return self._zoom.value

    def set_zoom(self, zoom: float) -> None:
        """Show the text `zoom` times its usual size, 0.7 to 2.5."""
        self._zoom.set(zoom)

    def step_zoom(self, steps: int) -> None:
        """One or more steps larger (positive) or smaller (negative)."""
        self._zoom.step(steps)

    def zoom_actions(self) -> list[QAction]:
        """Larger, smaller and usual size, with their keys, for a menu."""
        return self._zoom.actions

    def _on_zoomed(self, zoom: float) -> None:
        self._set_look(replace(self._chat.look, zoom=zoom))
        self.zoom_changed.emit(zoom)

    def _set_look(self, look: Look) -> None:
        with self._kept_place():
            self._chat.set_look(look)
        self.viewport().update()

    # --- following the end ----------------------------------------------------------------

    def is_following(self) -> bool:
        """True while the view moves with the answer: the reader is at the end."""
        return self._following

    def jump_to_end(self) -> None:
        """Go to the latest message and follow it from now on."""
        self._following = True
        self._scroll_to(self.verticalScrollBar().maximum())

    def _scroll_to(self, value: int) -> None:
        moving, self._moving = self._moving, True
        self.verticalScrollBar().setValue(value)
        self._moving = moving
        self._update_jump()

    def _on_scrolled(self, value: int) -> None:
        if not self._moving:
            self._following = value >= self.verticalScrollBar().maximum() - _AT_END
            self._update_jump()

    def _on_range_changed(self, _minimum: int, maximum: int) -> None:
        if self._following and not self._held and not self._moving:
            self._scroll_to(maximum)

    def _update_jump(self) -> None:
        bar = self.verticalScrollBar()
        self._jump.setVisible(not self._following and bar.value() < bar.maximum() - _AT_END)

    @contextmanager
    def _held_still(self) -> Iterator[None]:
        """Change the end of the document without moving what the reader reads or has selected."""
        bar, document = self.verticalScrollBar(), self.document()
        value = bar.value()
        cursor = self.textCursor()
        ends, selected = (cursor.anchor(), cursor.position()), cursor.hasSelection()
        moving, self._moving = self._moving, True
        try:
            yield
        finally:
            document.documentLayout().blockBoundingRect(document.lastBlock())
            cursor = self.textCursor()
            if selected and (cursor.anchor(), cursor.position()) != ends:
                last = document.characterCount() - 1
                cursor.setPosition(min(ends[0], last))
                cursor.setPosition(min(ends[1], last), QTextCursor.MoveMode.KeepAnchor)
                self.setTextCursor(cursor)
            self._moving = moving
            self._scroll_to(bar.maximum() if self._following and not self._held else value)

    @contextmanager
    def _kept_place(self) -> Iterator[None]:
        """Change sizes while the text at the top of the view (or its end) stays where it is."""
        bar = self.verticalScrollBar()
        cursor = self.cursorForPosition(QPoint(0, 0))
        top = self.cursorRect(cursor).top()
        moving, self._moving = self._moving, True
        try:
            yield
        finally:
            document = self.document()
            document.documentLayout().blockBoundingRect(document.lastBlock())
            self._moving = moving
            if self._following:
                self._scroll_to(bar.maximum())
            else:
                self._scroll_to(bar.value() + self.cursorRect(cursor).top() - top)

    # --- links, copies, menu --------------------------------------------------------------

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: ARG002
        """Answer with nothing, whatever a text names: no file and no address is ever opened."""
        return None

    def _on_anchor_clicked(self, url: QUrl) -> None:
        if url.scheme().lower() not in ("http", "https") or not url.host():
            return
        ask_to_open(self.window(), url, self.link_activated.emit)

    def createMimeDataFromSelection(self) -> QMimeData:
        """The selection as plain text: what the reader sees, with markers and line breaks."""
        cursor = self.textCursor()
        data = QMimeData()
        data.setText(plain_text(self.document(), cursor.selectionStart(), cursor.selectionEnd()))
        return data

    def copy_last_answer(self) -> None:
        """Copy the latest answer as it was written, in Markdown."""
        answer = self.last_answer()
        if answer:
            self._copy(answer)

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(visible(repaired(text)))

    def menu_at(self, place: QPoint) -> QMenu:
        """The context menu for a place in the viewport."""
        menu = QMenu(self)
        cursor = self.cursorForPosition(place)
        copy = menu.addAction("Copy", self.copy)
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.setEnabled(self.textCursor().hasSelection())
        message = self._chat.message_at(cursor.position())
        if message is not None:
            menu.addAction("Copy message", lambda: self._copy(message.source))
        code = code_block_at(cursor.block())
        if code is not None:
            menu.addAction("Copy code block", lambda: self._copy(code))
        link = self.anchorAt(place)
        if link:
            menu.addAction("Copy link address", lambda: self._copy(link))
        menu.addSeparator()
        everything = menu.addAction("Select all", self.selectAll)
        everything.setShortcut(QKeySequence.StandardKey.SelectAll)
        return menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Show the menu of the place that was clicked."""
        menu = self.menu_at(self.viewport().mapFromGlobal(event.globalPos()))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())

    # --- events ---------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Keep the reader's place through a resize; let the margins scroll and select too."""
        if event.type() == QEvent.Type.Resize:
            with self._kept_place():
                self._lay_out_column()
                return super().event(event)
        if event.type() == QEvent.Type.Wheel and isinstance(event, QWheelEvent):
            self.wheelEvent(event)
            return True
        if event.type() in _MOUSE and isinstance(event, QMouseEvent):
            inside = self.viewport().mapFromGlobal(event.globalPosition())
            return self.viewportEvent(
                QMouseEvent(
                    event.type(),
                    inside,
                    event.globalPosition(),
                    event.button(),
                    event.buttons(),
                    event.modifiers(),
                )
            )
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the column where it is when the scroll bar comes or goes."""
        super().resizeEvent(event)
        self._lay_out_column()

    def _lay_out_column(self) -> None:
        bar = self.verticalScrollBar()
        side = max(_SIDE, (self.width() - COLUMN) // 2)
        used = bar.width() if bar.isVisible() else 0
        self.setViewportMargins(side, 0, max(0, side - used), 0)
        self._jump.move((self.width() - self._jump.width()) // 2, self.height() - 52)
        self._jump.raise_()
        self._chat.fit_bubbles(self.viewport().width())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what lies behind the text, then the text."""
        painter = QPainter(self.viewport())
        top = self.verticalScrollBar().value()
        painter.translate(0, -top)
        clip = QRectF(event.rect().translated(0, top))
        Backdrop(painter, self.document(), self._chat.look, self.viewport().width(), clip).paint()
        painter.end()
        super().paintEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """End goes to the latest message, Home to the first; Ctrl+Shift+C copies the answer."""
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        key = event.key()
        if control and shift and key == Qt.Key.Key_C:
            self.copy_last_answer()
        elif key == Qt.Key.Key_End and not shift:
            self.jump_to_end()
        elif key == Qt.Key.Key_Home and not shift:
            self.verticalScrollBar().setValue(0)
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ctrl and the wheel change the size of the text."""
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
            return
        self._zoom.turn(event.angleDelta().y())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Hold the text still while the button is down, so that it can be selected."""
        self._held = event.button() == Qt.MouseButton.LeftButton
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Notice that the button was let go while text was dragged elsewhere."""
        super().mouseMoveEvent(event)
        if self._held and not event.buttons() & Qt.MouseButton.LeftButton:
            self._let_go()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Go on following, unless the reader selected something and the end has moved away."""
        super().mouseReleaseEvent(event)
        self._let_go()

    def _let_go(self) -> None:
        self._held = False
        bar = self.verticalScrollBar()
        if self._following and self.textCursor().hasSelection():
            self._following = bar.value() >= bar.maximum() - _AT_END
        if self._following:
            self._scroll_to(bar.maximum())
        self._update_jump()
