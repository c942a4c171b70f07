"""Damage of every kind: what can be read comes back, the damaged file is kept, the person is told."""

import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pychatbot_gui.core.errors import Cancelled, StorageError
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.store.chats import ChatStore, NewAnswer, NewQuestion, open_store
from tests.store.conftest import exchange

CHATS = 60


def fill(path: Path, chats: int = CHATS) -> dict[int, SavedChat]:
    """A database with long and short messages, folders, a branch and an answer being written."""
    rng = random.Random(1)
    with closing(open_store(path)[0]) as store:
        folder = store.add_folder("A folder")
        for i in range(chats):
            words = " ".join(
                rng.choices(["tree", "Straße", "你好", "lake"], k=rng.choice((5, 900)))
            )
            chat, question, _ = exchange(store, f"Question {i}", words)
            store.add_answer(chat, question, NewAnswer("m"), "Another way")
        store.move(chat, folder)
        return everything(store)


def everything(store: ChatStore) -> dict[int, SavedChat]:
    return {chat: store.chat(chat) for chat in store.chat_ids()}


def same(found: object, expected: object) -> bool:
    """Compared outside of an `assert`, which would take minutes to explain such a difference."""
    return found == expected


def set_aside(path: Path) -> list[Path]:
    return [p for p in path.parent.glob("conversations.db.damaged-*") if p.suffix[-4:] != "-wal"]


def opened_again(path: Path) -> tuple[dict[int, SavedChat], str]:
    """What is there after a recovery, which works, and what the person was told."""
    damaged = path.read_bytes()
    store, told = open_store(path)
    with closing(store):
        found = everything(store)
        chat, _, answer = exchange(store, "newquestion", "after it")
        assert {hit.message for hit in store.search("newquestion after")} <= {answer}
        assert store.search("newquestion")
        store.erase(chat)
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(told) == 1
    assert "was damaged" in told[0]
    (aside,) = set_aside(path)
    assert same(aside.read_bytes(), damaged)
    assert aside.name in told[0]
    assert not list(path.parent.glob(".*"))
    again, told_again = open_store(path)
    again.close()
    assert told_again == []
    return found, told[0]


def messages(chats: dict[int, SavedChat]) -> dict[int, str]:
    return {m.id: m.text for chat in chats.values() for m in chat.messages}


def test_the_header_is_gone(path: Path) -> None:
    before = fill(path)
    with path.open("rb+") as stream:
        stream.write(bytes(100))
    found, told = opened_again(path)
    assert same(found, before)
    assert f"{CHATS} conversations with {3 * CHATS} messages were recovered." in told


def test_the_first_page_is_gone(path: Path) -> None:
    before = fill(path)
    with path.open("rb+") as stream:
        stream.write(random.Random(2).randbytes(4096))
    assert same(opened_again(path)[0], before)


@pytest.mark.parametrize("part", [0.001, 0.2, 0.5, 0.9, 0.99])
def test_truncated_anywhere(path: Path, part: float) -> None:
    before = messages(fill(path))
    size = path.stat().st_size
    with path.open("rb+") as stream:
        stream.truncate(int(size * part))
    found = messages(opened_again(path)[0])
    # What is there is as it was, but for one text of which the end is cut off.
    assert set(found) <= set(before)
    assert all(before[m].startswith(text.rstrip("\ufffd")) for m, text in found.items())
    assert len(found) >= len(before) * (part - 0.25)


