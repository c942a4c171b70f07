"""Databases of other versions, and such that cannot be written."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.store import opening
from pychatbot_gui.store.chats import ChatStore, open_store
from pychatbot_gui.store.migrations import STEPS, version_of
from tests.store.conftest import exchange


def _another_column(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE chats ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'")


def _that_fails(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM messages")
    connection.execute("SELECT nonsense")


def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    with closing(open_store(path)[0]) as store:
        exchange(store)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"newer version of PyChatbot \(its format is 99"):
        open_store(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_an_older_file_is_copied_then_changed(path: Path) -> None:
    with closing(open_store(path)[0]) as store:
        chat = exchange(store)[0]
    place, told = opening.prepare(path, 5, (*STEPS, _another_column))
    assert told == []
    with closing(sqlite3.connect(path)) as raw:
        assert version_of(raw) == len(STEPS) + 1
        assert raw.execute("SELECT colour FROM chats").fetchall() == [("blue",)]
    former = path.with_name("conversations.db.version-1")
    assert former.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(former)) as raw:
        assert version_of(raw) == len(STEPS)
    with closing(ChatStore.at(place)) as store:
        assert len(store.chat(chat).messages) == 2


def test_a_step_that_fails_changes_nothing(path: Path) -> None:
    with closing(open_store(path)[0]) as store:
        chat = exchange(store)[0]
        before = store.chat(chat)
    with pytest.raises(StorageError):
        opening.prepare(path, 5, (*STEPS, _another_column, _that_fails))
    path.with_name("conversations.db.suspect").unlink()
    with closing(open_store(path)[0]) as store:
        assert store.chat(chat) == before


def test_no_copy_no_change(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(path)[0].close()

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(opening.backup, "copy", no_space)
    with pytest.raises(StorageError, match="Nothing was changed"):
        opening.prepare(path, 5, (*STEPS, _another_column))
    with closing(sqlite3.connect(path)) as raw:
        assert version_of(raw) == len(STEPS)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be kept"):
        open_store(tmp_path / "file" / "conversations.db")


def test_a_folder_in_place_of_the_file(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StorageError):
        open_store(path)
    assert path.is_dir()


OPENS = """
import sys
from pathlib import Path
from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.store.chats import open_store
try:
    open_store(Path(sys.argv[1]))[0].close()
except StorageError as error:
    print(error)
"""


def without_privileges() -> list[str]:
    """What makes a program of root respect permissions."""
    if os.name != "posix":
        pytest.skip("permissions work otherwise here")
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may write everything")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.mark.parametrize("what", ["file", "folder", "unreadable", "new"])
def test_what_cannot_be_written(path: Path, what: str) -> None:
    if what == "new":
        path.parent.mkdir()
    else:
        with closing(open_store(path)[0]) as store:
            exchange(store)
    locked = path if what in ("file", "unreadable") else path.parent.parent
    if what in ("folder", "new"):
        # The folder of the program itself is opened again; what lies above it is not its own.
        locked = path.parent
    locked.chmod({"file": 0o400, "unreadable": 0, "folder": 0o500, "new": 0o500}[what])
    command = [*without_privileges(), sys.executable, "-c", OPENS, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    # What is ours is made writable again where that is possible; else a sentence is the answer.
    assert done.stdout == "" or "can be written" in done.stdout
    path.parent.chmod(0o700)
    if path.exists():
        path.chmod(0o600)
    with closing(open_store(path)[0]) as store:
        assert len(store.chat_ids()) == (what != "new")


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_file_that_another_program_holds_can_be_read_and_written_when_it_lets_go(
    path: Path, begin: str
) -> None:
    with closing(open_store(path)[0]) as store:
        exchange(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(begin)
        store, told = open_store(path, busy_seconds=0.05)
        assert told == []
        assert len(store.chat_ids()) == 1
        with pytest.raises(StorageError, match="Another program is using"):
            exchange(store)
        other.execute("ROLLBACK")
    exchange(store)
    assert len(store.chat_ids()) == 2
    store.close()
