"""Why flash attention is off on a processor: the library alone, with and without it.

What counts in a long conversation is the time of the few tokens of a next turn, and of each token
of an answer, beside what is there already. The time of one processor core, in one thread, which
hardly depends on what else the machine does.
"""

import random
import statistics
import time
from collections.abc import Iterator

from pychatbot_gui.engine.cache import BATCH
from tests.benchmarks.bare_loop import Bare
from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models

_N_CTX = 4096
_DEPTH = 25 * BATCH
_TOKENS = random.Random(1).choices(range(300, 1300), k=_DEPTH)


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """Each number of tokens in turn without and with it."""
    model, name = (models.middle, "100 MB") if effort.quick else (models.half, "0.5B")
    pair = [Bare(str(model), _N_CTX, 1, flash) for flash in (False, True)]
    whole = [_seconds(bare, 0, _DEPTH) for bare in pair]
    yield _figure(f"{name}, {_DEPTH:,} tokens read for the first time", whole[0], whole[1], 1)
    for count in (18, 1):
        runs = [[_seconds(bare, _DEPTH, count) for bare in pair] for _ in range(effort.runs)]
        ours, flash = (statistics.median(run[place] for run in runs) for place in (0, 1))
        what = f"{name}, {count} more after them"
        yield _figure(what, ours, flash, len(runs))
    for bare in pair:
        bare.close()


def _seconds(bare: Bare, start: int, count: int) -> float:
    began = time.process_time()
    bare.read(start, _TOKENS[:count])
    return time.process_time() - began


def _figure(what: str, ours: float, flash: float, runs: int) -> Figure:
    return Figure(
        what, ours * 1000, "ms", flash * 1000, "with flash attention", note=f"median of {runs}"
    )
