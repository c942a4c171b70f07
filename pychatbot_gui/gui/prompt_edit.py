"""The field a message is written in, and how much text it takes before it becomes slow."""

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
)
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy, QWidget

# Measured: laying out one unbroken line takes time that grows with its square (0.2 s at 100,000
# characters, half a minute at 1,000,000), and it is laid out again at every key stroke.
LONGEST_LINE = 5_000
LONGEST_TEXT = 200_000
MOST_LINES = 20_000
PLACEHOLDERS = (
    "Message… (Enter sends, Shift+Enter starts a new line)",
    "Message… (Enter sends)",
    "Message…",
)


class PromptEdit(QPlainTextEdit):
    """The field itself. Enter, undo and large pastes are reported, not handled."""

    send_pressed = Signal()
    undo_pressed = Signal()
    pasted = Signal()  # or dropped: the text is in the field
    large_text_pasted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._composing = False
        self.setObjectName("promptEdit")
        self.setAccessibleName("Message")
        self.setPlaceholderText(PLACEHOLDERS[0])
        self.setTabChangesFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and undo are reported; every other key edits."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._enter(event)
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undo_pressed.emit()
        else:
            super().keyPressEvent(event)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """Remember whether a composition (CJK, accents) is going on."""
        self._composing = bool(event.preeditString())
        super().inputMethodEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The usual menu, with an Undo that knows the chips."""
        menu = self.createStandardContextMenu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for action in menu.actions():
            if action.objectName() == "edit-undo":
                action.triggered.disconnect()
                action.triggered.connect(self.undo_pressed)
                action.setEnabled(True)
        menu.popup(event.globalPos())

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Only plain text is taken."""
        return source.hasText()

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Put pasted or dropped text in as it is, or report that it is too large."""
        text = source.text()
        if self.fits(text):
            self.textCursor().insertText(text)
            self.ensureCursorVisible()
            self.pasted.emit()
        else:
            self.large_text_pasted.emit(text)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """A dropped file is for the window, which opens it as a model."""
        if has_files(event.mimeData()):
            event.ignore()
        else:
            super().dragEnterEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Leave files to the window."""
        if has_files(event.mimeData()):
            event.ignore()
        else:
            super().dragMoveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Leave files to the window."""
        if has_files(event.mimeData()):
            event.ignore()
        else:
            super().dropEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow field has a short placeholder: it would not grow for a long one."""
        super().resizeEvent(event)
        room = self.contentsRect().width() - 2 * self.document().documentMargin() - 4
        width = self.fontMetrics().horizontalAdvance
        fitting = [text for text in PLACEHOLDERS if width(text) <= room]
        self.setPlaceholderText(fitting[0] if fitting else PLACEHOLDERS[-1])

    def fits(self, text: str) -> bool:
        """Whether `text` can go in at the cursor without making the window slow."""
        if len(text) + self.document().characterCount() > LONGEST_TEXT:
            return False
        lines = text.split("\n")
        if len(lines) + self.document().blockCount() > MOST_LINES:
            return False
        here = self.textCursor().block().length()
        return (
            max(map(len, lines)) <= LONGEST_LINE
            and here + max(len(lines[0]), len(lines[-1])) <= LONGEST_LINE
        )

    def height_for_lines(self, limit: int) -> int:
        """Height in pixels that shows the whole text, at most `limit`, at least one line."""
        layout = self.document().documentLayout()
        # Not `viewport()`, for which Python learns every kind of widget there is.
        around = self.height() - self.contentsRect().height()
        margin = self.document().documentMargin()
        block = self.document().firstBlock()
        # The rectangle of the first block has the margin above it.
        wanted = around + margin + 1
        least = wanted + margin + self.fontMetrics().lineSpacing()
        while block.isValid() and wanted <= limit:
            wanted += layout.blockBoundingRect(block).height()
            block = block.next()
        return round(max(least, min(wanted, limit)))

    def _enter(self, event: QKeyEvent) -> None:
        if self._composing:
            # The Enter that ends a composition belongs to the input method.
            QGuiApplication.inputMethod().commit()
        elif event.modifiers() & (
            Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier
        ):
            # Qt would insert U+2028 here; a message has plain line ends.
            self.textCursor().insertBlock()
            self.ensureCursorVisible()
        elif not event.isAutoRepeat():
            self.send_pressed.emit()


def has_files(source: QMimeData) -> bool:
    """Whether something dragged is (also) a file of this computer."""
    return any(url.isLocalFile() for url in source.urls())


def can_hold(text: str) -> bool:
    """Whether an empty field could hold `text` without becoming slow."""
    lines = text.split("\n")
    short = max(map(len, lines)) < LONGEST_LINE
    return short and len(text) < LONGEST_TEXT and len(lines) < MOST_LINES
