"""A store in a file, and one with a little in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.store.chats import ChatStore, NewAnswer, NewQuestion, open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "conversations.db"


@pytest.fixture
def store(path: Path) -> Iterator[ChatStore]:
    store, told = open_store(path)
    assert told == []
    yield store
    store.close()


def exchange(
    store: ChatStore,
    question: str = "Hello",
    answer: str = "Hi there",
    chat: int = 0,
    parent: int = 0,
) -> tuple[int, int, int]:
    """One finished exchange: ids of chat, question, answer."""
    ids = store.add_exchange(chat, NewQuestion(question, parent), NewAnswer("a model"))
    store.finish_answer(ids[2], answer, "stop")
    return ids


def texts(chat: SavedChat) -> list[str]:
    """What is said on the path that is shown, from the first message to the last."""
    return [shown.message.text for shown in chat.shown()]
