"""What the person asks for is what the model is sent, now or when it is free."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from pychatbot_gui.core.errors import ModelDied
from tests.engines import FakeEngine
from tests.gui.conftest import Person
from tests.stores import saved

Start = Callable[..., Person]
pytestmark = pytest.mark.usefixtures("quiet")


def test_a_message_that_had_to_wait_is_sent_when_the_model_is_free(
    start: Start, endless_model: Path, database: Path
) -> None:
    person = start(endless_model, "--max-tokens", "400")
    person.write("Long story")
    person.wait_until(lambda: "Over and over" in person.chat())
    person.trigger("newChatAction")
    person.write("Next please")
    person.wait_until(lambda: "Next please" in person.chat())
    person.wait()
    assert "Long story" not in person.chat()
    assert person.prompt.toPlainText() == ""
    assert "Over and over" in person.chat()


def test_a_message_that_had_to_wait_is_not_sent_when_it_was_changed_meanwhile(
    start: Start, endless_model: Path
) -> None:
    person = start(endless_model)
    person.write("Long story")
    person.wait_until(lambda: "Over and over" in person.chat())
    person.trigger("newChatAction")
    person.write("Next")
    QTest.keyClicks(person.prompt, " thought, not yet")
    button = person.window.findChild(QPushButton, "noticeAction")
    assert isinstance(button, QPushButton)
    button.click()
    person.wait()
    assert person.chat().strip() == ""
    assert person.prompt.toPlainText() == "Next thought, not yet"


def test_a_continued_answer_begins_with_what_was_there(
    start: Start, engine: FakeEngine, scripted_model: Path, database: Path
) -> None:
    engine.answers = [["Once upon", ModelDied("Killed.")], [" a time."]]
    person = start(scripted_model)
    person.ask("A tale")
    person.wait_until(person.window.continue_action.isEnabled)
    person.window.continue_action.trigger()
    person.wait_until(lambda: "Once upon a time." in person.chat() and not person.window.is_busy())
    assert engine.history[-1].prefix == "Once upon"
    assert [m.text for m in engine.history[-1].messages] == ["A tale"]
    person.window.close()
    texts = [m.text for m in saved(database)[0].messages]
    assert texts == ["A tale", "Once upon", "Once upon a time."]


def test_another_branch_is_what_the_model_is_sent(
    start: Start, engine: FakeEngine, scripted_model: Path, database: Path
) -> None:
    engine.answers = [["A."], ["B."], ["C."]]
    person = start(scripted_model)
    person.ask("One")
    person.wait_until(person.window.regenerate_action.isEnabled)
    person.window.regenerate_action.trigger()
    person.wait_until(lambda: "B." in person.chat() and not person.window.is_busy())
    answer = saved(database)[0].path()[-1].id
    person.window.chat_view.version_wanted.emit(answer, -1)
    person.wait_until(lambda: "A." in person.chat())
    person.ask("Two")
    assert [m.text for m in engine.history[-1].messages] == ["One", "A.", "Two"]
