"""The search index and what is asked of it.

The index holds the folded words of a message (core/folding.py), so that it and the marks in the
chat agree to the letter. Of scripts without spaces it holds every two neighbours as one word.
"""

import re
import sqlite3
from collections.abc import Iterator

from pychatbot_gui.core.folding import (
    ANYWHERE,
    finder,
    folded,
    found_ranges,
    is_anywhere,
    needles,
)
from pychatbot_gui.core.history import Hit

LONGEST_EXCERPT = 120
INDEXED_TITLE = 1000
"""So many characters of a title are indexed."""

_LEAD = 40  # characters of an excerpt before the first hit
_WINDOW = 10_000  # characters looked through at a time for an excerpt
_RUNS = re.compile(f"[{ANYWHERE}]+")


def index_message(connection: sqlite3.Connection, message: int, text: str) -> None:
    """Make a message's text known to the search."""
    if text:
        _change(connection, "message_words", message, text)


def forget_message(connection: sqlite3.Connection, message: int, text: str) -> None:
    """Take a message out of the index; `text` as it was indexed."""
    if text:
        _change(connection, "message_words", message, text, "delete")


def index_title(connection: sqlite3.Connection, chat: int, title: str) -> None:
    """Make a title known to the search."""
    _change(connection, "title_words", chat, title[:INDEXED_TITLE])


def forget_title(connection: sqlite3.Connection, chat: int, title: str) -> None:
    """Take a title out of the index; `title` as it was indexed."""
    _change(connection, "title_words", chat, title[:INDEXED_TITLE], "delete")


def _change(
    connection: sqlite3.Connection, table: str, row: int, text: str, command: str = ""
) -> None:
    if command:
        connection.execute(
            f"INSERT INTO {table} ({table}, rowid, words) VALUES (?, ?, ?)",
            (command, row, index_form(text)),
        )
    else:
        connection.execute(
            f"INSERT INTO {table} (rowid, words) VALUES (?, ?)", (row, index_form(text))
        )


def index_form(text: str) -> str:
    """The words of a text with spaces between, as the index takes them; each once."""
    words = _RUNS.sub(_neighbours, folded(text)).split()
    return " ".join(dict.fromkeys(words))


def _neighbours(run: re.Match[str]) -> str:
    text = run.group()
    pairs = (text[i : i + 2] for i in range(len(text)))  # the last one stands alone
    return f" {' '.join(pairs)} "


def match_form(query: str) -> str:
    """A query in the language of the index; "" where it holds no word."""
    terms: list[str] = []
    for needle in needles(query):
        if not is_anywhere(needle) or len(needle) == 1:
            terms.append(f'"{needle}"*')
        else:
            terms += (f'"{needle[i : i + 2]}"' for i in range(len(needle) - 1))
    return " ".join(dict.fromkeys(terms))


def search(connection: sqlite3.Connection, query: str, limit: int) -> list[Hit]:
    """Messages and titles that hold every word of the query, newest first, at most `limit`."""
    match = match_form(query)
    if not match or limit <= 0:
        return []
    found = [
        *_titles(connection, query, match, limit),
        *_messages(connection, query, match, limit),
    ]
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [hit for _, hit in found[:limit]]


def _messages(
    connection: sqlite3.Connection, query: str, match: str, limit: int
) -> Iterator[tuple[float, Hit]]:
    rows = connection.execute(
        "SELECT m.id, m.chat, c.title, m.created, m.text FROM message_words "
        "CROSS JOIN messages m ON m.id = message_words.rowid CROSS JOIN chats c ON c.id = m.chat "
        "WHERE message_words MATCH ? AND c.deleted = 0 ORDER BY message_words.rowid DESC",
        (match,),
    )
    for message, chat, title, created, text in rows:
        if holds_all(str(text), query):
            yield message, _hit(chat, title, message, str(text), query, created)
            limit -= 1
            if not limit:
                return


def _titles(
    connection: sqlite3.Connection, query: str, match: str, limit: int
) -> Iterator[tuple[float, Hit]]:
    rows = connection.execute(
        "SELECT c.id, c.title, c.updated, "
        "(SELECT max(id) FROM messages WHERE chat = c.id) FROM title_words "
        "CROSS JOIN chats c ON c.id = title_words.rowid "
        "WHERE title_words MATCH ? AND c.deleted = 0 ORDER BY title_words.rowid DESC",
        (match,),
    )
    for chat, title, updated, newest in rows:
        if holds_all(str(title)[:INDEXED_TITLE], query):
            # Just before the newest message of its chat.
            yield (newest or 0) + 0.5, _hit(chat, title, 0, str(title), query, updated)
            limit -= 1
            if not limit:
                return


def _hit(chat: int, title: object, message: int, text: str, query: str, created: object) -> Hit:
    time = float(created) if isinstance(created, (int, float)) else 0.0
    return Hit(chat, str(title)[:200], message, excerpt(text, query), time)


def holds_all(text: str, query: str) -> bool:
    """Whether a text that the index named is a hit: neighbours there are not yet a whole part."""
    parts = [needle for needle in needles(query) if is_anywhere(needle) and len(needle) > 2]
    if not parts:
        return True
    plain = folded(text)
    return all(part in plain for part in parts)


def excerpt(text: str, query: str) -> tuple[str, ...]:
    """One line of at most some 120 characters around the first hit, in parts as `Hit` says."""
    start, ranges = _first_hits(text, query)
    first = ranges[0][0] if ranges else 0
    begin = max(0, first - _LEAD)
    if begin:
        space = re.compile(r"\s").search(text, begin, first)
        begin = space.end() if space else begin
    end = min(len(text), begin + LONGEST_EXCERPT)
    parts, at = [], begin
    for left, right in ranges:
        if left >= end:
            break
        parts += [text[at:left], text[left : min(right, end)]]
        at = min(right, end)
    parts.append(text[at:end])
    lines = [re.sub(r"\s+", " ", part) for part in parts]
    lines[0] = ("…" if begin else "") + lines[0].lstrip()
    lines[-1] = lines[-1].rstrip() + ("…" if end < len(text) else "")
    return tuple(lines)


def _first_hits(text: str, query: str) -> tuple[int, list[tuple[int, int]]]:
    """The hits in the first window of a text that has any, and where the window begins."""
    if finder(query) is None:
        return 0, []
    at = 0
    while at < len(text):
        end = min(len(text), at + _WINDOW)
        if end < len(text):
            # Cut at a space, so that no word is torn.
            space = max(text.rfind(" ", at + 1, end), text.rfind("\n", at + 1, end))
            end = space if space > at else end
        ranges = found_ranges(text[at:end], query)
        if ranges:
            return at, [(left + at, right + at) for left, right in ranges]
        at = end
    return 0, []
