"""An answer on its way into the store: a part every 300 ms, then its end; what fails is tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from pychatbot_gui.core.errors import Gone, PychatbotError
from pychatbot_gui.engine.engine import Finished
from pychatbot_gui.gui.store_thread import StoreThread

if TYPE_CHECKING:
    from pychatbot_gui.store.chats import ChatStore

PART_MS = 300
RETRY_MS = 3_000
_LOST = "(This answer could not be saved when the program ended:)"


class KeptAnswer(QObject):
    """One answer being written. `text` is all of it so far; `chat` and `message` are ids.

    `text` begins with what the store has already.
    """

    failed = Signal(object)  # PychatbotError: a part could not be saved; told once, tried again
    saved = Signal()  # the end is in the store

    def __init__(
        self, store: StoreThread, chat: int, message: int, text: str, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._store = store
        self.chat = chat
        self.message = message
        self.text = text
        self.ended = ""
        self._counts: dict[str, float] = {}
        # These two change in the store's thread alone, when it has committed: so each part begins
        # where the one before it ended, whatever became of that.
        self._kept = len(text)
        self._is_whole = False
        self._is_saving = False
        self._abandoned = False
        self._told = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._save)

    def add(self, piece: str) -> None:
        """More of the answer has come."""
        self.text += piece
        if not self._timer.isActive():
            self._timer.start(PART_MS)

    def end(self, ended: str, event: Finished | None = None) -> None:
        """The answer is over; `ended` as in `SavedMessage`. Ends in `saved`."""
        self.ended = ended
        if event is not None:
            self._counts = {
                "prompt_tokens": event.prompt_tokens,
                "reply_tokens": event.reply_tokens,
                "tokens_per_second": event.tokens_per_second,
            }
        self._save()

    def abandon(self) -> None:
        """Its conversation is erased for good: nothing more is saved."""
        self._abandoned = True

    def close(self) -> None:
        """The window closes: hand over what is left; the store's thread does it before it ends."""
        self._timer.stop()
        self.ended = self.ended or "cancelled"
        if not self._abandoned:
            self._store.do(self._work())

    def is_lost(self) -> bool:
        """After the end of the store's thread: whether text of it could not be saved."""
        return not self._abandoned and self._kept < len(self.text)

    @Slot()
    def _save(self) -> None:
        self._timer.stop()
        if self._abandoned:
            if self.ended:
                self.saved.emit()
        elif not self._is_saving:
            self._is_saving = True
            self._store.do(self._work(), self._on_saved, self._on_failed)

    def _work(self) -> Callable[[ChatStore], bool]:
        """Saves what the store does not have; tells whether that was the end of the answer."""
        text, ended, counts = self.text, self.ended, dict(self._counts)

        def work(store: ChatStore) -> bool:
            if self._is_whole:
                return True
            piece = text[self._kept :]
            if ended:
                store.finish_answer(self.message, piece, ended, **counts)  # type: ignore[arg-type]
                self._is_whole = True
            elif piece:
                store.append_text(self.message, piece)
            self._kept = len(text)
            return self._is_whole

        return work

    def _on_saved(self, is_whole: bool) -> None:
        self._is_saving = False
        if is_whole:
            self.saved.emit()
        elif self.ended:
            self._save()
        elif len(self.text) > self._kept and not self._timer.isActive():
            self._timer.start(PART_MS)

    def _on_failed(self, error: PychatbotError) -> None:
        self._is_saving = False
        is_gone = isinstance(error, Gone)
        if self._abandoned or is_gone:
            was_wanted, self._abandoned = not self._abandoned, True
            if was_wanted:
                self.failed.emit(error)
            self._save()
            return
        self._timer.start(RETRY_MS)
        if not self._told:
            self._told = True
            self.failed.emit(error)


def close_all(answers: Iterable[KeptAnswer]) -> None:
    """The window closes: hand over what the store does not have of them."""
    for answer in answers:
        answer.close()


def lost_texts(answers: Iterable[KeptAnswer]) -> list[str]:
    """After the end: the answers that the store did not take, as texts for the person."""
    return [f"{_LOST}\n\n{answer.text}" for answer in answers if answer.is_lost()]
