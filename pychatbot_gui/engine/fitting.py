"""A conversation as tokens that fit into the context."""

from collections.abc import Callable, Iterator, Sequence

from pychatbot_gui.core.chat import Message, Role, without_oldest_turns
from pychatbot_gui.core.context import prompt_limit, too_long, turns_to_drop
from pychatbot_gui.core.errors import Cancelled, TemplateError
from pychatbot_gui.engine.answers import Answers
from pychatbot_gui.engine.engine import CancelToken
from pychatbot_gui.engine.prompts import Prompt, PromptWriter

# Characters that are tokenized at once when a text is only counted.
_SLICE = 100_000
# A text of this many contexts is too long, however much longer it is.
_ENOUGH = 16
# An answer is continued only where this part of the context is free for it, or what it may take.
_LEAST_ROOM_PART = 16

Tokenize = Callable[[str, bool, bool], list[int]]


class PromptFitter:
    """Writes prompts and leaves out the oldest turns where they do not fit.

    `tokenize(text, add_special, parse_special)` gives token ids, as llama.cpp does. Of `answers`
    the very tokens are taken that the model wrote.
    """

    def __init__(
        self, writer: PromptWriter, tokenize: Tokenize, n_ctx: int, answers: Answers
    ) -> None:
        self._writer = writer
        self._tokenize = tokenize
        self._n_ctx = n_ctx
        self._answers = answers

    def fit(
        self, messages: Sequence[Message], max_tokens: int, answer: Sequence[int] = ()
    ) -> tuple[Prompt, list[int], int]:
        """The prompt, its tokens and how many of the oldest messages had to be left out.

        `answer`: tokens of an answer that is to be continued; they are the last of the result.
        Raises `ContextOverflow` where the last message alone is too long, `TemplateError`.
        """
        limit = self._limit(max_tokens, len(answer))

        def count(some: Sequence[Message]) -> int:
            return self._count(some) + len(answer)

        turns = turns_to_drop(messages, limit, count)
        if turns is None:
            size = count(without_oldest_turns(messages, len(messages)))
            raise too_long(size, limit, self._n_ctx, bool(answer))
        kept = without_oldest_turns(messages, turns)
        prompt = self._writer.write(kept, self._answers.is_known)
        tokens = self._tokens(prompt)
        if not tokens:
            raise TemplateError(
                "The model's chat template makes an empty prompt of this conversation. Choose a "
                "chat format in the settings."
            )
        return prompt, [*tokens, *answer], len(messages) - len(kept)

    def outlook(
        self, messages: Sequence[Message], max_tokens: int, token: CancelToken
    ) -> tuple[Sequence[Message], int, int]:
        """What would be sent now: the messages that are left, their tokens, how many may be.

        Messages that end with an answer are no prompt: all are left, and counted up to where the
        person's next one begins. More tokens than may be mean that `fit` would refuse the last
        message. Raises `Cancelled`, `TemplateError`.
        """
        limit = self._limit(max_tokens, 0)
        if not messages or messages[-1].role is not Role.USER:
            begun = self._writer.write_ahead(messages, self._answers.is_known)
            return messages, self._count_prompt(begun, token), limit
        counts: dict[int, int] = {}

        def count(some: Sequence[Message]) -> int:
            if len(some) not in counts:
                prompt = self._writer.write(some, self._answers.is_known)
                counts[len(some)] = self._count_prompt(prompt, token)
            return counts[len(some)]

        turns = turns_to_drop(messages, limit, count)
        kept = without_oldest_turns(messages, len(messages) if turns is None else turns)
        return kept, count(kept), limit

    def ahead(self, messages: Sequence[Message], max_tokens: int) -> list[int]:
        """The first tokens of the next prompt, as far as they are sure.

        See `PromptWriter.write_ahead`. None where that prompt will leave turns out. Raises
        `TemplateError`.
        """
        tokens = self._tokens(self._writer.write_ahead(messages, self._answers.is_known))
        return tokens if len(tokens) <= self._limit(max_tokens, 0) else []

    def _limit(self, max_tokens: int, begun: int) -> int:
        """What is begun of an answer has taken its room already; some must be left to go on."""
        room = self._n_ctx - prompt_limit(self._n_ctx, max_tokens)
        return self._n_ctx - max(room - begun, min(room, self._n_ctx // _LEAST_ROOM_PART))

    def _tokens(self, prompt: Prompt) -> list[int]:
        return [token for part in self._parts(prompt) for token in part]

    def _count(self, messages: Sequence[Message]) -> int:
        return self._count_prompt(self._writer.write(messages, self._answers.is_known))

    def _count_prompt(self, prompt: Prompt, token: CancelToken | None = None) -> int:
        """Tokens of a prompt; of a pasted book, only until it is clear that it is too long."""
        total = 0
        for part in self._parts(prompt, _SLICE):
            total += len(part)
            if total > _ENOUGH * self._n_ctx:
                break
            if token is not None and token.is_cancelled():
                raise Cancelled
        return total

    def _parts(self, prompt: Prompt, most: int = 0) -> Iterator[Sequence[int]]:
        """The tokens of each segment; of one with more than `most` characters (0: any) in slices."""
        goes_on = False
        for i, (text, is_control, answer) in enumerate(prompt.segments):
            own = self._answers.tokens(answer, text) if answer else None
            if own is not None:
                yield own
            elif most and len(text) > most:
                for at in range(0, len(text), most):
                    yield self._tokenize(text[at : at + most], False, is_control)
            elif answer or goes_on:
                yield self._going_on(text, is_control)
            else:
                yield self._tokenize(text, i == 0 and not prompt.has_bos, is_control)
            goes_on = bool(answer)

    def _going_on(self, text: str, is_control: bool) -> list[int]:
        """The tokens of a text inside a line: SentencePiece puts a space before one that begins."""
        before = self._tokenize("\n", False, False)
        longer = self._tokenize(f"\n{text}", False, is_control)
        if longer[: len(before)] == before:
            return longer[len(before) :]
        return self._tokenize(text, False, is_control)
