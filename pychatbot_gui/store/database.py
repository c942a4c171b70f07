"""One connection to the database, its transactions, and its errors as sentences."""

import contextlib
import os
import sqlite3
import stat
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pychatbot_gui.core.errors import Cancelled, StorageError

BUSY_SECONDS = 5.0
"""How long a call waits for another program that is writing."""

STEPS_BETWEEN_LOOKS = 10_000
"""Of the library's own steps, where it can be told to stop: about a millisecond."""

_SETTINGS = (
    "journal_mode = WAL",
    "synchronous = FULL",  # a commit that returned is on the disk
    "secure_delete = ON",  # what is erased for good is not left behind in free pages
    "temp_store = MEMORY",
    "cache_size = -16000",
    "journal_size_limit = 16000000",
    "cell_size_check = ON",
    "trusted_schema = OFF",
)


Identity = tuple[int, int]
"""Which file it is, whatever its name: device and number."""


@dataclass
class Files:
    """What all connections of a program to one file know of it, changed under `lock`.

    `ours`: the files that are this database, a new one each time it was put back, and those of its
    changes. `aside`: where the contents are kept since somebody put another file in its place.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    ours: set[Identity] = field(default_factory=set)
    aside: Path | None = None


@dataclass(frozen=True)
class Place:
    """Which database: a file (`path`), or one in memory that its connections share.

    `lock`: of all connections to one in memory, whose table locks know no waiting; None for a file.
    """

    uri: str
    path: Path | None = None
    busy_seconds: float = BUSY_SECONDS
    lock: contextlib.AbstractContextManager[object] | None = field(default=None, compare=False)
    files: Files = field(default_factory=Files, compare=False)

    @property
    def name(self) -> str:
        """How sentences call it."""
        return f"“{self.path}”" if self.path else "the memory"


def file_place(path: Path, busy_seconds: float = BUSY_SECONDS) -> Place:
    """A database in a file."""
    return Place(f"{path.absolute().as_uri()}?mode=rw", path.absolute(), busy_seconds)


def memory_place() -> Place:
    """A new database in memory, gone with its last connection."""
    return Place(f"file:{uuid.uuid4().hex}?mode=memory&cache=shared", lock=threading.RLock())


class Database:
    """A connection for one thread at a time; only `interrupt` may be called from any thread."""

    def __init__(self, place: Place) -> None:
        """Opens it. Raises `StorageError`, and `sqlite3.DatabaseError` where it is no database."""
        self.place = place
        self.connection = connect(place)
        self._file = self._note_files()

    def close(self) -> None:
        """End the connection; a second time does nothing."""
        self.connection.close()

    def interrupt(self) -> None:
        """End the call that is running in another thread, which raises `Cancelled`."""
        self.connection.interrupt()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: on the disk when it ends well, undone whole where anything is raised."""
        with self._block("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The database as it was at one moment, whatever is written meanwhile."""
        with self._block("BEGIN") as connection:
            yield connection

    @contextlib.contextmanager
    def _block(self, begin: str) -> Iterator[sqlite3.Connection]:
        if identity_of(self.place.path) != self._file:
            self._find_again()
        connection = self.connection
        with self.place.lock or contextlib.nullcontext(), telling(self.place):
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A full disk has sometimes ended the transaction already.
                if connection.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                raise

    def _find_again(self) -> None:
        """The file was deleted, moved or replaced, so what is written now is lost at the end.

        One that is gone is put back: the connection still has all of it. Raises `StorageError`
        where another one is in its place, or it cannot be put back.
        """
        place, path = self.place, self.place.path
        assert path is not None
        try:
            with place.files.lock:
                if identity_of(path) is None:
                    _remove_changes(path, place.files.ours)
                    place.files.ours.add(_put_back(self.connection, path, path))
                elif identity_of(path) not in place.files.ours:
                    if place.files.aside is None:
                        aside = path.with_name(f"{path.name}.replaced-{uuid.uuid4().hex[:8]}")
                        _put_back(self.connection, path, aside)
                        place.files.aside = aside
                        _remove_changes(path, place.files.ours)
                    raise StorageError(
                        f"{place.name} was replaced by another file while the program was running, "
                        f"so nothing can be saved. All that was saved before is kept as "
                        f"“{place.files.aside.name}” beside it. Please start the program again."
                    )
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"{place.name} is not there any more and cannot be written again: {error}. Please "
                "put it back, or see to it that its folder can be written.",
                repr(error),
            ) from error
        former, self.connection = self.connection, connect(place)
        self._file = self._note_files()
        former.close()

    def _note_files(self) -> Identity | None:
        """Which file this is; it is noted, with that of its changes, for all connections."""
        path, files = self.place.path, self.place.files
        if path is None:
            return None
        with telling(self.place):
            # Makes the file of the changes.
            self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        names = (path, path.with_name(f"{path.name}-wal"))
        with files.lock:
            files.ours.update(found for found in map(identity_of, names) if found is not None)
        return identity_of(path)


