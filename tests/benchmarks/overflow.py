"""A full context: what a turn costs in which the oldest ones leave, and an answer that goes on."""

import statistics
import time
from collections.abc import Iterator
from typing import NamedTuple

from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models
from tests.benchmarks.program import Program, long_message

_N_CTX = 2048
_ANSWER = 64  # tokens
_QUESTION = 110  # words, about as many tokens
_GOAL = 1.5
_MOST_TURNS = 200


class _Turn(NamedTuple):
    """Seconds from Send to the end of the answer; tokens that were read for it."""

    seconds: float
    read: int
    has_room_made: bool


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """One conversation that fills the context again and again, then one endless answer."""
    model = models.small if effort.quick else models.half
    settings = {"n_ctx": _N_CTX, "auto_title": False, "temperature": 0.0, "max_tokens": _ANSWER}
    with Program(settings=settings) as program:
        program.open_and_wait(model)
        # The first turns are shorter: with an empty context a token costs less.
        turns = _talk(program, effort.runs)[3:]
    full = [turn for turn in turns if turn.has_room_made]
    normal = [turn for turn in turns if not turn.has_room_made]
    costs = statistics.median(turn.seconds for turn in full)
    usual = statistics.median(turn.seconds for turn in normal)
    yield Figure(
        "a turn in which the oldest ones leave",
        costs * 1000,
        "ms",
        reference=usual * 1000,
        reference_name="a normal turn",
    )
    yield Figure(
        "a turn in which the oldest ones leave, against a normal one",
        costs / usual,
        "×",
        goal=_GOAL,
        note=f"median of {len(full)}, of {len(normal)} normal ones",
    )
    yield Figure(
        "tokens read in a turn in which the oldest ones leave",
        statistics.median(turn.read for turn in full),
        "",
        reference=statistics.median(turn.read for turn in normal),
        reference_name="a normal turn",
    )
    settings |= {"n_ctx": _N_CTX // 2, "max_tokens": 2 * _N_CTX}
    with Program(settings=settings) as program:
        program.open_and_wait(model)
        yield _endless(program)


def _talk(program: Program, times: int) -> list[_Turn]:
    """Turns, until room was made so many times."""
    dropped: list[int] = []
    program.engine.messages_dropped.connect(dropped.append)
    turns: list[_Turn] = []
    question = long_message(_QUESTION)
    while len(dropped) < times and len(turns) < _MOST_TURNS:
        before, began = len(dropped), time.perf_counter()
        program.ask(f"{len(turns)}. {question}")
        spent, end = time.perf_counter() - began, program.answered()
        read = end.prompt_tokens - end.reused_tokens
        turns.append(_Turn(spent, read, len(dropped) > before))
    program.engine.messages_dropped.disconnect(dropped.append)
    if len(dropped) < times:
        raise RuntimeError(f"room was made {len(dropped)} times in {len(turns)} turns")
    return turns


def _endless(program: Program) -> Figure:
    """The time without a word where room is made, in an answer four times as long as the context."""
    pauses: list[float] = []
    with_room: list[float] = []
    last, is_making = 0.0, False

    def reading(_done: int, _total: int) -> None:
        nonlocal is_making
        is_making = last > 0

    def text(_: str) -> None:
        nonlocal last, is_making
        now = time.perf_counter()
        if last:
            (with_room if is_making else pauses).append(now - last)
        last, is_making = now, False

    program.engine.reading.connect(reading)
    program.engine.text_arrived.connect(text)
    program.ask("Please write.")
    program.engine.reading.disconnect(reading)
    program.engine.text_arrived.disconnect(text)
    tokens = program.answered().reply_tokens
    return Figure(
        "pause in an answer where the context is full",
        statistics.median(with_room) * 1000,
        "ms",
        reference=statistics.median(pauses) * 1000,
        reference_name="between two texts",
        note=f"{len(with_room)} in {tokens:,} tokens, context {_N_CTX // 2:,}",
    )
