"""The list of conversations through the whole program: titles, places, folders."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gui.conftest import Person
from tests.stores import chat_named

Start = Callable[..., Person]
pytestmark = pytest.mark.usefixtures("quiet")


def test_renaming_and_pinning(start: Start, scripted_model: Path, database: Path) -> None:
    person = start(scripted_model)
    person.ask("First chat")
    chat = chat_named(database, "First chat")
    bar = person.window.conversation_list
    bar.renamed.emit(chat, "About llamas")
    bar.pin_wanted.emit(chat, True)
    person.wait_until(lambda: "About llamas" in person.titles() and "Pinned" in person.titles())
    bar.folder_wanted.emit("Animals", chat)
    person.wait_until(lambda: "Animals" in person.titles())
