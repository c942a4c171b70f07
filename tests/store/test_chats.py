"""Conversations saved as they happen."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.errors import Cancelled, StorageError
from pychatbot_gui.store.chats import ChatStore, NewAnswer, NewQuestion, open_memory, open_store
from tests.store.conftest import exchange, texts


@pytest.fixture(params=["file", "memory"])
def either(request: pytest.FixtureRequest, path: Path) -> Iterator[ChatStore]:
    store = open_store(path)[0] if request.param == "file" else open_memory()
    yield store
    store.close()


# -- exchanges --------------------------------------------------------------------------------


def test_an_exchange_from_the_first_word_to_the_last(either: ChatStore) -> None:
    question = NewQuestion("What is a tree?", system="Be kind", preset="P", sampling={"top_k": 40})
    chat, asked, answered = either.add_exchange(0, question, NewAnswer("m", {"temperature": 0.5}))
    saved = either.chat(chat)
    assert (saved.title, saved.system, saved.preset) == ("What is a tree?", "Be kind", "P")
    assert saved.sampling == {"top_k": 40}
    assert len(saved.uid) == 32
    assert saved.head == answered
    assert [m.role for m in saved.messages] == [Role.USER, Role.ASSISTANT]
    assert saved.by_id[answered].parent == asked
    assert saved.by_id[answered].ended == "writing"
    either.append_text(answered, "A tree ")
    either.append_text(answered, "is a plant")
    with closing(either.another()) as another:
        assert another.chat(chat).by_id[answered].text == "A tree is a plant"
        assert another.search("plant") == []
    either.finish_answer(
        answered, ".", "length", prompt_tokens=12, reply_tokens=5, tokens_per_second=3.5
    )
    done = either.chat(chat).by_id[answered]
    assert (done.text, done.ended, done.model) == ("A tree is a plant.", "length", "m")
    assert done.sampling == {"temperature": 0.5}
    assert (done.prompt_tokens, done.reply_tokens, done.tokens_per_second) == (12, 5, 3.5)
    assert done.is_cut
    assert [hit.message for hit in either.search("plant")] == [answered]


def test_branches_stay(store: ChatStore) -> None:
    chat, asked, first = exchange(store, "Question", "first")
    second = store.add_answer(chat, asked, NewAnswer("other", {"seed": 1}))
    store.finish_answer(second, "second", "stop")
    third = store.add_answer(chat, asked, NewAnswer(), "first, ")
    store.append_text(third, "and more")
    store.finish_answer(third, "!", "stop")
    _, edited, _ = exchange(store, "Another question", "answer", chat)
    saved = store.chat(chat)
    assert texts(saved) == ["Another question", "answer"]
    assert saved.versions(edited) == (asked, edited)
    assert saved.versions(first) == (first, second, third)
    assert saved.by_id[third].text == "first, and more!"
    store.set_head(chat, second)
    assert texts(store.chat(chat)) == ["Question", "second"]


def test_a_refused_message_is_taken_back(store: ChatStore) -> None:
    chat, _, answer = exchange(store)
    _, question, _ = store.add_exchange(chat, NewQuestion("Too long", answer), NewAnswer())
    store.take_back(question)
    assert texts(store.chat(chat)) == ["Hello", "Hi there"]
    assert store.search("long") == []
    other, question, _ = store.add_exchange(0, NewQuestion("Too long"), NewAnswer())
    store.take_back(question)
    assert store.chat_ids() == [chat]
    with pytest.raises(StorageError, match="not there any more"):
        store.chat(other)


def test_what_has_an_answer_is_not_taken_back(store: ChatStore) -> None:
    chat, question, _ = exchange(store)
    store.take_back(question)
    chat2, question2, answer2 = store.add_exchange(0, NewQuestion("Two"), NewAnswer())
    store.append_text(answer2, "already something")
    store.take_back(question2)
    assert len(store.chat(chat).messages) == len(store.chat(chat2).messages) == 2


def test_a_first_question_edited_and_refused_leaves_the_other_branch(store: ChatStore) -> None:
    chat, _, answer = exchange(store)
    _, question, _ = store.add_exchange(chat, NewQuestion("Edited"), NewAnswer())
    store.take_back(question)
    assert store.chat(chat).head == answer


def test_nothing_is_added_to_what_is_finished_or_gone(store: ChatStore) -> None:
    chat, _, answer = exchange(store)
    for call in (
        lambda: store.append_text(answer, "more"),
        lambda: store.finish_answer(answer, "more", "stop"),
        lambda: store.append_text(99, "more"),
        lambda: store.add_exchange(99, NewQuestion("?"), NewAnswer()),
        lambda: store.add_answer(99, 1, NewAnswer()),
        lambda: store.rename(99, "x"),
        lambda: store.set_draft(99, "x"),
        lambda: store.move(chat, 99),
        lambda: store.fork(chat, 99),
        lambda: store.fork(99, 1),
    ):
        with pytest.raises(StorageError, match="is not there any more"):
            call()
    assert len(store.chat(chat).messages) == 2
    assert store.chat_ids() == [chat]


def test_what_belongs_to_a_chat(store: ChatStore) -> None:
    chat, _, _ = exchange(store)
    store.set_draft(chat, "unsent")
    store.set_system(chat, "new system")
    store.set_preset(chat, "Concise", {"temperature": 0.2, "top_k": float("nan")})
    store.set_hidden_turns(chat, 3)
    store.rename(chat, "New name", "model")
    saved = store.chat(chat)
    assert (saved.draft, saved.system, saved.preset) == ("unsent", "new system", "Concise")
    assert (saved.sampling, saved.hidden_turns) == ({"temperature": 0.2}, 3)
    assert (saved.title, saved.titled_by) == ("New name", "model")
    exchange(store, chat=chat, parent=saved.head)
    assert store.chat(chat).draft == ""


def test_any_text_comes_back_as_it_was(store: ChatStore) -> None:
    for text in ("a\0b\0", "\ud800 lone", "\u202e\x1b[31m", "x" * 3_000_000, "'; DROP TABLE chats"):
        chat, question, answer = store.add_exchange(0, NewQuestion(text), NewAnswer())
        store.append_text(answer, text)
        store.finish_answer(answer, text, "stop")
        clean = text.replace("\ud800", "\ufffd")
        saved = store.chat(chat)
        assert saved.by_id[question].text == clean
        assert saved.by_id[answer].text == clean * 2
        store.rename(chat, text)
        assert store.chat(chat).title == clean
        assert store.listing().chats[0].title == clean[:200]
        store.erase(chat)


# -- erased ---------------------------------------------------------------------------------------


def test_what_was_deleted_long_ago_is_erased(path: Path) -> None:
    now = [1_700_000_000.0]
    with closing(open_store(path, clock=lambda: now[0])[0]) as store:
        old, future, kept = (exchange(store, f"Chat {i}")[0] for i in range(3))
        store.delete(old)
        now[0] += 86400 * 300
        store.delete(future)
        now[0] -= 86400 * 269
        assert store.erase_old() == [old]
        assert [entry.id for entry in store.listing().deleted] == [future]
        with pytest.raises(StorageError):
            store.chat(old)
        assert store.chat_ids() == [kept]


def test_erased_for_good(store: ChatStore, path: Path) -> None:
    chat, _, _ = exchange(store, "A secretquestion", "and its hiddenanswer")
    _, _, open_answer = store.add_exchange(chat, NewQuestion("more"), NewAnswer())
    store.append_text(open_answer, "unfinishedpart")
    other, _, _ = exchange(store, "Something else")
    store.erase(chat)
    assert store.search("secret") == store.search("hidden") == []
    assert [hit.chat for hit in store.search("something") if hit.message] == [other]
    with closing(sqlite3.connect(path)) as raw:
        left = "SELECT (SELECT count(*) FROM pieces) + (SELECT count(*) FROM writers)"
        assert raw.execute(left).fetchone() == (0,)
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    assert b"its hiddenanswer" not in path.read_bytes()
    assert b"unfinishedpart" not in path.read_bytes()


# -- bad rows, two programs, threads ----------------------------------------------------------------


def test_a_bad_row_hides_nothing(store: ChatStore, path: Path) -> None:
    good = exchange(store, "Good question")[0]
    bad, question, answer = exchange(store, "Bad question", "Bad answer")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(
            "UPDATE chats SET title = CAST(x'ff00fe' AS TEXT), updated = 'soon', sampling = '[1', "
            "hidden_turns = 'many', folder = 12, head = 'here' WHERE id = ?",
            (bad,),
        )
        raw.execute("UPDATE messages SET parent = ? WHERE id = ?", (answer, question))
        raw.execute(
            "UPDATE messages SET role = 'robot', created = x'00', sampling = '{\"a\": [], \"b\": 1}', "
            "prompt_tokens = 'x', text = CAST(x'41ff42' AS TEXT) WHERE id = ?",
            (answer,),
        )
        raw.commit()
    listing = store.listing()
    assert [entry.id for entry in listing.chats] == [good]
    assert [entry.id for folder in listing.folders for entry in folder.chats] == [bad]
    saved = store.chat(bad)
    assert saved.by_id[answer].text == "A\ufffdB"
    assert saved.by_id[answer].role is Role.ASSISTANT
    assert saved.by_id[answer].sampling == {"b": 1}
    assert saved.head == answer
    assert len(saved.path()) == 2
    assert {hit.chat for hit in store.search("question")} == {good, bad}
    store.move(bad, 0)
    assert store.chat_ids() == [good, bad] or store.chat_ids() == [bad, good]


WRITES = """
import sys
from pathlib import Path
from pychatbot_gui.store.chats import NewAnswer, NewQuestion, open_store
store, told = open_store(Path(sys.argv[1]), busy_seconds=30)
assert not told
for i in range(40):
    _, _, answer = store.add_exchange(0, NewQuestion("from there"), NewAnswer())
    store.append_text(answer, "piece")
    store.finish_answer(answer, "", "stop")
