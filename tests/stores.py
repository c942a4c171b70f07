"""What is saved, read as another program would read it."""

from contextlib import closing
from pathlib import Path

from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.store.chats import ChatStore, open_store


def opened(database: Path) -> "closing[ChatStore]":
    """The store, closed at the end of a `with`; its opening has nothing to tell."""
    store, notes = open_store(database)
    assert notes == []
    return closing(store)


def saved(database: Path) -> list[SavedChat]:
    """All chats, newest first; none where there is no file."""
    if not database.exists():
        return []
    with opened(database) as store:
        return [store.chat(chat) for chat in store.chat_ids()]


def chat_named(database: Path, title: str) -> int:
    """The id of the first chat of this title; there must be one."""
    found = [chat.id for chat in saved(database) if chat.title == title]
    assert found, title
    return found[0]
