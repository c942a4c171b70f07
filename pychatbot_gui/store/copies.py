"""Whole conversations written at once: a fork, an import, what was recovered."""

import sqlite3
import uuid
from dataclasses import replace

from pychatbot_gui.core.chat import clean_text
from pychatbot_gui.core.history import WRITING, SavedChat, SavedMessage
from pychatbot_gui.store.rows import CHAT_COLUMNS, chat_of, insert_message, read_messages
from pychatbot_gui.store.rows import sampling_text as as_json
from pychatbot_gui.store.search import index_title


def next_rank(connection: sqlite3.Connection, now: float) -> int:
    """A rank above every other: milliseconds of the clock, or one more than the highest so far."""
    return max(int(now * 1000), highest_rank(connection) + 1)


def highest_rank(connection: sqlite3.Connection) -> int:
    """The rank of the newest conversation, 0 for none."""
    return int(connection.execute("SELECT max(rank) FROM chats").fetchone()[0] or 0)


def new_uid() -> str:
    """A name for a conversation that no other has, here or elsewhere."""
    return uuid.uuid4().hex


def insert_chat(connection: sqlite3.Connection, chat: SavedChat, rank: int) -> int:
    """Write a conversation without its messages, its title indexed; its id, a new one for 0."""
    title = clean_text(chat.title)
    identity = connection.execute(
        f"INSERT INTO chats (rank, {CHAT_COLUMNS}) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            rank,
            chat.id or None,
            clean_text(chat.uid) or new_uid(),
            title,
            clean_text(chat.titled_by),
            chat.created,
            chat.updated,
            clean_text(chat.system),
            clean_text(chat.preset),
            as_json(chat.sampling),
            clean_text(chat.draft),
            chat.hidden_turns,
            int(chat.pinned),
            chat.folder,
            chat.deleted,
            chat.head,
        ),
    ).lastrowid
    assert identity is not None
    index_title(connection, identity, title)
    return identity


def insert_tree(connection: sqlite3.Connection, chat: SavedChat, rank: int) -> int:
    """Write a conversation with all its messages under new ids, in their order; its new id."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'messages'").fetchone()
    first = (row[0] if row else 0) + 1
    ids = {message.id: first + i for i, message in enumerate(chat.messages)}
    head = ids.get(chat.head, first + len(chat.messages) - 1 if chat.messages else 0)
    identity = insert_chat(connection, replace(chat, id=0, head=head), rank)
    for place, message in enumerate(chat.messages):
        ended = "crash" if message.ended == WRITING else message.ended
        parent = ids.get(message.parent, 0)
        insert_message(
            connection, identity, replace(message, id=first + place, parent=parent, ended=ended)
        )
    return identity


def forked(chat: SavedChat, message: int, now: float) -> SavedChat:
    """The branch that ends with a message as a conversation of its own."""
    return replace(
        chat,
        uid=new_uid(),
        title=f"{chat.title} (fork)",
        titled_by="person",
        created=now,
        updated=now,
        draft="",
        pinned=False,
        deleted=0.0,
        head=message,
        messages=chat.path(message),
    )


def same_content(connection: sqlite3.Connection, chat: SavedChat) -> tuple[bool, bool]:
    """Whether a chat of this uid is there, and whether one with the same content is (not deleted)."""
    rows = connection.execute(
        f"SELECT {CHAT_COLUMNS} FROM chats WHERE uid = ?", (clean_text(chat.uid),)
    ).fetchall()
    content = _content(chat)
    for row in rows:
        there = chat_of(row, read_messages(connection, row[0]))
        if not there.deleted and _content(there) == content:
            return True, True
    return bool(rows), False


def _content(chat: SavedChat) -> tuple[object, ...]:
    """What makes two conversations the same, whatever their ids."""
    places = {message.id: i for i, message in enumerate(chat.messages)}

    def of(message: SavedMessage) -> tuple[object, ...]:
        ended = "crash" if message.ended == WRITING else message.ended
        text = clean_text(message.text)
        return places.get(message.parent, -1), message.role, text, ended, clean_text(message.model)

    return (clean_text(chat.system), *map(of, chat.messages))
