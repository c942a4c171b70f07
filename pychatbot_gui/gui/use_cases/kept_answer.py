"""An answer on its way into the store: a part every 300 ms, then its end; what fails is tried again."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from pychatbot_gui.core.errors import PychatbotError
from pychatbot_gui.engine.engine import Finished
from pychatbot_gui.gui.store_thread import StoreThread
from pychatbot_gui.store.chats import ChatStore

PART_MS = 300
RETRY_MS = 3_000


class KeptAnswer(QObject):
    """One answer being written. `text` is all of it so far; `chat` and `message` are ids."""

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
        self._unsaved = ""
        self._on_its_way: str | None = None  # one part at a time, so that none overtakes another
        self._ending = False  # its end is on its way
        self._abandoned = False
        self._told = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._save)

    def add(self, piece: str) -> None:
        """More of the answer has come."""
        self.text += piece
        self._unsaved += piece
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
        if self._ending or self._abandoned:
            return
        self.ended = self.ended or "cancelled"
        self._store.do(self._work(self._unsaved))

    @Slot()
    def _save(self) -> None:
        self._timer.stop()
        if self._abandoned and self.ended:
            self.saved.emit()
        if self._abandoned or self._on_its_way is not None or not (self._unsaved or self.ended):
            return
        self._on_its_way, self._unsaved = self._unsaved, ""
        self._ending = bool(self.ended)
        self._store.do(self._work(self._on_its_way), self._on_saved, self._on_failed)

    def _work(self, piece: str) -> Callable[[ChatStore], None]:
        message, ended, counts = self.message, self.ended, dict(self._counts)

        def work(store: ChatStore) -> None:
            if ended:
                store.finish_answer(message, piece, ended, **counts)  # type: ignore[arg-type]
            else:
                store.append_text(message, piece)

        return work

    def _on_saved(self, _: object) -> None:
        self._on_its_way = None
        if self._ending:
            self.saved.emit()
        elif self.ended:
            self._save()
        elif self._unsaved and not self._timer.isActive():
            self._timer.start(PART_MS)

    def _on_failed(self, error: PychatbotError) -> None:
        if self._abandoned:
            return
        self._unsaved = (self._on_its_way or "") + self._unsaved
        self._on_its_way, self._ending = None, False
        self._timer.start(RETRY_MS)
        if not self._told:
            self._told = True
            self.failed.emit(error)
