"""Does a token cost more late in an answer? Processor time of the window's process."""

import bisect
import statistics
import time
from collections.abc import Iterator
from typing import NamedTuple

from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models
from tests.benchmarks.program import Program

_WIDTH = 200  # tokens: as long as one round of the answer's kinds of Markdown
_EARLY, _LATE = 100, 2000
_GOAL = 1.25


class Cost(NamedTuple):
    """Processor time of the window's process, in ms. How many tokens come in a frame depends on
    the model's pace, which others on the machine change: the growth is that of a frame."""

    token: float
    frame: float


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """Near token 100 and near token 2,000 of one answer, at the pace of a real model."""
    pairs = []
    with Program("--temperature", "0") as program:
        program.open_and_wait(models.steady)
        for _ in range(effort.runs):
            pairs.append(_costs(program, models))
    for place, name in enumerate(Cost._fields):
        yield Figure(
            f"window's cost of a {name}, near token {_LATE:,}",
            statistics.median(late[place] for _, late in pairs),
            "ms",
            reference=statistics.median(early[place] for early, _ in pairs),
            reference_name=f"near token {_EARLY}",
        )
    yield Figure(
        "growth of a frame's cost",
        statistics.median(late.frame / early.frame for early, late in pairs),
        "×",
        goal=_GOAL,
        note=f"median of {len(pairs)} answers",
    )


def _costs(program: Program, models: Models) -> tuple[Cost, Cost]:
    """Early and late in one answer."""
    program.new_chat()
    seen: list[tuple[int, float]] = []  # tokens so far, processor seconds so far
    characters = 0

    def text(piece: str) -> None:
        nonlocal characters
        characters += len(piece)
        seen.append((bisect.bisect_right(models.answer_ends, characters), time.process_time()))

    program.engine.text_arrived.connect(text)
    program.ask("Please write.")
    program.engine.text_arrived.disconnect(text)
    last = min(_LATE, seen[-1][0])
    start = max(0, _EARLY - _WIDTH // 2)
    return _cost(seen, start, start + _WIDTH), _cost(seen, last - _WIDTH, last)


def _cost(seen: list[tuple[int, float]], first: int, last: int) -> Cost:
    inside = [point for point in seen if first <= point[0] <= last]
    (tokens, spent), (later_tokens, later_spent) = inside[0], inside[-1]
    milliseconds = (later_spent - spent) * 1000
    return Cost(milliseconds / (later_tokens - tokens), milliseconds / (len(inside) - 1))
