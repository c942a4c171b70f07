"""Disks that are slow or full, and files that are held, as the store meets them."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.store import chats
from pychatbot_gui.store.chats import ChatStore, open_store


def slowly(monkeypatch: pytest.MonkeyPatch, *names: str, seconds: float = 0.3) -> None:
    """A disk on which these calls of the store take so long."""
    never = threading.Event()

    def slow(work: Callable[..., object]) -> Callable[..., object]:
        def waits(*values: object, **more: object) -> object:
            never.wait(seconds)
            return work(*values, **more)

        return waits

    for name in names:
        monkeypatch.setattr(ChatStore, name, slow(getattr(ChatStore, name)))


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch, *names: str) -> Iterator[list[str]]:
    """Calls of the store that fail; which of them were made."""
    called: list[str] = []

    def failing(name: str) -> Callable[..., object]:
        def full(*_: object, **__: object) -> None:
            called.append(name)
            raise StorageError("The disk is full.")

        return full

    with monkeypatch.context() as patch:
        for name in names:
            patch.setattr(ChatStore, name, failing(name))
        yield called


def impatient(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """A store that waits no longer than this for another program."""
    monkeypatch.setattr(chats, "open_store", lambda path, **more: open_store(path, seconds, **more))


@contextmanager
def held(database: Path) -> Iterator[None]:
    """The file while another program holds it for itself."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
