"""All conversations in one SQLite database, saved as they happen."""

import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pychatbot_gui.core.chat import Role, clean_text
from pychatbot_gui.core.errors import Gone
from pychatbot_gui.core.history import WRITING, Hit, Listing, SavedChat, SavedMessage, title_from
from pychatbot_gui.store import backup, copies, listing, opening, removal, search, writers
from pychatbot_gui.store.database import BUSY_SECONDS, Database, Place, memory_place
from pychatbot_gui.store.migrations import migrate
from pychatbot_gui.store.rows import (
    CHAT_COLUMNS,
    chat_of,
    insert_message,
    number_of,
    read_messages,
    sampling_text,
    text_of,
)

Clock = Callable[[], float]


@dataclass(frozen=True)
class NewQuestion:
    """A message of the person. All after `parent` is only for a chat that begins with it.

    `parent`: the id of the message before it, 0 for none. `title` "": from its first words.
    """

    text: str
    parent: int = 0
    system: str = ""
    preset: str = ""
    sampling: Mapping[str, float] = field(default_factory=dict)
    title: str = ""
    hidden_turns: int = 0


@dataclass(frozen=True)
class NewAnswer:
    """An answer that begins: the model's name and the sampler values used."""

    model: str = ""
    sampling: Mapping[str, float] = field(default_factory=dict)


