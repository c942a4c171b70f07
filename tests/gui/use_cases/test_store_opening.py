"""Waiting for saved conversations that take long to open."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pychatbot_gui import app
from pychatbot_gui.core.paths import Paths
from pychatbot_gui.gui.use_cases import store_opening
from pychatbot_gui.store.chats import ChatStore
from tests.gui.conftest import Person

Start = Callable[..., Person]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def may_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The store opens when this is set, as after a recovery that took long."""
    event, opens = threading.Event(), app._open_store

    def wait_and_open(
        paths: Paths, is_cancelled: Callable[[], bool]
    ) -> tuple[ChatStore, list[str]]:
        event.wait()
        return opens(paths, is_cancelled)

    monkeypatch.setattr(app, "_open_store", wait_and_open)
    yield event
    event.set()


def test_the_person_is_told_that_it_takes_long_and_the_window_lives(
    start: Start,
    scripted_model: Path,
    may_open: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_opening, "PATIENCE_MS", 10)
    person = start(scripted_model)
    person.wait_until(lambda: store_opening.NOTICE in person.notices())
    assert person.window.conversation_list.toPlainText() == store_opening.SENTENCE
    person.write("Are you there?")
    may_open.set()
    person.wait_until(lambda: "Good bye." in person.chat())
    assert store_opening.NOTICE not in person.notices()
    person.wait_until(lambda: "Are you there?" in person.window.conversation_list.toPlainText())
    person.wait()


def test_nothing_is_said_where_it_opens_at_once(start: Start, scripted_model: Path) -> None:
    person = start(scripted_model)
    person.ask("Are you there?")
    assert store_opening.NOTICE not in person.notices()
    opening = person.window.findChild(store_opening.StoreOpening)
    assert opening is not None
    assert not opening._timer.isActive()


def test_what_cannot_be_opened_ends_the_waiting_too(
    start: Start, scripted_model: Path, may_open: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> tuple[ChatStore, list[str]]:
        may_open.wait()
        raise KeyError("a bug")

    monkeypatch.setattr(app, "_open_store", broken)
    monkeypatch.setattr(store_opening, "PATIENCE_MS", 10)
    person = start(scripted_model)
    person.wait_until(lambda: store_opening.NOTICE in person.notices())
    may_open.set()
    person.wait_until(lambda: store_opening.NOTICE not in person.notices())
