"""The quiet row of buttons at a message: copy, edit, another answer, go on, fork."""

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from pychatbot_gui.gui.chat.chat_looks import TOOL_HEIGHT, Look
from pychatbot_gui.gui.chat.chat_writer import Message
from pychatbot_gui.gui.theme import mix

COPY, EDIT, REGENERATE, CONTINUE, FORK = "copy", "edit", "regenerate", "continue", "fork"

LABELS = {
    COPY: ("Copy", "Copy this message"),
    EDIT: ("Edit", "Edit this message and send it again; the former version stays"),
    REGENERATE: ("Regenerate", "Let the model answer again; this answer stays"),
    CONTINUE: ("Continue", "Let the model go on where this answer was cut off"),
    FORK: ("Fork", "Go on in a new chat that begins with everything up to here"),
}
_ICON = 16  # the side of the square that icons are drawn in
_PADDING, _GAP = 6, 5
_MOVES = (
    Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Escape,
)  # fmt: skip


def tools_for(message: Message) -> tuple[str, ...]:
    """What can be done with a message; with one that is not saved yet little."""
    if not message.id:
        return (COPY,)
    if not message.is_answer:
        return (COPY, EDIT)
    return (COPY, REGENERATE, CONTINUE, FORK) if message.is_cut else (COPY, REGENERATE, FORK)


class MessageTools(QWidget):
    """Buttons for one message at a time. `chosen` tells which tool, by its name."""

    chosen = Signal(str)
    left = Signal()

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self.setObjectName("messageTools")
        self.setAccessibleName("Message")
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self._buttons = {name: ToolButton(name, look) for name in LABELS}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for name, button in self._buttons.items():
            row.addWidget(button)
            button.clicked.connect(lambda _=False, name=name: self.chosen.emit(name))
        self.hide()

    def offer(self, tools: tuple[str, ...], disabled: tuple[str, ...], room: int) -> None:
        """Show these buttons, with their words if they fit into so many pixels."""
        for name, button in self._buttons.items():
            if button.hasFocus() and (name not in tools or name in disabled):
                self.left.emit()  # else Qt gives the keyboard to whatever comes next
            button.setVisible(name in tools)
            button.setEnabled(name not in disabled)
        for compact in (False, True):
            for name in tools:
                self._buttons[name].set_compact(compact)
            if sum(self._buttons[name].sizeHint().width() + 2 for name in tools) <= room:
                break
        self.layout().activate()
        self.resize(self.layout().sizeHint())

    def put_away(self) -> None:
        """There is no message to do something with."""
        if any(button.hasFocus() for button in self._buttons.values()):
            self.left.emit()
        self.hide()

    def set_look(self, look: Look) -> None:
        """Wear these colours in this size."""
        for button in self._buttons.values():
            button.set_look(look)

    def focus_first(self) -> None:
        """Give the keyboard to the first button."""
        for button in self._buttons.values():
            if button.isVisible() and button.isEnabled():
                button.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and Right go from button to button, Esc leaves them."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        shown = [b for b in self._buttons.values() if b.isVisible() and b.isEnabled()]
        focused = [number for number, button in enumerate(shown) if button.hasFocus()]
        if event.key() in steps and focused and not event.modifiers():
            shown[(focused[0] + steps[event.key()]) % len(shown)].setFocus()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            event.ignore()


class ToolButton(QToolButton):
    """A flat button with a drawn icon and, where there is room, a word."""

    def __init__(self, tool: str, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        word, tip = LABELS[tool]
        self._tool = tool
        self._look = look
        self._compact = False
        self.setObjectName(f"{tool}Tool")
        self.setText(word)
        self.setToolTip(tip)
        self.setAccessibleName(tip if tool == COPY else f"{word}: {tip}")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        """Wear these colours in this size."""
        self._look = look
        font = QFont(self.font())
        font.setPointSizeF(look.size * 0.84)
        self.setFont(font)
        self.updateGeometry()
        self.update()

    def set_compact(self, compact: bool) -> None:
        """Leave the word away, or show it."""
        if compact != self._compact:
            self._compact = compact
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """Icon, word and the room around them."""
        pixels = self._look.pixels
        width = pixels(_ICON + 2 * _PADDING)
        if not self._compact:
            width += pixels(_GAP + 1) + QFontMetrics(self.font()).horizontalAdvance(self.text())
        return QSize(round(width), round(pixels(TOOL_HEIGHT)))

    def minimumSizeHint(self) -> QSize:
        """The same: a button is never squeezed."""
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave the keys that move to the row and to the conversation."""
        if event.key() in _MOVES:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Draw again when the mouse comes and goes."""
        if event.type() in (QEvent.Type.Enter, QEvent.Type.Leave, QEvent.Type.EnabledChange):
            self.update()
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        """Draw the background when it is lit, the icon and the word."""
        theme, pixels = self._look.theme, self._look.pixels
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lit = self.isEnabled() and self.underMouse()
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(QPen(QColor(theme.accent), 2) if self.hasFocus() else Qt.PenStyle.NoPen)
        if lit or self.isDown():
            painter.setBrush(
                QColor(mix(theme.surface, theme.text, 0.14 if self.isDown() else 0.08))
            )
        painter.drawRoundedRect(box, pixels(6), pixels(6))
        shade = theme.text if lit or self.hasFocus() else theme.muted
        if not self.isEnabled():
            shade = mix(theme.muted, theme.surface, 0.5)
        side = pixels(_ICON)
        painter.save()
        painter.translate(pixels(_PADDING), (self.height() - side) / 2)
        painter.scale(side / _ICON, side / _ICON)
        pen = QPen(QColor(shade), 1.4)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(icon(self._tool))
        painter.restore()
        if not self._compact:
            painter.setPen(QColor(shade))
            left = pixels(_PADDING + _ICON + _GAP)
            place = QRectF(left, 0, self.width() - left, self.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, self.text())
        painter.end()


def icon(tool: str) -> QPainterPath:
    """The lines of an icon, in a square of 16."""
    path = QPainterPath()
    if tool == COPY:
        path.addRoundedRect(QRectF(5.5, 5.5, 8, 8.5), 2, 2)
        _lines(path, (10.5, 2.5), (4.5, 2.5), (2.5, 4.5), (2.5, 10.5))
    elif tool == EDIT:
        _lines(path, (2.8, 13.2), (3.6, 9.8), (10.8, 2.6), (13.4, 5.2), (6.2, 12.4), (2.8, 13.2))
        _lines(path, (9, 4.4), (11.6, 7))
    elif tool == REGENERATE:
        path.arcMoveTo(QRectF(2.5, 2.5, 11, 11), 40)
        path.arcTo(QRectF(2.5, 2.5, 11, 11), 40, 290)
        _lines(path, (12.9, 1.6), (12.4, 5.0), (9.0, 4.6))
    elif tool == CONTINUE:
        _lines(path, (2.5, 8), (13.2, 8))
        _lines(path, (9.2, 4), (13.2, 8), (9.2, 12))
    else:
        for x, y in ((4.5, 3.4), (4.5, 12.6), (11.8, 5.2)):
            path.addEllipse(QPointF(x, y), 1.7, 1.7)
        _lines(path, (4.5, 5.2), (4.5, 10.8))
        path.moveTo(11.8, 7)
        path.cubicTo(11.8, 9.4, 4.5, 7.6, 4.5, 10.6)
    return path


def _lines(path: QPainterPath, *points: tuple[float, float]) -> None:
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
