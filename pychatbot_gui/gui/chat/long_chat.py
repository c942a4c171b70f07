"""A long chat: only a part of it is in the document, the rest is written when it is wanted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PySide6.QtGui import QTextBlock, QTextBlockFormat, QTextCursor, QTextDocument

from pychatbot_gui.gui.chat.chat_document import ChatDocument
from pychatbot_gui.gui.chat.chat_looks import KIND, Dress, Look
from pychatbot_gui.gui.chat.chat_rows import mend_space
from pychatbot_gui.gui.chat.chat_writer import STEP, Entry, Message, MessageWriter, entry_of

_AROUND = (6, 24)  # messages above and below one that is jumped to
_FEW = 40  # so few are not left out
_UNSEEN = "The model no longer sees the messages above."
_MOST, _NEAR, _END, _AT_ONCE = 800, 250, 60, 50


class LongChatDocument(ChatDocument):
    """A chat document with messages that wait above some of those that it shows.

    What takes long is a generator that stops after each part. Of very many messages those far
    from where the reader went are taken out again, so that nothing costs more in a longer chat.
    `grown` collects where so many characters came in, or went, above the end, for whoever keeps
    positions of its own.
    """

    def __init__(self, document: QTextDocument, look: Look) -> None:
        super().__init__(document, look)
        self._region: MessageWriter | None = None
        self._seen_from = 0
        self.grown: list[tuple[int, int]] = []

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._region = None
        self._seen_from = 0
        self.grown.clear()

    def wear(self, dress: Dress, width: float) -> None:
        """Write in this dress from now on, for a column of this width in pixels."""
        super().wear(dress, width)
        if self._region is not None:
            self._region.wear(dress, width)

    def message_below(self, block: QTextBlock) -> Message | None:
        """The message that the row of hidden messages `block` belongs to."""
        below = block.next()
        if below.blockFormat().property(KIND) == "divider":
            below = below.next()
        message = self.message_at(below.position()) if below.isValid() else None
        return message if message is not None and message.hidden else None

    def set_seen_from(self, message: int) -> None:
        """Draw a line above the first message that the model sees; 0: it sees all of them.

        The line is drawn when the message is in the document.
        """
        if message != self._seen_from:
            self._remove_line()
            self._seen_from = message
        self.draw_line()

    def draw_line(self) -> None:
        """Draw the line of `set_seen_from` where it belongs, unless it is there."""
        found = next((m for m in self.messages if m.id and m.id == self._seen_from), None)
        if found is None or self._top_of(found, "divider").position() < found.start:
            return
        block = self._document.findBlock(found.start)
        with self._growing(self.messages.index(found), found.start):
            line = self._region_above(block)
            line.add_line(_UNSEEN)
        mend_space(self._document.findBlock(found.start), self._writer.dress)

    def _remove_line(self) -> None:
        for number, message in enumerate(self.messages):
            line = self._top_of(message, "divider").position()
            if line < message.start:
                self._remove_blocks(number, line, message.start)
                mend_space(self._document.findBlock(message.start), self._writer.dress)
                return

    def hide_above(self, message: Message, entries: Sequence[Entry]) -> None:
        """Know messages above the first one that are not in the document, and offer them."""
        message.hidden = list(entries)
        if entries:
            self._write_row(message, at_top=True)

    def show_before(self, message: Message, count: int) -> Iterator[None]:
        """Write the last `count` of the messages hidden above one, the last of them first."""
        return self._laid_out_once(self._show_before(message, count))

    def show_after(self, message: Message, count: int) -> Iterator[None]:
        """Write the first `count` of the messages hidden above one, in their order."""
        return self._laid_out_once(self._show_after(message, count))

    def show_around(self, entry: Entry) -> Iterator[None]:
        """Write a hidden message and some around it, wherever it is hidden."""
        return self._laid_out_once(self._show_around(entry))

    def _laid_out_once(self, parts: Iterator[None]) -> Iterator[None]:
        """Each part as one change: what lies below is moved down once for it, not many times."""
        ended = False
        while not ended:
            cursor = QTextCursor(self._document)
            cursor.beginEditBlock()
            try:
                ended = next(parts, self) is self
            finally:
                cursor.endEditBlock()
            if not ended:
                yield

    def _show_before(self, message: Message, count: int) -> Iterator[None]:
        written, near = 0, message
        while count > 0 and message.hidden:
            entry = message.hidden.pop()
            number = self.messages.index(message)
            yield from self._insert(self._above(message), number, [entry])
            above = self.messages[number]
            above.hidden, message.hidden = message.hidden, []
            message, count = above, count - 1
            written += 200 + len(entry.saved.text)
            if written > STEP:
                written = 0
                yield
        if not message.hidden:
            self._remove_row(message)
        yield from self._take_out_far_from(near)

    def _show_after(self, message: Message, count: int) -> Iterator[None]:
        entries, message.hidden = message.hidden[:count], message.hidden[count:]
        row = self._top_of(message, "divider", "earlier")
        number = self.messages.index(message)
        yield from self._insert(row.position(), number, entries)
        if not message.hidden:
            self._remove_row(message)
        yield from self._take_out_far_from(self.messages[max(0, number - 1)])

    def _show_around(self, entry: Entry) -> Iterator[None]:
        owner = next((m for m in self.messages if entry in m.hidden), None)
        if owner is None:
            return
        hidden = owner.hidden
        at = hidden.index(entry)
        first, last = at - _AROUND[0], at + _AROUND[1]
        first = 0 if first < _FEW else first
        last = len(hidden) if len(hidden) - last < _FEW else last
        number = self.messages.index(owner)
        self._remove_row(owner)
        owner.hidden = []
        yield from self._insert(self._above(owner), number, hidden[first:last])
        self.messages[number].hidden = hidden[:first]
        owner.hidden = hidden[last:]
        if hidden[:first]:
            self._write_row(self.messages[number], at_top=number == 0)
        if hidden[last:]:
            self._write_row(owner, at_top=False)
        yield from self._take_out_far_from(self.messages[number])

    def _take_out_far_from(self, near: Message) -> Iterator[None]:
        """Where there are very many messages: take out those far from one and from the end."""
        if len(self.messages) <= _MOST:
            return
        number = self.messages.index(near)
        for start, stop in ((number + _NEAR, len(self.messages) - _END), (0, number - _NEAR)):
            while start < stop:
                yield
                self._take_out(max(start, stop - _AT_ONCE), stop)
                stop -= _AT_ONCE

    def _take_out(self, start: int, stop: int) -> None:
        """Take the messages from number `start` up to `stop` out; the next one knows them."""
        gone, below = self.messages[start:stop], self.messages[stop]
        for message in (gone[0], below):
            self._remove_row(message)
        first, last = self._above(gone[0]), self._above(below)
        hidden: list[Entry] = []
        for message in gone:
            hidden += [*message.hidden, entry_of(message)]
        del self.messages[start:stop]
        self._remove_blocks(start, first, last)
        below.hidden = hidden + below.hidden
        self._write_row(below, at_top=start == 0)

    def _insert(self, position: int, number: int, entries: Sequence[Entry]) -> Iterator[None]:
        """Write messages above the block at a position; they get the numbers from `number` on."""
        with self._growing(number, position):
            region = self._region = self._region_above(self._document.findBlock(position))
        written = 0
        for entry in entries:
            parts, ended = region.write(entry), False
            known = len(region.messages)
            while not ended:
                with self._growing(number, position):
                    ended = next(parts, self) is self
                if len(region.messages) > known:
                    known += 1
                    self.messages.insert(number, region.messages[-1])
                    number += 1
                if not ended:
                    yield
            written += 200 + len(entry.saved.text)
            if written > STEP and entry is not entries[-1]:
                written = 0
                yield
        self._region = None
        below = self._document.findBlock(region.end()).next()
        mend_space(below, self._writer.dress)
        self.draw_line()

    def _region_above(self, block: QTextBlock) -> MessageWriter:
        """A writer for what comes directly above a block."""
        stop = QTextCursor(block)
        if block.position() == 0:
            stop.insertBlock(block.blockFormat(), block.charFormat())
            stop.setPosition(0)
            stop.setBlockFormat(QTextBlockFormat())
        else:
            stop.setPosition(block.position() - 1)
        region = MessageWriter(self._document, self._writer.dress, stop)
        region.wear(self._writer.dress, self._width)
        return region

    def _write_row(self, message: Message, at_top: bool) -> None:
        number, place = self.messages.index(message), self._above(message)
        with self._growing(number, place):
            self._region_above(self._document.findBlock(place)).add_hidden_row(at_top)
        mend_space(self._top_of(message, "divider"), self._writer.dress)

    def _remove_row(self, message: Message) -> None:
        below = self._above(message)
        row = self._document.findBlock(below).previous()
        if row.blockFormat().property(KIND) != "earlier":
            return
        self._remove_blocks(self.messages.index(message), row.position(), below)
        mend_space(self._top_of(message, "divider"), self._writer.dress)

    def _above(self, message: Message) -> int:
        """Where the messages above one end: at the line above it, if there is one."""
        return self._top_of(message, "divider").position()

    def _remove_blocks(self, number: int, first: int, last: int) -> None:
        """Remove the blocks from position `first` up to `last`, where message `number` begins."""
        below = self._document.findBlock(last)
        # Qt gives an empty block the format of a neighbour that is removed.
        kept = below if first == 0 else self._document.findBlock(first - 1)
        form, cursor = kept.blockFormat(), QTextCursor(self._document)
        with self._growing(number, last):
            cursor.setPosition(max(0, first - 1))
            cursor.setPosition(last if first == 0 else last - 1, QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
            cursor.setBlockFormat(form)

    @contextmanager
    def _growing(self, number: int, position: int) -> Iterator[None]:
        """Change the document above message number `number`, and keep every position right."""
        before = self._document.characterCount()
        yield
        by = self._document.characterCount() - before
        if by:
            for message in self.messages[number:]:
                message.start += by
            self._writer.shift(by)
            if self._status_at is not None:
                self._status_at += by
            self.grown.append((position, by))
