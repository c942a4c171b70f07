"""Saved conversations as values: what the store keeps, the window shows, export writes.

A conversation is a tree: every message names the one before it. An edit or another answer is a
new message under the same parent, so nothing that was written is ever overwritten. `head` is the
end of the branch that is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pychatbot_gui.core.chat import Conversation, Message, Role, turn_starts

WRITING = "writing"
"""`SavedMessage.ended` of an answer that is being written."""

COMPLETE = ("stop", "")
"""`SavedMessage.ended` of what was written to its end; "" is for the messages of a person."""


@dataclass(frozen=True)
class SavedMessage:
    """One message of the tree; `parent` is the id of the message before it, 0 for none.

    `created`: seconds since 1970, as the clock said. `ended`: "" for a person's message, else
    "stop", "length", "context", "cancelled", "error", "crash" (the program ended in the middle)
    or "writing". `sampling`: the sampler values used. Counts in tokens.
    """

    id: int
    parent: int
    role: Role
    text: str
    created: float = 0.0
    ended: str = ""
    model: str = ""  # its name, for an answer
    sampling: Mapping[str, float] = field(default_factory=dict)
    prompt_tokens: int = 0
    reply_tokens: int = 0
    tokens_per_second: float = 0.0

    @property
    def is_cut(self) -> bool:
        """Whether this is an answer that did not come to its end and is not being written."""
        return self.ended not in (*COMPLETE, WRITING)


@dataclass(frozen=True)
class Shown:
    """A message of the branch that is shown: version `version` (from 1) of `versions`."""

    message: SavedMessage
    version: int = 1
    versions: int = 1


@dataclass(frozen=True)
class SavedChat:
    """A conversation with all its branches, messages in the order they were written.

    `uid` stays the same through export and import. `sampling`: samplers of its preset, in place
    of those in the settings. `folder` 0 for none. `titled_by`: "start" (its first words),
    "model" or "person". `deleted`: when it was, seconds since 1970, 0 for not.
    """

    id: int
    uid: str = ""
    title: str = ""
    titled_by: str = "start"
    created: float = 0.0
    updated: float = 0.0
    system: str = ""
    preset: str = ""
    sampling: Mapping[str, float] = field(default_factory=dict)
    draft: str = ""
    hidden_turns: int = 0
    pinned: bool = False
    folder: int = 0
    deleted: float = 0.0
    head: int = 0
    messages: tuple[SavedMessage, ...] = ()

    @cached_property
    def by_id(self) -> dict[int, SavedMessage]:
        """Every message by its id."""
        return {message.id: message for message in self.messages}

    @cached_property
    def children(self) -> dict[int, list[int]]:
        """The ids of the messages that follow a message (0: the first ones), oldest first."""
        found: dict[int, list[int]] = {}
        known = self.by_id
        for message in self.messages:
            parent = message.parent if message.parent in known else 0
            found.setdefault(parent, []).append(message.id)
        return found

    @cached_property
    def _places(self) -> dict[int, int]:
        return {message.id: place for place, message in enumerate(self.messages)}

    def path(self, to: int | None = None) -> tuple[SavedMessage, ...]:
        """The messages from the first one to `to` (the head where it is not given).

        A parent that does not exist, or one that leads in a circle, ends the way.
        """
        return self._branch if to is None else self._way(to)

    def shown(self) -> tuple[Shown, ...]:
        """The branch that is shown, each message with its place among its versions."""
        return self._shown

    @cached_property
    def _branch(self) -> tuple[SavedMessage, ...]:
        return self._way(self.head)

    @cached_property
    def _shown(self) -> tuple[Shown, ...]:
        found = []
        for message in self._branch:
            ids = self.versions(message.id)
            found.append(Shown(message, ids.index(message.id) + 1, len(ids)))
        return tuple(found)

    def last_counted(self) -> SavedMessage | None:
        """The last answer of the branch that is shown whose tokens are known."""
        return next((m for m in reversed(self.path()) if m.prompt_tokens), None)

    def _way(self, to: int) -> tuple[SavedMessage, ...]:
        known = self.by_id
        at, way, seen = to, [], set()
        while at in known and at not in seen:
            seen.add(at)
            way.append(known[at])
            at = way[-1].parent
        return tuple(reversed(way))

    def versions(self, message: int) -> tuple[int, ...]:
        """The ids of a message and its other versions, oldest first."""
        parent = self.by_id[message].parent
        return tuple(self.children[parent if parent in self.by_id else 0])

    def last_leaf(self, message: int) -> int:
        """The end of the newest branch below a message, itself where nothing follows it."""
        leaves: list[int] = []
        below, seen = [message], {message}
        while below:
            at = below.pop()
            follow = [child for child in self.children.get(at, []) if child not in seen]
            seen.update(follow)
            below += follow
            if not follow:
                leaves.append(at)
        # The last one written, whatever its number: an import may bring numbers in any order.
        return max(leaves, key=lambda leaf: self._places.get(leaf, -1))

    def conversation(self, to: int | None = None) -> Conversation:
        """What a model is sent: system prompt and messages up to `to`. Empty answers are left out."""
        messages = tuple(
            Message(m.role, m.text, unfinished=m.is_cut) for m in self.path(to) if m.text
        )
        return Conversation(self.system, messages, self.hidden_turns)

    def first_seen(self) -> int:
        """The id of the first message that the model still sees; 0 where it sees all there are."""
        written = [m for m in self._branch if m.text] if self.hidden_turns > 0 else []
        starts = turn_starts([Message(m.role, m.text) for m in written])
        if not starts:
            return 0
        first = starts[min(self.hidden_turns, len(starts) - 1)]
        return written[first].id if first else 0


@dataclass(frozen=True)
class ChatEntry:
    """A line of the list of conversations."""

    id: int
    title: str
    updated: float = 0.0
    pinned: bool = False
    folder: int = 0


@dataclass(frozen=True)
class Folder:
    """A folder of the list and what is in it, newest first."""

    id: int
    name: str
    chats: tuple[ChatEntry, ...] = ()


@dataclass(frozen=True)
class Listing:
    """The list of conversations: pinned ones, folders, and the newest of the rest.

    `more`: there are older ones. `deleted`: those that can still be restored, latest first; their
    `updated` says when they were deleted.
    """

    pinned: tuple[ChatEntry, ...] = ()
    folders: tuple[Folder, ...] = ()
    chats: tuple[ChatEntry, ...] = ()
    more: bool = False
    deleted: tuple[ChatEntry, ...] = ()


@dataclass(frozen=True)
class Hit:
    """A message (0: the title) in which all words of a search were found.

    `excerpt`: a line of its text, in parts; the odd ones (1, 3, …) are what was found.
    """

    chat: int
    title: str
    message: int
    excerpt: tuple[str, ...]
    created: float = 0.0


def title_from(text: str, longest: int = 48) -> str:
    """A title from the first words of a message: one line, cut at a word."""
    line = " ".join(text[:2000].split())
    if len(line) <= longest:
        return line or "New chat"
    cut = (
        line[:longest].rsplit(" ", 1)[0] if " " in line[longest // 2 : longest] else line[:longest]
    )
    return cut.rstrip(" ,;:.–-") + "…"
