"""The field for a search through all chats."""

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QColor,
    QIcon,
    QKeyEvent,
    QPainter,
    QPalette,
    QPen,
    QPixmap,
    QShowEvent,
)
from PySide6.QtWidgets import QApplication, QLineEdit, QToolButton, QWidget

_PAUSE_MS = 120  # so long nothing is typed before a search begins
_LONGEST = 200  # characters


class SearchEdit(QLineEdit):
    """Tells what to search for when typing pauses; that nothing is searched for, at once."""

    searched = Signal(str)  # "" when the search ends
    entered = Signal()  # Enter, and the search for the text was told before
    went_below = Signal(bool)  # Down, or Up: to the last one
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("searchEdit")
        self.setAccessibleName("Search all chats")
        self.setPlaceholderText("Search all chats")
        self.setMaxLength(_LONGEST)
        self.setClearButtonEnabled(True)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._tell)
        self._magnifier = QAction(self)
        self.addAction(self._magnifier, QLineEdit.ActionPosition.LeadingPosition)
        names = ("Clear the search", "Search")
        for button, name in zip(self.findChildren(QToolButton), names, strict=False):
            button.setAccessibleName(name)
        self.textChanged.connect(self._wait)

    def end(self) -> None:
        """Search for nothing any more."""
        self.clear()

    def event(self, event: QEvent) -> bool:
        """Esc is for this field, whatever else it would stop."""
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and event.key() == Qt.Key.Key_Escape
        ):
            event.accept()
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        """Wear the colours of the theme."""
        super().changeEvent(event)
        if (
            event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange)
            and self.isVisible()
        ):
            self._draw_magnifier()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw the magnifier: by now it is known in what colours and how finely."""
        super().showEvent(event)
        self._draw_magnifier()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows go to the list, Enter searches at once, Esc ends the search."""
        key = event.key()
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.went_below.emit(key == Qt.Key.Key_Up)
        elif key == Qt.Key.Key_Escape:
            self.clear()
            self.left.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self._pause.isActive():
                self._tell()
            else:
                self.entered.emit()
        else:
            super().keyPressEvent(event)

    def _wait(self) -> None:
        if self.text().strip():
            self._pause.start()
        else:
            self._tell()

    def _tell(self) -> None:
        self._pause.stop()
        self.searched.emit(self.text().strip())

    def _draw_magnifier(self) -> None:
        ratio = self.devicePixelRatioF()
        picture = QPixmap(round(16 * ratio), round(16 * ratio))
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        muted = QApplication.palette().color(QPalette.ColorRole.PlaceholderText)
        pen = QPen(QColor(muted), 1.6)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawEllipse(QRectF(2.5, 2.5, 8, 8))
        painter.drawLine(QPointF(9.6, 9.6), QPointF(13.5, 13.5))
        painter.end()
        self._magnifier.setIcon(QIcon(picture))