def open_store(
    path: Path,
    busy_seconds: float = BUSY_SECONDS,
    clock: Clock = time.time,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> tuple["ChatStore", list[str]]:
    """The store in a file, made, migrated or recovered as needed; sentences for the person.

    A damaged file is set aside, never deleted; what can be read of it and of the newest copy in
    the folder "backups" beside it comes back. Raises `StorageError` where the file was written by
    a newer version, or it cannot be opened or written; `Cancelled` when `is_cancelled()` says so,
    while it takes long: all is then as it was.
    """
    place, told = opening.prepare(path, busy_seconds, is_cancelled=is_cancelled)
    return ChatStore.at(place, clock), told


def open_memory(clock: Clock = time.time) -> "ChatStore":
    """A store of which nothing is kept."""
    return ChatStore.at(memory_place(), clock)


class ChatStore:
    """Conversations, their messages, folders and search.

    Every call is synchronous and for one thread at a time; `another` is for another thread. What
    writes is one transaction: on the disk when the call returns, or not done at all. All raise
    `StorageError` with a sentence (full disk, locked or damaged file, nothing of that id).
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @classmethod
    def at(cls, place: Place, clock: Clock = time.time) -> "ChatStore":
        """A store on a database that exists, or in memory."""
        database = Database(place)
        if place.path is None:
            migrate(database.connection)
        return cls(database, clock)

    def another(self) -> "ChatStore":
        """A second connection to the same database, for another thread."""
        return self.at(self._database.place, self._clock)

    def close(self) -> None:
        """End this connection."""
        self._database.close()

    def interrupt(self) -> None:
        """From any thread: end the call that is running, which raises `Cancelled`."""
        self._database.interrupt()

    # -- exchanges ----------------------------------------------------------------------------

    def add_exchange(
        self, chat: int, question: NewQuestion, answer: NewAnswer
    ) -> tuple[int, int, int]:
        """Save a message and begin its answer, in a new chat for 0: ids of chat, message, answer.

        The answer becomes the head; the chat becomes the newest, its draft is empty.
        """
        now = self._clock()
        with self._database.writing() as connection:
            if chat == 0:
                title = question.title or title_from(question.text)
                new = SavedChat(
                    0,
                    copies.new_uid(),
                    title,
                    created=now,
                    system=question.system,
                    preset=question.preset,
                    sampling=question.sampling,
                    hidden_turns=question.hidden_turns,
                )
                chat = copies.insert_chat(connection, new, 0)
            asked = SavedMessage(0, question.parent, Role.USER, question.text, now)
            identity = insert_message(connection, chat, asked)
            answered = self._begin(connection, chat, identity, answer, "")
            self._set(connection, chat, draft="")
        return chat, identity, answered

    def add_answer(self, chat: int, parent: int, answer: NewAnswer, text: str = "") -> int:
        """Begin another answer to a message (`text`: a beginning that is taken over); its id.

        It becomes the head and the chat the newest.
        """
        with self._database.writing() as connection:
            return self._begin(connection, chat, parent, answer, text)

    def append_text(self, message: int, piece: str) -> None:
        """Save one more piece of an answer that is being written."""
        with self._database.writing() as connection:
            added = connection.execute(
                "INSERT INTO pieces (message, text) SELECT id, ? FROM messages "
                "WHERE id = ? AND ended = 'writing'",
                (clean_text(piece), message),
            ).rowcount
            if not added:
                raise _gone("answer")

    def finish_answer(
        self,
        message: int,
        piece: str,
        ended: str,
        *,
        prompt_tokens: int = 0,
        reply_tokens: int = 0,
        tokens_per_second: float = 0.0,
    ) -> None:
        """Save the last piece of an answer, how it ended and its counts; search finds it now."""
        with self._database.writing() as connection:
            if not writers.merge(connection, message, clean_text(piece), clean_text(ended)):
                raise _gone("answer")
            connection.execute(
                "UPDATE messages SET prompt_tokens = ?, reply_tokens = ?, tokens_per_second = ? "
                "WHERE id = ?",
                (prompt_tokens, reply_tokens, tokens_per_second, message),
            )

    def take_back(self, question: int) -> None:
        """Remove a message that no model ever saw, with its empty answer; the head goes before it.

        A chat that has nothing else goes too. Nothing happens where an answer has text.
        """
        with self._database.writing() as connection:
            removal.take_back(connection, question)

    def _begin(
        self, connection: sqlite3.Connection, chat: int, parent: int, answer: NewAnswer, text: str
    ) -> int:
        now = self._clock()
        begun = SavedMessage(
            0,
            parent,
            Role.ASSISTANT,
            text,
            now,
            WRITING,
            model=answer.model,
            sampling=answer.sampling,
        )
        identity = insert_message(connection, chat, begun)
        writers.note_writer(connection, identity)
        rank = copies.next_rank(connection, now)
        self._set(connection, chat, head=identity, rank=rank, updated=now)
        return identity

    # -- one conversation ---------------------------------------------------------------------

    def set_head(self, chat: int, message: int) -> None:
        """Show another branch: the one that ends with this message."""
        self._write(chat, head=message)

    def set_draft(self, chat: int, text: str) -> None:
        """Keep the unsent text of a chat."""
        self._write(chat, draft=clean_text(text))

    def set_system(self, chat: int, text: str) -> None:
        """Change the system prompt of a chat."""
        self._write(chat, system=clean_text(text))

    def set_preset(self, chat: int, preset: str, sampling: Mapping[str, float]) -> None:
        """Change the preset of a chat and its sampler values; the system prompt stays."""
        self._write(chat, preset=clean_text(preset), sampling=sampling_text(sampling))

    def set_hidden_turns(self, chat: int, turns: int) -> None:
        """So many of the oldest turns no longer fit into the context."""
        self._write(chat, hidden_turns=turns)

    def rename(self, chat: int, title: str, by: str = "person") -> None:
        """Change a title; `by` is "start", "model" or "person"."""
        title = clean_text(title)
        with self._database.writing() as connection:
            row = connection.execute("SELECT title FROM chats WHERE id = ?", (chat,)).fetchone()
            if row is None:
                raise _gone()
            search.forget_title(connection, chat, text_of(row[0]))
            self._set(connection, chat, title=title, titled_by=clean_text(by))
            search.index_title(connection, chat, title)

    def pin(self, chat: int, pinned: bool) -> None:
        """Keep a chat at the top of the list, or no longer."""
        self._write(chat, pinned=int(pinned))

    def move(self, chat: int, folder: int) -> None:
        """Put a chat into a folder, 0 for none."""
        with self._database.writing() as connection:
            known = connection.execute("SELECT 1 FROM folders WHERE id = ?", (folder,)).fetchone()
            if folder and known is None:
                raise _gone("folder")
            self._set(connection, chat, folder=folder)

    def delete(self, chat: int) -> None:
        """Take a chat out of the list and the search; `restore` brings it back."""
        with self._database.writing() as connection:
            rank = connection.execute("SELECT max(deleted_rank) FROM chats WHERE deleted != 0")
            last = rank.fetchone()[0] or 0
            row = connection.execute("SELECT updated FROM chats WHERE id = ?", (chat,)).fetchone()
            # Not before it was talked in: a clock that went back must not make it old already.
            when = max(self._clock(), number_of(row[0]) if row else 0.0, 1.0)
            self._set(connection, chat, deleted=when, deleted_rank=last + 1)

    def restore(self, chat: int) -> None:
        """Bring a deleted chat back."""
        self._write(chat, deleted=0.0, deleted_rank=0)

    def erase(self, chat: int) -> None:
        """Remove a chat for good, with its messages and what the search knows of them."""
        with self._database.writing() as connection:
            removal.erase(connection, chat)

    def fork(self, chat: int, message: int) -> int:
        """Copy the branch up to and including a message into a new chat; its id."""
        now = self._clock()
        with self._database.writing() as connection:
            whole = self._read(connection, chat)
            if message not in whole.by_id:
                raise _gone("message")
            new = copies.forked(whole, message, now)
            return copies.insert_tree(connection, new, copies.next_rank(connection, now))

    def add_imported(self, chat: SavedChat) -> int:
        """Save a whole conversation under new ids; 0 where the same one is there already.

        Another one with the same uid gets a new uid. It takes its place in the list by the time it
        was changed last; it is in no folder and not deleted.
        """
        now = self._clock()
        with self._database.writing() as connection:
            known, same = copies.same_content(connection, chat)
            if same:
                return 0
            new = replace(chat, uid="" if known else chat.uid, folder=0, deleted=0.0)
            rank = min(copies.next_rank(connection, now), max(1, int(chat.updated * 1000)))
            return copies.insert_tree(connection, new, rank)

    # -- folders --------------------------------------------------------------------------------

    def add_folder(self, name: str) -> int:
        """A new folder; its id."""
        with self._database.writing() as connection:
            identity = connection.execute(
                "INSERT INTO folders (name, created) VALUES (?, ?)",
                (clean_text(name), self._clock()),
            ).lastrowid
            assert identity is not None
            return identity

    def rename_folder(self, folder: int, name: str) -> None:
        """Change the name of a folder."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO folders (id, name, created) VALUES (?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET name = excluded.name",
                (folder, clean_text(name), self._clock()),
            )

    def delete_folder(self, folder: int) -> None:
        """Remove a folder; its chats go back to the list."""
        with self._database.writing() as connection:
            connection.execute("UPDATE chats SET folder = 0 WHERE folder = ?", (folder,))
            connection.execute("DELETE FROM folders WHERE id = ?", (folder,))

    # -- reading --------------------------------------------------------------------------------

    def chat(self, chat: int) -> SavedChat:
        """A whole conversation with all its branches, also one that is deleted."""
        with self._database.reading() as connection:
            return self._read(connection, chat)

    def listing(self, limit: int = 200) -> Listing:
        """The list of conversations; of each part the newest `limit`."""
        with self._database.reading() as connection:
            return listing.read_listing(connection, limit)

    def search(self, text: str, limit: int = 60) -> list[Hit]:
        """Where every word of `text` is found, newest first; nothing for ""."""
        with self._database.reading() as connection:
            return search.search(connection, text, limit)

    def latest_chat(self) -> int:
        """The chat that was talked in last, 0 for none."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT id FROM chats WHERE deleted = 0 ORDER BY rank DESC LIMIT 1"
            ).fetchone()
            return int(row[0]) if row else 0

    def chat_ids(self) -> list[int]:
        """All chats that are not deleted, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT id FROM chats WHERE deleted = 0 ORDER BY rank DESC")
            return [row[0] for row in rows]

    # -- upkeep ---------------------------------------------------------------------------------

    def mark_crashed(self) -> int:
        """Close the answers of programs that run no more, as "crash"; how many there were."""
        with self._database.reading() as connection:
            if not writers.left_unfinished(connection):
                return 0
        with self._database.writing() as connection:
            left = writers.left_unfinished(connection)
            return sum(writers.merge(connection, message, "", "crash") for message in left)

    def erase_old(self, days: int = 30) -> list[int]:
        """Remove for good what was deleted longer ago than that; the ids of those chats."""
        with self._database.writing() as connection:
            return removal.erase_old(connection, self._clock() - days * 86400)

    def backup(
        self, folder: Path, keep: int = 7, is_cancelled: Callable[[], bool] = lambda: False
    ) -> Path | None:
        """Make today's copy and keep the newest `keep`; None where it is there already.

        Raises `Cancelled` when `is_cancelled()` says so, asked often and in this thread.
        """
        return backup.back_up(self._database.place, folder, keep, self._clock(), is_cancelled)

    # -- inside ---------------------------------------------------------------------------------

    def _read(self, connection: sqlite3.Connection, chat: int) -> SavedChat:
        row = connection.execute(
            f"SELECT {CHAT_COLUMNS} FROM chats WHERE id = ?", (chat,)
        ).fetchone()
        if row is None:
            raise _gone()
        return chat_of(row, read_messages(connection, chat))

    def _write(self, chat: int, **values: str | int | float) -> None:
        with self._database.writing() as connection:
            self._set(connection, chat, **values)

    def _set(self, connection: sqlite3.Connection, chat: int, **values: str | int | float) -> None:
        columns = ", ".join(f"{name} = ?" for name in values)
        done = connection.execute(
            f"UPDATE chats SET {columns} WHERE id = ?", (*values.values(), chat)
        )
        if not done.rowcount:
            raise _gone()


def _gone(what: str = "conversation") -> Gone:
    return Gone(f"This {what} is not there any more.")
