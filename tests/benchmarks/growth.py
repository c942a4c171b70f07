"""Does a token cost more late in an answer? What the program does besides the library's own work.

Its own cost of a token: the processor time of the model process outside of evaluation and sampling,
and that of the window's process. The latter works in frames, and how many tokens come in one depends
on the model's pace, which gets slower as the context fills: so a frame's cost is shared among as
many tokens early and late, those of a frame on the whole.
"""

import bisect
import functools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from pychatbot_gui.engine import model_process
from pychatbot_gui.engine.model_process import ModelProcess
from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import LONG_ANSWER, Models
from tests.benchmarks.program import Program
from tests.benchmarks.references import CHAT_CALL, Child, Wish
from tests.benchmarks.speed import ALIKE, processor_cores
from tests.benchmarks.timed_host import OWN_TIME
from tests.models import markdown_answer, script_pieces

_WIDTH = 400  # tokens: two rounds of the answer's kinds of Markdown
_EARLY, _LATE, _QUICK_LATE = 100, 8000, 2000
_N_CTX = 9216
_GOAL = 1.2
_RUNS = 3
_PATIENCE_S = 1200.0  # for one answer; on a quiet machine it takes half a minute
_QUESTION = "Please write."
_MADE_BY = ModelProcess.__name__  # what the program makes its model process by


class Cost(NamedTuple):
    """Of a token in the model process, of a frame in the window's; milliseconds."""

    model: float
    frame: float


class Costs(NamedTuple):
    """Of one answer; `tokens`: those of a frame."""

    early: Cost
    late: Cost
    tokens: float

    def of_token(self, cost: Cost) -> float:
        """The whole program's own cost of a token."""
        return cost.model + cost.frame / self.tokens

    @property
    def growth(self) -> float:
        """How many times as much a late token costs."""
        return self.of_token(self.late) / self.of_token(self.early)


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """Near token 100 and near token 8,000 of one answer, beside the library's own chat call."""
    late = _QUICK_LATE if effort.quick else _LATE
    ends = _ends(markdown_answer(LONG_ANSWER))
    count = late + _WIDTH // 2
    runs = [_costs(models.lasting, ends, late, count) for _ in range(min(effort.runs, _RUNS))]
    marks = _marks_of_chat_call(models.lasting, count)
    theirs = _between(marks, _EARLY), _between(marks, late)
    ours = (
        statistics.median(run.of_token(run.early) for run in runs),
        statistics.median(run.of_token(run.late) for run in runs),
    )
    for place, own, other in zip((_EARLY, late), ours, theirs, strict=True):
        yield Figure(f"own cost of a token, near token {place:,}", own, "ms", other, CHAT_CALL)
    yield Figure(
        f"growth of that, token {late:,} to {_EARLY}",
        statistics.median(run.growth for run in runs),
        "×",
        theirs[1] / theirs[0],
        CHAT_CALL,
        _GOAL,
        note=f"median of {len(runs)} answers; {CHAT_CALL} shows nothing in a window",
    )
    parts = (
        ("a token in the model process", "fewer tokens share a frame as the model gets slower"),
        ("a frame in the window", ""),
    )
    for part, (name, note) in enumerate(parts):
        yield Figure(
            f"own cost of {name}, near token {late:,}",
            statistics.median(run.late[part] for run in runs),
            "ms",
            statistics.median(run.early[part] for run in runs),
            f"near token {_EARLY}",
            note=note,
        )


def _costs(model: Path, ends: list[int], late: int, count: int) -> Costs:
    with tempfile.TemporaryDirectory(prefix="benchmark-growth-") as folder:
        marks = Path(folder) / "marks.json"
        os.environ[OWN_TIME] = str(marks)
        timed = functools.partial(ModelProcess, host="tests.benchmarks.timed_host")
        setattr(model_process, _MADE_BY, timed)
        try:
            frames = _frames(model, ends, count)
        finally:
            setattr(model_process, _MADE_BY, ModelProcess)
        own = json.loads(marks.read_text(encoding="ascii"))
    gone = [after - before for (before, _), (after, _) in pairwise(frames)]
    early, later = (Cost(_between(own, at), _frame_cost(frames, at)) for at in (_EARLY, late))
    return Costs(early, later, statistics.fmean(gone))


def _frames(model: Path, ends: list[int], count: int) -> list[tuple[int, float]]:
    """At each frame of an answer: tokens so far, processor seconds of this process so far."""
    frames: list[tuple[int, float]] = []
    characters = 0

    def text(piece: str) -> None:
        nonlocal characters
        characters += len(piece)
        frames.append((bisect.bisect_right(ends, characters), time.process_time()))

    threads = max(1, processor_cores() - 1)
    settings = {**ALIKE, "n_threads": threads, "n_ctx": _N_CTX}
    with Program("--temperature", "0", "--max-tokens", str(count), settings=settings) as program:
        program.open_and_wait(model)
        program.engine.text_arrived.connect(text)
        program.send(_QUESTION)
        program.wait_until_idle(_PATIENCE_S)
        written = program.answered().reply_tokens
    if written < count:
        raise RuntimeError(f"the answer has {written} tokens only")
    return frames


def _ends(answer: str) -> list[int]:
    """How many characters of the answer are there after each token, whole characters only."""
    ends, raw = [], b""
    for piece in script_pieces(answer):
        raw += piece
        ends.append(len(raw.decode("utf-8", errors="ignore")))
    return ends


def _around(place: int) -> tuple[int, int]:
    start = max(20, place - _WIDTH // 2)
    return start, start + _WIDTH


def _frame_cost(frames: list[tuple[int, float]], place: int) -> float:
    first, last = _around(place)
    inside = [spent for tokens, spent in frames if first <= tokens <= last]
    return 1000 * (inside[-1] - inside[0]) / (len(inside) - 1)


def _between(marks: list[float], place: int) -> float:
    """Milliseconds a token."""
    first, last = _around(place)
    last = min(last, len(marks) - 1)
    return 1000 * (marks[last] - marks[first]) / (last - first)


def _marks_of_chat_call(model: Path, count: int) -> list[float]:
    with Child(CHAT_CALL, model, _N_CTX, max(1, processor_cores() - 1)) as child:
        return child.write(Wish([("user", _QUESTION)], count, timed=True)).marks
