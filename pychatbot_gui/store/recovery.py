"""A damaged database: what can be read of it, and of its newest copy, becomes a new one."""

import contextlib
import itertools
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pychatbot_gui.core.chat import Role, clean_text
from pychatbot_gui.core.errors import Cancelled, StorageError
from pychatbot_gui.core.history import title_from
from pychatbot_gui.store.backup import copies_in
from pychatbot_gui.store.copies import highest_rank
from pychatbot_gui.store.database import (
    STEPS_BETWEEN_LOOKS,
    connect,
    file_place,
    make_private_file,
    suspicion_of,
    telling,
)
from pychatbot_gui.store.migrations import migrate
from pychatbot_gui.store.pages import Row, Value, read_rows
from pychatbot_gui.store.rows import number_of, text_of, whole_of
from pychatbot_gui.store.search import index_message, index_title

# A row is known by its columns: how many, and of which kinds (i number, t text); the first is the
# key. A migration that changes them adds its own line here and keeps the old one.
_KINDS = {
    "chats": "kt" + "i" * 3 + "t" + "i" * 6 + "t" * 5,
    "messages": "kiititttiiit",
    "pieces": "kit",
    "folders": "kti",
}
_ROLES = {role.value for role in Role}
_BATCH = 2000


@dataclass
class _Found:
    """How many were read, and how many of the messages came from the copy."""

    chats: int = 0
    messages: int = 0
    from_copy: int = 0


def recover(
    path: Path, backups: Path, why: str, is_cancelled: Callable[[], bool] = lambda: False
) -> str:
    """Replace a damaged database by what can be read of it; the sentence for the person.

    The damaged file is renamed, never deleted. Where this raises `StorageError` (no space, no
    permission) or `Cancelled` everything is as it was.
    """
    unfinished = path.with_name(f".{path.name}.recovered-{os.getpid()}")
    copies = copies_in(backups)
    try:
        _remove(unfinished)
        make_private_file(unfinished)
        found = _rebuild(path, copies, unfinished, is_cancelled)
        if is_cancelled():
            raise Cancelled
        aside = _exchange(path, unfinished)
        suspicion_of(path).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"“{path}” is damaged ({why}) and could not be recovered: {error.strerror or error}. "
            "It is as it was. Please see to it that its folder can be written and has space left.",
            repr(error),
        ) from error
    finally:
        _remove(unfinished)
    return _told(path, why, aside, found)


def _told(path: Path, why: str, aside: Path, found: _Found) -> str:
    copied = f", {found.from_copy:,} of them from the newest copy" if found.from_copy else ""
    what = (
        f"{found.chats:,} conversations with {found.messages:,} messages were recovered{copied}."
        if found.chats or found.messages
        else "No conversation could be read from it."
    )
    said = " ".join(why.replace("*** in database main ***", "").split())[:120]
    return (
        f"“{path.name}” was damaged ({said}). {what} The damaged file is kept as “{aside.name}” in "
        "the same folder."
    )


def _rebuild(
    path: Path, copies: list[Path], target: Path, is_cancelled: Callable[[], bool]
) -> _Found:
    place = file_place(target)
    with telling(place), contextlib.closing(connect(place)) as connection:
        migrate(connection)
        connection.set_progress_handler(is_cancelled, STEPS_BETWEEN_LOOKS)
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        cut = _take(connection, read_rows(path))
        before = _count(connection, "messages")
        for copy in copies:
            _take(connection, read_rows(copy), cut)
            if _count(connection, "chats"):
                break  # older copies would bring back what was erased since
        from_copy = _count(connection, "messages") - before
        for statement, values in cut:
            connection.execute(statement, values)
        _add_lost_chats(connection)
        _index_all(connection)
        found = _Found(_count(connection, "chats"), _count(connection, "messages"), from_copy)
        connection.execute("COMMIT")
        # As one file, so that one name is exchanged for the other.
        connection.execute("PRAGMA journal_mode = DELETE")
    with target.open("rb+") as stream:
        os.fsync(stream.fileno())
    return found