@pytest.mark.parametrize("seed", range(8))
def test_pages_of_noise(path: Path, seed: int) -> None:
    before = messages(fill(path))
    rng = random.Random(seed)
    with path.open("rb+") as stream:
        pages = path.stat().st_size // 4096
        for page in rng.sample(range(pages), k=pages // 10):
            stream.seek(page * 4096)
            stream.write(rng.randbytes(4096))
    with closing(sqlite3.connect(path)) as raw:
        try:
            sound = raw.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        except sqlite3.DatabaseError:
            sound = False
    assert not sound
    found = messages(opened_again(path)[0])
    whole = [m for m, text in found.items() if before[m] == text]
    assert len(whole) >= len(before) * 0.6


def test_what_is_missing_comes_from_the_newest_copy(path: Path) -> None:
    backups = path.parent / "backups"
    before = fill(path)
    with closing(open_store(path)[0]) as store:
        store.backup(backups)
        _, newer, _ = exchange(store, "Written after the copy")
        after = everything(store)
    (copy,) = backups.iterdir()
    older = copy.with_name("conversations-2001-01-01.db")
    shutil.copy(copy, older)
    with path.open("rb+") as stream:
        stream.truncate(path.stat().st_size // 3)
    found, told = opened_again(path)
    assert set(messages(before)) <= set(messages(found))
    assert set(messages(found)) <= set(messages(after))
    assert "from the newest copy" in told


def test_all_is_gone_but_the_copy(path: Path) -> None:
    before = fill(path)
    with closing(open_store(path)[0]) as store:
        store.backup(path.parent / "backups")
    path.write_bytes(b"")
    assert same(opened_again(path)[0], before)


def test_no_database_at_all(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"Dear diary, " * 1000)
    found, told = opened_again(path)
    assert found == {}
    assert "No conversation could be read" in told


def test_a_database_of_another_program(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE chats (id INTEGER PRIMARY KEY, text TEXT)")
        other.execute("INSERT INTO chats VALUES (1, 'not ours')")
        other.commit()
    found, told = opened_again(path)
    assert found == {}
    assert "another program" in told


def test_an_empty_file_is_a_new_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    store, told = open_store(path)
    store.close()
    assert told == []


def test_an_empty_file_beside_changes(path: Path) -> None:
    store = open_store(path)[0]
    exchange(store, "Only among the changes", "an answer")
    changes = path.with_name("conversations.db-wal").read_bytes()
    before = everything(store)
    store.close()
    path.write_bytes(b"")
    path.with_name("conversations.db-wal").write_bytes(changes)
    assert same(opened_again(path)[0], before)


def test_messages_without_their_chat(path: Path) -> None:
    before = fill(path, 3)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DELETE FROM chats")
        raw.commit()
    with path.open("rb+") as stream:
        stream.write(b"x")
    found, _ = opened_again(path)
    assert same(messages(found), messages(before))
    assert [chat.title for chat in found.values()] == ["Question 2", "Question 1", "Question 0"]


def test_answers_being_written_when_it_broke(path: Path) -> None:
    with closing(open_store(path)[0]) as store:
        chat, _, answer = store.add_exchange(0, NewQuestion("Q"), NewAnswer())
        store.append_text(answer, "one ")
        store.append_text(answer, "two")
    with path.open("rb+") as stream:
        stream.write(b"x")
    with closing(open_store(path)[0]) as store:
        assert store.mark_crashed() == 1
        assert store.chat(chat).by_id[answer].text == "one two"
        assert store.search("two")


def test_damage_found_while_it_is_used(path: Path) -> None:
    """A file too large to be checked at every start: the next one after the error looks closely."""
    fill(path)
    store = open_store(path)[0]
    with closing(store), closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()
        with path.open("rb+") as stream:
            stream.seek((root[0] - 1) * 4096)
            stream.write(b"\xff" * 4096)
        with (
            closing(store.another()) as other,
            pytest.raises(StorageError, match="start the program"),
        ):
            other.chat(1)
    assert path.with_name("conversations.db.suspect").exists()
    found, _ = opened_again(path)
    assert len(found) == CHATS
    assert not path.with_name("conversations.db.suspect").exists()


def test_a_damaged_index_is_noticed_after_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fill(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE message_words_data SET block = x'00112233' WHERE id > 10")
        raw.commit()
    with closing(open_store(path)[0]) as store:
        with pytest.raises(StorageError, match="is damaged"):
            store.search("tree")
        assert same(everything(store), before)
    store, told = open_store(path)
    with closing(store):
        assert "was damaged" in told[0]
        assert store.search("tree")
        assert same(everything(store), before)


def test_a_false_alarm(path: Path) -> None:
    before = fill(path, 2)
    mark = path.with_name("conversations.db.suspect")
    mark.touch()
    store, told = open_store(path)
    with closing(store):
        assert told == []
        assert same(everything(store), before)
    assert not mark.exists()


def test_no_space_for_the_recovery(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pychatbot_gui.store import database, recovery

    fill(path)
    with path.open("rb+") as stream:
        stream.write(bytes(100))
    damaged = path.read_bytes()
    small = (*database._SETTINGS, "max_page_count = 40")
    with monkeypatch.context() as patch:
        patch.setattr(recovery, "connect", lambda place: database.connect(place, small))
        with pytest.raises(StorageError, match="no space left"):
            open_store(path)
    assert same(path.read_bytes(), damaged)
    assert [p.name for p in path.parent.iterdir()] == ["conversations.db"]
    assert len(opened_again(path)[0]) == CHATS


def test_a_recovery_that_is_stopped_leaves_all_as_it_was(path: Path) -> None:
    with closing(open_store(path)[0]) as store:
        for number in range(30):
            exchange(store, f"Question {number} " + "word " * 500)
    raw = bytearray(path.read_bytes())
    raw[4096 * 3 : 4096 * 4] = os.urandom(4096)
    path.write_bytes(raw)
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    with pytest.raises(Cancelled):
        open_store(path, is_cancelled=lambda: True)
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == before
    store, told = open_store(path)
    assert told and len(store.chat_ids()) > 20
    store.close()
