"""How far back a memory can be taken, on one whose every move is plain to see."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pychatbot_gui.core.errors import PychatbotError
from pychatbot_gui.engine.cache import (
    ABORTED,
    BATCH,
    Cache,
    Shift,
    common_beginning,
    shift_between,
    usable_length,
)

SIZE = 100  # bytes of a copy


class Tape:
    """A memory that is a list of tokens; `window` and `can_shift` as in `cache.Memory`."""

    def __init__(self, window: int | None, can_shift: bool = False) -> None:
        self.window = window
        self.can_shift = can_shift
        self.held: list[int] = []
        self.read: list[int] = []  # how many at a time
        self.codes: list[int] = []  # what decoding returns next, where it is not 0

    def oldest(self) -> int:
        return (len(self.held) - 1) if self.window is None else 0 if self.held else -1

    def cut(self, length: int) -> bool:
        if self.window is None and length < len(self.held):
            return False
        del self.held[length:]
        return True

    def shift(self, start: int, count: int, following: int) -> bool:
        del self.held[start : start + count]
        return self.decode([following]) == 0

    def clear(self) -> None:
        self.held.clear()

    def decode(self, tokens: Sequence[int], every: bool = False) -> int:
        self.read.append(len(tokens))
        code = self.codes.pop(0) if self.codes else 0
        self.held += tokens if code == 0 else tokens[:1]
        return code

    def trouble(self) -> str:
        return "out of order"

    def size(self, partial: bool) -> int:
        return SIZE

    def copy(self, partial: bool) -> memoryview | None:
        return memoryview(bytearray(bytes(self.held).ljust(SIZE, b"\xff")))

    def restore(self, data: memoryview, partial: bool) -> bool:
        self.held = [token for token in data if token != 255]
        return True

    def save(self, path: Path, tokens: Sequence[int]) -> bool:
        raise NotImplementedError

    def load(self, path: Path, tokens: Sequence[int]) -> bool:
        raise NotImplementedError


def read(cache: Cache, tokens: Sequence[int], stable: int = 0) -> int:
    """How many tokens had to be read."""
    kept = cache.keep(tokens)
    for _ in cache.read(tokens, stable):
        pass
    assert cache.tokens == list(tokens)
    assert isinstance(cache.memory, Tape) and cache.memory.held == cache.tokens
    return len(tokens) - kept


def test_a_plain_memory_is_cut_anywhere_and_copied_never() -> None:
    tape = Tape(1)
    cache = Cache(tape, 10 * SIZE)
    assert read(cache, [1, 2, 3, 4, 5]) == 5
    assert read(cache, [1, 2, 3, 9]) == 1
    assert read(cache, [1, 2, 3, 9]) == 1, "the last one, for its logits"
    assert cache.checkpoints == [] and tape.read == [5, 1, 1]


def test_a_whole_state_goes_back_to_where_a_message_begins() -> None:
    tape = Tape(None)
    cache = Cache(tape, 10 * SIZE)
    assert read(cache, [1, 2, 3, 4, 5], stable=2) == 5
    assert [c.length for c in cache.checkpoints] == [2, 4]
    for token in (6, 7, 8):
        assert cache.evaluate([token])
    assert read(cache, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], stable=8) == 2, "the next turn"
    assert read(cache, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], stable=8) == 0, "it has the logits"
    assert cache.evaluate([11])
    assert read(cache, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], stable=8) == 1, "a new answer"
    assert read(cache, [1, 2, 3, 4, 5, 6, 7, 8, 20, 21], stable=8) == 2, "an edit"
    assert read(cache, [1, 2, 30, 31], stable=2) == 2, "an edit of the first message"
    assert [c.length for c in cache.checkpoints] == [2, 3], "of what is there, and no other"
    assert read(cache, [40, 41]) == 2
    assert [c.length for c in cache.checkpoints] == [1]


@pytest.mark.parametrize("window", [None, 1])
def test_what_a_cancel_leaves_behind_is_forgotten(window: int | None) -> None:
    tape = Tape(window)
    cache = Cache(tape, 10 * SIZE)
    read(cache, [1, 2, 3])
    tape.codes = [ABORTED]
    assert list(cache.read([1, 2, 3, 4, 5, 6])) == []
    assert cache.tokens == tape.held == [1, 2, 3]
    tape.codes = [-3]
    with pytest.raises(PychatbotError) as caught:
        list(cache.read([1, 2, 3, 4, 5, 6]))
    assert "out of order" in caught.value.detail
    assert cache.tokens == tape.held == [1, 2, 3]
    assert read(cache, [1, 2, 3, 4, 5, 6]) == 3


def test_long_prompts_are_read_in_batches() -> None:
    cache = Cache(Tape(1), 0)
    assert list(cache.read([1] * (2 * BATCH + 10))) == [BATCH, 2 * BATCH, 2 * BATCH + 10]


def test_few_checkpoints_are_kept_close_together_near_the_end() -> None:
    cache = Cache(Tape(None), 5 * SIZE)
    for token in range(1, 65):
        list(cache.read([*cache.tokens, token]))
    lengths = [c.length for c in cache.checkpoints]
    assert len(lengths) == 5 and lengths[-1] == 63
    gaps = [b - a for a, b in zip(lengths, lengths[1:], strict=False)]
    assert gaps[0] > gaps[-1] and lengths[0] < 40


def test_those_made_on_the_way_through_a_long_text_are_far_apart() -> None:
    tape = Tape(None)
    cache = Cache(tape, 10**6)
    text = [place % 200 for place in range(10 * BATCH)]
    reading = cache.read(text)
    for _ in range(6):
        next(reading)
    assert [c.length for c in cache.checkpoints] == [4 * BATCH, 5 * BATCH]
    tape.codes = [ABORTED]
    assert list(reading) == []
    assert cache.tokens == tape.held == text[: 6 * BATCH], "a cancel costs one batch"
    read(cache, text)
    lengths = [c.length for c in cache.checkpoints]
    assert lengths == [4 * BATCH, 8 * BATCH, 10 * BATCH - 1]


def test_none_are_made_where_one_takes_more_than_there_is() -> None:
    cache = Cache(Tape(None), SIZE - 1)
    read(cache, [1, 2, 3])
    assert cache.checkpoints == []
    assert read(cache, [1, 2, 4]) == 3


def test_a_window_is_cut_as_far_as_it_reaches() -> None:
    # Tokens from 90 on are there; the one at 100 sees itself and nine before it.
    assert usable_length(100, 120, 91, 10, ()) == 100
    assert usable_length(100, 120, 92, 10, ()) == 0
    assert usable_length(100, 120, 92, 10, (40, 80, 110)) == 80
    assert usable_length(120, 120, 111, 10, ()) == 120


def test_what_leaves_the_middle_is_found_by_the_tokens_alone() -> None:
    head, old, kept = [1, 2, 3], list(range(100, 150)), list(range(200, 260))
    assert shift_between(head + old + kept, head + kept + [9]) == Shift(3, 50, 60)
    assert shift_between(head + old + kept, head + kept) == Shift(3, 50, 59), "one is to be read"
    assert shift_between(head + old + kept + [7, 8], head + kept + [9]) == Shift(3, 50, 60)
    same = [5] * 40
    assert shift_between(head + same + old + same + kept, head + same + kept) == Shift(43, 90, 59)
    assert shift_between(head + same * 3, head + same + [9]) is None, "cut, not shifted"
    for held, wanted in (
        (head + old, head + kept),
        (head + kept, head + old + kept),
        (head + kept, head + kept),
        (head + old + kept[:20], head + kept[:20] + [9]),
        ([], head),
    ):
        assert shift_between(held, wanted) is None


def test_the_longest_of_several_places_is_taken() -> None:
    part, more = list(range(100, 140)), list(range(200, 240))
    held = [1, *range(50, 60), *part, 7, 8, *part, *more]
    assert shift_between(held, [1, *part, *more, 9]) == Shift(1, 52, 80)
    few = [3, 4] * 400
    assert shift_between([1, 2, *few], [1, *few, 9]) == Shift(1, 1, 800)


@pytest.mark.parametrize("can_shift", [True, False])
def test_a_memory_is_shifted_where_that_is_allowed(can_shift: bool) -> None:
    tape = Tape(1, can_shift)
    cache = Cache(tape, 0)
    head, old, kept = [1, 2, 3], list(range(100, 150)), list(range(200, 260))
    list(cache.read(head + old + kept))
    wanted = head + kept + [7, 8]
    assert cache.usable(wanted) == 3
    assert cache.usable(wanted, shift=True) == cache.keep(wanted, shift=True)
    list(cache.read(wanted))
    assert cache.tokens == tape.held == wanted
    assert tape.read[1:] == ([1, 1] if can_shift else [62])
    assert cache.keep(head + kept[30:], shift=False) == 3, "after an edit it is not"


def test_a_shift_that_fails_loses_everything_and_no_more() -> None:
    tape = Tape(1, can_shift=True)
    cache = Cache(tape, 0)
    kept = list(range(200, 260))
    list(cache.read([1, 2, 3, *kept]))
    tape.codes = [-3]
    assert cache.keep([1, *kept, 9], shift=True) == 0
    assert cache.tokens == tape.held == []


def test_the_common_beginning() -> None:
    assert common_beginning([1, 2, 3], [1, 2]) == 2
    assert common_beginning([1, 2, 3], [1, 5, 3]) == 1
    assert common_beginning([], [1]) == 0