_Insertion = tuple[str, tuple[object, ...]]


def _take(
    connection: sqlite3.Connection, rows: Iterable[Row], cut: list[_Insertion] | None = None
) -> list[_Insertion]:
    """Write the rows that are ours and new; those whose text is cut are handed back instead."""
    left: list[_Insertion] = [] if cut is None else cut
    insertions = _insertions(rows, left)
    while batch := list(itertools.islice(insertions, _BATCH)):
        batch.sort(key=lambda insertion: insertion[0])
        for statement, group in itertools.groupby(batch, key=lambda insertion: insertion[0]):
            connection.executemany(statement, [values for _, values in group])
    return left


def _insertions(rows: Iterable[Row], cut: list[_Insertion]) -> Iterator[_Insertion]:
    for row in rows:
        table = _table_of(row.values)
        if table is None or row.id <= 0:
            continue
        kinds = _KINDS[table][1:]
        values = [_clean(value, kind) for value, kind in zip(row.values[1:], kinds, strict=True)]
        marks = ", ".join("?" * (len(values) + 1))
        insertion = (f"INSERT OR IGNORE INTO {table} VALUES ({marks})", (row.id, *values))
        if row.is_cut:
            cut.append(insertion)
        else:
            yield insertion


def _table_of(values: tuple[Value, ...]) -> str | None:
    for table, kinds in _KINDS.items():
        if len(kinds) == len(values) and all(map(_fits, values, kinds)):
            return table if table != "messages" or values[3] in _ROLES else None
    return None


def _fits(value: Value, kind: str) -> bool:
    if kind == "k":
        return value is None
    return isinstance(value, str) if kind == "t" else isinstance(value, (int, float))


def _clean(value: Value, kind: str) -> str | int | float:
    if kind == "t":
        return clean_text(text_of(value))
    return whole_of(value) if isinstance(value, int) else number_of(value)


def _add_lost_chats(connection: sqlite3.Connection) -> None:
    """A conversation for messages whose own one is lost."""
    lost = connection.execute(
        "SELECT chat, max(id), max(created) FROM messages "
        "WHERE chat NOT IN (SELECT id FROM chats) GROUP BY chat"
    ).fetchall()
    for chat, head, updated in lost:
        row = connection.execute(
            "SELECT text FROM messages WHERE chat = ? ORDER BY role != 'user', id LIMIT 1", (chat,)
        ).fetchone()
        connection.execute(
            "INSERT INTO chats (id, uid, rank, created, updated, head, title) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                chat,
                os.urandom(16).hex(),
                max(int(updated * 1000), 1) if updated else highest_rank(connection) + 1,
                updated,
                updated,
                head,
                title_from(text_of(row[0])),
            ),
        )


def _index_all(connection: sqlite3.Connection) -> None:
    for chat, title in connection.execute("SELECT id, title FROM chats ORDER BY id").fetchall():
        index_title(connection, chat, title)
    rows = connection.execute("SELECT id, text FROM messages WHERE ended != 'writing' ORDER BY id")
    for message, text in rows:
        index_message(connection, message, text)


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _exchange(path: Path, recovered: Path) -> Path:
    """Put the recovered file in the place of the damaged one; the name that one has now."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    base = path.with_name(f"{path.name}.damaged-{stamp}")
    names = (base if i == 1 else base.with_name(f"{base.name}-{i}") for i in itertools.count(1))
    aside = next(name for name in names if not name.exists())
    # The changes go first: beside the new file they would be taken for its own.
    for rest in ("-wal", "-shm"):
        changes = path.with_name(path.name + rest)
        if changes.exists():
            changes.rename(aside.with_name(aside.name + rest))
    try:
        os.link(path, aside)  # so that there is no moment without a database
    except OSError:
        path.rename(aside)
    recovered.replace(path)
    return aside


def _remove(path: Path) -> None:
    for rest in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + rest).unlink(missing_ok=True)
