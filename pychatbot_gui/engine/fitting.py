"""A conversation as tokens that fit into the context."""

from collections.abc import Callable, Sequence

from pychatbot_gui.core.chat import Message, without_oldest_turns
from pychatbot_gui.core.context import prompt_limit, turns_to_drop
from pychatbot_gui.core.errors import ContextOverflow, TemplateError
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

    `tokenize(text, add_special, parse_special)` gives token ids, as llama.cpp does.
    """

    def __init__(self, writer: PromptWriter, tokenize: Tokenize, n_ctx: int) -> None:
        self._writer = writer
        self._tokenize = tokenize
        self._n_ctx = n_ctx

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
            raise self._overflow(size, limit, bool(answer))
        kept = without_oldest_turns(messages, turns)
        prompt = self._writer.write(kept)
        return prompt, [*self._tokens(prompt), *answer], len(messages) - len(kept)

    def _limit(self, max_tokens: int, begun: int) -> int:
        """What is begun of an answer has taken its room already; some must be left to go on."""
        room = self._n_ctx - prompt_limit(self._n_ctx, max_tokens)
        return self._n_ctx - max(room - begun, min(room, self._n_ctx // _LEAST_ROOM_PART))

    def _overflow(self, size: int, limit: int, begun: bool) -> ContextOverflow:
        what = "This answer cannot go on" if begun else "This message is too long for the model"
        whole = "its question and the system prompt" if begun else "the system prompt"
        hint = "Set" if begun else "Shorten it, or set"
        return ContextOverflow(
            f"{what}: it takes about {size:,} tokens with {whole}, and {limit:,} fit beside the "
            f"{'rest of it' if begun else 'answer'}. {hint} a larger context length (now "
            f"{self._n_ctx:,}) in the settings."
        )

    def _tokens(self, prompt: Prompt) -> list[int]:
        tokens: list[int] = []
        for i, (text, is_control) in enumerate(prompt.segments):
            tokens += self._tokenize(text, i == 0 and not prompt.has_bos, is_control)
        if not tokens:
            raise TemplateError(
                "The model's chat template makes an empty prompt of this conversation. Choose a "
                "chat format in the settings."
            )
        return tokens

    def _count(self, messages: Sequence[Message]) -> int:
        prompt = self._writer.write(messages)
        if sum(len(text) for text, _ in prompt.segments) <= _SLICE:
            return len(self._tokens(prompt))
        # A pasted book: counted in slices, and only until it is clear that it is too long.
        total = 0
        for text, is_control in prompt.segments:
            for i in range(0, len(text), _SLICE):
                total += len(self._tokenize(text[i : i + _SLICE], False, is_control))
                if total > _ENOUGH * self._n_ctx:
                    return total
        return total


def common_beginning(one: Sequence[int], other: Sequence[int]) -> int:
    """How many of their first tokens are the same."""
    shorter = min(len(one), len(other))
    return next((i for i in range(shorter) if one[i] != other[i]), shorter)