store.close()
"""


def test_two_programs_write_at_the_same_time(path: Path) -> None:
    # Both also make the database at the same time.
    others = [subprocess.Popen([sys.executable, "-c", WRITES, str(path)]) for _ in range(2)]
    with closing(open_store(path, busy_seconds=30)[0]) as store:
        for _ in range(40):
            exchange(store, "from here")
        assert [other.wait(30) for other in others] == [0, 0]
        assert len(store.chat_ids()) == 120
        assert len(store.search("from", 500)) == 240


def test_another_program_holds_the_lock(path: Path) -> None:
    with (
        closing(open_store(path, busy_seconds=0.01)[0]) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        chat = exchange(store)[0]
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="Another program is using"):
            exchange(store)
        assert store.chat_ids() == [chat]
        other.execute("ROLLBACK")
        exchange(store)
        assert len(store.chat_ids()) == 2


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_two_threads(kind: str, path: Path) -> None:
    store = open_store(path)[0] if kind == "file" else open_memory()
    with closing(store), closing(store.another()) as other:
        failed: list[BaseException] = []

        def write() -> None:
            try:
                for _ in range(50):
                    exchange(other, "from the thread")
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        for _ in range(50):
            exchange(store, "from the main one")
            store.listing()
        thread.join()
        assert failed == []
        assert len(store.chat_ids()) == 100


def test_a_search_is_interrupted(store: ChatStore) -> None:
    for i in range(30):
        exchange(store, f"question {i}", "word " * 2000)
    ended: list[object] = []
    with closing(store.another()) as other:
        begun = threading.Event()

        def search() -> None:
            begun.set()
            try:
                while True:
                    other.search("word question")
            except Cancelled as cancelled:
                ended.append(cancelled)

        thread = threading.Thread(target=search)
        thread.start()
        begun.wait()
        while thread.is_alive():
            other.interrupt()
            thread.join(0.005)
        assert len(ended) == 1
        assert other.search("word")


def test_only_the_owner_can_read(path: Path) -> None:
    before = os.umask(0)
    try:
        path.parent.mkdir()
        path.parent.chmod(0o755)
        with closing(open_store(path)[0]) as store:
            exchange(store)
            store.backup(path.parent / "backups")
            modes = {
                p.relative_to(path.parent).as_posix(): stat.S_IMODE(p.stat().st_mode)
                for p in path.parent.rglob("*")
            }
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert modes.pop("backups") == 0o700
    assert {"conversations.db", "conversations.db-wal", "conversations.db-shm"} < set(modes)
    assert set(modes.values()) == {0o600}


def test_a_chat_deleted_by_a_clock_that_went_back_is_not_old(path: Path) -> None:
    clock = [1_800_000_000.0]
    with closing(open_store(path, clock=lambda: clock[0])[0]) as store:
        chat, _, _ = exchange(store)
        clock[0] = 0.0
        store.delete(chat)
        clock[0] = 1_800_003_600.0
        assert store.erase_old() == []
        store.restore(chat)
