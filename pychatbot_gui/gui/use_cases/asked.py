"""What can be asked of a model in a saved conversation: a question, another answer, more of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.history import SavedChat, SavedMessage, title_from
from pychatbot_gui.engine.engine import Sampling

if TYPE_CHECKING:
    from pychatbot_gui.store.chats import ChatStore, NewAnswer


@dataclass
class Asked:
    """One answer that is asked for, and how it gets its place in the store.

    `keep` puts it there and returns the ids of conversation, question and answer. `text`: the
    person's message, "" where an answer is made anew or continued. `prefix`: what a continued
    answer begins with. `redraw`: another branch is shown from then on.
    """

    chat: SavedChat
    keep: Callable[[ChatStore], tuple[int, int, int]]
    sampling: Sampling
    text: str = ""
    prefix: str = ""
    redraw: bool = False
    question: int = 0
    answer: int = 0
    saved: SavedChat | None = None  # its conversation as it was when it was kept
    visit: int = 0  # during which visit of the conversation it was asked
    kept: tuple[int, int, int] | None = None  # what `keep` returned; set in the store's thread
    is_cancelled: bool = False
    is_erased: bool = False  # with its whole conversation
    is_with_engine: bool = False


def new_question(
    chat: SavedChat, parent: int, text: str, sampling: Sampling, answer: NewAnswer
) -> Asked:
    """A message of the person after `parent`, in a new conversation where `chat.id` is 0."""
    from pychatbot_gui.store.chats import NewQuestion

    question = NewQuestion(
        text,
        parent,
        system=chat.system,
        preset=chat.preset,
        sampling=chat.sampling,
        title=title_from(text),
    )
    return Asked(
        chat,
        lambda store: store.add_exchange(chat.id, question, answer),
        sampling,
        text=text,
        redraw=parent != chat.head,
    )


def another_answer(
    chat: SavedChat, at: SavedMessage, sampling: Sampling, answer: NewAnswer
) -> Asked:
    """Another version of an answer, or an answer to a question that has none."""
    question = at.parent if at.role is Role.ASSISTANT else at.id

    def keep(store: ChatStore) -> tuple[int, int, int]:
        return chat.id, question, store.add_answer(chat.id, question, answer)

    return Asked(chat, keep, sampling, redraw=True)


def more_of(chat: SavedChat, cut: SavedMessage, sampling: Sampling, answer: NewAnswer) -> Asked:
    """A version of a cut answer that goes on where it was cut."""

    def keep(store: ChatStore) -> tuple[int, int, int]:
        made = store.add_answer(chat.id, cut.parent, answer, cut.text)
        return chat.id, cut.parent, made

    return Asked(chat, keep, sampling, prefix=cut.text, redraw=True)
