"""What a loaded model still knows of the conversations it worked on.

It joins the prompt of a request with what was read before: the very tokens of the answers, the
cache, and the snapshots of other chats.
"""

import contextlib
from collections.abc import Iterator, Sequence

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.errors import TemplateError
from pychatbot_gui.engine.answers import Answers, Known
from pychatbot_gui.engine.cache import Cache
from pychatbot_gui.engine.engine import ReplyRequest
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
