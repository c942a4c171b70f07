"""The saved chats in a terminal: kept as they happen, gone on with, listed, written out."""

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from pychatbot_gui.core.chat import Conversation, clean_text
from pychatbot_gui.core.errors import SettingsError, StorageError
from pychatbot_gui.core.history import ChatEntry, SavedChat, title_from
from pychatbot_gui.core.presets import SAMPLERS
from pychatbot_gui.core.settings import parse
from pychatbot_gui.engine.engine import Finished, Sampling
from pychatbot_gui.store.chats import ChatStore, NewAnswer, NewQuestion, open_store
from pychatbot_gui.terminal_streams import plain, prepare_streams, shown, tell, to_output

_ALL = 10**9  # more chats than there can be
_T = TypeVar("_T")
SAVE_SECONDS = 0.4  # between two times that an answer being written is saved


class ChatKeeper:
    """Saves the chat of this terminal. Where that fails it says so once, and the chat goes on.

    `saved`: the chat to go on with. `store` None: nothing is saved.
    """

    def __init__(self, store: ChatStore | None = None, saved: SavedChat | None = None) -> None:
        self.saved = saved
        self._store = store
        self._chat = saved.id if saved else 0
        self._head = saved.head if saved else 0
        self._hidden = saved.hidden_turns if saved else 0
        self._question = self._answer = 0  # while one is being written
        self._pieces: list[str] = []
        self._saved_at = 0.0

    def conversation(self, system: str | None) -> Conversation:
        """What is before the first message; `system` None: the one there was."""
        before = self.saved.conversation() if self.saved else Conversation()
        if system is None or clean_text(system) == before.system:
            return before
        if self._chat:
            self._save(lambda store: store.set_system(self._chat, system))
        return before.with_system(system)

    def key(self) -> str:
        """Under which the engine keeps what it reads of this chat; "" while it is not saved."""
        return str(self._chat) if self._store is not None and self._chat else ""

    def sampling(self) -> dict[str, object]:
        """The chat's own sampler values, as settings."""
        values: dict[str, object] = {}
        for name, value in (self.saved.sampling if self.saved else {}).items():
            with contextlib.suppress(SettingsError):  # they may come from anywhere
                if name in SAMPLERS:
                    values[name] = parse(name, value)
        return values

    def begin(self, text: str, system: str, model: str, sampling: Sampling) -> None:
        """Save a message, before the model sees it."""
        question = NewQuestion(text, self._head, system, title=title_from(text))
        answer = NewAnswer(model, dataclasses.asdict(sampling))
        ids = self._save(lambda store: store.add_exchange(self._chat, question, answer))
        if ids is not None:
            self._chat, self._question, self._answer = ids
        self._saved_at = time.monotonic()

    def add(self, piece: str) -> None:
        """One more piece of the answer."""
        if not self._answer:
            return
        self._pieces.append(piece)
        if time.monotonic() - self._saved_at >= SAVE_SECONDS:
            self._save(lambda store: store.append_text(self._answer, self._rest()))
            self._saved_at = time.monotonic()

    def end(self, ended: str, event: Finished | None, hidden_turns: int) -> None:
        """The answer is over; `event` has its counts. Nothing happens a second time."""
        if not self._answer:
            return
        counts = event or Finished(0, ended)
        self._save(
            lambda store: store.finish_answer(
                self._answer,
                self._rest(),
                ended,
                prompt_tokens=counts.prompt_tokens,
                reply_tokens=counts.reply_tokens,
                tokens_per_second=counts.tokens_per_second,
            )
        )
        if hidden_turns != self._hidden:
            self._hidden = hidden_turns
            self._save(lambda store: store.set_hidden_turns(self._chat, hidden_turns))
        self._head, self._question, self._answer = self._answer, 0, 0

    def take_back(self) -> None:
        """The message was refused before the model saw it."""
        if self._answer:
            self._save(lambda store: store.take_back(self._question))
            self._question = self._answer = 0
            if not self._head:
                self._chat = 0  # it had nothing else, and is gone

    def close(self) -> None:
        """Close the store."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _rest(self) -> str:
        text = "".join(self._pieces)
        self._pieces.clear()
        return text

    def _save(self, work: Callable[[ChatStore], _T]) -> _T | None:
        if self._store is None:
            return None
        try:
            return work(self._store)
        except StorageError as error:
            tell(f"{error} From here on this chat is not saved.")
            self._question = self._answer = 0
            self.close()
            return None


@contextlib.contextmanager
def keeping(path: Path, go_on: bool = False) -> Iterator[ChatKeeper]:
    """Open the saved chats at `path`; `go_on`: with the last one.

    Where they cannot be opened nothing is saved, which is said; `StorageError` with `go_on`.
    """
    prepare_streams()
    try:
        store = _opened(path)
    except StorageError as error:
        if go_on:
            raise
        tell(f"{error} This chat is not saved.")
        keeper = ChatKeeper()
    else:
        try:
            last = store.latest_chat() if go_on else 0
            saved = store.chat(last) if last else None
        except BaseException:
            store.close()
            raise
        if saved is not None:
            tell(f"Going on with “{plain(saved.title)}” (ID {saved.id}).")
        elif go_on:
            tell("There is no chat to go on with: this is a new one.")
        keeper = ChatKeeper(store, saved)
    try:
        yield keeper
    finally:
        keeper.close()


def _opened(path: Path) -> ChatStore:
    store, notes = open_store(path)
    for note in notes:
        tell(note)
    try:
        store.mark_crashed()
    except BaseException:
        store.close()
        raise
    return store


def list_chats(path: Path) -> int:
    """Write a line for each chat, newest first: ID, date, title. Raises `StorageError`."""

    def write() -> None:
        if not path.exists():
            return
        with contextlib.closing(_opened(path)) as store:
            listing = store.listing(limit=_ALL)
            place = {chat: i for i, chat in enumerate(store.chat_ids())}
        entries = [*listing.pinned, *listing.chats, *(c for f in listing.folders for c in f.chats)]
        for entry in sorted(entries, key=lambda e: place.get(e.id, _ALL)):
            sys.stdout.write(f"{entry.id}\t{_date(entry)}\t{plain(entry.title)}\n")

    return to_output(write)


def export_chat(path: Path, chat: int, format: str) -> int:
    """Write a chat in a format of `core.export`. Raises `StorageError`."""
    # Only for this: a chat starts without it.
    from pychatbot_gui.core.exchange.export import chunks

    def write() -> None:
        written = shown if sys.stdout.isatty() else str
        for chunk in chunks(_saved_chat(path, chat), format):
            sys.stdout.write(written(chunk))

    return to_output(write)


def _saved_chat(path: Path, chat: int) -> SavedChat:
    if path.exists():
        with contextlib.closing(_opened(path)) as store:
            try:
                return store.chat(chat)
            except StorageError:
                if chat in store.chat_ids():
                    raise
    raise StorageError(f"There is no chat with the ID {chat}. --list shows the IDs of all chats.")


def _date(entry: ChatEntry) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.updated))
    except (OverflowError, OSError, ValueError):  # a clock may have said anything
        return "?"
