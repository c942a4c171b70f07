"""The tokens a model has read, and how far back they can be taken. Knows no llama.cpp.

A plain cache can be cut anywhere. The state of a recurrent or hybrid model cannot, and the cache of
a sliding window only as far back as the window still holds what is needed. For those, copies of the
state (checkpoints) are made as the prompt is read: where a message begins, before the last token
of a prompt, between batches. The next turn, an edit and a new answer then start from the nearest
one. Few are kept, close together near the end and far apart before.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pychatbot_gui.core.errors import PychatbotError

# Tokens evaluated at once. More are hardly faster on a processor, and take more memory: the work on
# attention is as large as the batch times the context. What a cancel interrupts is lost.
BATCH = 128
ABORTED = 2  # what decoding returns after its abort callback said so
_MOST_CHECKPOINTS = 12
_APART = 512  # tokens between two that are made on the way through a long text
_LEAST_MOVED = 32  # tokens: fewer are read as fast as they are moved


class Memory(Protocol):
    """The library's memory of one sequence.

    `window`: so many tokens are seen by the layers that see the fewest; 1 where all see all; None
    where the memory cannot be cut at all. A partial state is what a cut cannot bring back: the
    state of recurrent layers, the cache of sliding windows. `can_shift`: see `shift`.
    """

    window: int | None
    can_shift: bool

    def oldest(self) -> int:
        """The first position from which on all is there; -1 where there is none."""
        ...

    def cut(self, length: int) -> bool:
        """Forget everything from this position on; False where that is refused."""
        ...

    def shift(self, start: int, count: int, following: int) -> bool:
        """Forget `count` tokens from position `start` on; those after them move up.

        What they mean stays as it was when those were there. The token `following` is evaluated
        at the end. False where that is refused or fails: all is then to be forgotten.
        """
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...

    def decode(self, tokens: Sequence[int], every: bool = False) -> int:
        """Evaluate tokens; 0 where that went well. `every`: with logits for each, not the last."""
        ...

    def trouble(self) -> str:
        """The library's last words about what went wrong."""
        ...

    def size(self, partial: bool) -> int:
        """Bytes of a copy."""
        ...

    def copy(self, partial: bool) -> memoryview | None:
        """A copy of the state; None where there is no memory for it."""
        ...

    def restore(self, data: memoryview, partial: bool) -> bool:
        """Put a copy in place of the state there is; False where it is refused."""
        ...

    def save(self, path: Path, tokens: Sequence[int]) -> bool:
        """Write the whole state to a file; False where that failed."""
        ...

    def load(self, path: Path, tokens: Sequence[int]) -> bool:
        """Put the state of these tokens from a file in place of the one there is."""
        ...


@dataclass(frozen=True)
class Checkpoint:
    """The partial state after the first `length` tokens."""

    length: int
    data: memoryview


