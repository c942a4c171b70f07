"""From a question to an answer in the store: in which order, and what happens when it fails."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from pychatbot_gui.core.errors import ContextOverflow, ModelDied, StorageError
from pychatbot_gui.gui.dialogs.settings_dialog import SettingsDialog
from pychatbot_gui.gui.use_cases.kept_answer import PART_MS
from pychatbot_gui.store.chats import ChatStore
from tests.engines import FakeEngine
from tests.gui.conftest import Person
from tests.stores import saved

Start = Callable[..., Person]


@pytest.mark.usefixtures("quiet")
def test_the_question_is_saved_before_the_model_sees_it(
    start: Start, engine: FakeEngine, scripted_model: Path, database: Path
) -> None:
    seen: list[list[str]] = []

    def look() -> None:
        seen.append([m.text for chat in saved(database) for m in chat.messages])

    engine.answers = [[look, "An answer."]]
    person = start(scripted_model)
    person.ask("A question")
    assert seen == [["A question", ""]]


@pytest.mark.usefixtures("quiet")
def test_parts_of_the_answer_are_saved_while_it_is_written(
    start: Start, engine: FakeEngine, scripted_model: Path, database: Path, wait_until: Callable
) -> None:
    def until_saved() -> None:  # in the worker's thread: the answer waits for the store
        wait_until(
            lambda: any("First part." in m.text for c in saved(database) for m in c.messages)
        )

    engine.answers = [["First part. ", until_saved, "Second part."]]
    person = start(scripted_model)
    person.ask("Go")
    person.window.close()
    answer = saved(database)[0].path()[-1]
    assert (answer.text, answer.ended, answer.model) == ("First part. Second part.", "stop", "Fake")
    assert answer.sampling["top_k"] == 40


@pytest.mark.usefixtures("quiet")
def test_a_refused_message_leaves_no_trace_and_is_in_the_box_again(
    start: Start, engine: FakeEngine, scripted_model: Path, database: Path
) -> None:
    engine.answers = [[ContextOverflow("It is too long.")], ["Fine."], [ContextOverflow("Again.")]]
    person = start(scripted_model)
    person.ask("Much too long")
    assert person.prompt.toPlainText() == "Much too long"
    assert person.chat().strip() == ""
    person.wait_until(lambda: saved(database) == [])
    person.prompt.clear()
    read = person.ask("Short")
    person.ask("Much too long")
    assert person.prompt.toPlainText() == "Much too long"
    assert person.chat() == read
    person.window.close()
    assert [m.text for m in saved(database)[0].path()] == ["Short", "Fine."]


@pytest.mark.usefixtures("quiet")
def test_a_refused_message_leads_to_the_setting_that_helps(
    start: Start, scripted_model: Path
) -> None:
    person = start(scripted_model)
    text = "word " * 4000
    person.prompt.setPlainText(text)
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait_until(lambda: person.notices() != [])
    person.wait()
    (told,) = person.notices()
    assert "about 4,0" in told and "4,096" in told and "Shorten it" in told
    assert person.window.prompt_box.text().strip() == text.strip()
    seen: list[object] = []

    def use_dialog() -> None:
        dialog = person.window.findChild(SettingsDialog)
        assert isinstance(dialog, SettingsDialog)
        seen.append(dialog.focusWidget())
        dialog.field("n_ctx").set_value(8192)
        dialog.accept()

    QTimer.singleShot(0, person.window, use_dialog)
    (button,) = [
        b for b in person.window.notice_bar.findChildren(QPushButton) if b.text() == "Settings…"
    ]
    button.click()
    assert [widget.objectName() for widget in seen] == ["n_ctxField"]
    person.wait()
    assert person.window.context_meter.text().endswith("8,192 tokens")


@pytest.mark.usefixtures("quiet")
def test_a_refused_edit_shows_the_former_branch_again(
    start: Start, engine: FakeEngine, scripted_model: Path, database: Path
) -> None:
    engine.answers = [["One."], ["Two."], [ContextOverflow("It is too long.")]]
    person = start(scripted_model)
    person.ask("First")
    read = person.ask("Second")
    first = saved(database)[0].path()[0].id
    person.window.chat_view.edit_wanted.emit(first)
    QTest.keyClicks(person.prompt, " and very long")
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait_until(lambda: any("too long" in notice for notice in person.notices()))
    person.wait_until(lambda: person.chat() == read)
    assert person.prompt.toPlainText() == "First and very long"
    person.window.close()
    assert [m.text for m in saved(database)[0].path()] == ["First", "One.", "Second", "Two."]


@pytest.mark.usefixtures("quiet")
def test_a_refused_regenerate_leaves_the_answer_there_was(
    start: Start, engine: FakeEngine, scripted_model: Path, database: Path
) -> None:
    engine.answers = [["One."], [ContextOverflow("It is too long.")]]
    person = start(scripted_model)
    read = person.ask("First")
    person.wait_until(person.window.regenerate_action.isEnabled)
    person.window.regenerate_action.trigger()
    person.wait_until(lambda: any("too long" in notice for notice in person.notices()))
    person.wait_until(lambda: person.chat() == read)
    person.window.close()
    assert [m.text for m in saved(database)[0].messages] == ["First", "One."]


@pytest.mark.usefixtures("quiet")
def test_an_answer_that_broke_off_is_kept_as_far_as_it_came(
    start: Start, engine: FakeEngine, scripted_model: Path, database: Path
) -> None:
    engine.answers = [["Half an ", ModelDied("The model was killed. Try again.")]]
    person = start(scripted_model)
    assert "Unfinished: the model was killed" in person.ask("Go")
    person.window.close()
    answer = saved(database)[0].path()[-1]
    assert (answer.text, answer.ended) == ("Half an ", "error")


@pytest.mark.usefixtures("quiet")
def test_a_message_that_cannot_be_saved_is_not_sent_and_is_in_the_box_again(
    start: Start,
    engine: FakeEngine,
    scripted_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.answers = [["Fine."]]
    person = start(scripted_model)

    def full(*_: object) -> tuple[int, int, int]:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(ChatStore, "add_exchange", full)
        person.ask("Precious words")
    assert person.prompt.toPlainText() == "Precious words"
    assert "The disk is full." in person.notices()
    assert engine.history == []
    assert person.chat().strip() == ""
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait()
    assert "Precious words" in person.chat() and "Fine." in person.chat()


@pytest.mark.usefixtures("quiet")
def test_a_part_that_cannot_be_saved_is_saved_later_and_in_order(
    start: Start,
    engine: FakeEngine,
    scripted_model: Path,
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
    wait_until: Callable,
) -> None:
    tried: list[str] = []
    finish = ChatStore.finish_answer

    def full(_: ChatStore, message: int, piece: str) -> None:
        tried.append(piece)
        raise StorageError("The disk is full.")

    def full_once(store: ChatStore, message: int, piece: str, *more: object, **named: int) -> None:
        if not any(p == "END" for p in tried):
            tried.append("END")
            raise StorageError("The disk is full.")
        finish(store, message, piece, *more, **named)

    monkeypatch.setattr(ChatStore, "append_text", full)
    monkeypatch.setattr(ChatStore, "finish_answer", full_once)
    engine.answers = [["One, ", lambda: wait_until(lambda: bool(tried)), "two, ", "three."]]
    person = start(scripted_model)
    person.ask("Count")
    assert any("disk is full" in notice for notice in person.notices())
    person.wait_until(lambda: saved(database)[0].path()[-1].ended == "stop")
    assert saved(database)[0].path()[-1].text == "One, two, three."


KILLED = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
application = QApplication(sys.argv[:1])
from pychatbot_gui.app import create_window
from pychatbot_gui.gui.engine_thread import EngineThread
window = create_window([sys.argv[1]])
began = 0
def look():
    global began
    if "Over and over" in window.chat_view.toPlainText():
        began = began or time.monotonic()
        print(time.monotonic() - began, flush=True)
def ask(_):
    window.prompt_box.send_requested.emit("Tell me")
window.findChild(EngineThread).loaded.connect(ask)
timer = QTimer()
timer.timeout.connect(look)
timer.start(20)
application.exec()
"""


@pytest.fixture
def killed_program(endless_model: Path) -> Callable[[float], None]:
    """Runs the program, asks, kills it when its answer has been shown for so many seconds."""

    def run(seconds: float) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(endless_model)],
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            any(float(line) > seconds for line in process.stdout)
            os.killpg(process.pid, signal.SIGKILL)

    return run


@pytest.mark.timeout(120)
def test_a_program_that_is_killed_has_the_answer_at_its_next_start(
    start: Start, killed_program: Callable[[float], None], database: Path
) -> None:
    killed_program(4 * PART_MS / 1000)
    chats = saved(database)
    question, answer = chats[0].path()
    assert question.text == "Tell me"
    assert "Over and over" in answer.text
    person = start()
    person.wait_until(lambda: "Tell me" in person.chat())
    assert "Over and over" in person.chat()
    assert "the program ended while this was written" in person.chat()
