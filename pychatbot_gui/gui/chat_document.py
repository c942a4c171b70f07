"""The conversation as one QTextDocument: its messages, its look, and the answer being written.

Everything is a plain text block (tables apart), so that one block can be added, replaced or
dressed again without touching its neighbours. Bubbles, code backgrounds and quote bars are
painted behind the blocks by `chat_paint`.
"""

from bisect import bisect_right
from dataclasses import dataclass

from PySide6.QtCore import QUrl
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
    QTextTable,
)

from pychatbot_gui.gui.chat_looks import (
    BUBBLE_INSET,
    BUBBLE_PADDING_X,
    FIRST,
    INDENT,
    KIND,
    LOOK,
    NAME,
    NOTE,
    Dress,
    Look,
)
from pychatbot_gui.gui.chat_rows import RowWriter
from pychatbot_gui.gui.growing_markdown import GrowingMarkdown, references_in
from pychatbot_gui.gui.markdown import Line
from pychatbot_gui.gui.visible_text import pieces, repaired, visible

STEP = 6_000
_SHORT, _FEW_LINES = 2_000, 40
_WAITING = "Thinking…"


@dataclass
class Message:
    """Where a message begins in the document, and its text as it was written."""

    start: int
    source: str
    speaker: str | None = None  # None: the person
    width: float | None = None  # of a short message's longest line, in pixels

    @property
    def is_answer(self) -> bool:
        """True for what a model wrote."""
        return self.speaker is not None


class ConversationDocument(QTextDocument):
    """A document that loads nothing: no picture, no style sheet, whatever a text names."""

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: ARG002
        """Answer with nothing; the network and the disk are never asked."""
        return None


