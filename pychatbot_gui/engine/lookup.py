"""Prompt lookup: drafts of what comes next in an answer, from what was there before.

Where an answer repeats the conversation (edited code, a corrected letter) or itself, what followed
the same tokens before is often what follows now, and a model checks several tokens in little more
time than it needs for one. What it chooses is what it would have chosen anyway: a draft only
decides what is evaluated together. Knows no llama.cpp.

A wrong draft costs time. So a draft is as long as the part that has been the same so far, one that
failed makes a longer part necessary, and all failures together may cost only a small part of the
answer. Nothing here looks at a clock: the same answer is drafted in the same way every time.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

MOST = 15  # tokens of a draft; with the one before them a batch of 16
# Processors work on so many tokens at once: with llama.cpp's rearranged weights four tokens take
# less time than two.
_STEP = 4
_SEED = 3  # tokens that must be the same before anything is drafted
_FAR = 24  # tokens that must have been the same, at the most, after drafts that failed
_COST = 0.5  # of a drafted token, in tokens that are written one by one, on a processor
_EARNED = 0.01  # per token written: what failures may cost
_FIRST_CREDIT, _MOST_CREDIT = 1.5, 12.0


class Model(Protocol):
    """What drafting needs of a loaded model; `tokens` are those in its cache."""

    n_ctx: int

    @property
    def tokens(self) -> Sequence[int]:
        """Those that were read or written."""
        ...

    def ends_answer(self, token: int) -> bool:
        """Whether this token ends an answer."""
        ...

    def evaluate(self, tokens: list[int]) -> bool:
        """Add tokens to the cache, with logits for each; False after a cancel."""
        ...

    def cut(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        ...


class Lookup:
    """The tokens of a prompt and of its answer so far, and what may follow them.

    The work for a token is the same however many there are.
    """

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = list(tokens)
        grams = zip(self._tokens, self._tokens[1:], self._tokens[2:], strict=False)
        # Of each three tokens in a row, where their latest occurrence ends.
        self._ends = {gram: end for end, gram in enumerate(grams, _SEED)}
        self._next = 0  # the place of the token that followed the same ones before; 0 for none
        self._same = 0  # so many tokens before that place are those at the end
        self._needed = _SEED
        self._credit = _FIRST_CREDIT

    def add(self, token: int) -> None:
        """The answer goes on with this token."""
        tokens = self._tokens
        goes_on = self._next and tokens[self._next] == token
        tokens.append(token)
        self._credit = min(self._credit + _EARNED, _MOST_CREDIT)
        earlier = 0
        if len(tokens) >= _SEED:
            gram = (tokens[-3], tokens[-2], token)
            earlier = self._ends.get(gram, 0)
            self._ends[gram] = len(tokens)
        if goes_on:
            self._next += 1
            self._same += 1
        else:
            self._next = earlier
            self._same = self._same_before(earlier) if earlier else 0

    def draft(self, most: int) -> list[int]:
        """Up to `most` tokens that may come next."""
        if not self._next or self._same < self._needed:
            return []
        count = min(self._same, most, MOST, int(self._credit / _COST))
        count = max(0, count + 1) // _STEP * _STEP - 1
        return self._tokens[self._next : self._next + max(count, 0)]

    def judge(self, drafted: int, accepted: int) -> None:
        """Of so many drafted tokens so many were right."""
        self._credit = min(self._credit + accepted - _COST * drafted, _MOST_CREDIT)
        if accepted == drafted:
            self._needed = max(_SEED, self._needed // 2)
        elif 2 * accepted < drafted:
            self._needed = min(2 * self._needed, _FAR)

    def _same_before(self, place: int) -> int:
        """How many tokens before `place` are those at the end, as far as it matters."""
        tokens, same = self._tokens, _SEED
        while same < min(_FAR, place) and tokens[place - 1 - same] == tokens[-1 - same]:
            same += 1
        return same


class Drafts:
    """Evaluates the tokens of one answer, drafted ones together with the one before them.

    Evaluated together, tokens get logits that can differ from the usual ones in their last bits.
    `is_clear(row)` says whether that leaves the choice by this row as it is; where it may not, the
    token is evaluated again, alone. Without a `lookup` nothing is drafted. `drafted` and
    `accepted` count tokens.
    """

    def __init__(
        self,
        model: Model,
        lookup: Lookup | None = None,
        is_clear: Callable[[int], bool] = lambda _: True,
    ) -> None:
        self.drafted = 0
        self.accepted = 0
        self._model = model
        self._lookup = lookup
        self._is_clear = is_clear
        self._size = 0  # of the draft that was evaluated last
        self._right = 0  # tokens of it that were chosen
        self._waiting: list[int] = []  # tokens of it that are not chosen yet

    @property
    def row(self) -> int:
        """Which of the last evaluated tokens the next one is chosen by: -1 for the last one."""
        return -1 - len(self._waiting)

    def ready(self) -> bool:
        """See that the next token can be chosen; False after a cancel."""
        if not self._size or self._is_clear(self.row):
            return True
        self._right -= 1  # its work is done twice
        self.end()
        last = self._model.tokens[-1]
        self._model.cut(len(self._model.tokens) - 1)
        return self._model.evaluate([last])

    def holds(self, token: int) -> bool:
        """Whether the token that was chosen now is evaluated already; else the draft is over."""
        if self._lookup is not None:
            self._lookup.add(token)
        if self._waiting and self._waiting[0] == token:
            del self._waiting[0]
            self._right += 1
            return True
        self.end()
        return False

    def evaluate(self, token: int, most: int) -> bool:
        """Evaluate a token, and up to `most` that may follow it; False after a cancel."""
        draft: list[int] = []
        if self._lookup is not None:
            room = self._model.n_ctx - len(self._model.tokens) - 2
            draft = self._lookup.draft(min(most, room))
            ends = (i for i, drafted in enumerate(draft) if self._model.ends_answer(drafted))
            # What ends an answer is chosen by the token before it, and never evaluated.
            del draft[next(ends, len(draft)) :]
        if not self._model.evaluate([token, *draft]):
            return False
        self._size, self._waiting = len(draft), draft.copy()
        return True

    def end(self) -> None:
        """The draft is over: forget what was not chosen of it."""
        if not self._size:
            return
        if self._waiting:
            self._model.cut(len(self._model.tokens) - len(self._waiting))
        if self._lookup is not None:
            self._lookup.judge(self._size, self._right)
        self.drafted += self._size
        self.accepted += max(self._right, 0)
        self._size, self._right, self._waiting = 0, 0, []
