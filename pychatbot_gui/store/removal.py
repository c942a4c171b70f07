"""What is removed for good, always together with what the search knows of it.

The library overwrites the texts at once (secure_delete); single words of them, without their
order, may stay in unused parts of the index until these are written anew.
"""

import sqlite3

from pychatbot_gui.store.rows import text_of
from pychatbot_gui.store.search import forget_message, forget_title


def erase(connection: sqlite3.Connection, chat: int) -> None:
    """Remove a conversation with its messages; nothing where there is none."""
    rows = connection.execute(
        "SELECT id, ended, text FROM messages WHERE chat = ?", (chat,)
    ).fetchall()
    for message, ended, text in rows:
        _erase_message(connection, message, ended, text)
    row = connection.execute("SELECT title FROM chats WHERE id = ?", (chat,)).fetchone()
    if row is not None:
        forget_title(connection, chat, text_of(row[0]))
        connection.execute("DELETE FROM chats WHERE id = ?", (chat,))


def erase_old(connection: sqlite3.Connection, before: float) -> list[int]:
    """Remove what was deleted before that time; which conversations."""
    rows = connection.execute(
        "SELECT id FROM chats WHERE deleted != 0 AND typeof(deleted) = 'real' AND deleted < ?",
        (before,),
    ).fetchall()
    for (chat,) in rows:
        erase(connection, chat)
    return [chat for (chat,) in rows]


def take_back(connection: sqlite3.Connection, question: int) -> None:
    """Remove a message and its empty answers, and its chat where nothing else is in it."""
    row = connection.execute(
        "SELECT chat, parent, ended, text FROM messages WHERE id = ?", (question,)
    ).fetchone()
    if row is None:
        return
    chat, parent, ended, text = row
    answers = connection.execute(
        "SELECT m.id, m.ended, m.text, "
        "EXISTS (SELECT 1 FROM pieces WHERE message = m.id AND text != '') "
        "FROM messages m WHERE m.chat = ? AND m.parent = ?",
        (chat, question),
    ).fetchall()
    if any(text or pieces for _, _, text, pieces in answers):
        return
    for message, answer_ended, answer_text, _ in answers:
        _erase_message(connection, message, answer_ended, answer_text)
    _erase_message(connection, question, ended, text)
    newest = connection.execute("SELECT max(id) FROM messages WHERE chat = ?", (chat,)).fetchone()
    if newest[0] is None:
        erase(connection, chat)
    else:
        head = parent or newest[0]
        connection.execute("UPDATE chats SET head = ? WHERE id = ?", (head, chat))


def _erase_message(
    connection: sqlite3.Connection, message: int, ended: object, text: object
) -> None:
    if ended != "writing":
        forget_message(connection, message, text_of(text))
    connection.execute("DELETE FROM pieces WHERE message = ?", (message,))
    connection.execute("DELETE FROM writers WHERE message = ?", (message,))
    connection.execute("DELETE FROM messages WHERE id = ?", (message,))
