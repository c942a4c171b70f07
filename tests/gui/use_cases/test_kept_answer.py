"""An answer on its way into the store, whatever the disk and the person do meanwhile."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from pychatbot_gui.core.chat import clean_text
from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.engine.engine import Sampling
from pychatbot_gui.store.chats import ChatStore
from pychatbot_gui.terminal_chats import keeping
from tests.benchmarks.losses import GOAL_MS, kill_often
from tests.engines import FakeEngine
from tests.gui.conftest import Person
from tests.gui.use_cases.disks import full_disk, slowly
from tests.stores import saved

Start = Callable[..., Person]
KILLS = 5


ALL_WRITING = (
    "add_exchange",
    "add_answer",
    "append_text",
    "finish_answer",
    "set_draft",
    "set_head",
)


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
    (chat,) = saved(database)
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
    (chat,) = saved(database)
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
    beta, alpha = (chat.id for chat in saved(database))
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
    assert [m.text for m in saved(database)[0].path()] == ["Sent at the last moment", ""]
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
    (chat,) = saved(database)
    slowly(monkeypatch, "add_exchange", "erase")
    person.write("Too late")
    person.window.conversation_list.erase_wanted.emit(chat.id)
    person.wait()
    person.wait_until(lambda: saved(database) == [])
    assert person.notices() == []
    person.ask("Alive")
    assert person.notices() == []
    person.window.close()
    assert [c.title for c in saved(database)] == ["Alive"]


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
    (chat,) = saved(database)
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
    person.wait_until(lambda: saved(database)[0].path()[-1].ended == "stop")
    (chat,) = saved(database)
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


# -- what is strange ------------------------------------------------------------------------


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
    person.wait_until(lambda: saved(database)[0].path()[-1].ended == "stop")
    (chat,) = saved(database)
    person.window.conversation_list.renamed.emit(chat.id, text)
    person.window.prompt_box.set_text(text)
    person.window.new_chat_action.trigger()
    person.wait_until(lambda: saved(database)[0].draft != "")
    person.window.conversation_list.chat_chosen.emit(chat.id)
    person.wait_until(lambda: person.window.prompt_box.text() != "")
    person.window.prompt_box.set_text("Next")
    person.ask("")
    person.window.close()
    (chat,) = saved(database)
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
    (chat,) = saved(database)
    texts = {m.text for m in chat.messages}
    assert texts == {
        *("First", "One.", "Second", "Two, three.", "From the terminal", "Hello "),
        *("Third", "Four."),
    }
    assert all(m.ended in ("", "stop") for m in chat.messages)


@pytest.mark.timeout(60)
def test_a_program_killed_at_any_moment_has_lost_next_to_nothing(tmp_path: Path) -> None:
    found = list(kill_often(tmp_path, KILLS))
    assert len(found) == KILLS
    assert [one.faults for one in found if one.faults] == []
    assert max(one.loss_ms for one in found) <= GOAL_MS
