"""The context list and the rules for keeping it: one conversation with one engine.

The window's worker and the terminal both talk through this, so both send the model the same.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pychatbot_gui.core.chat import (
    Conversation,
    Message,
    Role,
    clean_text,
    turn_starts,
    user_message,
)
from pychatbot_gui.core.errors import ContextOverflow, TemplateError
from pychatbot_gui.engine.engine import (
    CancelToken,
    Engine,
    Event,
    Finished,
    Loading,
    Reading,
    ReplyRequest,
    Sampling,
    Text,
)


@dataclass(frozen=True)
class Ahead:
    """What is to be read ahead: a conversation and what the person has written so far after it.

    `chat`: a key, as in `ReplyRequest`. `when`: a value of the setting `read_ahead`; where it says
    no, the tokens are only counted.
    """

    conversation: Conversation
    draft: str
    sampling: Sampling
    chat: str = ""
    when: str = "on"


class ChatSession:
    """A conversation that goes on: each question and each answer is added to its context."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.conversation = Conversation()
        self.chat = ""  # the key under which the engine keeps what it reads; "" for none
        self._ids = itertools.count(1)

    def ask(self, text: str, sampling: Sampling, token: CancelToken) -> Iterator[Event]:
        """Add a message of the person and answer it; see `Engine.reply` for events and errors.

        A stopped or broken answer is kept as far as it came, marked as unfinished. A message that
        was refused before the model saw it (`was_refused`) is not added.
        """
        before = self.conversation
        asked = self.conversation = before.with_message(user_message(text))
        try:
            yield from self.answer(sampling, token)
        except Exception as error:
            if was_refused(error) and self.conversation.messages == asked.messages:
                self.conversation = before
            raise

    def answer(self, sampling: Sampling, token: CancelToken, prefix: str = "") -> Iterator[Event]:
        """Answer the conversation as it stands: its last message is the person's.

        `prefix`: the answer begins with this text, and goes on from there; the events bring only
        what is new. The answer is added at its end, as `ask` does it; nothing is where the
        conversation was refused.
        """
        before, prefix = self.conversation, clean_text(prefix)
        request = ReplyRequest(
            next(self._ids), before.prompt(), sampling, prefix, self.chat, before.hidden_turns
        )
        pieces = [prefix] if prefix else []
        complete = False
        try:
            for event in self.engine.reply(request, token):
                if isinstance(event, Text):
                    pieces.append(event.piece)
                elif isinstance(event, Reading):
                    self._hide(request.messages, event.dropped)
                elif isinstance(event, Finished):
                    complete = event.reason == "stop"
                    self._keep(pieces, complete)
                    pieces = []
                yield event
        except Exception as error:
            if was_refused(error) and "".join(pieces) == prefix:
                pieces = []
            raise
        finally:
            self._keep(pieces, complete)

    def read_ahead(
        self, ahead: Ahead, token: CancelToken, only_measure: bool = False
    ) -> Iterator[Event]:
        """Have the engine measure the next prompt, and read what is sure to come of it.

        The context list stays as it is. Raises as `Engine.reply` does, though nobody need be told.
        """
        conversation = ahead.conversation
        if ahead.draft.strip():
            conversation = conversation.with_message(user_message(ahead.draft))
        request = ReplyRequest(
            next(self._ids),
            conversation.prompt(),
            ahead.sampling,
            chat=ahead.chat,
            hidden_turns=conversation.hidden_turns,
            only_measure=only_measure,
        )
        yield from self.engine.read_ahead(request, token)

    def title(self, conversation: Conversation, token: CancelToken, chat: str = "") -> str:
        """A title for a conversation, by the model; "" where it finds none or was stopped.

        The context list stays as it is. The request is the conversation and one message more, so
        the model's cache is as useful for the next turn as it was. Raises as `Engine.reply` does.
        """
        from pychatbot_gui.core.titles import (
            TITLE_TOKENS,
            clean_title,
            title_beginning,
            title_question,
        )

        asked = conversation.with_message(user_message(title_question()))
        answers = [m.text for m in conversation.messages if m.role is Role.ASSISTANT]
        request = ReplyRequest(
            next(self._ids),
            asked.prompt(),
            Sampling(temperature=0, max_tokens=TITLE_TOKENS),
            title_beginning(answers[-1] if answers else ""),
            chat,
            conversation.hidden_turns,
        )
        pieces: list[str] = []
        for event in self.engine.reply(request, token):
            if isinstance(event, Text):
                pieces.append(event.piece)
            elif isinstance(event, Loading):
                token.cancel()  # the model is gone; a title is no reason to load it again
            elif isinstance(event, Finished) and event.reason == "cancelled":
                return ""
        return clean_title("".join(pieces))

    def _keep(self, pieces: list[str], complete: bool) -> None:
        if pieces:
            answer = Message(Role.ASSISTANT, "".join(pieces), unfinished=not complete)
            self.conversation = self.conversation.with_message(answer)

    def _hide(self, sent: tuple[Message, ...], dropped: int) -> None:
        """The oldest messages are out of the model's sight, or back in it.

        The next request says how many are out, so that the beginning of the prompt stays the same,
        and is not read again, for many turns.
        """
        gone = [m for m in sent if m.role is not Role.SYSTEM][:dropped]
        hidden = len(turn_starts(gone))
        if hidden != self.conversation.hidden_turns:
            self.conversation = replace(self.conversation, hidden_turns=hidden)


def was_refused(error: Exception) -> bool:
    """Whether this error means that the model never saw the message."""
    return isinstance(error, (ContextOverflow, TemplateError))
