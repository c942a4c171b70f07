"""An answer on its way into the store, whatever the disk and the person do meanwhile."""

import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from pychatbot_gui import app
from pychatbot_gui.core.chat import Role, clean_text
from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.core.exchange.export_json import json_chunks
from pychatbot_gui.core.history import SavedChat, SavedMessage
from pychatbot_gui.engine.engine import Sampling
from pychatbot_gui.gui.dialogs.report_dialog import ReportDialog
from pychatbot_gui.gui.use_cases.transfer import Transfer
from pychatbot_gui.store import chats as store_chats
from pychatbot_gui.store.chats import ChatStore, NewAnswer, NewQuestion, open_store
from pychatbot_gui.terminal_chats import keeping
from tests.benchmarks.losses import GOAL_MS, kill_often
from tests.engines import FakeEngine
from tests.gui.conftest import Person

Start = Callable[..., Person]
KILLS = 5


@pytest.fixture
def database(home: Path) -> Path:
    return home / "data" / "conversations.db"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """What answers in this test's window."""
    fake = FakeEngine()
    monkeypatch.setattr(app, "_engine_maker", lambda *_: lambda: fake)
    return fake


def chats(database: Path) -> list[SavedChat]:
    with closing(open_store(database)[0]) as store:
        return [store.chat(chat) for chat in store.chat_ids()]


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


ALL_WRITING = (
    "add_exchange",
    "add_answer",
    "append_text",
    "finish_answer",
    "set_draft",
    "set_head",
)


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


