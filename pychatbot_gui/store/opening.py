"""What is done before a database is used: made, checked, migrated, recovered.

Checked at every start: what costs nothing, and the whole of a small file. Checked whole once a
day, when the copy is made (backup.py), and at the start after something was found damaged.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.store import backup
from pychatbot_gui.store.database import (
    STEPS_BETWEEN_LOOKS,
    Place,
    connect,
    file_place,
    is_busy,
    is_damage,
    make_private_file,
    make_private_folder,
    suspicion_of,
    telling,
)
from pychatbot_gui.store.listing import read_listing
from pychatbot_gui.store.migrations import APPLICATION, STEPS, Step, migrate, version_of
from pychatbot_gui.store.recovery import recover

_SMALL = 8_000_000  # bytes: so much is checked in some 20 ms
_TABLES = {"chats", "messages", "pieces", "writers", "folders", "message_words", "title_words"}


def prepare(
    path: Path,
    busy_seconds: float,
    steps: Sequence[Step] = STEPS,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Place, list[str]]:
    """A database that can be read and written, and sentences about what had to be done for it.

    Raises `StorageError`: made by a newer version, cannot be opened, read or written; `Cancelled`.
    """
    place = file_place(path, busy_seconds)
    told: list[str] = []
    backups = path.parent / "backups"
    try:
        make_private_folder(path.parent)
        make_private_file(path)
        why = _ailment(place, path, backups, len(steps), is_cancelled)
    except OSError as error:
        raise StorageError(
            f"The conversations cannot be kept in “{path}”: {error.strerror or error}. Please see "
            "to it that the file and its folder belong to you and can be written.",
            repr(error),
        ) from error
    if why:
        told.append(recover(path, backups, why, is_cancelled))
    with telling(place), contextlib.closing(connect(place)) as connection:
        version = version_of(connection)
        if 0 < version < len(steps):
            _keep_former(place, path, version)
        migrate(connection, steps)
        try:
            # Fails where the file or its folder can only be read.
            connection.execute("UPDATE chats SET id = id WHERE 0")
        except sqlite3.OperationalError as error:
            # Another program that writes just now lets go some time; until then all can be read.
            if not is_busy(error):
                raise
    return place, told


def _keep_former(place: Place, path: Path, version: int) -> None:
    former = path.with_name(f"{path.name}.version-{version}")
    if former.exists():
        return
    try:
        backup.copy(place, former)
    except OSError as error:
        raise StorageError(
            f"“{path}” is of an older version, and no copy of it could be made before it is "
            f"changed: {error.strerror or error}. Nothing was changed.",
            repr(error),
        ) from error


def _ailment(
    place: Place, path: Path, backups: Path, newest: int, is_cancelled: Callable[[], bool]
) -> str:
    """What is wrong with the file in a few words, "" for nothing."""
    changes = path.with_name(f"{path.name}-wal")
    if path.stat().st_size == 0:
        # The library would delete the changes of an empty file.
        kept = changes.exists() and changes.stat().st_size > 0
        return "it is empty" if kept or backup.copies_in(backups) else ""
    try:
        # Without the usual settings: one of them would change what may not be ours.
        with contextlib.closing(connect(place, ())) as connection:
            connection.set_progress_handler(is_cancelled, STEPS_BETWEEN_LOOKS)
            why = _look(connection, newest, path)
            suspected = suspicion_of(path).exists()
            if not why and (suspected or path.stat().st_size <= _SMALL):
                why = _look_closely(connection, suspected)
            if suspected and not why:
                suspicion_of(path).unlink(missing_ok=True)
            return why
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return str(error)
        with telling(place):
            raise


def _look(connection: sqlite3.Connection, newest: int, path: Path) -> str:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = version_of(connection)
    if not tables and version == 0:
        return ""  # made, but nothing is in it yet
    if application != APPLICATION:
        return "it belongs to another program"
    if version > newest:
        raise StorageError(
            f"“{path}” was written by a newer version of PyChatbot (its format is {version}, this "
            f"version knows up to {newest}). Please start the newer version; nothing was changed."
        )
    if version == newest:
        if not tables >= _TABLES:
            return "a table is missing"
        read_listing(connection, 20)
        for order in ("", "DESC"):
            connection.execute(f"SELECT * FROM messages ORDER BY id {order} LIMIT 1").fetchone()
    return ""


def _look_closely(connection: sqlite3.Connection, suspected: bool) -> str:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        return str(found)
    if suspected:
        for table in ("message_words", "title_words"):
            connection.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
    return ""