class Cache:
    """What the model has read: `tokens`, of the conversation `chat` ("" for one without a name).

    `shifted`: from this place on it was read beside what is no longer there; None for nowhere.
    """

    def __init__(self, memory: Memory, budget: int, batch: int = BATCH) -> None:
        """`budget`: bytes that all checkpoints together may take; `batch`: tokens read at once."""
        self.memory = memory
        self.tokens: list[int] = []
        self.checkpoints: list[Checkpoint] = []
        self.chat = ""
        self.shifted: int | None = None
        self._budget, self._batch = budget, batch
        self._has_logits = False  # of the last token
        self._on_the_way: Checkpoint | None = None  # the last one made between two batches

    def usable(self, tokens: Sequence[int], shift: bool = False) -> int:
        """How many of `tokens` need no reading. `shift`: see `keep`.

        The last one does, for its logits, unless that would mean to read much again for them.
        """
        if shift and self.memory.can_shift and (move := shift_between(self.tokens, tokens)):
            return move.start + move.length
        if self.memory.window != 1 and self._has_logits and self.tokens == tokens:
            return len(tokens)
        same = min(common_beginning(self.tokens, tokens), len(tokens) - 1)
        lengths = [c.length for c in self.checkpoints]
        return usable_length(
            same, len(self.tokens), self.memory.oldest(), self.memory.window, lengths
        )

    def keep(self, tokens: Sequence[int], shift: bool = False) -> int:
        """Forget what differs from `tokens`; returns how many of them needed no reading.

        `shift`: what is not in `tokens` any more may be taken out of the middle. What comes after
        it was read when it was there, so that answers may then be others than after reading all.
        """
        move = shift_between(self.tokens, tokens) if shift and self.memory.can_shift else None
        if move is not None and self._shift(move, tokens):
            return move.start + move.length
        length = self.usable(tokens)
        if length == len(self.tokens):
            return length
        self._has_logits = False
        if not length or not self._go_back_to(length):
            self.clear()
            return 0
        self._shorten(length)
        return length

    def read(self, tokens: Sequence[int], stable: int = 0) -> Iterator[int]:
        """Evaluate what is lacking of `tokens`, in batches; yields how many are then there.

        `stable`: so many of them will not change with the person's next edit: a good place to
        come back to. Ends early after a cancel.
        """
        begin = len(self.tokens)
        places = () if self.memory.window == 1 else (begin, stable, len(tokens) - 1)
        while (at := len(self.tokens)) < len(tokens):
            end = min(at + self._batch, len(tokens), *(p for p in places if p > at))
            if places:
                self._add_checkpoint(on_the_way=at not in places)
            if not self.evaluate(tokens[at:end]):
                return
            yield len(self.tokens)

    def evaluate(self, tokens: Sequence[int], every: bool = False) -> bool:
        """Evaluate up to a batch of tokens at the end; False after a cancel.

        `every`: with logits for each token, not only for the last one. Raises `PychatbotError`
        where the library fails.
        """
        code = self.memory.decode(tokens, every)
        self._has_logits = code == 0
        if code == 0:
            self.tokens += tokens
            return True
        # What a failed batch left behind must go, or it would be read as part of the past.
        self._recover()
        if code == ABORTED:
            return False
        raise PychatbotError(
            "The model could not work on this text. Send it again, or open the model again.",
            f"llama_decode returned {code}\n{self.memory.trouble()}",
        )

    def cut(self, length: int) -> None:
        """Forget all but the first `length` tokens, where the memory can be cut anywhere."""
        self._has_logits = False
        if self.memory.cut(length):
            self._shorten(length)
        else:
            self.clear()

    def adopt(
        self,
        tokens: Sequence[int],
        checkpoints: Sequence[Checkpoint],
        shifted: int | None = None,
    ) -> None:
        """The memory was restored from elsewhere: this is what it holds."""
        self.tokens = list(tokens)
        self.checkpoints = list(checkpoints)
        self.shifted = shifted
        self._has_logits = False
        self._thin_out()

    def clear(self) -> None:
        """Forget everything that was read."""
        self.memory.clear()
        self.tokens.clear()
        self.checkpoints.clear()
        self.shifted = None
        self._has_logits = False

    def leave_chat(self) -> None:
        """Forget what another conversation must not begin with: what was shifted."""
        if self.shifted is not None:
            self.keep(self.tokens[: self.shifted] or [-1])

    def _shift(self, move: "Shift", tokens: Sequence[int]) -> bool:
        end = move.start + move.length
        if self.memory.cut(end + move.count) and self.memory.shift(
            move.start, move.count, tokens[end]
        ):
            self.tokens = list(tokens[: end + 1])
            self.shifted = min(move.start, len(tokens) if self.shifted is None else self.shifted)
            self._has_logits = True
            return True
        self.clear()
        return False

    def _recover(self) -> None:
        if self.memory.window is not None and self.memory.cut(len(self.tokens)):
            return
        last = self.checkpoints[-1] if self.checkpoints else None
        if last is None or not self._go_back_to(last.length):
            self.clear()
        else:
            self._shorten(last.length)

    def _go_back_to(self, length: int) -> bool:
        if _can_cut(length, self.memory.oldest(), self.memory.window) and self.memory.cut(length):
            return True
        return any(
            self.memory.restore(c.data, partial=True) and self.memory.cut(length)
            for c in self.checkpoints
            if c.length == length
        )

    def _shorten(self, length: int) -> None:
        del self.tokens[length:]
        if self.shifted is not None and self.shifted >= length:
            self.shifted = None
        self.checkpoints = [c for c in self.checkpoints if c.length <= length]

    def _add_checkpoint(self, on_the_way: bool) -> None:
        here = len(self.tokens)
        if not here or (self.checkpoints and self.checkpoints[-1].length == here):
            return
        if self.memory.size(partial=True) > self._budget:
            return
        data = self.memory.copy(partial=True)
        if data is None:
            return
        kept, checkpoint = self.checkpoints, Checkpoint(here, data)
        if kept and kept[-1] is self._on_the_way:
            before = kept[-2].length if len(kept) > 1 else 0
            if here - before <= _APART:  # it was for a cancel of the batch that is now read
                kept.pop()
        kept.append(checkpoint)
        if on_the_way:
            self._on_the_way = checkpoint
        self._thin_out()

    def _thin_out(self) -> None:
        """The one whose neighbours are closest, seen from the end, goes; the last one stays."""
        kept = self.checkpoints
        end = len(self.tokens) + 1
        while kept and (
            len(kept) > _MOST_CHECKPOINTS or sum(len(c.data) for c in kept) > self._budget
        ):
            lengths = [0, *(c.length for c in kept)]
            gaps = {
                (lengths[i + 1] - lengths[i - 1]) / (end - lengths[i]): i - 1
                for i in range(1, len(kept))
            }
            del kept[gaps[min(gaps)] if gaps else 0]


