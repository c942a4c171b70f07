"""Titles that the model finds for new conversations."""

from collections.abc import Callable
from pathlib import Path

from tests.gui.conftest import Person
from tests.models import build_scripted_model
from tests.stores import chat_named

Start = Callable[..., Person]


def test_a_model_names_the_chat_and_a_person_has_the_last_word(
    start: Start, model_folder: Path, database: Path
) -> None:
    model = build_scripted_model(model_folder / "titles.gguf", "Llamas of Peru")
    person = start(model)
    person.ask("What lives in the Andes?")
    person.wait_until(lambda: "Llamas of Peru" in person.titles())
    person.window.conversation_list.renamed.emit(chat_named(database, "Llamas of Peru"), "Mine")
    person.wait_until(lambda: "Mine" in person.titles())
    person.ask("Once more")
    person.trigger("newChatAction")
    person.ask("Another")
    person.wait_until(lambda: "Llamas of Peru" in person.titles())
    assert "Mine" in person.titles()
