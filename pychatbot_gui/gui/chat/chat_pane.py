"""The pane that a conversation lies on: a centred column with its colours, its size, its mouse."""

from dataclasses import replace

from PySide6.QtCore import QEvent, QMimeData, QRectF, Qt, QUrl, Signal
from PySide6.QtGui import (
    QAction,
    QColor,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QFrame, QTextBrowser, QWidget

from pychatbot_gui.gui.chat.chat_document import ConversationDocument
from pychatbot_gui.gui.chat.chat_looks import Look, surface_palette, surface_sheet
from pychatbot_gui.gui.chat.chat_paint import Backdrop
from pychatbot_gui.gui.chat.chat_reading import OF_PROGRAM, plain_text
from pychatbot_gui.gui.chat.long_chat import LongChatDocument
from pychatbot_gui.gui.chat.reading_place import ReadingPlace
from pychatbot_gui.gui.chat.text_zoom import TextZoom
from pychatbot_gui.gui.theme import LIGHT, Theme

COLUMN = 760
_SIDE = 24
_MOUSE = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonDblClick,
)


class ChatPane(QTextBrowser):
    """Shows a `LongChatDocument`, and knows nothing of where its messages come from."""

    zoom_changed = Signal(float)
    look_changed = Signal(object)
    laid_out = Signal()
    """The column has another place or width."""
    mouse_moved = Signal(object)
    """Where in the viewport the mouse is, a `QPoint`; None when it has left."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._laying_out = False
        self.setObjectName("chatView")
        self.setAccessibleName("Conversation")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAutoFillBackground(True)
        self.setOpenLinks(False)
        # A file dropped on the conversation is for the window, which opens models.
        self.setAcceptDrops(False)
        # It paints every pixel itself, so what scrolls is moved and not painted again: with that
        # half of the work of showing an answer is left.
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        document = ConversationDocument(self)
        document.setUndoRedoEnabled(False)
        self.setDocument(document)
        points = max(11.0, QApplication.font().pointSizeF())
        self._chat = LongChatDocument(document, Look(LIGHT, points))
        self._place = ReadingPlace(self, self._chat)
        self._zoom = TextZoom(self)
        self._zoom.changed.connect(self._on_zoomed)
        self.addActions(self._zoom.actions)

    # --- looks ----------------------------------------------------------------------------

    def set_theme(self, theme: Theme) -> None:
        """Wear these colours."""
        self.setPalette(surface_palette(self.palette(), theme))
        self.setStyleSheet(surface_sheet(theme))
        self._place.jump_button.theme = theme
        self._set_look(replace(self._chat.look, theme=theme))

    def zoom(self) -> float:
        """How many times its usual size the text has."""
        return self._zoom.value

    def set_zoom(self, zoom: float) -> None:
        """Show the text `zoom` times its usual size, 0.7 to 2.5."""
        self._zoom.set(zoom)

    def zoom_actions(self) -> list[QAction]:
        """Larger, smaller and usual size, with their keys, for a menu."""
        return self._zoom.actions

    def _on_zoomed(self, zoom: float) -> None:
        self._set_look(replace(self._chat.look, zoom=zoom))
        self.zoom_changed.emit(zoom)

    def _set_look(self, look: Look) -> None:
        with self._place.kept():
            self._chat.set_look(look)
        self.look_changed.emit(look)
        self.viewport().update()

    # --- events ---------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Keep the reader's place through a resize; let the margins scroll and select too."""
        if event.type() == QEvent.Type.Resize:
            with self._place.kept():
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
        if self._laying_out:
            return
        bar = self.verticalScrollBar()
        side = max(_SIDE, (self.width() - COLUMN) // 2)
        used = bar.width() if bar.isVisible() else 0
        # Margins resize the viewport, which comes back here. Where the text needs the bar only in
        # the width that it has beside the bar, the two would chase each other for ever.
        self._laying_out = True
        self.setViewportMargins(side, 0, max(0, side - used), 0)
        self._laying_out = False
        jump = self._place.jump_button
        jump.move((self.width() - jump.width()) // 2, self.height() - 52)
        jump.raise_()
        self._chat.fit_bubbles(self.viewport().width())
        self.laid_out.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what lies behind the text, then the text."""
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), QColor(self._chat.look.theme.surface))
        top = self.verticalScrollBar().value()
        painter.translate(0, -top)
        clip = QRectF(event.rect().translated(0, top))
        Backdrop(painter, self.document(), self._chat.look, self.viewport().width(), clip).paint()
        painter.end()
        super().paintEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ctrl and the wheel change the size of the text."""
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
            return
        self._zoom.turn(event.angleDelta().y())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Hold the text still while the button is down, so that it can be selected."""
        self._place.hold(event.button() == Qt.MouseButton.LeftButton)
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Notice that the button was let go while text was dragged elsewhere."""
        super().mouseMoveEvent(event)
        if event.buttons() == Qt.MouseButton.NoButton:
            self.mouse_moved.emit(event.position().toPoint())
        if self._place.is_held and not event.buttons() & Qt.MouseButton.LeftButton:
            self._place.let_go()

    def viewportEvent(self, event: QEvent) -> bool:
        """Notice that the mouse has left the text."""
        if event.type() == QEvent.Type.Leave:
            self.mouse_moved.emit(None)
        return super().viewportEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Go on following, unless the reader selected something and the end has moved away."""
        selected = self.textCursor().hasSelection()
        super().mouseReleaseEvent(event)
        if not selected and self.textCursor().hasSelection():  # Qt selects a link that is clicked
            cursor = self.textCursor()
            cursor.clearSelection()
            self.setTextCursor(cursor)
        self._place.let_go()

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: ARG002
        """Answer with nothing, whatever a text names: no file and no address is ever opened."""
        return None

    def createMimeDataFromSelection(self) -> QMimeData:
        """The selection as plain text: what the reader sees, with markers and line breaks."""
        cursor = self.textCursor()
        data = QMimeData()
        ends = (cursor.selectionStart(), cursor.selectionEnd())
        data.setText(plain_text(self.document(), *ends, leave_out=OF_PROGRAM))
        return data
