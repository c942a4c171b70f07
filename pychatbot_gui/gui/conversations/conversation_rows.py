"""The rows of the list of conversations, made from a listing or from what was found. No Qt."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from pychatbot_gui.gui.visible_text import repaired, visible

if TYPE_CHECKING:
    from pychatbot_gui.core.history import ChatEntry, Hit, Listing

HEADING = "heading"  # "Pinned", "Yesterday"
PINNED = "pinned"  # a chat under "Pinned"
FOLDER = "folder"
FILED = "filed"  # a chat in an open folder
NOTE = "note"  # an open folder says that it is empty
CHAT = "chat"  # a chat of the rest
BIN = "bin"  # "Recently deleted"
GONE = "gone"  # a deleted chat
TITLE = "title"  # the chat that the hits below it are in
HIT = "hit"

CHATS = (PINNED, FILED, CHAT)
FOLDS = (FOLDER, BIN)
SILENT = (HEADING, NOTE)  # can be neither chosen nor reached
DOTS, RESTORE = "dots", "restore"  # the buttons of a row

LONGEST_NAME = 200  # characters of a title or a folder's name that a person can give
KEPT_DAYS = 30
EMPTY_FOLDER = "No chats in this folder"
NO_CHATS = "Your conversations will be listed here."
PIN_HEADING, BIN_NAME, UNDATED, UNTITLED = "Pinned", "Recently deleted", "Undated", "New chat"

_DAY = 86_400.0
_SHOWN = 400  # characters of a text that a row looks at
_LEAD = 26  # characters that may stand before the first found word
_SPACES = re.compile(r"\s+")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


class Row(NamedTuple):
    """A line of the list. `text` is as it was stored; `one_line` makes it fit to be shown.

    `id`: of a chat or a folder. `at`: seconds since 1970. `folder`: the one a chat is in.
    `count`: how many are in a folder or deleted. `hit`: what a HIT row shows.
    """

    kind: str
    id: int
    text: str
    at: float = 0.0
    folder: int = 0
    count: int = 0
    pinned: bool = False
    is_open: bool = False
    hit: Hit | None = None


def listing_rows(
    listing: Listing, opened: Collection[int], is_bin_open: bool, now: float
) -> list[Row]:
    """What is to be seen of a listing; `opened`: ids of the folders that show what is in them."""
    rows = [Row(HEADING, 0, PIN_HEADING)] if listing.pinned else []
    rows += _chats(PINNED, listing.pinned)
    for folder in listing.folders:
        is_open = folder.id in opened
        count = len(folder.chats)
        rows.append(Row(FOLDER, folder.id, folder.name, count=count, is_open=is_open))
        if is_open:
            filed = _chats(FILED, folder.chats, folder.id)
            rows += filed or [Row(NOTE, folder.id, EMPTY_FOLDER, folder=folder.id)]
    rows += _by_age(listing.chats, now)
    if listing.deleted:
        rows.append(Row(BIN, 0, BIN_NAME, count=len(listing.deleted), is_open=is_bin_open))
        if is_bin_open:
            rows += _chats(GONE, listing.deleted)
    return rows


def hit_rows(hits: Sequence[Hit]) -> list[Row]:
    """The hits under the titles of their chats, in the order in which they were found."""
    chats: dict[int, list[Hit]] = {}
    for hit in hits:
        chats.setdefault(hit.chat, []).append(hit)
    rows = []
    for chat, found in chats.items():
        # A hit in the title is shown by marking it there.
        of_title = next((hit for hit in found if hit.message == 0), None)
        rows.append(Row(TITLE, chat, found[0].title, hit=of_title))
        rows += [Row(HIT, chat, hit.title, hit.created, hit=hit) for hit in found if hit.message]
    return rows


def nothing_found(text: str) -> str:
    """The sentence for a search without a hit."""
    return f"No chat contains “{one_line(text, 60)}”."


def one_line(text: str, longest: int = _SHOWN) -> str:
    """The beginning of a text on one line, with a mark for each character that could mislead."""
    return visible(repaired(" ".join(text[:longest].split()))) + (
        "…" if len(text) > longest else ""
    )


def name_of(row: Row) -> str:
    """The title or name of a row as it is shown."""
    return one_line(row.text) or ("Folder" if row.kind == FOLDER else UNTITLED)


def excerpt_of(hit: Hit, lead: int = _LEAD) -> tuple[str, ...]:
    """The parts of an excerpt, on one line, cut so that the first found part is to be seen."""
    first, *others = hit.excerpt or ("",)
    if others and len(first) > lead:
        kept = first[-lead:]
        first = "…" + (kept.split(" ", 1)[1] if " " in kept[: lead // 2] else kept)
    parts, left = [], _SHOWN
    for part in (first, *others):
        parts.append(visible(repaired(_SPACES.sub(" ", part[:left]))))
        left -= len(part[:left])
    return tuple(parts)


def short_date(at: float, now: float) -> str:
    """When it was, in few letters: "14:32" today, "Yesterday", "3 Mar", "3 Mar 2024"."""
    if not _DAY * 2 <= at < math.inf:
        return ""
    then, today = datetime.fromtimestamp(min(at, now)), datetime.fromtimestamp(now)
    if then.date() == today.date():
        return f"{then:%H:%M}"
    if then.date() == today.date() - timedelta(days=1):
        return "Yesterday"
    day = f"{then.day} {_MONTHS[then.month - 1][:3]}"
    return day if then.year == today.year else f"{day} {then.year}"


def days_left(deleted: float, now: float) -> str:
    """How long a deleted chat is kept, as it is shown."""
    days = math.ceil((deleted + KEPT_DAYS * _DAY - now) / _DAY) if deleted > 0 else KEPT_DAYS
    days = min(max(days, 1), KEPT_DAYS)
    return "1 day left" if days == 1 else f"{days} days left"


def plain(row: Row, now: float) -> str:
    """What a person reads in a row."""
    if row.kind in FOLDS:
        return f"{'▾' if row.is_open else '▸'} {name_of(row)} ({row.count:,})"
    if row.kind == GONE:
        return f"{name_of(row)} · {days_left(row.at, now)}"
    if row.kind == HIT and row.hit is not None:
        date = short_date(row.at, now)
        return "".join(excerpt_of(row.hit)).strip() + (f" · {date}" if date else "")
    return name_of(row)


def spoken(row: Row, now: float, is_open: bool = False, is_written: bool = False) -> str:
    """What a screen reader says of a row; `is_open`: the window shows this chat."""
    said = [name_of(row)]
    if row.kind in FOLDS:
        chats = "1 chat" if row.count == 1 else f"{row.count:,} chats"
        said += ["folder"] if row.kind == FOLDER else []
        said += [chats, "open" if row.is_open else "closed"]
    elif row.kind == GONE:
        said += ["deleted", days_left(row.at, now)]
    elif row.kind == HIT and row.hit is not None:
        said = ["".join(excerpt_of(row.hit)).strip(), short_date(row.at, now)]
    said += ["pinned"] if row.pinned else []
    said += ["shown in the window"] if is_open else []
    said += ["its answer is being written"] if is_written else []
    return ", ".join(part for part in said if part)


def _chats(kind: str, chats: Sequence[ChatEntry], folder: int | None = None) -> list[Row]:
    return [
        Row(kind, c.id, c.title, c.updated, c.folder if folder is None else folder, 0, c.pinned)
        for c in chats
    ]


def _by_age(chats: Sequence[ChatEntry], now: float) -> Iterator[Row]:
    label, since = "", math.inf
    for chat in chats:
        if not chat.updated >= since:
            # A clock that went backwards must not bring a heading twice.
            before = label
            label, since = _age(chat.updated, now)
            if label != before:
                yield Row(HEADING, 0, label)
        yield Row(CHAT, chat.id, chat.title, chat.updated, chat.folder, 0, chat.pinned)


def _age(at: float, now: float) -> tuple[str, float]:
    """The heading for a time, and from when on it holds."""
    if not at >= _DAY * 2:
        return UNDATED, -math.inf
    midnight = datetime.combine(datetime.fromtimestamp(now).date(), datetime.min.time())
    for label, days in (
        ("Today", 0),
        ("Yesterday", 1),
        ("Previous 7 days", 7),
        ("Previous 30 days", 30),
    ):
        since = (midnight - timedelta(days=days)).timestamp()
        if at >= since:
            return label, since
    then = datetime.fromtimestamp(at)
    since = datetime(then.year, then.month, 1).timestamp()
    return f"{_MONTHS[then.month - 1]} {then.year}", since