@dataclass(frozen=True)
class Shift:
    """From position `start` on, `count` tokens leave, and the `length` after them move up."""

    start: int
    count: int
    length: int


def shift_between(held: Sequence[int], tokens: Sequence[int]) -> Shift | None:
    """How `tokens` come of those that are held by taking some out of the middle; None if not so.

    The last of `tokens` is always to be read.
    """
    start = common_beginning(held, tokens)
    wanted, there = array("i", tokens[start:-1]), array("i", held[start:])
    needle, hay, size = wanted[:_LEAST_MOVED].tobytes(), there.tobytes(), wanted.itemsize
    best = Shift(start, 0, 0)
    if len(wanted) < _LEAST_MOVED:
        return None
    at = hay.find(needle, size)
    while at >= 0 and len(there) - at // size > best.length:
        if at % size == 0:
            length = common_beginning(there[at // size :], wanted)
            if length > best.length:
                best = Shift(start, at // size, length)
        at = hay.find(needle, at + 1)
    return best if best.count else None


def usable_length(
    same: int, held: int, oldest: int, window: int | None, checkpoints: Sequence[int]
) -> int:
    """How much of a memory of `held` tokens serves a prompt that shares the first `same` with it.

    `oldest`, `window`: see `Memory`; `checkpoints`: their lengths.
    """
    if same == held or _can_cut(same, oldest, window):
        return same
    return max((length for length in checkpoints if length <= same), default=0)


def common_beginning(one: Sequence[int], other: Sequence[int]) -> int:
    """How many of their first tokens are the same."""
    shorter = min(len(one), len(other))
    return next((i for i in range(shorter) if one[i] != other[i]), shorter)


def _can_cut(length: int, oldest: int, window: int | None) -> bool:
    # The token at this place sees as many of those before it as the window holds, itself included.
    return window is not None and oldest <= max(0, length - window + 1)
