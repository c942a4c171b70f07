"""What is written but not in the store yet: drafts, prompts, answers; on any disk, at any end."""

import json
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from pychatbot_gui.core.errors import ContextOverflow, StorageError
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.store.chats import ChatStore, NewAnswer, NewQuestion
from tests.engines import FakeEngine
from tests.gui.conftest import Person
from tests.gui.use_cases.disks import held, impatient, slowly
from tests.stores import opened, saved

Start = Callable[..., Person]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def two_chats(database: Path) -> tuple[int, int]:
    """Two saved chats, "Alpha" and the newer "Beta"."""
    with opened(database) as store:
        ids = []
        for name in ("Alpha", "Beta"):
            chat, _, answer = store.add_exchange(
                0, NewQuestion(name, system=f"System of {name}"), NewAnswer()
            )
            store.finish_answer(answer, "Yes.", "stop")
            ids.append(chat)
    return ids[0], ids[1]


def at_beta(start: Start) -> Person:
    """A start that goes on with the latest of the `two_chats`."""
    person = start("--continue")
    person.wait_until(lambda: "Beta" in person.chat())
    return person


def go_to(person: Person, chat: int, seen: str = "") -> None:
    person.window.conversation_list.chat_chosen.emit(chat)
    if seen:
        person.wait_until(lambda: seen in person.chat())


def kept(database: Path, chat: int) -> SavedChat:
    with opened(database) as store:
        return store.chat(chat)


def draft(person: Person) -> str:
    return person.prompt.toPlainText()


def write_state(home: Path, **values: object) -> None:
    """What a window that was killed left behind."""
    (home / "data" / "window_state.json").write_text(json.dumps(values))


def test_a_draft_of_a_killed_window_stays_when_its_chat_is_left_and_seen_again(
    start: Start, home: Path, engine: FakeEngine, two_chats: tuple[int, int]
) -> None:
    alpha, beta = two_chats
    write_state(home, chat=alpha, draft="half a thought")
    person = start()
    person.wait_until(lambda: "Alpha" in person.chat())
    assert draft(person) == "half a thought"
    go_to(person, beta, "Beta")
    assert draft(person) == ""
    go_to(person, alpha, "Alpha")
    assert draft(person) == "half a thought"


def test_going_on_with_the_latest_chat_loses_no_draft(
    start: Start, home: Path, engine: FakeEngine, two_chats: tuple[int, int]
) -> None:
    alpha, _ = two_chats
    write_state(home, chat=alpha, draft="for Alpha", new_draft="for a new chat")
    person = at_beta(start)
    assert draft(person) == ""
    person.window.new_chat_action.trigger()
    assert draft(person) == "for a new chat"
    go_to(person, alpha, "Alpha")
    assert draft(person) == "for Alpha"


def test_a_draft_whose_chat_is_gone_is_in_the_box(
    start: Start, home: Path, engine: FakeEngine, two_chats: tuple[int, int]
) -> None:
    write_state(home, chat=4711, draft="homeless", new_draft="of the new one")
    person = at_beta(start)
    person.window.new_chat_action.trigger()
    person.wait_until(lambda: "homeless" in draft(person))
    assert "of the new one" in draft(person)


def test_a_draft_is_not_lost_by_a_quick_look_elsewhere_on_a_slow_disk(
    start: Start,
    engine: FakeEngine,
    two_chats: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
    database: Path,
) -> None:
    alpha, beta = two_chats
    slowly(monkeypatch, "set_draft", "set_system")
    person = at_beta(start)
    QTest.keyClicks(person.prompt, "unsent")
    person.window.system_prompt.set_text("A new system")
    go_to(person, alpha, "Alpha")
    go_to(person, beta, "Beta")
    assert draft(person) == "unsent"
    assert person.window.system_prompt.text() == "A new system"
    QTest.keyClicks(person.prompt, " words")
    # Chosen and left again before it is shown.
    person.window.conversation_list.chat_chosen.emit(alpha)
    person.window.conversation_list.chat_chosen.emit(beta)
    QTest.qWait(50)
    assert draft(person) == "unsent words"
    person.window.close()
    assert kept(database, beta).draft == "unsent words"
    assert kept(database, beta).system == "A new system"