@pytest.mark.usefixtures("quiet")
def test_an_answer_that_could_not_be_finished_is_kept_when_the_window_closes_after_the_next(
    start: Start, engine: FakeEngine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.answers = [["The first answer."], ["The second answer."]]
    person = start()
    with full_disk(monkeypatch, "finish_answer", "append_text"):
        person.ask("One")
        person.wait_until(lambda: any("disk is full" in n for n in person.notices()))
    person.ask("Two")
    person.window.close()
    (chat,) = chats(database)
    assert [(m.text, m.ended) for m in chat.path()] == [
        ("One", ""),
        ("The first answer.", "stop"),
        ("Two", ""),
        ("The second answer.", "stop"),
    ]


@pytest.mark.usefixtures("quiet")
def test_the_next_question_is_asked_with_the_whole_answer_before_it(
    start: Start, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, wait_until: Callable
) -> None:
    """On a slow disk the end of an answer reaches the store after the next question."""
    begun = threading.Event()
    append = ChatStore.append_text

    def appends(store: ChatStore, message: int, piece: str) -> None:
        begun.set()
        threading.Event().wait(0.5)
        append(store, message, piece)

    monkeypatch.setattr(ChatStore, "append_text", appends)
    engine.answers = [
        ["The beginning ", lambda: wait_until(begun.is_set), "and the end."],
        ["Yes."],
    ]
    person = start()
    person.ask("One")
    person.ask("Two")
    asked = [m.text for m in engine.history[-1].messages]
    assert asked == ["One", "The beginning and the end.", "Two"]
    assert "elsewhere" not in person.chat() and "another program" not in person.chat()


@pytest.mark.usefixtures("quiet")
def test_a_part_in_the_middle_that_failed_is_not_left_out_at_the_close(
    start: Start, engine: FakeEngine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, failing = threading.Event(), threading.Event()
    engine.answers = [["One, ", lambda: failing.wait(20), "two.", lambda: go_on.wait(20)]]

    def full(*_: object) -> None:
        failing.set()
        raise StorageError("The disk is full.")

    monkeypatch.setattr(ChatStore, "append_text", full)
    person = start()
    person.write("Count")
    person.wait_until(lambda: "two." in person.chat())
    go_on.set()
    person.window.close()
    (chat,) = chats(database)
    assert chat.path()[-1].text == "One, two."


@pytest.mark.usefixtures("quiet")
def test_a_message_that_could_not_be_saved_goes_back_to_its_own_chat(
    start: Start, engine: FakeEngine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.answers = [["A."], ["B."]]
    person = start()
    person.ask("Alpha")
    person.window.new_chat_action.trigger()
    person.ask("Beta")
    beta, alpha = (chat.id for chat in chats(database))
    never = threading.Event()

    def full(*_: object) -> None:
        never.wait(0.3)
        raise StorageError("The disk is full.")

    monkeypatch.setattr(ChatStore, "add_exchange", full)
    person.write("Precious")
    person.window.conversation_list.chat_chosen.emit(alpha)
    person.wait_until(lambda: "Alpha" in person.chat())
    person.wait_until(lambda: any("disk is full" in n for n in person.notices()))
    assert person.prompt.toPlainText() == ""
    person.window.conversation_list.chat_chosen.emit(beta)
    person.wait_until(lambda: "Beta" in person.chat())
    person.wait_until(lambda: person.prompt.toPlainText() == "Precious")
    person.window.new_chat_action.trigger()
    person.write("First of a new one")
    person.window.conversation_list.chat_chosen.emit(alpha)
    person.wait_until(lambda: "Alpha" in person.chat())
    person.wait_until(lambda: not person.window.is_busy())
    assert person.prompt.toPlainText() == ""
    person.window.new_chat_action.trigger()
    assert person.prompt.toPlainText() == "First of a new one"


@pytest.mark.usefixtures("quiet")
def test_a_window_that_closes_before_a_message_is_saved_loses_it_neither_way(
    start: Start, engine: FakeEngine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch, "add_exchange")
    person = start()
    person.write("Sent at the last moment")
    person.window.close()
    assert [m.text for m in chats(database)[0].path()] == ["Sent at the last moment", ""]
    again = start()
    again.wait_until(lambda: "Sent at the last moment" in again.chat())
    assert again.prompt.toPlainText() == ""
    with full_disk(monkeypatch, "add_exchange"):
        again.write("And another")
        again.window.close()
    third = start()
    third.wait_until(lambda: third.prompt.toPlainText() == "And another")


@pytest.mark.usefixtures("quiet")
def test_a_chat_erased_before_its_message_is_saved_is_gone_without_a_word(
    start: Start, engine: FakeEngine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.answers = [["A."], ["Never to be seen."], ["Yes."]]
    person = start()
    person.ask("Doomed")
    (chat,) = chats(database)
    slowly(monkeypatch, "add_exchange", "erase")
    person.write("Too late")
    person.window.conversation_list.erase_wanted.emit(chat.id)
    person.wait()
    person.wait_until(lambda: chats(database) == [])
    assert person.notices() == []
    person.ask("Alive")
    assert person.notices() == []
    person.window.close()
    assert [c.title for c in chats(database)] == ["Alive"]


@pytest.mark.usefixtures("quiet")
def test_a_model_opened_before_a_message_is_saved_answers_it(
    start: Start,
    engine: FakeEngine,
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
    scripted_model: Path,
) -> None:
    engine.answers = [["One."], ["Two."]]
    person = start()
    slowly(monkeypatch, "add_exchange", "finish_answer", seconds=0.5)
    person.ask("First")
    person.write("Second")
    person.window.model_dropped.emit(str(scripted_model))
    person.wait_until(lambda: "Two." in person.chat() and not person.window.is_busy())
    person.window.close()
    (chat,) = chats(database)
    assert [(m.text, m.ended) for m in chat.path()][1:] == [
        ("One.", "stop"),
        ("Second", ""),
        ("Two.", "stop"),
    ]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("wait_ms", [0, 70, 150])
@pytest.mark.parametrize("act", ["stop", "new", "close", "erase", "delete", "open", "version"])
def test_nothing_that_is_done_meanwhile_loses_a_word(
    act: str,
    wait_ms: int,
    start: Start,
    engine: FakeEngine,
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
    scripted_model: Path,
) -> None:
    """Between Send and the end of the answer, on a disk that takes 50 ms for each thing."""
    never = threading.Event()
    pieces: list[object] = []
    for word in ("One ", "two ", "three ", "four."):
        pieces += [word, lambda: never.wait(0.02)]
    engine.answers = [["Hello."], ["Hello again."], pieces]  # type: ignore[list-item]
    person = start()
    person.ask("First")
    person.wait_until(person.window.regenerate_action.isEnabled)
    person.window.regenerate_action.trigger()
    person.wait_until(lambda: "Hello again." in person.chat() and not person.window.is_busy())
    person.wait_until(lambda: chats(database)[0].path()[-1].ended == "stop")
    (chat,) = chats(database)
    slowly(monkeypatch, *ALL_WRITING, seconds=0.05)
    QTest.keyClicks(person.prompt, "Second")
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    QTest.keyClicks(person.prompt, "unsent")
    QTest.qWait(wait_ms)
    acts: dict[str, Callable[[], object]] = {
        "stop": person.window.stop_action.trigger,
        "new": person.window.new_chat_action.trigger,
        "close": person.window.close,
        "erase": lambda: person.window.conversation_list.erase_wanted.emit(chat.id),
        "delete": lambda: person.window.conversation_list.delete_wanted.emit(chat.id),
        "open": lambda: person.window.model_dropped.emit(str(scripted_model)),
        "version": lambda: person.window.chat_view.version_wanted.emit(chat.path()[-1].id, -1),
    }
    acts[act]()
    if act != "close":
        person.wait()
        person.window.close()
    assert not [n for n in person.notices() if "was deleted" not in n and "writing" not in n]
    with closing(sqlite3.connect(database)) as raw:
        rows = raw.execute("SELECT text, ended FROM messages ORDER BY id").fetchall()
        drafts = raw.execute("SELECT draft FROM chats").fetchall()
    if act == "erase":
        assert rows == [] and drafts == []
        return
    assert rows[3] == ("Second", "")
    text, ended = rows[4]
    assert "One two three four.".startswith(text)
    if act in ("new", "delete", "version"):
        assert (text, ended) == ("One two three four.", "stop")
    if act in ("stop", "open") and ended == "stop":
        assert text == "One two three four."
    assert drafts == [("unsent",)]


# -- the file itself ------------------------------------------------------------------------


@pytest.mark.usefixtures("quiet")
def test_a_database_that_is_deleted_meanwhile_is_there_again_with_everything(
    start: Start, engine: FakeEngine, database: Path, wait_until: Callable
) -> None:
    gone = threading.Event()
    engine.answers = [["One."], ["Two, ", lambda: gone.wait(20), "three."]]
    person = start()
    person.ask("First")
    person.write("Second")
    person.wait_until(lambda: "Two," in person.chat())
    for rest in ("", "-wal", "-shm"):
        database.with_name(database.name + rest).unlink(missing_ok=True)
    gone.set()
    person.wait()
    person.window.close()
    (chat,) = chats(database)
    assert [m.text for m in chat.path()] == ["First", "One.", "Second", "Two, three."]


@pytest.mark.usefixtures("quiet")
def test_while_another_program_holds_the_database_nothing_is_lost(
    start: Start, engine: FakeEngine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    engine.answers = [["One."], ["Two, ", lambda: let_go.wait(20), "three."], ["Four."]]
    monkeypatch.setattr(
        store_chats, "open_store", lambda path, **more: open_store(path, 0.1, **more)
    )
    person = start()
    person.ask("First")
    person.write("Second")
    person.wait_until(lambda: "Two," in person.chat())
    (chat,) = chats(database)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        let_go.set()
        person.wait()
        person.wait_until(lambda: any("Another program" in n for n in person.notices()))
        assert "Two, three." in person.chat()
        person.ask("Third")
        person.wait_until(lambda: person.prompt.toPlainText() == "Third")
        person.window.system_prompt.set_text("Written under a lock")
        person.window.new_chat_action.trigger()
        QTest.qWait(300)
        other.execute("ROLLBACK")
    person.window.conversation_list.chat_chosen.emit(chat.id)
    person.wait_until(lambda: "Two, three." in person.chat())
    assert person.prompt.toPlainText() == "Third"
    assert person.window.system_prompt.text() == "Written under a lock"
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait_until(lambda: "Four." in person.chat() and not person.window.is_busy())
    person.window.close()
    (chat,) = chats(database)
    assert chat.system == "Written under a lock"
    assert [m.text for m in chat.path()] == [
        *("First", "One.", "Second", "Two, three.", "Third", "Four.")
    ]


@pytest.mark.usefixtures("quiet")
def test_what_cannot_be_saved_to_the_last_is_there_at_the_next_start(
    start: Start, engine: FakeEngine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        store_chats, "open_store", lambda path, **more: open_store(path, 0.05, **more)
    )
    held = threading.Event()
    engine.answers = [["One."], ["Two, ", lambda: held.wait(20), "three."]]
    person = start()
    person.ask("First")
    person.write("Second")
    person.wait_until(lambda: "Two," in person.chat())
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        held.set()
        person.wait()
        QTest.keyClicks(person.prompt, "unsent")
        person.window.close()
        other.execute("ROLLBACK")
    again = start()
    again.wait_until(lambda: "Second" in again.chat())
    assert again.prompt.toPlainText() == "unsent"
    again.window.new_chat_action.trigger()
    assert "Two, three." in again.prompt.toPlainText()


@pytest.mark.usefixtures("quiet")
def test_a_database_held_at_the_start_is_used_all_the_same(
    start: Start, engine: FakeEngine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        store_chats, "open_store", lambda path, **more: open_store(path, 0.1, **more)
    )
    engine.answers = [["One."], ["Two."]]
    first = start()
    first.ask("First")
    first.window.close()
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        person = start()
        person.wait_until(lambda: "One." in person.chat())
        other.execute("ROLLBACK")
    person.ask("Second")
    person.window.close()
    (chat,) = chats(database)
    assert [m.text for m in chat.path()] == ["First", "One.", "Second", "Two."]


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
@pytest.mark.usefixtures("quiet")
def test_a_full_disk_loses_nothing_and_is_told(
    start: Start, engine: FakeEngine, database: Path
) -> None:
    import resource

    full, long = threading.Event(), "word " * 40_000
    engine.answers = [["One."], ["Two, ", lambda: full.wait(20), long], ["Four."]]
    person = start()
    person.ask("First")
    person.write("Second")
    person.wait_until(lambda: "Two," in person.chat())
    person.wait_until(lambda: "Two," in chats(database)[0].path()[-1].text)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    wal = database.with_name(database.name + "-wal")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
        full.set()
        person.wait()
        person.wait_until(lambda: any("space" in n or "disk" in n for n in person.notices()))
        QTest.keyClicks(person.prompt, "Third")
        QTest.keyClick(person.prompt, Qt.Key.Key_Return)
        person.wait_until(lambda: person.prompt.toPlainText() == "Third")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait_until(lambda: "Four." in person.chat() and not person.window.is_busy())
    person.window.close()
    (chat,) = chats(database)
    texts = [m.text for m in chat.path()]
    assert texts == ["First", "One.", "Second", "Two, " + long, "Third", "Four."]
    assert engine.history[-1].messages[-2].text == "Two, " + long


# -- what is strange ------------------------------------------------------------------------


@pytest.mark.usefixtures("quiet")
def test_ids_may_be_larger_than_what_qt_calls_an_int(
    start: Start, engine: FakeEngine, database: Path
) -> None:
    with closing(open_store(database)[0]) as store:
        store.erase(store.add_exchange(0, NewQuestion("x"), NewAnswer())[0])
        store.delete_folder(store.add_folder("x"))
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE sqlite_sequence SET seq = ?", (2**40,))
        raw.commit()
    engine.answers = [["A."], ["B."], ["C."], ["D."]]
    person = start()
    listed, view = person.window.conversation_list, person.window.chat_view
    person.ask("Alpha")
    person.wait_until(person.window.regenerate_action.isEnabled)
    person.window.regenerate_action.trigger()
    person.wait_until(lambda: "2/2" in person.chat() and not person.window.is_busy())
    (alpha,) = chats(database)
    assert alpha.id > 2**40 and alpha.head > 2**40
    view.version_wanted.emit(alpha.head, -1)
    person.wait_until(lambda: "1/2" in person.chat())
    person.window.new_chat_action.trigger()
    person.ask("Beta")
    listed.hit_chosen.emit(alpha.id, alpha.head, "B")
    person.wait_until(lambda: "2/2" in person.chat())
    view.fork_wanted.emit(alpha.head)
    person.wait_until(lambda: len(chats(database)) == 3 and "2/2" not in person.chat())
    for signal_of, values in (
        (listed.renamed, (alpha.id, "Renamed")),
        (listed.pin_wanted, (alpha.id, True)),
        (listed.folder_wanted, ("Folder", alpha.id)),
    ):
        signal_of.emit(*values)
    person.wait_until(lambda: "Folder" in listed.toPlainText())
    listed.chat_chosen.emit(alpha.id)
    person.wait_until(lambda: "2/2" in person.chat())
    view.edit_wanted.emit(alpha.path()[0].id)
    assert person.prompt.toPlainText() == "Alpha"
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait_until(lambda: "D." in person.chat() and not person.window.is_busy())
    listed.delete_wanted.emit(alpha.id)
    person.wait_until(person.window.undo_delete_action.isEnabled)
    listed.restore_wanted.emit(alpha.id)
    person.wait_until(lambda: "D." in person.chat())
    listed.erase_wanted.emit(alpha.id)
    person.wait_until(lambda: len(chats(database)) == 2)
    assert not [n for n in person.notices() if "deleted" not in n]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "text",
    ["a\0b\0", "lone \ud800 one", "‮‭ \x1b[31m <b>&amp;</b>", "word " * 200_000, "x" * 1_000_000],
    ids=["NUL", "surrogate", "marks", "1 MB", "one line of 1 MB"],
)
def test_any_text_is_kept_as_it_is(
    text: str, start: Start, engine: FakeEngine, database: Path
) -> None:
    engine.answers = [[text], ["Yes."]]
    person = start()
    person.window.system_prompt.set_text(text[:100_000])
    person.window.prompt_box.send_requested.emit(text)
    person.wait_until(lambda: bool(engine.history) and not person.window.is_busy())
    person.wait_until(lambda: chats(database)[0].path()[-1].ended == "stop")
    (chat,) = chats(database)
    person.window.conversation_list.renamed.emit(chat.id, text)
    person.window.prompt_box.set_text(text)
    person.window.new_chat_action.trigger()
    person.wait_until(lambda: chats(database)[0].draft != "")
    person.window.conversation_list.chat_chosen.emit(chat.id)
    person.wait_until(lambda: person.window.prompt_box.text() != "")
    person.window.prompt_box.set_text("Next")
    person.ask("")
    person.window.close()
    (chat,) = chats(database)
    clean = clean_text(text)
    asked, answered, *_ = (m.text for m in chat.path())
    assert len(chat.path()) == 4
    # Half a character does not come through a signal of Qt.
    without = clean.replace("\ufffd", "")
    assert asked in (clean, without) and answered in (clean, without)
    assert chat.title in (clean, without)
    assert chat.system in (clean[:100_000], without)
    assert not [n for n in person.notices() if "deleted" not in n]


@pytest.mark.usefixtures("quiet")
def test_a_terminal_in_the_same_chat_at_the_same_time(
    start: Start, engine: FakeEngine, database: Path, wait_until: Callable
) -> None:
    engine.answers = [["One."], ["Two, ", lambda: wait_until(done.is_set), "three."], ["Four."]]
    done = threading.Event()
    person = start()
    person.ask("First")
    person.write("Second")
    person.wait_until(lambda: "Two," in person.chat())
    with keeping(database, go_on=True) as keeper:
        keeper.begin("From the terminal", "", "Another", Sampling())
        keeper.add("Hello ")
        done.set()
        person.wait()
        keeper.end("stop", None, 0)
    person.ask("Third")
    person.window.close()
    (chat,) = chats(database)
    texts = {m.text for m in chat.messages}
    assert texts == {
        *("First", "One.", "Second", "Two, three.", "From the terminal", "Hello "),
        *("Third", "Four."),
    }
    assert all(m.ended in ("", "stop") for m in chat.messages)


@pytest.mark.usefixtures("quiet")
def test_import_and_backup_while_an_answer_streams(
    start: Start, engine: FakeEngine, database: Path, home: Path, tmp_path: Path
) -> None:
    tree = tuple(
        SavedMessage(i, i - 1, Role.USER if i % 2 else Role.ASSISTANT, f"words {i} " * 50)
        for i in range(1, 301)
    )
    document = tmp_path / "many.json"
    many = [SavedChat(i, f"uid {i}", f"Imported {i}", messages=tree, head=300) for i in range(40)]
    document.write_text("".join(json_chunks(many, len(many))), encoding="utf-8")
    never = threading.Event()
    pieces: list[object] = []
    for number in range(60):
        pieces += [f"{number} ", lambda: never.wait(0.02)]
    engine.answers = [pieces]  # type: ignore[list-item]
    person = start()
    transfer = person.window.findChild(Transfer)
    assert transfer is not None
    person.write("Stream")
    person.wait_until(lambda: "1 2" in person.chat())
    transfer.keep_house()
    transfer.import_from([document])
    person.wait()
    person.wait_until(lambda: len(chats(database)) == 41)
    person.wait_until(lambda: bool(list((home / "data" / "backups").glob("*.db"))))
    QTest.qWait(50)
    for dialog in person.window.findChildren(ReportDialog):
        dialog.close()
    assert person.notices() == []
    person.window.close()
    (own,) = [c for c in chats(database) if c.title == "Stream"]
    assert own.path()[-1].text == "".join(f"{number} " for number in range(60))


@pytest.mark.timeout(60)
def test_a_program_killed_at_any_moment_has_lost_next_to_nothing(tmp_path: Path) -> None:
    found = list(kill_often(tmp_path, KILLS))
    assert len(found) == KILLS
    assert [one.faults for one in found if one.faults] == []
    assert max(one.loss_ms for one in found) <= GOAL_MS
