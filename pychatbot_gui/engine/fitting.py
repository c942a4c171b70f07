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

Tokenize = Callable[[str, bool, bool], list[int]]


class PromptFitter:
    """Writes prompts and leaves out the oldest turns where they do not fit.

    `tokenize(text, add_special, parse_special)` gives token ids, as llama.cpp does.
    """

    def __init__(self, writer: PromptWriter, tokenize: Tokenize, n_ctx: int) -> None:
        self._writer = writer
        self._tokenize = tokenize
        self._n_ctx = n_ctx

    def fit(self, messages: Sequence[Message], max_tokens: int) -> tuple[Prompt, list[int], int]:
        """The prompt, its tokens and how many of the oldest messages had to be left out.

        Raises `ContextOverflow` where the last message alone is too long, `TemplateError`.
        """
        limit = prompt_limit(self._n_ctx, max_tokens)
        turns = turns_to_drop(messages, limit, self._count)
        if turns is None:
            size = self._count(without_oldest_turns(messages, len(messages)))
            raise ContextOverflow(
                f"This message is too long for the model: it takes about {size:,} tokens with the "
                f"system prompt, and {limit:,} fit beside the answer. Shorten it, or set a larger "
                f"context length (now {self._n_ctx:,}) in the settings."
            )
        kept = without_oldest_turns(messages, turns)
        prompt = self._writer.write(kept)
        return prompt, self._tokens(prompt), len(messages) - len(kept)

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
