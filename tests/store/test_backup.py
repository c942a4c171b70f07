"""One copy a day, seven kept."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.store import backup
from pychatbot_gui.store.chats import ChatStore, open_memory, open_store
from tests.store.conftest import exchange

DAY = 86400.0
NOON = 1_700_000_000.0


def test_seven_days_are_kept(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    now = [NOON]
    with closing(open_store(path, clock=lambda: now[0])[0]) as store:
        (folder).mkdir()
        (folder / "conversations-of-mine.db").touch()
        (folder / "conversations-2001-01-01.db.old").touch()
        made = []
        for day in range(10):
            exchange(store, f"Day {day}")
            made.append(store.backup(folder))
            assert store.backup(folder) is None
            now[0] += DAY
        kept = sorted(p.name for p in folder.iterdir())
    names = [p.name for p in made if p]
    assert len(set(names)) == 10
    assert kept == sorted(
        [*names[-7:], "conversations-of-mine.db", "conversations-2001-01-01.db.old"]
    )


def test_a_copy_can_be_used(store: ChatStore, tmp_path: Path) -> None:
    chat = exchange(store, "To be kept", "x" * 100_000)[0]
    copy = store.backup(tmp_path / "b")
    assert copy
    exchange(store, "Later")
    with closing(open_store(copy)[0]) as restored:
        assert restored.chat_ids() == [chat]
        assert restored.chat(chat) == store.chat(chat)
        assert restored.search("kept")
        exchange(restored)


def test_writing_goes_on_meanwhile(store: ChatStore, tmp_path: Path) -> None:
    for i in range(60):
        exchange(store, f"Before {i}", "x" * 50_000)
    with closing(store.another()) as other:
        copied: list[Path | None] = []
        thread = threading.Thread(target=lambda: copied.append(other.backup(tmp_path / "b")))
        thread.start()
        during = 0
        while thread.is_alive() or not during:
            exchange(store, "During", "y" * 10_000)
            during += 1
        thread.join()
    assert copied[0]
    with closing(sqlite3.connect(copied[0])) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert raw.execute("SELECT count(*) FROM messages").fetchone()[0] >= 120


def test_damage_pushes_out_no_sound_copy(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    now = [NOON]
    with closing(open_store(path, clock=lambda: now[0])[0]) as store:
        exchange(store, "A question", "x" * 50_000)
        sound = store.backup(folder, 1)
        with closing(sqlite3.connect(path)) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            query = "SELECT rootpage FROM sqlite_master WHERE name = 'chats_by_uid'"
            (root,) = raw.execute(query).fetchone()
        with path.open("rb+") as stream:
            stream.seek((root - 1) * 4096)
            stream.write(b"\x0a\x00\x00\x00\x05" + b"\xee" * 400)
        now[0] += DAY
        with pytest.raises(StorageError, match="no copy of it was made"):
            store.backup(folder, 1)
    assert list(folder.iterdir()) == [sound]
    assert path.with_name("conversations.db.suspect").exists()


def test_a_folder_that_cannot_be_written(store: ChatStore, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="daily copy"):
        store.backup(tmp_path / "file" / "b")


def test_a_full_disk_leaves_nothing(
    store: ChatStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange(store)

    def full(_: object, unfinished: Path) -> None:
        unfinished.write_bytes(b"half")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(backup, "_copy_pages", full)
    with pytest.raises(StorageError, match="free some space"):
        store.backup(tmp_path / "b")
    assert list((tmp_path / "b").iterdir()) == []


def test_memory_has_no_copy(tmp_path: Path) -> None:
    with closing(open_memory()) as store:
        assert store.backup(tmp_path / "b") is None
