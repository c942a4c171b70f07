"""A saved chat on the screen: its end at once, what is above it as it is wanted."""

from collections.abc import Iterator, Sequence

from PySide6.QtGui import QTextBlock

from pychatbot_gui.core.history import WRITING
from pychatbot_gui.gui.chat.chat_find import ChatFind
from pychatbot_gui.gui.chat.chat_writer import STEP, Entry, Message
from pychatbot_gui.gui.chat.long_chat import LongChatDocument
from pychatbot_gui.gui.chat.reading_place import ReadingPlace
from pychatbot_gui.gui.chat.turns import Turns

FIRST = 60
"""So many messages of a chat are shown at the beginning."""
MORE = 200
"""So many are shown when the reader asks for more."""


class ChatShowing:
    """Decides which of the messages of a saved chat are written into the document, and when."""

    def __init__(
        self, chat: LongChatDocument, turns: Turns, place: ReadingPlace, find: ChatFind
    ) -> None:
        self._chat = chat
        self._turns = turns
        self._place = place
        self._find = find
        self._growing = False

    def show(self, entries: Sequence[Entry]) -> None:
        """Show these messages and no others; those that are shown already stay as they are."""
        if not self._turns.waiting and self._go_on_from_what_is_shown(entries):
            return
        self.clear()
        last = len(entries)
        size = 0
        while last > 0 and size < STEP and len(entries) - last < FIRST:
            last -= 1
            size += 100 + len(entries[last].saved.text)
        self._turns.add_parts(self._write(entries[last:], 0))
        if last:
            self._turns.add_parts(self._fill(entries[:last], FIRST - (len(entries) - last)))

    def clear(self) -> None:
        """Show nothing."""
        self._turns.clear()
        self._growing = False
        self._find.clear()
        self._chat.clear()
        self._place.follow()

    def go_to(self, message: int, text: str) -> None:
        """Show a message with words marked in it, wherever in the chat it is."""
        self._turns.add_once(lambda: self._go_to(message, text))

    def show_earlier(self) -> None:
        """Show more of what is above the first message."""
        messages = self._chat.messages
        if messages and messages[0].hidden and not self._growing:
            self._growing = True
            self._turns.add_parts(self._show_more(messages[0], later=False))

    def show_more_at(self, row: QTextBlock, later: bool) -> None:
        """Show some of the messages that a row in the document stands for."""
        message = self._chat.message_below(row)
        if message is not None and not self._growing:
            self._growing = True
            self._place.stay()
            self._turns.add_parts(self._show_more(message, later))

    def _show_more(self, message: Message, later: bool) -> Iterator[None]:
        if later:
            yield from self._chat.show_after(message, MORE)
        else:
            yield from self._chat.show_before(message, MORE)
        self._growing = False

    def _fill(self, entries: Sequence[Entry], count: int) -> Iterator[None]:
        first = self._chat.messages[0]
        self._chat.hide_above(first, entries)
        yield
        yield from self._chat.show_before(first, count)

    def _write(self, entries: Sequence[Entry], from_number: int) -> Iterator[None]:
        """Write messages at the end, in place of those from a number on."""
        self._chat.remove_from(from_number)
        size = 0
        for number, entry in enumerate(entries, 1):
            is_open = entry.saved.ended == WRITING and number == len(entries)
            yield from self._chat.write(entry, is_open)
            self._chat.draw_line()
            size += 200 + len(entry.saved.text)
            if size > STEP:
                size = 0
                yield

    def _go_on_from_what_is_shown(self, entries: Sequence[Entry]) -> bool:
        """Change only what differs. False where that would be more than the end of the chat."""
        shown: list[Message | Entry] = []
        for message in self._chat.messages:
            shown += [*message.hidden, message]
        same = 0
        while same < min(len(shown), len(entries)) and self._is_same(shown[same], entries[same]):
            same += 1
        removed = shown[same:]
        if not same or any(isinstance(part, Entry) or part.hidden for part in removed):
            return False
        kept = [part for part in shown[:same] if isinstance(part, Message)]
        if not kept:
            return False
        added = entries[same:]
        if (added or removed) and entries[-1].saved.ended != WRITING:
            # Another branch: the reader stays at what both have in common.
            self._place.stay()
        if kept[-1] is self._chat.open_answer:
            rest = entries[same - 1].saved.text[len(kept[-1].source) :]
            self._turns.add_once(lambda: self._chat.append(rest))
        if added or removed:
            self._turns.add_parts(self._write(added, len(kept)))
        return True

    def _is_same(self, part: Message | Entry, entry: Entry) -> bool:
        if isinstance(part, Entry):
            return part.shows_as(entry)
        if part is self._chat.open_answer:
            is_more = entry.saved.text.startswith(part.source)
            return entry.saved.ended == WRITING and is_more and part.id == entry.saved.id
        return part.shows(entry)

    def _go_to(self, message: int, text: str) -> None:
        for shown in self._chat.messages:
            if shown.id == message:
                self._find.find_in(shown, text)
                return
            for entry in shown.hidden:
                if entry.saved.id == message:
                    self._turns.add_parts(self._chat.show_around(entry))
                    self._turns.add_once(lambda: self._go_to(message, text))
                    return