class ChatDocument:
    """Writes messages to the end of a document; only the unfinished answer is ever changed."""

    def __init__(self, document: QTextDocument, look: Look) -> None:
        self._document = document
        self._writer = RowWriter(document, Dress(look))
        self._width = 0.0
        self.messages: list[Message] = []
        self._answer: Message | None = None
        self._text = GrowingMarkdown()
        self._status = ""
        self._status_at: int | None = None
        self._divider = ""
        self._lines: list[tuple[str, bool]] = []
        self._lines_shown = 0
        self._set_defaults()

    @property
    def look(self) -> Look:
        """What the blocks are dressed in."""
        return self._writer.dress.look

    def message_at(self, position: int) -> Message | None:
        """The message that the position lies in."""
        number = bisect_right([message.start for message in self.messages], position) - 1
        return self.messages[number] if number >= 0 else None

    def clear(self) -> None:
        """Forget everything."""
        self._document.clear()
        self._reset()

    # --- messages -------------------------------------------------------------------------

    def begin_user(self, text: str) -> None:
        """Start a message of the person; `more_user` writes it."""
        self.end_answer()
        self._lines = visible_lines(text)
        self._lines_shown = 0
        self.messages.append(Message(self._writer.next_start(), text))

    def more_user(self) -> bool:
        """Write the next part of the person's message; False when it is complete."""
        written = 0
        cursor = self._writer.cursor()
        cursor.beginEditBlock()
        while self._lines_shown < len(self._lines) and written < STEP:
            line, joined = self._lines[self._lines_shown]
            row = Line("user", first=self._lines_shown == 0, joined=joined)
            self._writer.add_block("user", line, 0, row)
            self._lines_shown += 1
            written += len(line) + 20
        more = self._lines_shown < len(self._lines)
        if not more:
            self._lines = []
            self._measure(self.messages[-1])
            self._fit_bubble(cursor, self.messages[-1])
        cursor.endEditBlock()
        return more

    def begin_answer(self, speaker: str) -> None:
        """Show the speaker's name and the waiting state."""
        self.end_answer()
        name = visible(repaired(speaker).replace("\n", " ")) or "Assistant"
        self._answer = Message(self._writer.next_start(), "", name)
        self.messages.append(self._answer)
        self._writer.add_block("name", name, NAME)
        self._text = GrowingMarkdown()
        self.set_status(_WAITING)

    def set_status(self, text: str) -> None:
        """Show what the model does before its first word."""
        if self._answer is None or self._writer.has_rows:
            return
        self._clear_status()
        self._status_at = self._writer.end()
        self._status = visible(repaired(text))
        self._writer.add_block("status", self._status, NOTE)

    def append(self, piece: str) -> None:
        """Add to the answer; only rows that differ from what is shown are written."""
        if self._answer is None:
            return
        self._answer.source += piece
        self._text.add(piece)
        self._show(finished=False)

    def end_answer(self, note: str = "") -> None:
        """Finish the answer; a note is shown quietly below it."""
        if self._answer is None:
            return
        references = references_in(repaired(self._answer.source))
        if references:
            # A link may be used before the line that defines it: read once more, knowing all.
            self._text = GrowingMarkdown(references)
            self._text.add(self._answer.source)
        self._show(finished=True, again=bool(references))
        self._clear_status()
        if not self._writer.has_rows and not note:
            note = "The answer is empty."
        if note:
            self._writer.add_block("note", visible(repaired(note)), NOTE)
        self._writer.close_rows()
        self._answer = None
        if self._divider:
            text, self._divider = self._divider, ""
            self.divider(text)

    def divider(self, text: str) -> None:
        """Draw a line across the conversation with a sentence in it.

        While an answer is awaited the line goes above the question that it answers; while one is
        written it goes below.
        """
        if self._answer is not None and self._writer.has_rows:
            self._divider = text
            return
        answer, status = self._answer, self._status
        question = self.remove_exchange() if answer is not None else None
        self._writer.add_block("divider", visible(repaired(text)), NOTE)
        if question is not None:
            self.begin_user(question)
            while self.more_user():
                pass
        if answer is not None:
            self.begin_answer(answer.speaker or "")
            self.set_status(status)

    def remove_exchange(self) -> str | None:
        """Remove the person's last message and all after it, and answer with its text.

        Without a message of the person the last answer is removed, and the result is None.
        """
        self._clear_status()
        self._writer.close_rows()
        self._answer = None
        if not self.messages:
            return None
        number = len(self.messages) - 1
        while number > 0 and self.messages[number].is_answer:
            number -= 1
        message = self.messages[number]
        del self.messages[number:]
        if message.start > 0:
            self._writer.remove_from(message.start - 1)
        else:
            self.clear()
        return None if message.is_answer else message.source

    def _show(self, finished: bool, again: bool = False) -> None:
        rows = self._text.open_rows(finished)
        if rows or self._text.settled:
            self._clear_status()
        self._writer.show(self._text.settled, rows, again)

    def _clear_status(self) -> None:
        if self._status_at is not None:
            self._writer.remove_from(self._status_at)
            self._status_at = None

    # --- looks ----------------------------------------------------------------------------

    def set_look(self, look: Look) -> None:
        """Dress everything anew; the text, and so every position in it, stays as it is."""
        dress = self._writer.dress = Dress(look)
        self._set_defaults()
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        block = self._document.begin()
        while block.isValid():
            if block.blockFormat().hasProperty(LOOK):
                _dress_block(cursor, block, dress)
            block = block.next()
        for frame in self._document.rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                frame.setFormat(dress.table_again(frame.format()))
        for message in self.messages:
            if not message.is_answer:
                self._measure(message)
                self._fit_bubble(cursor, message)
        cursor.endEditBlock()

    def fit_bubbles(self, width: float) -> None:
        """Let short messages of the person lie at the right edge of a column of this width."""
        if width == self._width:
            return
        self._width = width
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        for message in self.messages:
            self._fit_bubble(cursor, message)
        cursor.endEditBlock()

    def _fit_bubble(self, cursor: QTextCursor, message: Message) -> None:
        if message.width is None:
            return
        pixels = self.look.pixels
        room = self._width - message.width - pixels(BUBBLE_PADDING_X)
        left = max(pixels(BUBBLE_INSET + BUBBLE_PADDING_X), room)
        block = self._document.findBlock(message.start)
        while block.isValid() and block.blockFormat().property(KIND) == "user":
            form = block.blockFormat()
            if form.property(FIRST) and block.position() > message.start:
                return
            if form.leftMargin() != left:
                form.setLeftMargin(left)
                cursor.setPosition(block.position())
                cursor.setBlockFormat(form)
            block = block.next()

    def _measure(self, message: Message) -> None:
        """Find the width of a short message; a long one takes all the width there is."""
        message.width = None
        lines = visible_lines(message.source) if len(message.source) < _SHORT else []
        if 0 < len(lines) <= _FEW_LINES:
            metrics = QFontMetricsF(self._document.defaultFont())
            widths = (metrics.horizontalAdvance(line.expandtabs(8)) for line, _ in lines)
            message.width = 2 + max(widths)

    def _reset(self) -> None:
        self.messages.clear()
        self._writer.close_rows()
        self._answer = None
        self._status_at = None
        self._divider = ""
        self._set_defaults()

    def _set_defaults(self) -> None:
        font = QFont(self._document.defaultFont())
        font.setPointSizeF(self.look.size)
        self._document.setDefaultFont(font)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        option.setTabStopDistance(self.look.pixels(INDENT))
        self._document.setDefaultTextOption(option)
        self._document.setDocumentMargin(0)
        root = self._document.rootFrame()
        form = root.frameFormat()
        form.setTopMargin(self.look.pixels(32))
        form.setBottomMargin(self.look.pixels(28))
        root.setFrameFormat(form)


def _dress_block(cursor: QTextCursor, block: QTextBlock, dress: Dress) -> None:
    cursor.setPosition(block.position())
    cursor.setBlockFormat(dress.block_again(block.blockFormat()))
    # Copied first: the ranges do not outlive a change, and own the formats that they show.
    runs = [(run.start, run.length, QTextCharFormat(run.format)) for run in block.textFormats()]
    for start, length, form in runs:
        cursor.setPosition(block.position() + start)
        cursor.setPosition(block.position() + start + length, QTextCursor.MoveMode.KeepAnchor)
        cursor.setCharFormat(dress.char_again(form))


def visible_lines(text: str) -> list[tuple[str, bool]]:
    """A person's text as lines none too long for one layout; True: joined to the one before."""
    return [
        (piece, number > 0)
        for line in repaired(text).split("\n")
        for number, piece in enumerate(pieces(visible(line)))
    ]
