import json
from typing import Any

import pytest

from pychatbot_gui.core.exchange.export import chunks
from pychatbot_gui.core.exchange.foreign import Losses
from pychatbot_gui.core.exchange.import_pychatbot import pychatbot_chat
from tests.core.exchange.trees import talk


def damaged(**messages: Any) -> tuple[Any, str]:
    """A conversation of four messages, some values of its second one replaced."""
    entry = json.loads("".join(chunks(talk("a", "b", "c", "d"), "json")))["conversations"][0]
    entry["messages"][1].update(messages)
    losses = Losses()
    return pychatbot_chat(entry, losses), losses.sentence()


def test_nothing_is_lost_of_a_sound_one() -> None:
    chat, lost = damaged()
    assert [m.text for m in chat.path()] == ["a", "b", "c", "d"]
    assert lost == ""


@pytest.mark.parametrize("parent", [99, 2, 3, -1, "x", 1e400, [1]])
def test_a_broken_parent_makes_a_first_message(parent: object) -> None:
    chat, lost = damaged(parent=parent)
    assert [m.text for m in chat.path()] == ["b", "c", "d"]
    assert len(chat.messages) == 4
    assert lost


@pytest.mark.parametrize("number", [1, 0, 3, None, "x", 10**30])
def test_a_number_used_twice(number: object) -> None:
    chat, lost = damaged(id=number)
    assert sorted(m.text for m in chat.messages) == ["a", "b", "c", "d"]
    assert len({m.id for m in chat.messages}) == 4
    assert "used twice" in lost


@pytest.mark.parametrize("value", [{"role": "tool"}, {"role": 1}, {"text": None}, {"role": [1]}])
def test_what_is_no_message(value: dict[str, object]) -> None:
    chat, lost = damaged(**value)
    assert [m.text for m in chat.path()] == ["c", "d"]
    assert lost == ("left out: a damaged message; mended: a message whose place was damaged")


@pytest.mark.parametrize(
    "value",
    [
        {"created": "yesterday"},
        {"created": -5},
        {"created": 1e300},
        {"ended": "never"},
        {"ended": 5},
        {"sampling": {"temperature": "hot"}},
        {"sampling": 3},
        {"prompt_tokens": -1},
        {"reply_tokens": 1.5},
        {"tokens_per_second": True},
        {"tokens_per_second": 10**400},
    ],
)
def test_values_that_make_no_sense(value: dict[str, object]) -> None:
    chat, lost = damaged(**value)
    assert [m.text for m in chat.path()] == ["a", "b", "c", "d"]
    assert lost.startswith("left out: a ")


def test_an_answer_that_was_being_written_is_unfinished() -> None:
    chat, _ = damaged(ended="writing")
    assert chat.messages[1].ended == "crash"
    assert chat.messages[1].is_cut
