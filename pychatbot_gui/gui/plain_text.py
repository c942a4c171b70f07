"""Labels for text that comes from files, models and systems: never formatted, never too wide."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QTextDocument, QTextOption
from PySide6.QtWidgets import QLabel, QSizePolicy, QTextEdit, QWidget

from pychatbot_gui.gui.visible_text import visible


class PlainLabel(QLabel):
    """A label that wraps and never takes its text for HTML."""

    def __init__(self, text: str = "", tone: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        if tone:
            self.setProperty("tone", tone)


class ElidedLabel(QLabel):
    """One line that gives way in its middle when there is too little room."""

    def __init__(self, text: str = "", tone: str = "", parent: QWidget | None = None) -> None:
        super().__init__(visible(text), parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        if tone:
            self.setProperty("tone", tone)

    def minimumSizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(0, self.fontMetrics().height() + 2)

    def sizeHint(self) -> QSize:
        """The whole text."""
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 4, self.minimumHeight())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        """Draw as much of the text as fits."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        middle = Qt.TextElideMode.ElideMiddle
        text = self.fontMetrics().elidedText(self.text(), middle, self.width())
        painter.drawText(self.rect(), self.alignment(), text)


class WrappedText(QTextEdit):
    """Plain text to read, select and copy, that breaks even a word wider than itself."""

    # What the style sheet may put around the text. Layouts ask for the height before the first
    # polish, and keep the answer, so it cannot be read from the widget.
    EDGE = 4

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._measure = QTextDocument(self)
        self.setAcceptRichText(False)
        self.setReadOnly(True)
        self.setPlainText(text)
        self.setFrameShape(QTextEdit.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        for bar in (self.setHorizontalScrollBarPolicy, self.setVerticalScrollBarPolicy):
            bar(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(2)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def heightForWidth(self, width: int) -> int:
        """Height in pixels that shows the whole text at `width`."""
        self._measure.setDefaultFont(self.font())
        self._measure.setDocumentMargin(self.document().documentMargin())
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self._measure.setDefaultTextOption(option)
        self._measure.setPlainText(self.toPlainText())
        self._measure.setTextWidth(max(40, width - 2 * self.EDGE))
        return round(self._measure.size().height()) + 2 * self.EDGE + 1

    def sizeHint(self) -> QSize:
        """A line of text; the layout asks for the height that a width needs."""
        return QSize(300, self.heightForWidth(max(self.width(), 100)))

    def minimumSizeHint(self) -> QSize:
        """Narrow windows stay possible."""
        return QSize(60, self.fontMetrics().lineSpacing() + 6)
