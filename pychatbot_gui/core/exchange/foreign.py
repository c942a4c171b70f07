"""What the readers of other programs' files share: values taken with care, losses counted."""

import hashlib
import heapq
import json
import math
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from pychatbot_gui.core.chat import clean_text
from pychatbot_gui.core.history import SavedMessage

LONGEST_TITLE = 200
_LATEST = 253_402_300_000.0  # the end of the year 9999
_MILLISECONDS = 100_000_000_000.0  # a later time than this in seconds is one in milliseconds

# kind: one of them, many of them
_LEFT_OUT = {
    "image": ("an image", "images"),
    "audio": ("a recording", "recordings"),
    "file": ("an attached file", "attached files"),
    "tool": ("a tool call or its result", "tool calls and results"),
    "reasoning": ("the reasoning before an answer", "reasonings before answers"),
    "system": ("a system message", "system messages"),
    "hidden": ("a hidden message", "hidden messages"),
    "memory": ("a note of the program itself", "notes of the program itself"),
    "role": ("a message of an unknown role", "messages of unknown roles"),
    "citation": ("a reference to a source", "references to sources"),
    "empty": ("an empty message", "empty messages"),
    "part": ("a part of an unknown kind", "parts of unknown kinds"),
    "message": ("a damaged message", "damaged messages"),
    "value": ("a value that makes no sense", "values that make no sense"),
    "time": ("a time that makes no sense", "times that make no sense"),
}
_MENDED = {
    "parent": ("a message whose place was damaged", "messages whose places were damaged"),
    "id": ("a number that was used twice", "numbers that were used twice"),
    "head": ("the end of the conversation", "ends of the conversation"),
    "title": ("a title that was too long", "titles that were too long"),
}


@dataclass
class Losses:
    """How often something of a conversation could not be taken, by kind."""

    counts: Counter[str] = field(default_factory=Counter)

    def count(self, kind: str, number: int = 1) -> None:
        """Note that this kind of thing was left out or mended."""
        self.counts[kind] += number

    def sentence(self) -> str:
        """What was left out and what was mended, "" for nothing."""
        parts = []
        for label, kinds in (("left out", _LEFT_OUT), ("mended", _MENDED)):
            listed = [
                one if self.counts[kind] == 1 else f"{self.counts[kind]:,} {many}"
                for kind, (one, many) in kinds.items()
                if self.counts[kind] > 0
            ]
            if listed:
                parts.append(f"{label}: {', '.join(listed)}")
        return "; ".join(parts)


def text_of(value: Any) -> str:
    """A text as it can be stored, "" for what is none."""
    return clean_text(value) if isinstance(value, str) else ""


def title_of(value: Any, losses: Losses) -> str:
    """A title on one line, "" for none."""
    text = text_of(value)
    line = " ".join(text[: 10 * LONGEST_TITLE].split())
    if len(line) > LONGEST_TITLE or len(text) > 10 * LONGEST_TITLE:
        losses.count("title")
        line = line[: LONGEST_TITLE - 1].rstrip() + "…"
    return line


def number_of(value: Any, losses: Losses) -> float:
    """A finite number, 0 for none."""
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        losses.count("value")
        return 0.0
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        losses.count("value")
        return 0.0
    return number


def count_of(value: Any, losses: Losses) -> int:
    """A count from 0 to 2**53, 0 for none."""
    number = number_of(value, losses)
    if number < 0 or number > 2**53 or number != int(number):
        losses.count("value")
        return 0
    return int(number)


def time_of(value: Any, losses: Losses) -> float:
    """Seconds since 1970 from seconds, milliseconds or an ISO date; 0 for none."""
    if value is None or value == 0 or value == "":
        return 0.0
    seconds = -1.0
    if isinstance(value, str):
        seconds = _seconds_of(value)
    elif not isinstance(value, bool) and isinstance(value, (int, float)):
        # Compared before any conversion: a number may be larger than a float can be.
        seconds = float(value) if 0 < value < 1000 * _LATEST else -1.0
        if seconds > _MILLISECONDS:
            seconds /= 1000
    if not 0 < seconds < _LATEST:
        losses.count("time")
        return 0.0
    return seconds


def _seconds_of(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text[:40].strip().replace("Z", "+00:00"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return moment.timestamp()
    except (ValueError, OverflowError):
        return -1.0


def uid_of(source: str, *parts: Any) -> str:
    """The same uid for the same conversation of a program, however often it is imported."""
    text = json.dumps([source, *parts], sort_keys=True, default=str)
    return uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16]).hex


def arranged(
    messages: Sequence[SavedMessage], losses: Losses, by_time: bool = False
) -> list[SavedMessage]:
    """The messages with every parent before what follows it, and no way in a circle.

    Otherwise in their order, or by time. A message whose parent is missing, or that is its own
    ancestor, becomes a first message.
    """
    index = {message.id: at for at, message in enumerate(messages)}
    parents = [message.parent for message in messages]
    for at, parent in enumerate(parents):
        if parent and parent not in index:
            losses.count("parent")
            parents[at] = 0
    follow: dict[int, list[int]] = {}
    for at, parent in enumerate(parents):
        follow.setdefault(parent, []).append(at)
    done: list[SavedMessage] = []
    placed = [False] * len(messages)
    times = [message.created for message in messages]
    ready: list[tuple[float, int]] = []

    def push(at: int, since: float) -> None:
        times[at] = times[at] or since
        heapq.heappush(ready, (max(times[at], since) if by_time else 0.0, at))

    for at in follow.get(0, []):
        push(at, 0.0)
    unplaced = 0
    while True:
        while ready:
            _, at = heapq.heappop(ready)
            if placed[at]:
                continue
            placed[at] = True
            done.append(replace(messages[at], parent=parents[at]))
            for below in follow.get(messages[at].id, []):
                if not placed[below]:
                    push(below, times[at])
        while unplaced < len(messages) and placed[unplaced]:
            unplaced += 1
        if unplaced == len(messages):
            return done
        # Only circles are left: one of its messages becomes a first one.
        losses.count("parent")
        parents[unplaced] = 0
        push(unplaced, 0.0)
