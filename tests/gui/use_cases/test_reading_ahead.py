"""What is not sent yet is measured and read as it would be sent, and in nobody's way."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtTest import QTest

from pychatbot_gui import app
from pychatbot_gui.core.chat import Message, Role
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.engine.engine import CancelToken
from pychatbot_gui.gui.prompt_edit import PromptEdit
from pychatbot_gui.store.chats import open_store
from tests.engines import FakeEngine
from tests.gui.conftest import Person

Start = Callable[..., Person]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """What answers in this test's window."""
    fake = FakeEngine()
    monkeypatch.setattr(app, "_engine_maker", lambda *_: lambda: fake)
    return fake


def settings(home: Path, read_ahead: str) -> None:
    (home / "config").mkdir(parents=True)
    text = f'{{"auto_title": false, "read_ahead": "{read_ahead}"}}'
    (home / "config" / "model_parameters.json").write_text(text)


@pytest.fixture
def always(home: Path) -> None:
    settings(home, "on")


def saved(home: Path) -> list[SavedChat]:
    store, _ = open_store(home / "data" / "conversations.db")
    try:
        return [store.chat(chat) for chat in store.chat_ids()]
    finally:
        store.close()


def typed(person: Person, engine: FakeEngine, text: str) -> None:
    """Type, and wait until it is read."""
    QTest.keyClicks(person.prompt, text)
    wait_until_read(person, engine)


def last_read(engine: FakeEngine) -> str:
    """The last message of what was read last, "" for none."""
    messages = engine.read[-1].messages if engine.read else ()
    return messages[-1].text if messages else ""


def wait_until_read(person: Person, engine: FakeEngine) -> None:
    box = person.window.prompt_box.text()
    person.wait_until(lambda: last_read(engine) == box)


def send(person: Person, engine: FakeEngine) -> None:
    """Send what is in the box; what was read last is what is answered."""
    ahead = engine.read[-1]
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait()
    asked = engine.history[-1]
    assert (ahead.messages, ahead.sampling) == (asked.messages, asked.sampling)
    assert ahead.chat in (asked.chat, "")


@pytest.mark.usefixtures("always")
def test_what_is_read_is_what_a_click_on_send_would_send(
    start: Start, engine: FakeEngine, scripted_model: Path
) -> None:
    engine.answers = [["One."], ["Two."], ["Other one."], ["Elsewhere."], ["Three."]]
    person = start(scripted_model, "--system", "Be kind.", "--max-tokens", "99")
    person.wait_until(lambda: len(engine.read) > 0)
    assert engine.read[0].messages == (Message(Role.SYSTEM, "Be kind."),), "the model has loaded"
    typed(person, engine, "First question")
    assert engine.read[-1].chat == "", "it has no name yet"
    send(person, engine)
    typed(person, engine, "Second")
    assert engine.read[-1].chat == engine.history[-1].chat, "it goes on with that chat"
    assert engine.read[-1].sampling.max_tokens == 99
    person.window.system_prompt.set_text("Be brief.")
    person.wait_until(lambda: engine.read[-1].messages[0].text == "Be brief.")
    send(person, engine)
    person.wait_until(lambda: person.window.chat_view.toPlainText().count("Two.") == 1)
    person.window.edit_message_action.trigger()
    typed(person, engine, " edited")
    assert last_read(engine) == "Second edited"
    assert engine.read[-1].chat == "", "the branch may yet be left"
    send(person, engine)
    person.window.new_chat_action.trigger()
    typed(person, engine, "Another chat")
    assert engine.read[-1].chat == ""
    send(person, engine)


@pytest.mark.usefixtures("always")
def test_after_an_answer_and_when_a_chat_is_shown_the_model_reads_it(
    start: Start, engine: FakeEngine, scripted_model: Path
) -> None:
    def last() -> tuple[str, str]:
        return engine.read[-1].chat, last_read(engine)

    engine.answers = [["One."], ["Two."]]
    person = start(scripted_model)
    person.ask("First")
    first = engine.history[-1].chat
    person.wait_until(lambda: last() == (first, "One."))
    person.window.new_chat_action.trigger()
    person.ask("Second")
    person.wait_until(lambda: last() == (engine.history[-1].chat, "Two."))
    person.window.conversation_list.chat_chosen.emit(int(first))
    person.wait_until(lambda: last() == (first, "One."))
    before = engine.read[-1].messages
    typed(person, engine, "And")
    kept = zip(before, engine.read[-1].messages, strict=False)
    assert all(one is other for one, other in kept), "not made again for each word"


