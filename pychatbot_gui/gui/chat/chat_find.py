"""Finding words in the conversation: counts every hit, marks those in view, goes from one to the
next.
"""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QTextBrowser, QTextEdit

from pychatbot_gui.gui.chat.chat_looks import KIND, mark_format
from pychatbot_gui.gui.chat.chat_reading import units
from pychatbot_gui.gui.chat.chat_writer import Entry, Message
from pychatbot_gui.gui.chat.long_chat import LongChatDocument
from pychatbot_gui.gui.chat.reading_place import ReadingPlace
from pychatbot_gui.gui.chat.turns import Turns

_READ = ("user", "text", "heading", "item", "code", "cell")
_PART = 4_000


class ChatFind(QObject):
    """The words that are searched for, and which hit of them is the current one.

    Messages in the document are searched as they are shown, those that are not as they were
    written, a few in each turn of the event loop; until all are counted numbers can grow.
    """

    hits_changed = Signal(int, int)
    """The number of the current hit (0: none yet) and of all hits that are known."""

    def __init__(
        self, view: QTextBrowser, chat: LongChatDocument, place: ReadingPlace, turns: Turns
    ) -> None:
        super().__init__(view)
        self._view = view
        self._chat = chat
        self._place = place
        self._changes = turns
        self._turns = Turns(self._told, self)
        self._query = ""
        self._is_literal = True  # or the words of a query, each for itself
        self._current: tuple[Message, int] | None = None
        self._said = (0, 0)

    def find(self, text: str) -> int:
        """Search for what was typed, as it is; how many hits are known at once."""
        anchor = self._current_position()
        self._forget()
        self._is_literal = True
        self._query = text if text.strip() else ""
        if self._query:
            self._turns.add_parts(self._count(anchor))
        self.mark()
        return self.total()

    def find_in(self, message: Message, text: str) -> None:
        """Search for the words of a query; go to the first in this message, else to its beginning.

        Without words what is searched for stays.
        """
        if text.strip():
            self._forget()
            self._is_literal = False
            self._query = text
            for _ in self._count_message(message):
                pass
            self._turns.add_parts(self._count(None))
        if text.strip() and message.hits:
            self._choose(message, 0)
        else:
            self._place.go_to(message.start, share=0.1)
        self.mark()

    def clear(self) -> None:
        """Search for nothing."""
        if self._query:
            self._forget()
            self._query = ""
            self.mark()

    def step(self, step: int) -> int:
        """Go to the next (1) or previous (-1) hit; its number. 0 tells the present one."""
        if not step or not self._query:
            return self.number()
        number = self._go(step)
        self._tell()
        return number

    def refresh(self) -> None:
        """Search what has come into the document since."""
        if not self._query:
            return
        if self._current is not None and self._current[0] not in self._chat.messages:
            self._current = None
        open_answer = self._chat.open_answer
        news = any(m.hits is None and m is not open_answer for m in self._chat.messages)
        if news and not self._turns.waiting:
            self._turns.add_parts(self._count(None))
        self.mark()

    def total(self) -> int:
        """How many hits are known."""
        return sum(
            len(message.hits or ()) + sum(entry.hits or 0 for entry in message.hidden)
            for message in self._chat.messages
        )

    def number(self) -> int:
        """The current hit, counted from 1 at the top of the chat; 0 for none."""
        before = 0
        for message in self._chat.messages:
            before += sum(entry.hits or 0 for entry in message.hidden)
            if self._current is not None and message is self._current[0]:
                return before + self._current[1] + 1
            before += len(message.hits or ())
        return 0

    def mark(self) -> None:
        """Mark the hits in view, and no others: there may be very many."""
        found: list[QTextEdit.ExtraSelection] = []
        if self._query:
            theme = self._chat.look.theme
            low = self._view.cursorForPosition(QPoint(0, 0)).block().position()
            corner = self._view.viewport().rect().bottomRight()
            last = self._view.cursorForPosition(corner).block()
            high = last.position() + last.length()
            for message, number, start, stop in self._between(low, high):
                selection = QTextEdit.ExtraSelection()
                cursor = QTextCursor(self._view.document())
                cursor.setPosition(start)
                cursor.setPosition(stop, QTextCursor.MoveMode.KeepAnchor)
                selection.cursor = cursor  # type: ignore[assignment]
                selection.format = mark_format(theme, self._current == (message, number))  # type: ignore[assignment]
                found.append(selection)
        if found or self._view.extraSelections():
            self._view.setExtraSelections(found)

    def _between(self, low: int, high: int) -> Iterator[tuple[Message, int, int, int]]:
        first = self._chat.message_at(low)
        number = self._chat.messages.index(first) if first is not None else 0
        for message in self._chat.messages[number:]:
            if message.start > high:
                return
            hits = message.hits or []
            at = bisect_left(hits, (low - message.start, 0))
            while at < len(hits) and message.start + hits[at][0] < high:
                start, stop = hits[at]
                yield message, at, message.start + start, message.start + stop
                at += 1

    # --- counting -------------------------------------------------------------------------

    def _forget(self) -> None:
        self._turns.clear()
        self._current = None
        self._said = (0, 0)
        for message in self._chat.messages:
            message.hits = None
            for entry in message.hidden:
                entry.hits = None

    @contextmanager
    def _told(self) -> Iterator[None]:
        yield
        if self._tell():
            self.mark()

    def _tell(self) -> bool:
        """Tell the numbers where they are others than before."""
        now = (self.number(), self.total())
        if now == self._said:
            return False
        self._said = now
        self.hits_changed.emit(*now)
        return True

    def _count(self, near: int | None) -> Iterator[None]:
        """Count all that is not counted, the messages in the document first.

        `near`: the position that the current hit shall be at or after.
        """
        for message in reversed(list(self._chat.messages)):
            if message.hits is None and message is not self._chat.open_answer:
                yield from self._count_message(message)
        if near is not None and self._current is None:
            self._choose_near(near)
        for message in reversed(list(self._chat.messages)):
            for entry in reversed(list(message.hidden)):
                if entry.hits is None:
                    yield from self._count_entry(entry)
        if not self.total():
            self._said = (-1, 0)  # only now is it sure that there is none, and that is told

    def _count_message(self, message: Message) -> Iterator[None]:
        found: list[tuple[int, int]] = []
        block, last = self._view.document().findBlock(message.start), -1
        last = self._chat.last_block_of(message).position()
        read = 0
        while block.isValid() and block.position() <= last:
            if block.blockFormat().property(KIND) in _READ:
                text = block.text()
                offset = block.position() - message.start
                for start, stop in self._ranges(text):
                    before = offset + units(text[:start])
                    found.append((before, before + units(text[start:stop])))
                read += len(text)
            if read > _PART:
                read, at = 0, block.position() - message.start
                yield
                # The document may have changed meanwhile, above this message.
                if message not in self._chat.messages:
                    return
                block = self._view.document().findBlock(message.start + at)
                last = self._chat.last_block_of(message).position()
            block = block.next()
        message.hits = found
        yield

    def _count_entry(self, entry: Entry) -> Iterator[None]:
        text, count = entry.saved.text, 0
        for at in range(0, len(text), _PART):
            count += len(self._ranges(text[at : at + _PART]))
            yield
        entry.hits = count

    def _ranges(self, text: str) -> list[tuple[int, int]]:
        from pychatbot_gui.core.folding import found_ranges, literal_ranges

        return (literal_ranges if self._is_literal else found_ranges)(text, self._query)

    # --- going ----------------------------------------------------------------------------

    def _current_position(self) -> int:
        if self._current is not None and self._current[0].hits:
            message, number = self._current
            return message.start + (message.hits or [])[number][0]
        return self._view.cursorForPosition(QPoint(0, 0)).position()

    def _choose_near(self, position: int) -> None:
        """Make the first hit at or after a position the current one, else the last before it."""
        best: tuple[Message, int] | None = None
        for message in self._chat.messages:
            for number, (start, _) in enumerate(message.hits or ()):
                best = (message, number)
                if message.start + start >= position:
                    self._choose(*best)
                    return
        if best is not None:
            self._choose(*best)

    def _choose(self, message: Message, number: int) -> None:
        self._current = (message, number)
        if message.hits:
            self._place.go_to(message.start + message.hits[number][0])
        self.mark()

    def _go(self, step: int) -> int:
        """Go to the hit after or before the current one, and answer with its number."""
        at = self._current
        if at is not None and 0 <= at[1] + step < len(at[0].hits or ()):
            self._choose(at[0], at[1] + step)
            return self.number()
        stops = self._stops()
        if not stops:
            return 0
        target = stops[self._next_stop(stops, step)]
        if isinstance(target, Message):
            if target.hits:
                self._choose(target, 0 if step > 0 else len(target.hits) - 1)
            return self.number()
        before = 0
        for stop in stops[: stops.index(target)]:
            before += _count_of(stop)
        number = before + (1 if step > 0 else _count_of(target))
        self._changes.add_parts(self._chat.show_around(target))
        self._changes.add_once(lambda: self._arrive(target, step))
        return number

    def _stops(self) -> list[Message | Entry]:
        """What has hits, from top to bottom, and what the current one is in."""
        stops: list[Message | Entry] = []
        for message in self._chat.messages:
            stops += [entry for entry in message.hidden if entry.hits]
            if message.hits or (self._current is not None and message is self._current[0]):
                stops.append(message)
        return stops

    def _next_stop(self, stops: list[Message | Entry], step: int) -> int:
        if self._current is not None and self._current[0] in stops:
            return (stops.index(self._current[0]) + step) % len(stops)
        # None yet: the first from what is read on, or the last one above it.
        near = self._chat.message_at(self._view.cursorForPosition(QPoint(0, 0)).position())
        top = near.start if near is not None else 0
        later = [n for n, s in enumerate(stops) if isinstance(s, Message) and s.start >= top]
        place = later[0] if later else len(stops)
        return (place if step > 0 else place - 1) % len(stops)

    def _arrive(self, entry: Entry, step: int) -> None:
        """A hit was in a message that was not shown; now it is."""
        message = next((m for m in self._chat.messages if m.id == entry.saved.id), None)
        if message is None or not self._query:
            return
        for _ in self._count_message(message):
            pass
        self._choose(message, 0 if step > 0 else max(0, len(message.hits or ()) - 1))
        if not message.hits:  # what was found is in the markup, not in the text
            self._go(step)


def _count_of(stop: Message | Entry) -> int:
    return (stop.hits or 0) if isinstance(stop, Entry) else len(stop.hits or ())
