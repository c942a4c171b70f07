"""What a loaded model still knows of the conversations it worked on.

It joins the prompt of a request with what was read before: the very tokens of the answers, the
cache, and the snapshots of other chats.
"""

import contextlib
import time
from collections.abc import Generator, Iterator, Sequence

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.errors import Cancelled, TemplateError
from pychatbot_gui.engine.answers import Answers, Known
from pychatbot_gui.engine.cache import Cache
from pychatbot_gui.engine.engine import (
    CancelToken,
    Event,
    Finished,
    Measured,
    Reading,
    Rendering,
    ReplyRequest,
)
from pychatbot_gui.engine.fitting import PromptFitter
from pychatbot_gui.engine.snapshots import Snapshots


class Recall:
    """Of one loaded model. Its `snapshots` may be given a folder."""

    def __init__(
        self, cache: Cache, prompts: PromptFitter, answers: Answers, n_vocab: int, budget: int
    ) -> None:
        """`budget`: bytes of memory for the states of other chats."""
        self.snapshots = Snapshots(cache, n_vocab, budget, self._known)
        self._cache = cache
        self._prompts = prompts
        self._answers = answers
        self._hidden = 0  # turns that were left out of what is in the cache
        self._said: list[str] = []  # the answers in the conversation that the cache is of

    def remember(self, chat: str) -> None:
        """Before a prompt is made: take back the tokens of a chat's answers from a former run."""
        if chat != self._cache.chat:
            self._answers.add_known(self.snapshots.answers(chat))

    def stable(self, request: ReplyRequest, hidden: int) -> int:
        """How many tokens of a prompt come before the person's last message; 0 if nobody asks.

        `hidden`: so many turns are left out.
        """
        messages = request.messages
        if self._cache.memory.window == 1 or not messages or messages[-1].role is not Role.USER:
            return 0
        with contextlib.suppress(TemplateError):
            max_tokens = request.sampling.max_tokens
            return len(self._prompts.ahead(messages[:-1], max_tokens, hidden)[0])
        return 0

    def go_to(
        self, request: ReplyRequest, tokens: Sequence[int], hidden: int, makes_room: bool = False
    ) -> int:
        """Have the cache hold what is known of a prompt; returns how many tokens that are.

        `hidden`: so many turns are left out. Where there are more than before, or where an answer
        makes room for itself, what is in the cache may be shifted; after an edit it may not.
        """
        same_chat = request.chat == self._cache.chat
        before = self._hidden if same_chat else request.hidden_turns
        shift = makes_room or hidden > before
        reused = self.snapshots.go_to(request.chat, tokens, shift)
        self._hidden = hidden
        self._said = [m.text for m in request.messages if m.role is Role.ASSISTANT]
        return reused

    def read_ahead(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
        """See `Engine.read_ahead`."""
        began = time.monotonic()
        yield Rendering(request.id)
        self.remember(request.chat)
        sure: list[int] = []
        reused = 0
        with contextlib.suppress(Cancelled):
            messages, max_tokens = request.messages, request.sampling.max_tokens
            outlook = self._prompts.outlook(messages, max_tokens, request.hidden_turns, token)
            yield Measured(request.id, outlook.tokens, outlook.limit)
            fits = outlook.tokens <= outlook.limit
            if fits and not request.only_measure and not token.is_cancelled():
                yield Rendering(request.id)
                sure = self._prompts.sure(messages, max_tokens, outlook.turns)
                reused = yield from self._read(request, sure, outlook.turns, token)
        yield Finished(
            request.id,
            "cancelled" if token.is_cancelled() else "stop",
            prompt_tokens=len(sure),
            reused_tokens=reused,
            reading_seconds=time.monotonic() - began,
        )

    def _read(
        self, request: ReplyRequest, sure: list[int], hidden: int, token: CancelToken
    ) -> Generator[Event, None, int]:
        if self.holds(sure) or token.is_cancelled():
            return len(sure)
        stable = self.stable(request, hidden)
        if request.chat == self._cache.chat and hidden > self._hidden:
            # The person may yet shorten what they write, and then nothing has to leave.
            self.snapshots.put_away()
        reused = self.go_to(request, sure, hidden)
        yield Reading(request.id, reused, len(sure))
        for done in self._cache.read(sure, stable):
            yield Reading(request.id, done, len(sure))
            if token.is_cancelled():
                break
        return reused

    def holds(self, tokens: Sequence[int]) -> bool:
        """Whether all of these were read, as the first ones."""
        return self._cache.tokens[: len(tokens)] == tokens

    def add_answer(self, text: str, tokens: Sequence[int]) -> None:
        """An answer was written, as far as it came."""
        self._answers.add(text, tokens)
        self._said.append(text)

    def take_notice(self) -> Iterator[str]:
        """What is to be told of the snapshots: once."""
        notice, self.snapshots.notice = self.snapshots.notice, ""
        if notice:
            yield notice

    def _known(self) -> tuple[Known, ...]:
        return tuple(self._answers.known(self._said))
