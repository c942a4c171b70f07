"""A conversation as immutable values, and the functions on them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum


class Role(str, Enum):
    """Who wrote a message; the values are the field's own names."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def clean_text(text: str) -> str:
    """Text that UTF-8 can carry: lone surrogates become U+FFFD, nothing else changes."""
    return _LONE_SURROGATE.sub("\ufffd", text)


@dataclass(frozen=True)
class Message:
    """One message. `unfinished` marks an answer that was stopped or cut off."""

    role: Role
    text: str
    unfinished: bool = False


@dataclass(frozen=True)
class Conversation:
    """A system prompt ("" for none) and the messages after it, oldest first.

    `hidden_turns`: so many of the oldest turns did not fit into the context the last time.
    """

    system: str = ""
    messages: tuple[Message, ...] = ()
    hidden_turns: int = 0

    def with_message(self, message: Message) -> "Conversation":
        """This conversation with one more message at its end."""
        return replace(self, messages=(*self.messages, message))

    def with_system(self, system: str) -> "Conversation":
        """This conversation under another system prompt."""
        return replace(self, system=clean_text(system))

    def prompt(self) -> tuple[Message, ...]:
        """What the engine is sent: the system prompt, if any, then all messages.

        Those that do not fit are left out there. Messages of one role that follow each other (a
        question that got no answer, then the next) become one, because many templates want the
        roles to alternate.
        """
        head = (Message(Role.SYSTEM, self.system),) if self.system.strip() else ()
        merged: list[Message] = []
        for message in self.messages:
            if merged and merged[-1].role is message.role:
                merged[-1] = replace(merged[-1], text=f"{merged[-1].text}\n\n{message.text}")
            else:
                merged.append(message)
        return head + tuple(merged)


def without_oldest_turns(messages: Sequence[Message], turns: int) -> tuple[Message, ...]:
    """The messages less the `turns` oldest turns (a user message and what follows it).

    A system message stays, and so does the last turn: it holds the question to be answered.
    """
    starts = turn_starts(messages)
    if turns <= 0 or not starts:
        return tuple(messages)
    first_kept = starts[min(turns, len(starts) - 1)]
    head = tuple(m for m in messages[: starts[0]] if m.role is Role.SYSTEM)
    return head + tuple(messages[first_kept:])


def turn_starts(messages: Sequence[Message]) -> list[int]:
    """Index of the first message of every turn; questions that follow each other are one turn."""
    return [
        i
        for i, message in enumerate(messages)
        if message.role is Role.USER and (i == 0 or messages[i - 1].role is not Role.USER)
    ]


def user_message(text: str) -> Message:
    """A message of the person, made safe for UTF-8."""
    return Message(Role.USER, clean_text(text))
