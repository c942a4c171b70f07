"""What the model process sends: the same events, the text of some milliseconds in one."""

from collections.abc import Iterator

import pytest

from pychatbot_gui.core.errors import PychatbotError
from pychatbot_gui.engine.engine import Event, Finished, Reading, Text
from pychatbot_gui.engine.model_host import JOINED, joined


class Clock:
    """Seconds that go by only while a token is made."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


def writing(clock: Clock, seconds: float, words: int, *last: Event) -> Iterator[Event]:
    yield Reading(7, 3, 3)
    for number in range(words):
        clock.now += seconds
        yield Text(7, f"{number} ")
    yield from last


def texts(events: list[Event]) -> list[str]:
    return [event.piece for event in events if isinstance(event, Text)]


def test_quick_words_share_a_frame_and_the_first_comes_at_once() -> None:
    clock = Clock()
    got = list(joined(writing(clock, JOINED / 3.5, 11, Finished(7, "stop")), clock))
    assert texts(got) == ["0 ", "1 2 3 4 ", "5 6 7 8 ", "9 10 "]
    assert [type(event) for event in got] == [Reading, *[Text] * 4, Finished]
    assert {event.id for event in got} == {7}


def test_slow_words_do_not_wait() -> None:
    clock, shown = Clock(), []
    events = joined(writing(clock, JOINED * 1.5, 4), clock)
    for event in events:
        shown.append((round(clock.now, 3), event))
    assert texts([event for _, event in shown]) == ["0 ", "1 ", "2 ", "3 "]
    assert [at for at, _ in shown[1:]] == [round(5 + JOINED * 1.5 * n, 3) for n in range(1, 5)]


def test_other_events_keep_their_place() -> None:
    clock = Clock()
    later = (Reading(7, 1, 2), Text(7, "again"), Finished(7, "length"))
    got = list(joined(writing(clock, 0.0, 3, *later), clock))
    assert got[1:] == [Text(7, "0 "), Text(7, "1 2 "), *later]


def test_what_was_written_before_an_error_is_sent() -> None:
    def failing(clock: Clock) -> Iterator[Event]:
        yield from writing(clock, 0.0, 3)
        raise PychatbotError("The model could not go on.")

    got: list[Event] = []
    with pytest.raises(PychatbotError, match="could not go on"):
        for event in joined(failing(clock := Clock()), clock):
            got.append(event)
    assert texts(got) == ["0 ", "1 2 "]
