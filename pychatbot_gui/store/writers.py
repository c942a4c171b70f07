"""Answers being written, and which program writes them: what a crash leaves behind."""

import sqlite3
import sys
from functools import lru_cache
from pathlib import Path

from pychatbot_gui.core.history import WRITING
from pychatbot_gui.store.rows import joined_pieces, text_of
from pychatbot_gui.store.search import index_message

_CLOCK_SLACK = 2.0  # seconds by which the start of a process may seem to move


def this_process() -> str:
    """Tells this process from every other, also from one that gets its number later."""
    import os

    return process_name(os.getpid()) or f"{os.getpid()} unknown"


def process_name(pid: int) -> str:
    """Number and start of a process; "" where there is none of that number."""
    if sys.platform == "linux":
        try:
            # Ticks since the system started: the clock may be set, these stay.
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            fields = stat.rpartition(")")[2].split()
            # One that has ended stays listed until its parent asks how.
            return f"{pid} {fields[19]} {_boot()}" if fields[0] not in ("Z", "X") else ""
        except (OSError, IndexError):
            return ""
    import psutil

    try:
        return f"{pid} {psutil.Process(pid).create_time():.2f}"
    except psutil.Error:
        return ""


@lru_cache(maxsize=1)
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def is_alive(name: str) -> bool:
    """Whether the process that called itself so is still running."""
    parts = name.split()
    if not parts or not parts[0].isdecimal():
        return False
    now = process_name(int(parts[0])).split()
    if len(now) == len(parts) == 2 and now:
        try:
            return abs(float(now[1]) - float(parts[1])) < _CLOCK_SLACK
        except ValueError:
            return False
    return bool(now) and now == parts


def note_writer(connection: sqlite3.Connection, message: int) -> None:
    """This process writes that answer."""
    connection.execute(
        "INSERT OR REPLACE INTO writers (message, process) VALUES (?, ?)",
        (message, this_process()),
    )


def merge(connection: sqlite3.Connection, message: int, last: str, ended: str) -> bool:
    """Make one text of the pieces of an answer and index it; False where it is not being written."""
    row = connection.execute(
        "SELECT text FROM messages WHERE id = ? AND ended = ?", (message, WRITING)
    ).fetchone()
    if row is None:
        return False
    text = text_of(row[0]) + joined_pieces(connection, message) + last
    connection.execute("DELETE FROM pieces WHERE message = ?", (message,))
    connection.execute("DELETE FROM writers WHERE message = ?", (message,))
    connection.execute(
        "UPDATE messages SET text = ?, ended = ? WHERE id = ?", (text, ended, message)
    )
    index_message(connection, message, text)
    return True


def left_unfinished(connection: sqlite3.Connection) -> list[int]:
    """The answers that nobody writes any more although they are marked as being written."""
    rows = connection.execute(
        "SELECT id, process FROM messages LEFT JOIN writers ON writers.message = messages.id "
        "WHERE ended = 'writing'"
    ).fetchall()
    return [message for message, process in rows if not is_alive(text_of(process))]
