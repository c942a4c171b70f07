"""Writes messages into the chat's document, one below the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtGui import QFontMetricsF, QTextCursor, QTextDocument

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.history import SavedMessage
from pychatbot_gui.gui.chat.chat_looks import (
    ARROW,
    BUBBLE_INSET,
    BUBBLE_PADDING_X,
    EARLIER,
    FIRST,
    KIND,
    LATER,
    NAME,
    NOTE,
    QUIET_LINK,
    VERSION,
    Dress,
    Look,
)
from pychatbot_gui.gui.chat.chat_rows import RowWriter
from pychatbot_gui.gui.chat.markdown_rows import MUTED, Line, Span
from pychatbot_gui.gui.visible_text import pieces, repaired, visible

if TYPE_CHECKING:
    from pychatbot_gui.gui.chat.growing_markdown import GrowingMarkdown

STEP = 6_000
_SHORT, _FEW_LINES = 2_000, 40
_WAITING = "Thinking…"
_EMPTY = "The answer is empty."


@dataclass(eq=False)
class Entry:
    """A saved message and how it is shown: who speaks, and the note below it.

    `hits`: how often what is searched for is in it, None while nobody counted.
    """

    saved: SavedMessage
    version: int = 1
    versions: int = 1
    speaker: str = ""
    note: str = ""
    hits: int | None = None

    @property
    def is_answer(self) -> bool:
        """True for what a model wrote."""
        return self.saved.role is Role.ASSISTANT

    def shows_as(self, other: "Entry") -> bool:
        """Whether both look the same when they are shown."""
        return self._looks() == other._looks() and self.saved.id != 0

    def _looks(self) -> tuple[object, ...]:
        saved = self.saved
        name = shown_name(self.speaker) if self.is_answer else ""
        places = (self.version, self.versions, saved.is_cut)
        return (saved.id, saved.text, saved.role, name, self.note, *places)


@dataclass(eq=False)
class Message:
    """Where a message begins in the document, and its text as it was written.

    `hidden`: the messages above it that are not in the document yet; where there are some, a
    row that offers them lies directly above `start`. `hits`: where the words that are searched
    for begin and end, counted from `start`; None while nobody looked.
    """

    start: int
    source: str
    speaker: str | None = None  # None: the person
    width: float | None = None  # of a short message's longest line, in pixels
    id: int = 0  # 0 while it is not known
    version: int = 1
    versions: int = 1
    note: str = ""
    is_cut: bool = False
    hidden: list[Entry] = field(default_factory=list)
    hits: list[tuple[int, int]] | None = None

    @property
    def is_answer(self) -> bool:
        """True for what a model wrote."""
        return self.speaker is not None

    def shows(self, entry: Entry) -> bool:
        """Whether this is what `entry` looks like when it is shown."""
        return entry_of(self).shows_as(entry)


class MessageWriter:
    """Writes messages at the end of a document, or of the part of it that ends at `stop`.

    Only the unfinished answer is ever changed. Positions are Qt's.
    """

    def __init__(
        self, document: QTextDocument, dress: Dress, stop: QTextCursor | None = None
    ) -> None:
        self._document = document
        self._writer = RowWriter(document, dress, stop)
        self._width = 0.0
        self.messages: list[Message] = []
        self._answer: Message | None = None
        self._text: GrowingMarkdown | None = None  # of the answer that was begun last
        self._status = ""
        self._status_at: int | None = None
        self._lines: list[tuple[str, bool]] = []
        self._lines_shown = 0

    @property
    def look(self) -> Look:
        """What the blocks are dressed in."""
        return self._writer.dress.look

    @property
    def open_answer(self) -> Message | None:
        """The answer that is being written."""
        return self._answer

    def end(self) -> int:
        """The position at which it writes."""
        return self._writer.end()

    def wear(self, dress: Dress, width: float) -> None:
        """Write in this dress from now on, for a column of this width in pixels."""
        self._writer.dress = dress
        self._width = width

    # --- messages -------------------------------------------------------------------------

    def begin_user(self, text: str, message: int = 0, version: int = 1, versions: int = 1) -> None:
        """Start a message of the person; `more_user` writes it."""
        self.end_answer()
        self._lines = visible_lines(text)
        self._lines_shown = 0
        start = self._writer.next_start()
        self.messages.append(Message(start, text, id=message, version=version, versions=versions))

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
            self._add_versions(self.messages[-1])
            self._measure(self.messages[-1])
            self._fit_bubble(cursor, self.messages[-1])
        cursor.endEditBlock()
        return more

    def begin_answer(
        self,
        speaker: str,
        message: int = 0,
        version: int = 1,
        versions: int = 1,
        waiting: bool = True,
    ) -> None:
        """Show the speaker's name and, unless its text comes at once, the waiting state."""
        # The parser is imported with the first answer: the window is there before it.
        from pychatbot_gui.gui.chat.growing_markdown import GrowingMarkdown

        self.end_answer()
        name = shown_name(speaker)
        start = self._writer.next_start()
        self._answer = Message(start, "", name, id=message, version=version, versions=versions)
        self.messages.append(self._answer)
        self._writer.add_block("name", name, NAME)
        self._text = GrowingMarkdown()
        if waiting:
            self.set_status(_WAITING)

    def set_status(self, text: str) -> None:
        """Show what the model does before its next word."""
        if self._answer is None:
            return
        self._clear_status()
        self._status_at = self._writer.end()
        self._status = visible(repaired(text))
        self._writer.add_block("status", self._status, NOTE)

    def append(self, piece: str) -> None:
        """Add to the answer; only rows that differ from what is shown are written."""
        if self._answer is None or self._text is None:
            return
        self._answer.source += piece
        self._text.add(piece)
        self._show(finished=False)

    def end_answer(self, note: str = "", is_cut: bool = False) -> None:
        """Finish the answer; a note is shown quietly below it."""
        answer = self._answer
        if answer is None:
            return
        from pychatbot_gui.gui.chat.growing_markdown import GrowingMarkdown, references_in

        references = references_in(repaired(answer.source))
        if references:
            # A link may be used before the line that defines it: read once more, knowing all.
            self._text = GrowingMarkdown(references)
            self._text.add(answer.source)
        self._show(finished=True, again=bool(references))
        self._clear_status()
        answer.note, answer.is_cut = note, is_cut
        if not self._writer.has_rows and not note:
            note = _EMPTY
        if note:
            self._writer.add_block("note", visible(repaired(note)), NOTE)
        self._add_versions(answer)
        self._writer.close_rows()
        self._answer = None

    def write(self, entry: Entry, open_end: bool = False) -> Iterator[None]:
        """Write a saved message in parts that are quick each; `open_end` leaves an answer open."""
        saved = entry.saved
        place = (saved.id, entry.version, entry.versions)
        if not entry.is_answer:
            self.begin_user(saved.text, *place)
            while self.more_user():
                yield
            return
        self.begin_answer(entry.speaker, *place, waiting=open_end)
        at = 0
        while at < len(saved.text):
            part = saved.text[at : at + STEP]
            # Other scripts cost more than twice as much to lay out.
            part = part if part.isascii() else part[: STEP // 2]
            self.append(part)
            at += len(part)
            if at < len(saved.text):
                yield
        if not open_end:
            self.end_answer(entry.note, saved.is_cut)

    def add_hidden_row(self, at_top: bool) -> None:
        """Write the row that offers messages which are not shown: above all, or in between."""
        style = NOTE | QUIET_LINK
        if at_top:
            links = [Span("Show earlier messages", style, f"{EARLIER}:")]
        else:
            links = [
                Span("Show the next messages", style, f"{LATER}:"),
                Span("   ·   ", NOTE),
                Span("Show those before", style, f"{EARLIER}:"),
            ]
        self._writer.add_links("earlier", links)

    def add_line(self, text: str) -> None:
        """Write a line across the conversation, with a sentence of the program in it."""
        self._writer.add_block("divider", text, NOTE)

    # --- parts ----------------------------------------------------------------------------

    def _add_versions(self, message: Message) -> None:
        """Write the row that leads to the other versions, where there are some."""
        if message.versions < 2:
            return
        first, last = message.version == 1, message.version == message.versions
        # Without an address there is no link: that end leads nowhere.
        dead, alive = ARROW | MUTED, ARROW | QUIET_LINK
        before = Span("‹ ", dead if first else alive, "" if first else f"{VERSION}:-1")
        after = Span(" ›", dead if last else alive, "" if last else f"{VERSION}:1")
        number = Span(f"{message.version}/{message.versions}", NOTE)
        align = "" if message.is_answer else "right"
        self._writer.add_links("versions", [before, number, after], align)

    def _show(self, finished: bool, again: bool = False) -> None:
        assert self._text is not None
        rows = self._text.open_rows(finished)
        if rows or self._text.settled:
            self._clear_status()
        self._writer.show(self._text.settled, rows, again)

    def _clear_status(self) -> None:
        if self._status_at is not None:
            self._writer.remove_from(self._status_at)
            self._status_at = None

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


def entry_of(message: Message) -> Entry:
    """A message that is shown as one that is not, so that it can be shown again."""
    role = Role.ASSISTANT if message.is_answer else Role.USER
    ended = "cancelled" if message.is_cut else "stop" if message.is_answer else ""
    saved = SavedMessage(message.id, 0, role, message.source, ended=ended)
    hits = None if message.hits is None else len(message.hits)
    name = message.speaker or ""
    return Entry(saved, message.version, message.versions, name, message.note, hits)


def shown_name(speaker: str) -> str:
    """A speaker's name as it is shown: on one line, nothing hidden."""
    return visible(repaired(speaker).replace("\n", " ")) or "Assistant"


def visible_lines(text: str) -> list[tuple[str, bool]]:
    """A person's text as lines none too long for one layout; True: joined to the one before."""
    return [
        (piece, number > 0)
        for line in repaired(text).split("\n")
        for number, piece in enumerate(pieces(visible(line)))
    ]
