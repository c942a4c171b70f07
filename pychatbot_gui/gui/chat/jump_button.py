"""The round button that goes to the latest message."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolButton, QWidget

from pychatbot_gui.gui.theme import LIGHT, mix


class JumpButton(QToolButton):
    """A small round button with an arrow down."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("jumpToEndButton")
        self.setAccessibleName("Jump to the latest message")
        self.setToolTip("Jump to the latest message (End)")
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setFixedSize(36, 36)
        self.theme = LIGHT
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        """Draw the disc, its edge and the arrow in the theme's colours."""
        theme = self.theme
        lit = self.underMouse() or self.isDown()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = QColor(theme.accent if self.hasFocus() else mix(theme.border, theme.text, 0.15))
        painter.setPen(QPen(edge, 2 if self.hasFocus() else 1))
        painter.setBrush(QColor(mix(theme.surface, theme.text, 0.08 if lit else 0.02)))
        painter.drawEllipse(QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5))
        pen = QPen(QColor(theme.text), 2)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.drawPolyline([QPointF(12, 15.5), QPointF(18, 21.5), QPointF(24, 15.5)])
        painter.end()
