"""A conversation as tokens that fit into the context."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pychatbot_gui.core.chat import Message, Role, turn_starts, without_oldest_turns
from pychatbot_gui.core.context import (
    KEPT_PART,
    Size,
    prompt_limit,
    too_long,
    turns_in_one_step,
    turns_to_drop,
)
from pychatbot_gui.core.errors import Cancelled, TemplateError
from pychatbot_gui.engine.answers import Answers
from pychatbot_gui.engine.engine import CancelToken
from pychatbot_gui.engine.prompts import Prompt, PromptWriter

# Characters that are tokenized at once when a text is only counted.
_SLICE = 100_000
# A text of this many contexts is too long, however much longer it is.
_ENOUGH = 16
# No tokenizer makes fewer tokens than one of so many characters: such a text need not be looked at.
_LONGEST_TOKEN = 128
# An answer is continued only where this part of the context is free for it, or what it may take.
_LEAST_ROOM_PART = 16

Tokenize = Callable[[str, bool, bool], list[int]]


class Fitted(NamedTuple):
    """A prompt that fits, and what is not in it: the oldest turns, the beginning of the answer.

    `tokens`: of the prompt and of what is begun of the answer. `dropped`: so many of the oldest
    messages are out, which are `hidden` turns. `skipped`: so many of the answer's oldest tokens.
    """

    prompt: Prompt
    tokens: list[int]
    dropped: int = 0
    hidden: int = 0
    skipped: int = 0


class Outlook(NamedTuple):
    """What would be sent now: without so many oldest `turns`, of so many tokens.

    More than `limit` mean that it would be refused.
    """

    turns: int
    tokens: int
    limit: int


class PromptFitter:
    """Writes prompts and leaves out the oldest turns where they do not fit.

    `tokenize(text, add_special, parse_special)` gives token ids, as llama.cpp does; `piece` the
    bytes of one. Of `answers` the very tokens are taken that the model wrote.
    """

    def __init__(
        self,
        writer: PromptWriter,
        tokenize: Tokenize,
        n_ctx: int,
        answers: Answers,
        piece: Callable[[int], bytes] = lambda _: b"",
    ) -> None:
        self._writer = writer
        self._tokenize = tokenize
        self._n_ctx = n_ctx
        self._answers = answers
        self._piece = piece

    def fit(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        answer: Sequence[int] = (),
        hidden: int = 0,
    ) -> Fitted:
        """The prompt that fits.

        `answer`: tokens of an answer that is to be continued; they are the last of the result.
        `hidden`: so many turns were left out before; see `turns_to_drop`. Raises
        `ContextOverflow` where the last message alone is too long, `TemplateError`.
        """
        limit = self._limit(max_tokens, len(answer))
        size = self._size(messages, limit, len(answer))
        turns = turns_to_drop(len(turn_starts(messages)), limit, size, hidden)
        if turns is not None:
            return self._fitted(messages, turns, answer)
        alone = self._count(without_oldest_turns(messages, len(messages)))
        if not answer or alone > self._limit(max_tokens, 0):
            raise too_long(alone, self._limit(max_tokens, 0), self._n_ctx, bool(answer))
        # Its beginning leaves.
        most = len(turn_starts(messages)) - 1
        kept = max(1, int(limit * KEPT_PART) - alone, (limit - alone) // 2)
        return self._fitted(messages, most, answer, self._clean_cut(answer, len(answer) - kept))

    def make_room(
        self, messages: Sequence[Message], max_tokens: int, answer: Sequence[int], now: Fitted
    ) -> Fitted | None:
        """The same prompt for an answer that has filled the context, in one large step.

        The oldest turns leave; where there are none, the older half of what is there of the answer
        does. None where that would make no room. Raises `TemplateError`.
        """
        limit, left = prompt_limit(self._n_ctx, max_tokens), len(answer) - now.skipped
        most = len(turn_starts(messages)) - 1
        size = self._size(messages, limit, left)
        turns = turns_in_one_step(now.hidden + 1, most, limit, size)
        if turns is not None:
            return self._fitted(messages, turns, answer, now.skipped)
        skipped = self._clean_cut(answer, now.skipped + (left + 1) // 2)
        room = self._fitted(messages, max(now.hidden, most), answer, skipped)
        return room if len(room.tokens) + 1 < self._n_ctx else None

    def ahead(
        self, messages: Sequence[Message], max_tokens: int, hidden: int = 0
    ) -> tuple[list[int], int]:
        """The first tokens of the next prompt, as far as they are sure, and its hidden turns.

        See `PromptWriter.write_ahead`, `fit`. None where that prompt will leave more turns out.
        Raises `TemplateError`.
        """
        limit = self._limit(max_tokens, 0)

        size = self._size(messages, limit, 0)
        still = turns_to_drop(len(turn_starts(messages)), limit, size, hidden) if hidden else 0
        if still is None or still > hidden:
            return [], hidden
        tokens = self.sure(messages, max_tokens, still)
        return (tokens, still) if tokens else ([], hidden)

    def sure(self, messages: Sequence[Message], max_tokens: int, turns: int) -> list[int]:
        """The first tokens of the next prompt where so many of the oldest turns are left out.

        See `PromptWriter.write_ahead`. None where they are too many. Raises `TemplateError`.
        """
        kept, limit = without_oldest_turns(messages, turns), self._limit(max_tokens, 0)
        tokens: list[int] = []
        for part in self._parts(self._writer.write_ahead(kept, self._answers.is_known)):
            tokens += part
            if len(tokens) > limit:
                return []
        return tokens

    def outlook(
        self, messages: Sequence[Message], max_tokens: int, hidden: int, token: CancelToken
    ) -> Outlook:
        """What would be sent now.

        Messages that end with an answer are no prompt: they are counted up to where the person's
        next one begins. `hidden`: see `fit`. Raises `Cancelled`, `TemplateError`.
        """
        limit = self._limit(max_tokens, 0)
        is_prompt = bool(messages) and messages[-1].role is Role.USER
        turns: int | None = 0
        if is_prompt or hidden:
            size = self._size(messages, limit, 0, token)
            turns = turns_to_drop(len(turn_starts(messages)), limit, size, hidden)
        if is_prompt:
            kept = without_oldest_turns(messages, len(messages) if turns is None else turns)
            return Outlook(turns or 0, self._count(kept, token=token), limit)
        turns = hidden if turns is None else min(turns, hidden)
        kept = without_oldest_turns(messages, turns)
        begun = self._writer.write_ahead(kept, self._answers.is_known)
        return Outlook(turns, sum(map(len, self._parts(begun))), limit)

    def _fitted(
        self, messages: Sequence[Message], turns: int, answer: Sequence[int], skipped: int = 0
    ) -> Fitted:
        kept = without_oldest_turns(messages, turns)
        prompt = self._writer.write(kept, self._answers.is_known)
        tokens = self._tokens(prompt)
        if not tokens:
            raise TemplateError(
                "The model's chat template makes an empty prompt of this conversation. Choose a "
                "chat format in the settings."
            )
        dropped = len(messages) - len(kept)
        return Fitted(prompt, [*tokens, *answer[skipped:]], dropped, turns, skipped)

    def _size(
        self,
        messages: Sequence[Message],
        limit: int,
        more: int,
        token: CancelToken | None = None,
    ) -> Size:
        """Counts prompts, each once, only until it is clear that one is too long.

        `more`: so many tokens come after the prompt. Raises `Cancelled` where `token` says so.
        """
        known: dict[int, int] = {}

        def size(turns: int) -> int:
            if turns not in known:
                kept = without_oldest_turns(messages, turns)
                if sum(len(m.text) for m in kept) > _LONGEST_TOKEN * limit:
                    known[turns] = limit + 1
                else:
                    known[turns] = more + self._count(kept, max(1, limit - more), token)
            return known[turns]

        return size

    def _clean_cut(self, answer: Sequence[int], at: int) -> int:
        """The next place from `at` on where a character begins."""
        while at < len(answer) - 1 and b"\x80" <= self._piece(answer[at])[:1] < b"\xc0":
            at += 1
        return at

    def _limit(self, max_tokens: int, begun: int) -> int:
        """What is begun of an answer has taken its room already; some must be left to go on."""
        room = self._n_ctx - prompt_limit(self._n_ctx, max_tokens)
        return self._n_ctx - max(room - begun, min(room, self._n_ctx // _LEAST_ROOM_PART))

    def _tokens(self, prompt: Prompt) -> list[int]:
        return [token for part in self._parts(prompt) for token in part]

    def _count(
        self, messages: Sequence[Message], enough: int = 0, token: CancelToken | None = None
    ) -> int:
        """Tokens of a prompt, only until it is clear that there are more than `enough`.

        Where that is not given, of a pasted book until it is clear that it is too long.
        """
        total, enough = 0, enough or _ENOUGH * self._n_ctx
        for part in self._parts(self._writer.write(messages, self._answers.is_known), _SLICE):
            total += len(part)
            if total > enough:
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
