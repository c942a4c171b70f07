"""The line above what the model still sees, through the whole window."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pychatbot_gui.engine.engine import Reading
from tests.engines import FakeEngine
from tests.gui.conftest import Person
from tests.stores import saved

Start = Callable[..., Person]
UNSEEN = "The model no longer sees the messages above."
OUTGROWN = "This answer has outgrown the context: the model no longer sees its beginning."
FILLED = "The answer has filled the whole context."


def said(person: Person) -> list[str]:
    """The words of the messages, and where the line is."""
    own = ("one", "two", "three", "four", "A1", "A2", "A3", "A4", "more", UNSEEN)
    return [line for line in person.chat().splitlines() if line in own]


def talk(person: Person, engine: FakeEngine, *turns: tuple[str, int]) -> None:
    for number, (text, dropped) in enumerate(turns, 1):
        engine.answers, engine.dropped = [[f"A{number}"]], dropped
        person.ask(text)


@pytest.mark.usefixtures("quiet")
def test_the_line_is_where_it_belongs_and_moves(
    start: Start, engine: FakeEngine, scripted_model: Path, database: Path
) -> None:
    person = start(scripted_model)
    talk(person, engine, ("one", 0), ("two", 0), ("three", 2))
    assert said(person) == ["one", "A1", UNSEEN, "two", "A2", "three", "A3"]
    engine.answers, engine.dropped = [["A4"]], 6
    person.ask("four")
    assert said(person) == ["one", "A1", "two", "A2", "three", "A3", UNSEEN, "four", "A4"]
    person.wait_until(lambda: saved(database)[0].hidden_turns == 3)
    engine.answers, engine.dropped = [["more"]], 2
    person.wait_until(person.window.regenerate_action.isEnabled)
    person.window.regenerate_action.trigger()
    person.wait_until(lambda: "more" in said(person))
    person.wait()
    assert said(person) == ["one", "A1", UNSEEN, "two", "A2", "three", "A3", "four", "more"]
    assert [r.hidden_turns for r in engine.history] == [0, 0, 0, 1, 3]


@pytest.mark.usefixtures("quiet")
def test_the_line_is_there_again_when_the_chat_is_opened_later(
    start: Start, engine: FakeEngine, scripted_model: Path, database: Path
) -> None:
    person = start(scripted_model)
    talk(person, engine, ("one", 0), ("two", 0), ("three", 4))
    shown = said(person)
    assert shown == ["one", "A1", "two", "A2", UNSEEN, "three", "A3"]
    chat = saved(database)[0].id
    person.trigger("newChatAction")
    assert said(person) == []
    person.window.conversation_list.chat_chosen.emit(chat)
    person.wait_until(lambda: said(person) == shown)
    person.window.close()
    again = start(scripted_model)
    again.wait_until(lambda: said(again) == shown)
    engine.answers, engine.dropped = [["A4"]], 0
    again.ask("four")
    assert UNSEEN not in said(again), "all fit again"
    again.wait_until(lambda: saved(database)[0].hidden_turns == 0)


@pytest.mark.usefixtures("quiet")
def test_turns_that_leave_while_an_answer_is_written(
    start: Start, engine: FakeEngine, scripted_model: Path
) -> None:
    person = start(scripted_model)
    talk(person, engine, ("one", 0), ("two", 0))
    engine.answers = [
        [
            "The answer",
            Reading(0, 3, 9, dropped=4),
            Reading(0, 9, 9, dropped=4),
            " goes on.",
        ]
    ]
    person.ask("three")
    assert said(person) == ["one", "A1", "two", "A2", UNSEEN, "three"]
    assert person.chat().endswith("The answer goes on.")
    assert person.notices() == []


@pytest.mark.usefixtures("quiet")
def test_an_answer_that_outgrows_the_context_says_so(
    start: Start, engine: FakeEngine, scripted_model: Path, wait_until: Callable
) -> None:
    person = start(scripted_model)
    told: list[list[str]] = []

    def wait() -> None:  # in the worker's thread: the answer waits for the window
        wait_until(lambda: any(FILLED in notice for notice in person.notices()))
        told.append(person.notices())

    outgrown = Reading(0, 9, 9, skipped=5)
    engine.answers = [["A very long", outgrown, wait, outgrown, " answer"], ["A2"]]
    assert person.ask("one").endswith(f"A very long answer\n\n{OUTGROWN}")
    assert len(told[0]) == 1, "told once"
    assert OUTGROWN not in person.ask("two").split("two")[1], "of the first one only"
