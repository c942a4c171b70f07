"""Saved chats for the tests of what shows them."""

from collections.abc import Sequence

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.history import SavedMessage, Shown

NOTES = {"cancelled": "Stopped", "length": "Cut off"}


def question(number: int, text: str, version: int = 1, versions: int = 1) -> Shown:
    return Shown(SavedMessage(number, number - 1, Role.USER, text), version, versions)


def answer(
    number: int, text: str, version: int = 1, versions: int = 1, ended: str = "stop"
) -> Shown:
    saved = SavedMessage(number, number - 1, Role.ASSISTANT, text, ended=ended, model="Tiny 1B")
    return Shown(saved, version, versions)


def long_chat(count: int, words: str = "A line of words. ") -> list[Shown]:
    """Questions and answers in turn, each with its number in it; ids begin at 1."""
    return [
        question(number, f"Question {number}")
        if number % 2
        else answer(number, f"Answer {number} is *here*.\n\n- {words * 3}")
        for number in range(1, count + 1)
    ]


def numbers_in(text: str) -> list[int]:
    """The numbers of the messages of a `long_chat` in what is read, in that order."""
    words = text.split()
    pairs = zip(words, words[1:], strict=False)
    return [int(after) for word, after in pairs if word in ("Question", "Answer")]


def ids(shown: Sequence[Shown]) -> list[int]:
    return [part.message.id for part in shown]