def identity_of(path: Path | None) -> Identity | None:
    """Which file has this name; None where there is none."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _put_back(connection: sqlite3.Connection, path: Path, target: Path) -> Identity:
    """Write the database of a connection, whose own file is gone, to `target`, which is not there."""
    make_private_folder(path.parent)
    unfinished = path.with_name(f".{path.name}.again-{os.getpid()}")
    try:
        unfinished.unlink(missing_ok=True)
        make_private_file(unfinished)
        with contextlib.closing(sqlite3.connect(unfinished, isolation_level=None)) as copy:
            connection.backup(copy)
            # As one file: the changes of the former one would be taken for its own.
            copy.execute("PRAGMA journal_mode = DELETE")
        with unfinished.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.link(unfinished, target)
    finally:
        for rest in ("", "-wal", "-shm", "-journal"):
            unfinished.with_name(unfinished.name + rest).unlink(missing_ok=True)
    found = identity_of(target)
    assert found is not None
    return found


def _remove_changes(path: Path, ours: set[Identity]) -> None:
    """Our changes, beside a file that is not ours any more, would be taken for its own."""
    changes = path.with_name(f"{path.name}-wal")
    if identity_of(changes) in ours:
        changes.unlink()
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)


def connect(place: Place, settings: Sequence[str] = _SETTINGS) -> sqlite3.Connection:
    """A connection with the settings that every one has. Raises as `Database` does."""
    try:
        connection = sqlite3.connect(
            place.uri,
            uri=True,
            timeout=place.busy_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise translated(error, place) from error
    connection.text_factory = _text
    try:
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")
    except sqlite3.Error as error:
        connection.close()
        if is_damage(error):
            raise
        raise translated(error, place) from error
    return connection


def _text(raw: bytes) -> str:
    """One text that is not UTF-8 must not hide the others."""
    return raw.decode("utf-8", errors="replace")


@contextlib.contextmanager
def telling(place: Place) -> Iterator[None]:
    """Turn errors of the library into `StorageError`, or `Cancelled` for one that was interrupted."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise  # wrong use: a bug of ours
    except sqlite3.Error as error:
        raise translated(error, place) from error


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is at fault."""
    text = str(error)
    return any(
        words in text
        for words in ("malformed", "not a database", "no such table", "no such column", "corrupt")
    )


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another program holds the file just now."""
    return "locked" in str(error) or "busy" in str(error)


def translated(error: sqlite3.Error, place: Place) -> Exception:
    """What the program raises in place of an error of the library."""
    text, name = str(error), place.name
    if text == "interrupted":
        return Cancelled()
    if is_damage(error):
        note_suspicion(place)
        sentence = (
            f"{name} is damaged. Please start the program again: what can be read is then "
            "recovered, and the damaged file is kept."
        )
    elif "is full" in text:
        sentence = (
            f"There is no space left to save to {name}. What was saved before is safe. Please "
            "free some space on the disk."
        )
    elif is_busy(error):
        sentence = f"Another program is using {name} and does not let go of it. Please try again."
    elif "readonly" in text or "unable to open" in text:
        sentence = (
            f"{name} cannot be opened for writing. Please see to it that the file and its folder "
            "belong to you and can be written."
        )
    elif "I/O" in text:
        sentence = (
            f"The disk reports an error at {name}. What was saved before should be safe. Please "
            "check the disk and the space that is left on it."
        )
    else:
        sentence = f"{name} cannot be used: {text}."
    return StorageError(sentence, repr(error))


def suspicion_of(path: Path) -> Path:
    """The mark that a database was found damaged while it was in use; the next start looks closely."""
    return path.with_name(f"{path.name}.suspect")


def note_suspicion(place: Place) -> None:
    """Leave that mark."""
    if place.path is not None:
        with contextlib.suppress(OSError):
            make_private_file(suspicion_of(place.path))


def make_private_file(path: Path) -> None:
    """An empty file that only its owner can read, where there is none. Raises `OSError`."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    if stat.S_IMODE(path.stat().st_mode) != 0o600 and os.access(path, os.W_OK):
        path.chmod(0o600)


def make_private_folder(folder: Path) -> None:
    """A folder that only its owner can enter. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    # One that belongs to everybody (a folder for temporary files) is not ours to close.
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if mine and not found.st_mode & stat.S_ISVTX and stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
