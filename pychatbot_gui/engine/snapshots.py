"""What the model had read in each chat: in memory while that is little, then on disk.

Going back to a chat, in the same run or after a restart, then costs a copy instead of reading all
of it again. A snapshot is only ever a shortcut: whatever is wrong with one, it is left aside and
removed, and the chat is read again.
"""

import contextlib
import hashlib
import os
import shutil
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.core.files import reason
from pychatbot_gui.engine.answers import Known
from pychatbot_gui.engine.cache import (
    Cache,
    Checkpoint,
    common_beginning,
    shift_between,
    usable_length,
)
from pychatbot_gui.engine.snapshot_file import (
    SUFFIX,
    UNFINISHED,
    Damaged,
    Head,
    Replaced,
    read_head,
    read_state,
    write_snapshot,
)

_LEAST = 32  # tokens: fewer are read as fast as they are found
_HEADER = 1 << 20  # bytes of a model file that are looked at
_HEADS = 64  # snapshots on disk whose tokens are remembered
_ABANDONED = 3600.0  # seconds after which an unfinished file has no writer any more
_LEFT_FREE = 500_000_000  # bytes of the disk that are not for snapshots


def model_print(path: Path) -> str:
    """What tells this model file from any other that is ever put in its place. Raises OSError."""
    about = path.stat()
    with path.open("rb") as stream:
        header = hashlib.blake2b(stream.read(_HEADER), digest_size=16).hexdigest()
    # The time of the last change of the file's entry: that of its content can be copied.
    return f"{about.st_size} {about.st_mtime_ns} {about.st_ctime_ns} {header}"


