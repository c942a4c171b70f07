"""The format of the database, as numbered steps from one version to the next.

A step never changes once it was released. Whoever adds one that changes the columns of `chats`,
`messages`, `pieces` or `folders` also tells `recovery.py`, which reads rows without the library.
"""

import sqlite3
from collections.abc import Callable, Sequence

APPLICATION = 0x50794368
"""`PRAGMA application_id` of our databases ("PyCh")."""

Step = Callable[[sqlite3.Connection], None]

# Long texts come last in their rows, so that reading the other columns never touches them.
# AUTOINCREMENT: an id is never used again, so a backup's message is this one or none.
_FIRST = """
CREATE TABLE chats (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL,
    rank INTEGER NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    titled_by TEXT NOT NULL DEFAULT 'start',
    pinned INTEGER NOT NULL DEFAULT 0,
    folder INTEGER NOT NULL DEFAULT 0,
    deleted REAL NOT NULL DEFAULT 0,
    deleted_rank INTEGER NOT NULL DEFAULT 0,
    head INTEGER NOT NULL DEFAULT 0,
    hidden_turns INTEGER NOT NULL DEFAULT 0,
    preset TEXT NOT NULL DEFAULT '',
    sampling TEXT NOT NULL DEFAULT '{}',
    title TEXT NOT NULL DEFAULT '',
    system TEXT NOT NULL DEFAULT '',
    draft TEXT NOT NULL DEFAULT ''
);
CREATE INDEX chats_by_rank ON chats (rank);
CREATE INDEX chats_by_uid ON chats (uid);
CREATE INDEX chats_listed ON chats (rank) WHERE deleted = 0 AND pinned = 0 AND folder = 0;
CREATE INDEX chats_pinned ON chats (rank) WHERE deleted = 0 AND pinned != 0;
CREATE INDEX chats_in_folders ON chats (folder, rank)
    WHERE deleted = 0 AND pinned = 0 AND folder != 0;
CREATE INDEX chats_deleted ON chats (deleted_rank) WHERE deleted != 0;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat INTEGER NOT NULL,
    parent INTEGER NOT NULL DEFAULT 0,
    role TEXT NOT NULL,
    created REAL NOT NULL,
    ended TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    sampling TEXT NOT NULL DEFAULT '{}',
    prompt_tokens INTEGER NOT NULL DEFAULT 0,
    reply_tokens INTEGER NOT NULL DEFAULT 0,
    tokens_per_second REAL NOT NULL DEFAULT 0,
    text TEXT NOT NULL DEFAULT ''
);
CREATE INDEX messages_by_chat ON messages (chat);
CREATE INDEX messages_being_written ON messages (id) WHERE ended = 'writing';
CREATE TABLE pieces (id INTEGER PRIMARY KEY, message INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX pieces_by_message ON pieces (message);
CREATE TABLE writers (message INTEGER PRIMARY KEY, process TEXT NOT NULL);
CREATE TABLE folders (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, created REAL NOT NULL
);
CREATE VIRTUAL TABLE message_words USING fts5 (
    words, content='', columnsize=0, detail=none, tokenize='ascii', prefix='1 2 3 4 5'
);
CREATE VIRTUAL TABLE title_words USING fts5 (
    words, content='', columnsize=0, detail=none, tokenize='ascii', prefix='1 2 3 4 5'
);
"""


def _first(connection: sqlite3.Connection) -> None:
    """Everything there is: conversations as trees, pieces of answers being written, search."""
    for statement in _FIRST.split(";\n"):
        if statement.strip():
            connection.execute(statement)


STEPS: tuple[Step, ...] = (_first,)


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the format: 0 for an empty database."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, steps: Sequence[Step] = STEPS) -> None:
    """Bring the database to the newest version, all in one transaction or not at all."""
    if version_of(connection) >= len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again: another program may have done it while this one waited.
        for step in steps[version_of(connection) :]:
            step(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
