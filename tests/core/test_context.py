from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.core.chat import Message, Role, turn_starts, without_oldest_turns
from pychatbot_gui.core.context import KEPT_PART, prompt_limit, turns_to_drop


def _chat(sizes: list[int], system: int) -> list[Message]:
    messages = [Message(Role.SYSTEM, "s" * system)] if system else []
    for size in sizes:
        messages += [Message(Role.USER, "u" * size), Message(Role.ASSISTANT, "a" * size)]
    return [*messages, Message(Role.USER, "last")]


def _count(messages: Sequence[Message]) -> int:
    return sum(len(m.text) for m in messages)


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(0, 40), st.integers(1, 400))
def test_what_is_kept_fits_and_is_a_suffix(sizes: list[int], system: int, limit: int) -> None:
    messages = _chat(sizes, system)
    turns = turns_to_drop(messages, limit, _count)
    if turns is None:
        assert _count(without_oldest_turns(messages, len(messages))) > limit
        return
    kept = without_oldest_turns(messages, turns)
    assert _count(kept) <= limit
    assert kept[-1].text == "last"
    if system:
        assert kept[0].role is Role.SYSTEM
    assert tuple(messages[len(messages) - len(kept) + bool(system) :]) == kept[bool(system) :]
    if turns:
        assert _count(messages) > limit, "nothing leaves without need"
        fewer = without_oldest_turns(messages, turns - 1)
        assert _count(fewer) > limit * KEPT_PART, "no more leaves than one large step"
    assert all(kept[i].role is Role.USER for i in turn_starts(kept))


def test_room_for_the_answer() -> None:
    assert prompt_limit(4096, 0) == 3072
    assert prompt_limit(4096, 100) == 3996
    assert prompt_limit(4096, 100_000) == 3072
