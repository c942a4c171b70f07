"""One copy a day, seven kept."""

import itertools
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from pychatbot_gui.core.errors import Cancelled, StorageError
from pychatbot_gui.store import backup
from pychatbot_gui.store.backup import copies_in
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

    def full(_: object, unfinished: Path, __: object) -> None:
        unfinished.write_bytes(b"half")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(backup, "_copy_pages", full)
    with pytest.raises(StorageError, match="free some space"):
        store.backup(tmp_path / "b")
    assert list((tmp_path / "b").iterdir()) == []


def test_memory_has_no_copy(tmp_path: Path) -> None:
    with closing(open_memory()) as store:
        assert store.backup(tmp_path / "b") is None


def test_copies_of_days_to_come_do_not_push_out_others(path: Path) -> None:
    """As a clock that was wrong for a while leaves them."""
    clock = [0.0]
    folder = path.parent / "backups"
    with closing(open_store(path, clock=lambda: clock[0])[0]) as store:
        exchange(store)
        for day in (*range(20_000, 20_007), *range(10_000, 10_005)):
            clock[0] = day * 86400.0 + 43200
            made = store.backup(folder, keep=4)
            assert made is not None and made.exists()
        assert len(list(folder.iterdir())) == 4
        assert copies_in(folder, clock[0])[0] == made
    assert all(copy.name < "conversations-2000" for copy in folder.iterdir())


def test_a_copy_that_is_stopped_leaves_nothing(path: Path) -> None:
    with closing(open_store(path)[0]) as store:
        exchange(store, "word " * 1_000_000)
        for last in (0, 1, 2):
            looks = itertools.count()
            with pytest.raises(Cancelled):
                store.backup(
                    path.parent / "backups",
                    is_cancelled=lambda last=last, looks=looks: next(looks) >= last,
                )
            assert list((path.parent / "backups").iterdir()) == []
        assert store.backup(path.parent / "backups") is not None