class SnapshotFolder:
    """The snapshots on disk. The folder's mode is 0700, a file's 0600."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Make the folder. Raises `StorageError` where nothing can be written there."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.chmod(0o700)
            if not os.access(self._folder, os.W_OK | os.X_OK):
                raise PermissionError(0, "no permission")
        except OSError as error:
            raise cannot_be_kept(self._folder, error) from error

    def path(self, chat: str, model: str, circumstances: str) -> Path:
        """Where the snapshot of a chat is; all three are in its name."""
        name = f"{_short(chat)}-{_short(model)}-{_short(circumstances)}{SUFFIX}"
        return self._folder / name

    def forget(self, chat: str) -> None:
        """Remove what was kept of a chat, with any model."""
        self._remove(self._folder.glob(f"{_short(chat)}-*{SUFFIX}"))
        self._remove(self._folder.glob(f".{_short(chat)}-*{UNFINISHED}"))

    def forget_all(self) -> None:
        """Remove every snapshot."""
        self._remove(self._folder.glob(f"*{SUFFIX}"))
        self._remove(self._folder.glob(f".*{UNFINISHED}"))

    def sweep(self, model: str, circumstances: str) -> None:
        """Remove what no one can use any more: of a former file of this name, or left unfinished."""
        of_model = set(self._folder.glob(f"*-{_short(model)}-*{SUFFIX}"))
        self._remove(of_model - set(self._folder.glob(f"*-{_short(circumstances)}{SUFFIX}")))
        for path in self._folder.glob(f".*{UNFINISHED}"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()

    def make_room(self, limit: int, needed: int) -> None:
        """Remove the longest unused until `needed` bytes more stay within `limit`.

        Raises `StorageError` where the disk itself has no room.
        """
        found = []
        for path in self._folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):
                found.append((path.stat().st_mtime_ns, path.stat().st_size, path))
        total = needed + sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= limit:
                break
            self._remove([path])
            total -= size
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            raise cannot_be_kept(self._folder, error) from error
        if needed and free - needed < _LEFT_FREE:
            raise cannot_be_kept(self._folder, OSError(0, "no space left on device"))

    def _remove(self, paths: Iterable[Path]) -> None:
        for path in paths:
            with contextlib.suppress(OSError):
                path.unlink()


@dataclass(frozen=True)
class _Held:
    """A snapshot in memory."""

    head: Head
    state: memoryview
    checkpoints: tuple[Checkpoint, ...]

    @property
    def size(self) -> int:
        return len(self.state) + sum(len(c.data) for c in self.checkpoints)


class Snapshots:
    """The snapshots of one loaded model.

    `notice`: a sentence for the person, once, where snapshots cannot be kept.
    """

    def __init__(
        self,
        cache: Cache,
        n_vocab: int,
        budget: int,
        answers: Callable[[], Sequence[Known]] = lambda: (),
    ) -> None:
        """`budget`: bytes of memory. `answers()`: of the chat in the cache."""
        self.notice = ""
        self._cache = cache
        self._n_vocab = n_vocab
        self._budget = budget
        self._answers = answers
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._forgotten: set[str] = set()
        self._heads: dict[str, Head | None] = {}  # of those on disk that were looked at
        self._folder: SnapshotFolder | None = None
        self._gave_up = False
        self._limit = 0
        self._model = self._circumstances = ""

    def keep_on_disk(
        self, folder: SnapshotFolder, model: str, circumstances: str, limit: int
    ) -> None:
        """Use a folder, at most `limit` bytes of it. `circumstances`: under which states hold."""
        self._model, self._circumstances, self._limit = model, circumstances, limit
        try:
            folder.prepare()
            folder.sweep(model, circumstances)
            folder.make_room(limit, 0)
        except StorageError as error:
            self.notice = str(error)
            return
        self._folder = folder

    def answers(self, chat: str) -> Sequence[Known]:
        """The tokens of answers that were kept with a chat."""
        head = self._head(chat) if chat else None
        return head.answers if head else ()

    def go_to(self, chat: str, tokens: Sequence[int], shift: bool = False) -> int:
        """Have the cache hold as much as is known of a prompt; returns how much that is.

        `shift`: see `Cache.keep`.
        """
        if chat in self._forgotten:  # asked for before it was deleted, and come to only now
            chat = ""
        cache = self._cache
        if chat != cache.chat:
            self.put_away()
            cache.leave_chat()
        head = self._head(chat) if chat else None
        here = cache.usable(tokens, shift and cache.chat == chat)
        if head is not None and self._usable(head, tokens, shift) >= here + _LEAST:
            self._restore(chat, head)
        # What another chat had read is not taken apart for this one.
        shift = shift and cache.chat == chat
        cache.chat = chat
        return cache.keep(tokens, shift)

    def save(self, is_wanted: Callable[[], bool] = lambda: False) -> None:
        """Write to disk what is not there yet, so that a restart finds it.

        `is_wanted`: whether something else is to be done; then the rest waits for another time.
        """
        if self._folder is None or self._gave_up:
            return
        is_news = self._is_news()
        if is_news:
            self._held.pop(self._cache.chat, None)
        while self._held and not is_wanted():
            self._write_oldest()
        if is_news and not is_wanted():
            self._write_cache()

    def forget(self, chat: str) -> None:
        """A chat is deleted for good. Nothing more is kept of it, whatever is still asked."""
        self._forgotten.add(chat)
        if self._folder is not None:
            self._folder.forget(chat)
        self._held.pop(chat, None)
        self._heads.pop(chat, None)
        if self._cache.chat == chat:
            self._cache.clear()
            self._cache.chat = ""

    def _head(self, chat: str) -> Head | None:
        if chat in self._held:
            return self._held[chat].head
        if chat not in self._heads and self._folder is not None:
            path = self._path(chat)
            if len(self._heads) >= _HEADS:
                self._heads.clear()
            try:
                self._heads[chat] = read_head(path, self._owner(chat), self._n_vocab)
            except FileNotFoundError:
                self._heads[chat] = None
            except (Damaged, OSError):
                self._drop(chat)
        return self._heads.get(chat)

    def _usable(self, head: Head, tokens: Sequence[int], shift: bool = False) -> int:
        can_shift = shift and self._cache.memory.can_shift
        if can_shift and (move := shift_between(head.tokens, tokens)):
            return move.start + move.length
        same = min(common_beginning(head.tokens, tokens), len(tokens) - 1)
        window = self._cache.memory.window
        return usable_length(same, len(head.tokens), head.oldest, window, head.lengths)

    def _cache_head(self) -> Head:
        cache = self._cache
        return Head(
            array("i", cache.tokens),
            cache.memory.oldest(),
            tuple(c.length for c in cache.checkpoints),
            tuple(self._answers()),
            cache.shifted,
        )

    def _is_news(self) -> bool:
        """Whether the cache has more of its chat than the snapshot."""
        cache = self._cache
        if not cache.chat or len(cache.tokens) < _LEAST:
            return False
        head = self._head(cache.chat)
        known = 0 if head is None else self._usable(head, (*cache.tokens, -1))
        return len(cache.tokens) - known >= _LEAST

    def put_away(self) -> None:
        """Keep what the cache has of its chat: it is going to have less of it, or another one."""
        if not self._is_news():
            return
        cache = self._cache
        self._held.pop(cache.chat, None)
        checkpoints = tuple(cache.checkpoints)
        size = cache.memory.size(partial=False) + sum(len(c.data) for c in checkpoints)
        state = cache.memory.copy(partial=False) if size <= self._budget else None
        if state is None:
            self._write_cache()
            return
        self._held[cache.chat] = _Held(self._cache_head(), state, checkpoints)
        while sum(held.size for held in self._held.values()) > self._budget:
            self._write_oldest()

    def _write_cache(self) -> None:
        cache = self._cache
        size = cache.memory.size(partial=False) + sum(len(c.data) for c in cache.checkpoints)
        self._write(
            cache.chat,
            self._cache_head(),
            cache.checkpoints,
            size,
            lambda path: cache.memory.save(path, cache.tokens),
        )

    def _write_oldest(self) -> None:
        chat, held = self._held.popitem(last=False)
        self._write(
            chat,
            held.head,
            held.checkpoints,
            held.size,
            held.state,
        )

    def _write(
        self,
        chat: str,
        head: Head,
        checkpoints: Sequence[Checkpoint],
        size: int,
        state: memoryview | Callable[[Path], bool],
    ) -> None:
        if self._folder is None or self._gave_up or size > self._limit:
            return
        try:
            self._folder.make_room(self._limit, size)
            write_snapshot(self._path(chat), self._owner(chat), head, checkpoints, state)
            self._heads[chat] = head
        except StorageError as error:
            self._give_up(str(error))
        except OSError as error:
            self._give_up(str(cannot_be_kept(self._path(chat).parent, error)))

    def _give_up(self, notice: str) -> None:
        """No more tries with this model: each would cost as much, and be told."""
        self._gave_up = True
        self.notice = notice

    def _restore(self, chat: str, head: Head) -> None:
        cache, held = self._cache, self._held.get(chat)
        if held is not None:
            self._held.move_to_end(chat)
            cache.clear()
            if cache.memory.restore(held.state, partial=False):
                cache.adopt(head.tokens, held.checkpoints, head.shifted)
                cache.chat = chat
            else:
                self._held.pop(chat)
                cache.clear()
            return
        path = self._path(chat)
        try:
            checkpoints, state = read_state(path, self._owner(chat), head.tokens)
            cache.clear()
            memory = cache.memory
            if state is not None and not memory.restore(state, partial=False):
                raise Damaged("the library refused it")
            if state is None and not memory.load(path, head.tokens):
                raise Damaged("the library refused it")
            cache.adopt(head.tokens, checkpoints, head.shifted)
            cache.chat = chat
            os.utime(path)  # the longest unused go first
        except (FileNotFoundError, Replaced, MemoryError):  # another program may use the folder too
            self._heads.pop(chat, None)
        except (Damaged, OSError):
            self._drop(chat)
            if not cache.tokens:
                cache.clear()

    def _drop(self, chat: str) -> None:
        self._heads[chat] = None
        with contextlib.suppress(OSError):
            self._path(chat).unlink()

    def _path(self, chat: str) -> Path:
        assert self._folder is not None
        return self._folder.path(chat, self._model, self._circumstances)

    def _owner(self, chat: str) -> str:
        return f"{_short(chat)} {self._model} {self._circumstances}"


def cannot_be_kept(folder: Path, error: OSError) -> StorageError:
    """The sentence for a folder in which nothing can be kept."""
    return StorageError(
        f"What the model has read cannot be kept in “{folder}”: {reason(error)}. Everything works, "
        "but a chat is read again when you come back to it. Make room, or switch snapshots off in "
        "the settings.",
        repr(error),
    )


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", errors="replace"), digest_size=10).hexdigest()