@pytest.mark.usefixtures("always")
def test_a_paste_is_read_at_once(start: Start, engine: FakeEngine, scripted_model: Path) -> None:
    person = start(scripted_model)
    data = QMimeData()
    assert isinstance(person.prompt, PromptEdit)
    for text in ("A pasted text", "A line that is far too long for the field. " * 200):
        data.setText(text)
        began = time.monotonic()
        person.prompt.insertFromMimeData(data)
        wait_until_read(person, engine)
        seconds = time.monotonic() - began
        assert text in last_read(engine)
        assert seconds < 0.15 or len(engine.read) == 1, "a timer would have waited"


@pytest.mark.parametrize("when", ["on", "off"])
def test_the_meter_counts_the_draft_also_where_it_is_not_read(
    start: Start, engine: FakeEngine, scripted_model: Path, home: Path, when: str
) -> None:
    settings(home, when)
    person = start(scripted_model)
    meter = person.window.context_meter
    typed(person, engine, "Twelve chars")
    assert engine.read[-1].only_measure == (when == "off")
    person.wait_until(lambda: meter.text() == "12 / 4,096 tokens")
    assert not person.window.is_busy()
    assert not person.window.stop_action.isEnabled()


@pytest.mark.usefixtures("always")
def test_a_message_known_to_be_too_long_is_refused_before_anything_happens(
    start: Start, engine: FakeEngine, scripted_model: Path, home: Path
) -> None:
    engine.answers = [["Fine."]]
    engine.measures = lambda r: (5000 if "long" in str(r.messages) else 5, 3000)
    person = start(scripted_model)
    meter = person.window.context_meter
    typed(person, engine, "Much too long")
    person.wait_until(lambda: meter.level() == "full")
    assert "too long" in meter.accessibleDescription()
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    assert not person.window.is_busy()
    assert "5,000 tokens" in person.notices()[0] and "3,000 fit" in person.notices()[0]
    assert person.prompt.toPlainText() == "Much too long"
    assert person.chat() == "" and engine.history == []
    for _ in range(len(" too long")):
        QTest.keyClick(person.prompt, Qt.Key.Key_Backspace)
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait()
    assert "Fine." in person.chat(), "what was measured is another text"
    person.window.close()
    assert [m.text for m in saved(home)[0].messages] == ["Much", "Fine."]


@pytest.mark.usefixtures("always")
def test_sending_and_closing_end_it_at_once(
    start: Start, engine: FakeEngine, scripted_model: Path
) -> None:
    begun = threading.Event()

    def slow(token: CancelToken) -> None:
        ended = threading.Event()
        token.on_cancel(ended.set)
        begun.set()
        assert ended.wait(20)

    engine.answers = [["An answer."]]
    person = start(scripted_model)
    for act in (lambda: person.write(""), person.window.close):
        begun.clear()
        engine.while_reading = slow
        QTest.keyClicks(person.prompt, "Some text")
        person.wait_until(begun.is_set)
        engine.while_reading = lambda token: None
        began = time.monotonic()
        act()
        person.wait()
        assert time.monotonic() - began < 10
    assert "An answer." in person.chat()
    assert engine.closed


@pytest.mark.usefixtures("always")
def test_while_an_answer_is_written_nothing_is_read(
    start: Start, engine: FakeEngine, scripted_model: Path
) -> None:
    go_on = threading.Event()
    engine.answers = [["First half, ", lambda: bool(go_on.wait(20)) and None, "second half."]]
    person = start(scripted_model)
    person.write("Go")
    person.wait_until(lambda: "First half" in person.chat())
    read = len(engine.read)
    QTest.keyClicks(person.prompt, "And then")
    QTest.qWait(300)
    assert len(engine.read) == read
    go_on.set()
    wait_until_read(person, engine)
    assert [m.text for m in engine.read[-1].messages] == [
        "Go",
        "First half, second half.",
        "And then",
    ]


@pytest.mark.usefixtures("always")
def test_after_an_answer_that_was_cut_nothing_is_read_that_would_be_in_its_way(
    start: Start, engine: FakeEngine, scripted_model: Path
) -> None:
    go_on = threading.Event()
    engine.answers = [["A half", lambda: bool(go_on.wait(20)) and None, " more"]]
    person = start(scripted_model)
    person.write("Go")
    person.wait_until(lambda: "A half" in person.chat())
    person.window.stop_action.trigger()
    go_on.set()
    person.wait_until(lambda: last_read(engine).startswith("A half"))
    assert engine.read[-1].only_measure
    typed(person, engine, "Next")
    assert not engine.read[-1].only_measure