def test_a_refused_message_is_still_there_after_a_look_elsewhere(
    start: Start, engine: FakeEngine, two_chats: tuple[int, int]
) -> None:
    alpha, beta = two_chats
    engine.answers = [[ContextOverflow("It is too long.")]]
    person = at_beta(start)
    QTest.keyClicks(person.prompt, "much too long")
    go_to(person, alpha, "Alpha")
    go_to(person, beta, "Beta")
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait_until(lambda: any("too long" in n for n in person.notices()))
    assert draft(person) == "much too long"
    go_to(person, alpha, "Alpha")
    go_to(person, beta, "Beta")
    assert draft(person) == "much too long"


def test_what_cannot_be_saved_is_kept_in_mind_and_saved_later(
    start: Start,
    engine: FakeEngine,
    two_chats: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
    database: Path,
) -> None:
    alpha, beta = two_chats

    def full(*_: object) -> None:
        raise StorageError("The disk is full.")

    person = at_beta(start)
    with monkeypatch.context() as patch:
        for name in ("set_draft", "set_system", "set_preset"):
            patch.setattr(ChatStore, name, full)
        QTest.keyClicks(person.prompt, "unsent")
        person.window.system_prompt.set_text("A new system")
        go_to(person, alpha, "Alpha")
        person.wait_until(lambda: any("disk is full" in n for n in person.notices()))
        go_to(person, beta, "Beta")
        assert draft(person) == "unsent"
        assert person.window.system_prompt.text() == "A new system"
        go_to(person, alpha, "Alpha")
    person.window.close()  # the disk has space again
    assert kept(database, beta).draft == "unsent"
    assert kept(database, beta).system == "A new system"


def test_a_new_chat_that_was_left_comes_back_with_its_system_prompt(
    start: Start, engine: FakeEngine, two_chats: tuple[int, int]
) -> None:
    alpha, _ = two_chats
    person = at_beta(start)
    person.window.new_chat_action.trigger()
    person.window.system_prompt.set_text("A long system prompt, written by hand")
    QTest.keyClicks(person.prompt, "and a draft")
    go_to(person, alpha, "Alpha")
    assert person.window.system_prompt.text() == "System of Alpha"
    person.window.new_chat_action.trigger()
    assert person.window.system_prompt.text() == "A long system prompt, written by hand"
    assert draft(person) == "and a draft"
    go_to(person, alpha, "Alpha")
    person.window.close()
    again = start()
    again.wait_until(lambda: "Alpha" in again.chat())
    again.window.new_chat_action.trigger()
    assert again.window.system_prompt.text() == "A long system prompt, written by hand"
    assert draft(again) == "and a draft"
    engine.answers = [["Fine."]]
    again.ask("")
    again.window.new_chat_action.trigger()
    assert draft(again) == ""


def test_an_untouched_new_chat_takes_the_system_prompt_of_the_chat_that_is_shown(
    start: Start, engine: FakeEngine, two_chats: tuple[int, int]
) -> None:
    alpha, _ = two_chats
    person = at_beta(start)
    person.window.new_chat_action.trigger()
    go_to(person, alpha, "Alpha")
    person.window.new_chat_action.trigger()
    assert person.window.system_prompt.text() == "System of Alpha"


def test_typing_without_a_pause_is_remembered_all_the_same(
    start: Start, home: Path, engine: FakeEngine, two_chats: tuple[int, int], database: Path
) -> None:
    """As it would be found after a `kill -9` in the middle of a long sentence."""
    person = at_beta(start)
    state = home / "data" / "window_state.json"
    system: list[str] = []

    def types_on() -> bool:
        QTest.keyClicks(person.prompt, "x")
        person.window.system_prompt.set_text(person.window.system_prompt.text() + "y")
        with closing(sqlite3.connect(database)) as raw:
            system[:] = raw.execute("SELECT system FROM chats ORDER BY id DESC").fetchone()
        return "xxx" in state.read_text() and "yyy" in system[0]

    person.wait_until(lambda: state.exists())
    person.wait_until(types_on)


def test_the_draft_is_remembered_while_a_message_is_edited(
    start: Start, home: Path, engine: FakeEngine, two_chats: tuple[int, int]
) -> None:
    person = at_beta(start)
    QTest.keyClicks(person.prompt, "a long draft")
    person.window.edit_message_action.trigger()
    QTest.keyClicks(person.prompt, " edited")
    state = home / "data" / "window_state.json"
    person.wait_until(lambda: state.exists() and "Beta edited" in state.read_text())
    assert "a long draft" in json.loads(state.read_text())["draft"]


