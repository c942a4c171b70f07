"""Rows of the database as values and back. A row with nonsense in it becomes a sensible value."""

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pychatbot_gui.core.chat import Role, clean_text
from pychatbot_gui.core.history import WRITING, ChatEntry, SavedChat, SavedMessage
from pychatbot_gui.store.search import index_message

CHAT_COLUMNS = (
    "id, uid, title, titled_by, created, updated, system, preset, sampling, draft, hidden_turns, "
    "pinned, folder, deleted, head"
)
MESSAGE_COLUMNS = (
    "id, parent, role, created, ended, model, sampling, prompt_tokens, reply_tokens, "
    "tokens_per_second, text"
)
ENTRY_COLUMNS = "id, title, updated, pinned, folder"
_ROLES = {role.value: role for role in Role}
LISTED_TITLE = 200
"""So many characters of a title are listed."""


def text_of(value: object) -> str:
    """Text, whatever the column holds."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return "" if value is None else str(value)


def number_of(value: object) -> float:
    """A finite number, 0 for anything else."""
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    return 0.0


def whole_of(value: object) -> int:
    """A whole number, 0 for anything else."""
    return value if isinstance(value, int) else int(number_of(value))


def sampling_of(value: object) -> dict[str, float]:
    """Sampler values from JSON; what is not a number by a name is left out."""
    if value in ("{}", "", None):
        return {}  # of every message of a person
    try:
        found = json.loads(text_of(value))
    except (ValueError, RecursionError):
        return {}
    return _numbers(found) if isinstance(found, dict) else {}


def sampling_text(sampling: Mapping[str, float]) -> str:
    """Sampler values as JSON."""
    return json.dumps(_numbers(sampling))


def _numbers(values: Mapping[Any, Any]) -> dict[str, float]:
    return {
        clean_text(str(name)): value
        for name, value in values.items()
        if isinstance(value, (int, float)) and math.isfinite(value)
    }


def _role_of(value: object, ended: str) -> Role:
    try:
        return Role(text_of(value))
    except ValueError:
        return Role.ASSISTANT if ended else Role.USER


def message_of(row: tuple[Any, ...]) -> SavedMessage:
    """A message from `MESSAGE_COLUMNS`."""
    ended = text_of(row[4])
    return SavedMessage(
        id=row[0],
        parent=whole_of(row[1]),
        role=_ROLES.get(row[2]) or _role_of(row[2], ended),
        text=text_of(row[10]),
        created=number_of(row[3]),
        ended=ended,
        model=text_of(row[5]),
        sampling=sampling_of(row[6]),
        prompt_tokens=whole_of(row[7]),
        reply_tokens=whole_of(row[8]),
        tokens_per_second=number_of(row[9]),
    )


def chat_of(row: tuple[Any, ...], messages: tuple[SavedMessage, ...] = ()) -> SavedChat:
    """A conversation from `CHAT_COLUMNS`; a head that is not there becomes its newest message."""
    head = whole_of(row[14])
    if messages and all(message.id != head for message in reversed(messages)):
        head = messages[-1].id
    return SavedChat(
        id=row[0],
        uid=text_of(row[1]),
        title=text_of(row[2]),
        titled_by=text_of(row[3]),
        created=number_of(row[4]),
        updated=number_of(row[5]),
        system=text_of(row[6]),
        preset=text_of(row[7]),
        sampling=sampling_of(row[8]),
        draft=text_of(row[9]),
        hidden_turns=max(0, whole_of(row[10])),
        pinned=bool(row[11]),
        folder=whole_of(row[12]),
        deleted=number_of(row[13]),
        head=head,
        messages=messages,
    )


def entries_of(rows: Iterable[tuple[Any, ...]]) -> tuple[ChatEntry, ...]:
    """Lines of the list from `ENTRY_COLUMNS`."""
    return tuple(
        ChatEntry(
            row[0],
            text_of(row[1])[:LISTED_TITLE],
            number_of(row[2]),
            bool(row[3]),
            whole_of(row[4]),
        )
        for row in rows
    )


def read_messages(connection: sqlite3.Connection, chat: int) -> tuple[SavedMessage, ...]:
    """All messages of a chat in the order they were written, with what is there of unfinished ones."""
    rows = connection.execute(
        f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE chat = ? ORDER BY id", (chat,)
    )
    messages = map(message_of, rows.fetchall())
    return tuple(
        replace(m, text=m.text + joined_pieces(connection, m.id)) if m.ended == WRITING else m
        for m in messages
    )


def joined_pieces(connection: sqlite3.Connection, message: int) -> str:
    """What was added so far to an answer that is being written."""
    rows = connection.execute("SELECT text FROM pieces WHERE message = ? ORDER BY id", (message,))
    return "".join(text_of(text) for (text,) in rows)


def insert_message(connection: sqlite3.Connection, chat: int, message: SavedMessage) -> int:
    """Write a message and index it; its id, a new one where `message.id` is 0."""
    text = clean_text(message.text)
    identity = connection.execute(
        f"INSERT INTO messages (chat, {MESSAGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            chat,
            message.id or None,
            message.parent,
            message.role.value,
            message.created,
            clean_text(message.ended),
            clean_text(message.model),
            sampling_text(message.sampling),
            message.prompt_tokens,
            message.reply_tokens,
            message.tokens_per_second,
            text,
        ),
    ).lastrowid
    assert identity is not None
    if message.ended != WRITING:
        index_message(connection, identity, text)
    return identity
