"""Copies of the database: one a day, the last seven kept."""

import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from pychatbot_gui.core.errors import Cancelled, StorageError
from pychatbot_gui.store.database import (
    STEPS_BETWEEN_LOOKS,
    Place,
    connect,
    make_private_file,
    make_private_folder,
    note_suspicion,
    telling,
)

_NAME = re.compile(r"conversations-\d{4}-\d\d-\d\d\.db")
_OF_DAY = "conversations-%Y-%m-%d.db"
_PAGES = 512  # copied at a time


def back_up(
    place: Place,
    folder: Path,
    keep: int,
    now: float,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Path | None:
    """Make the copy of the day of `now`, unless it is there; the newest `keep` copies stay.

    Raises `StorageError`: a full disk, or a database that is damaged (its copies then stay); and
    `Cancelled`.
    """
    target = folder / time.strftime(_OF_DAY, time.localtime(now))
    if target.exists() or place.path is None:
        return None
    try:
        make_private_folder(folder)
        copy(place, target, is_cancelled)
        for old in copies_in(folder, now)[keep:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"The daily copy of the conversations cannot be written to “{folder}”: "
            f"{error.strerror or error}.",
            repr(error),
        ) from error
    return target


def copies_in(folder: Path, now: float | None = None) -> list[Path]:
    """The daily copies, newest first; files of other names are not ours.

    Those of days to come, made when the clock was wrong, are the last: they must not push out others.
    """
    last = time.strftime(_OF_DAY, time.localtime(now))
    with contextlib.suppress(OSError):
        names = [path.name for path in folder.iterdir() if _NAME.fullmatch(path.name)]
        names.sort(key=lambda name: (name <= last, name), reverse=True)
        return [folder / name for name in names]
    return []


def copy(place: Place, target: Path, is_cancelled: Callable[[], bool] = lambda: False) -> None:
    """Write a sound copy of a database; `target` is there whole or not at all.

    Raises `StorageError`, `OSError` where a file cannot be made, and `Cancelled`.
    """
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        unfinished.unlink(missing_ok=True)
        make_private_file(unfinished)
        with telling(Place("", target)):
            _copy_pages(place, unfinished, is_cancelled)
        with unfinished.open("rb+") as stream:
            os.fsync(stream.fileno())
        unfinished.replace(target)
    finally:
        for rest in ("", "-wal", "-shm", "-journal"):
            unfinished.with_name(unfinished.name + rest).unlink(missing_ok=True)


def _copy_pages(place: Place, unfinished: Path, is_cancelled: Callable[[], bool]) -> None:
    def go_on(*_: int) -> None:
        if is_cancelled():
            raise Cancelled

    with (
        contextlib.closing(connect(place)) as source,
        contextlib.closing(sqlite3.connect(unfinished, isolation_level=None)) as target,
    ):
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        # One moment is copied: who writes meanwhile neither waits nor makes it start anew.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(target, pages=_PAGES, progress=go_on, sleep=0)
        source.execute("COMMIT")
        target.set_progress_handler(is_cancelled, STEPS_BETWEEN_LOOKS)
        # A copy of damage must not push out the sound ones.
        if target.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            note_suspicion(place)
            raise StorageError(
                f"{place.name} is damaged, so no copy of it was made; the older copies are kept. "
                "Please start the program again: what can be read is then recovered."
            )