def test_an_example_leaves_the_draft_alone(start: Start, engine: FakeEngine) -> None:
    engine.answers = [["Fine."]]
    person = start()
    QTest.keyClicks(person.prompt, "a long draft")
    person.window.empty_state.prompt_chosen.emit("What can you do?")
    person.wait_until(lambda: "Fine." in person.chat())
    assert draft(person) == "a long draft"


def test_a_system_prompt_is_saved_as_it_was_though_the_field_knows_fewer_characters(
    start: Start, engine: FakeEngine, database: Path
) -> None:
    system = "Speak\u00a0softly.\r\nAlways."
    with opened(database) as store:
        first = store.add_imported(SavedChat(0, "a", title="Alpha", system=system))
        second = store.add_imported(SavedChat(0, "b", title="Beta", draft="x\u00a0y\r\nz"))
    person = start("--continue")
    for chat in (first, second, first):
        go_to(person, chat)
        person.wait_until(
            lambda chat=chat: (person.window.system_prompt.text() != "") == (chat == first)
        )
    person.window.close()
    assert kept(database, first).system == system


# -- the file itself ------------------------------------------------------------------------


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
    (chat,) = saved(database)
    assert [m.text for m in chat.path()] == ["First", "One.", "Second", "Two, three."]


def test_while_another_program_holds_the_database_nothing_is_lost(
    start: Start, engine: FakeEngine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    engine.answers = [["One."], ["Two, ", lambda: let_go.wait(20), "three."], ["Four."]]
    impatient(monkeypatch, seconds=0.1)
    person = start()
    person.ask("First")
    person.write("Second")
    person.wait_until(lambda: "Two," in person.chat())
    (chat,) = saved(database)
    with held(database):
        let_go.set()
        person.wait()
        person.wait_until(lambda: any("Another program" in n for n in person.notices()))
        assert "Two, three." in person.chat()
        person.ask("Third")
        person.wait_until(lambda: person.prompt.toPlainText() == "Third")
        person.window.system_prompt.set_text("Written under a lock")
        person.window.new_chat_action.trigger()
        QTest.qWait(300)
    person.window.conversation_list.chat_chosen.emit(chat.id)
    person.wait_until(lambda: "Two, three." in person.chat())
    assert person.prompt.toPlainText() == "Third"
    assert person.window.system_prompt.text() == "Written under a lock"
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait_until(lambda: "Four." in person.chat() and not person.window.is_busy())
    person.window.close()
    (chat,) = saved(database)
    assert chat.system == "Written under a lock"
    assert [m.text for m in chat.path()] == [
        *("First", "One.", "Second", "Two, three.", "Third", "Four.")
    ]


def test_what_cannot_be_saved_to_the_last_is_there_at_the_next_start(
    start: Start, engine: FakeEngine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch, seconds=0.05)
    go_on = threading.Event()
    engine.answers = [["One."], ["Two, ", lambda: go_on.wait(20), "three."]]
    person = start()
    person.ask("First")
    person.write("Second")
    person.wait_until(lambda: "Two," in person.chat())
    with held(database):
        go_on.set()
        person.wait()
        QTest.keyClicks(person.prompt, "unsent")
        person.window.close()
    again = start()
    again.wait_until(lambda: "Second" in again.chat())
    assert again.prompt.toPlainText() == "unsent"
    again.window.new_chat_action.trigger()
    assert "Two, three." in again.prompt.toPlainText()


def test_a_database_held_at_the_start_is_used_all_the_same(
    start: Start, engine: FakeEngine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch, seconds=0.1)
    engine.answers = [["One."], ["Two."]]
    first = start()
    first.ask("First")
    first.window.close()
    with held(database):
        person = start()
        person.wait_until(lambda: "One." in person.chat())
    person.ask("Second")
    person.window.close()
    (chat,) = saved(database)
    assert [m.text for m in chat.path()] == ["First", "One.", "Second", "Two."]


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
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
    person.wait_until(lambda: "Two," in saved(database)[0].path()[-1].text)
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
    (chat,) = saved(database)
    texts = [m.text for m in chat.path()]
    assert texts == ["First", "One.", "Second", "Two, " + long, "Third", "Four."]
    assert engine.history[-1].messages[-2].text == "Two, " + long
