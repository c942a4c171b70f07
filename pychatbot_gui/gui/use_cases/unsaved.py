"""What the person changed in conversations and is not in the store yet; what fails is tried again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from pychatbot_gui.core.errors import Gone, PychatbotError
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.gui.store_thread import StoreThread

if TYPE_CHECKING:
    from pychatbot_gui.store.chats import ChatStore

RETRY_MS = 3_000


@dataclass(eq=False)
class _Change:
    key: tuple[int, str]  # the conversation, and what of it
    values: Mapping[str, Any]
    work: Callable[[ChatStore], object]
    is_saved: bool = False
    has_failed: bool = False


class Unsaved(QObject):
    """Changes on their way into the store; of the same thing only the latest counts."""

    failed = Signal(object)  # PychatbotError: told once, until something could be saved again

    def __init__(self, writer: StoreThread, reader: StoreThread, parent: QObject) -> None:
        super().__init__(parent)
        self._writer = writer
        self._reader = reader
        self._waiting: dict[tuple[int, str], _Change] = {}
        self._told = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(RETRY_MS)
        self._timer.timeout.connect(self._retry)

    def save(self, chat: int, work: Callable[[ChatStore], object], **values: Any) -> None:
        """Have `work` done, which gives fields of a `SavedChat` these values."""
        change = _Change((chat, min(values)), values, work)
        self._waiting[change.key] = change
        self._hand_over(change)

    def on(self, saved: SavedChat) -> SavedChat:
        """A conversation as it was read, with what the store did not have then."""
        for (chat, _), change in self._waiting.items():
            if chat == saved.id:
                saved = replace(saved, **change.values)
        return saved

    def drop(self, chat: int, name: str) -> None:
        """This change is void: something else has taken its place in the store."""
        self._waiting.pop((chat, name), None)

    def drafts(self, besides: int) -> list[str]:
        """Unsent texts that the store does not have, of all conversations but one."""
        changes = self._waiting.values()
        left = (c for c in changes if not c.is_saved and c.key[0] != besides)
        return [draft for draft in (change.values.get("draft") for change in left) if draft]

    def close(self) -> None:
        """The window closes: what is not saved is handed over once more.

        Also what has failed by now and nobody could tell yet.
        """
        self._timer.stop()
        for change in self._waiting.values():
            if not change.is_saved:
                self._hand_over(change)

    def _hand_over(self, change: _Change) -> None:
        change.has_failed = False

        def work(store: ChatStore) -> None:
            if self._waiting.get(change.key) is change and not change.is_saved:
                change.work(store)
                change.is_saved = True  # known even where no result is delivered any more

        self._writer.do(
            work, lambda _: self._on_saved(change), lambda error: self._on_failed(change, error)
        )

    def _on_saved(self, change: _Change) -> None:
        self._told = False
        # What was read before it was saved, and is delivered later, does not have it.
        self._reader.do(lambda _: None, lambda _: self._forget(change), lambda _: None)

    def _forget(self, change: _Change) -> None:
        if self._waiting.get(change.key) is change:
            del self._waiting[change.key]

    def _on_failed(self, change: _Change, error: PychatbotError) -> None:
        if isinstance(error, Gone):
            self._forget(change)
        elif self._waiting.get(change.key) is change:
            change.has_failed = True
            self._timer.start()
            if not self._told:
                self._told = True
                self.failed.emit(error)

    @Slot()
    def _retry(self) -> None:
        for change in self._waiting.values():
            if change.has_failed:
                self._hand_over(change)


def joined(first: str, second: str) -> str:
    """Two unsent texts as one."""
    return f"{first}\n{second}" if first and second else first or second
