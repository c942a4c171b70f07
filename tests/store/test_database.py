"""Full disks and other refusals in the middle of everything: nothing is half done."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pychatbot_gui.core.errors import Cancelled, StorageError
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.store.chats import ChatStore, NewAnswer, NewQuestion, open_store
from pychatbot_gui.store.database import Place, translated
from tests.store.conftest import exchange

LONG = "".join(f"word{i} " for i in range(20_000))

WRITES: dict[str, Callable[[ChatStore, int, int], object]] = {
    "add_exchange": lambda s, c, a: s.add_exchange(c, NewQuestion(LONG, a), NewAnswer()),
    "new chat": lambda s, c, a: s.add_exchange(0, NewQuestion(LONG), NewAnswer()),
    "add_answer": lambda s, c, a: s.add_answer(c, 1, NewAnswer(), LONG),
    "append_text": lambda s, c, a: s.append_text(a, LONG),
    "finish_answer": lambda s, c, a: s.finish_answer(a, LONG, "stop"),
    "set_draft": lambda s, c, a: s.set_draft(c, LONG),
    "set_system": lambda s, c, a: s.set_system(c, LONG),
    "set_preset": lambda s, c, a: s.set_preset(c, LONG, {}),
    "rename": lambda s, c, a: s.rename(c, LONG),
    "fork": lambda s, c, a: s.fork(c, a),
    "add_imported": lambda s, c, a: s.add_imported(replace(s.chat(c), system="x")),
    "add_folder": lambda s, c, a: s.add_folder(LONG),
}


def state(store: ChatStore) -> tuple[list[SavedChat], object, int]:
    chats = [store.chat(chat) for chat in store.chat_ids()]
    return chats, store.listing(), len(store.search("w", 1000))


@pytest.mark.parametrize("name", WRITES)
def test_a_full_disk(store: ChatStore, path: Path, name: str) -> None:
    chat, _, first = exchange(store, LONG, LONG)
    _, _, answer = store.add_exchange(chat, NewQuestion("More", first), NewAnswer())
    store.append_text(answer, "piece")
    before = state(store)
    connection = store._database.connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StorageError, match="no space left"):
        WRITES[name](store, chat, answer)
    assert (state(store) == before) is True
    store.append_text(answer, "fits")
    connection.execute("PRAGMA max_page_count = 1000000")
    WRITES[name](store, chat, answer)
    assert (state(store) == before) is False
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


FILLS = """
import sys
from pathlib import Path
from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.store.chats import NewAnswer, NewQuestion, open_store
store = open_store(Path(sys.argv[1]))[0]
chat, _, answer = store.add_exchange(0, NewQuestion("Q"), NewAnswer())
saved = 0
try:
    while True:
        store.append_text(answer, "0123456789" * 50)
        saved += 1
except StorageError as error:
    assert "What was saved before" in str(error), error
print(saved, flush=True)
try:
    store.finish_answer(answer, "", "stop")
except StorageError:
    print("refused", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_files_that_may_not_grow(path: Path) -> None:
    """What the system refuses in the middle of a write, not only what the library foresees."""

    resource = pytest.importorskip("resource")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    done = subprocess.run(
        [sys.executable, "-c", FILLS, str(path)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    saved = int(done.stdout.split()[0])
    assert saved > 20
    with closing(open_store(path)[0]) as store:
        store.mark_crashed()
        (chat,) = store.chat_ids()
        assert len(store.chat(chat).messages[1].text) >= saved * 500


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("database or disk is full", "free some space"),
        ("attempt to write a readonly database", "can be written"),
        ("unable to open database file", "can be written"),
        ("disk I/O error", "check the disk"),
        ("database is locked", "Another program"),
        ("something new", "something new"),
    ],
)
def test_errors_as_sentences(text: str, words: str) -> None:
    error = translated(sqlite3.OperationalError(text), Place("", Path("/x/conversations.db")))
    assert isinstance(error, StorageError)
    assert words in str(error)
    assert str(Path("/x/conversations.db")) in str(error)
    assert text in error.detail


def test_an_interruption_is_no_error() -> None:
    assert isinstance(translated(sqlite3.OperationalError("interrupted"), Place("")), Cancelled)


def test_what_raises_inside_is_undone(store: ChatStore) -> None:
    database = store._database
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute("INSERT INTO folders (name, created) VALUES ('x', 0)")
        raise ZeroDivisionError
    assert store.listing().folders == ()
    store.add_folder("y")


def test_a_file_that_is_deleted_while_it_is_open_is_put_back(path: Path) -> None:
    first = open_store(path)[0]
    second = first.another()
    chat, _, answer = first.add_exchange(0, NewQuestion("Before"), NewAnswer())
    for rest in ("", "-wal", "-shm"):
        path.with_name(path.name + rest).unlink(missing_ok=True)
    first.append_text(answer, "after")
    assert second.chat(chat).title == "Before"
    second.rename(chat, "Renamed by the other connection")
    first.finish_answer(answer, " all", "stop")
    for store in (first, second):
        store.close()
    with closing(open_store(path)[0]) as again:
        assert again.chat(chat).title == "Renamed by the other connection"
        assert again.chat(chat).path()[-1].text.endswith("after all")
        assert again.search("after")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_folder_that_is_moved_away_is_made_again(path: Path) -> None:
    with closing(open_store(path)[0]) as store:
        exchange(store, "Before")
        path.parent.rename(path.parent.with_name("moved"))
        exchange(store, "After")
    with closing(open_store(path)[0]) as again:
        assert len(again.chat_ids()) == 2


def test_a_file_that_was_replaced_is_not_written_to_and_nothing_is_lost(path: Path) -> None:
    other = path.with_name("other.db")
    with closing(open_store(other)[0]) as store:
        exchange(store, "Of another time")
    with closing(open_store(path)[0]) as store:
        exchange(store, "Before")
        other.replace(path)
        for _ in range(2):
            with pytest.raises(StorageError, match="replaced by another file"):
                exchange(store, "After")
    (aside,) = [p for p in path.parent.iterdir() if "replaced" in p.name]
    with closing(open_store(aside)[0]) as kept:
        assert [kept.chat(c).title for c in kept.chat_ids()] == ["Before"]
    with closing(open_store(path)[0]) as there:
        assert [there.chat(c).title for c in there.chat_ids()] == ["Of another time"]
