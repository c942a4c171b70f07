from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.core.chat import Message, Role, turn_starts, without_oldest_turns
from pychatbot_gui.core.context import BACK_PART, KEPT_PART, prompt_limit, turns_to_drop


def _chat(sizes: list[int], system: int) -> list[Message]:
    messages = [Message(Role.SYSTEM, "s" * system)] if system else []
    for size in sizes:
        messages += [Message(Role.USER, "u" * size), Message(Role.ASSISTANT, "a" * size)]
    return [*messages, Message(Role.USER, "last")]


def _count(messages: Sequence[Message]) -> int:
    return sum(len(m.text) for m in messages)


def _size(messages: Sequence[Message], limit: int) -> Callable[[int], int]:
    """As exact as an engine is: of what is too long it is only known that it is."""
    return lambda turns: min(limit + 1, _count(without_oldest_turns(messages, turns)))


sizes = st.lists(st.integers(0, 50), max_size=30)


@given(sizes, st.integers(0, 40), st.integers(1, 400), st.integers(0, 32))
def test_what_is_kept_fits_and_is_a_suffix(
    sizes: list[int], system: int, limit: int, hidden: int
) -> None:
    messages = _chat(sizes, system)
    number = len(turn_starts(messages))
    turns = turns_to_drop(number, limit, _size(messages, limit), hidden)
    if turns is None:
        assert _count(without_oldest_turns(messages, len(messages))) > limit
        return
    kept = without_oldest_turns(messages, turns)
    assert _count(kept) <= limit
    assert kept[-1].text == "last"
    if system:
        assert kept[0].role is Role.SYSTEM
    assert tuple(messages[len(messages) - len(kept) + bool(system) :]) == kept[bool(system) :]
    hidden = min(hidden, number - 1)
    if _count(messages) <= limit:
        assert turns == 0, "nothing is out without need, whatever was out before"
    elif turns > hidden:
        assert _count(without_oldest_turns(messages, hidden)) > limit
        fewer = without_oldest_turns(messages, turns - 1)
        assert turns == hidden + 1 or _count(fewer) > limit * KEPT_PART, "one large step, no more"
    elif turns < hidden:
        assert _count(without_oldest_turns(messages, hidden - 1)) <= limit * BACK_PART
        assert _count(kept) <= limit * KEPT_PART
        assert _count(without_oldest_turns(messages, turns - 1)) > limit * KEPT_PART
    assert all(kept[i].role is Role.USER for i in turn_starts(kept))


@given(sizes, st.integers(0, 40), st.integers(60, 400))
def test_the_beginning_stays_the_same_for_many_turns(
    sizes: list[int], system: int, limit: int
) -> None:
    """As a conversation grows, turns leave in steps, and none comes back."""
    hidden, room = 0, 0
    for turns in range(len(sizes) + 1):
        messages = _chat(sizes[:turns], system)
        now = turns_to_drop(turns + 1, limit, _size(messages, limit), hidden)
        if now is None:
            return
        assert now >= hidden
        if now > hidden and turns:
            assert room < 2 * sizes[turns - 1], "only where there was no room for one more"
        hidden, room = now, limit - _count(without_oldest_turns(messages, now))


def test_only_short_prompts_are_counted_where_most_is_out() -> None:
    """A conversation of a million tokens costs no more than what fits of it."""
    asked: list[int] = []

    def size(turns: int) -> int:
        asked.append(turns)
        return min(1001, 10 * (100_000 - turns))

    assert turns_to_drop(100_000, 1000, size, 99_920) == 99_920
    assert turns_to_drop(100_000, 1000, size, 99_890) == 99_940
    assert turns_to_drop(100_000, 1000, size, 99_950) == 99_940, "there is much more room again"
    assert min(asked) > 99_700 and len(set(asked)) < 40


def test_room_for_the_answer() -> None:
    assert prompt_limit(4096, 0) == 3072
    assert prompt_limit(4096, 100) == 3996
    assert prompt_limit(4096, 100_000) == 3072
