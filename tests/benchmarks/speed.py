"""What do window, thread and process cost? Tokens a second against the bare library, and others."""

import contextlib
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

from pychatbot_gui.engine.room import processor_cores
from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models
from tests.benchmarks.program import Program
from tests.benchmarks.references import BARE, CHAT_CALL, Child, Reference, Wish, in_turn
from tests.benchmarks.server import NOT_INSTALLED, Server, is_installed

# What repeats is not drafted here: the references do not do it either.
ALIKE = {"prompt_lookup": False, "auto_title": False}
N_CTX = 4096
_QUESTION = "Hello, please write."
_ONE_CORE_LEFT, _EVERY_CORE = 0.95, 0.90


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """Window and references in turn, with one core left to the window and with none."""
    cores = processor_cores()
    model, name = (models.small, "2M") if effort.quick else (models.half, "0.5B")
    # The goals are for models of a real size: the smallest one writes a token in no time.
    goals = (None, None) if effort.quick else (_ONE_CORE_LEFT, _EVERY_CORE)
    if cores > 1:
        with Child(BARE, model, N_CTX, cores - 1) as bare:
            yield from _figures(model, f"{name}, one core left", cores - 1, goals[0], effort, bare)
    with contextlib.ExitStack() as open_ones:
        others: list[Reference] = [
            open_ones.enter_context(Child(kind, model, N_CTX, cores)) for kind in (BARE, CHAT_CALL)
        ]
        if is_installed():
            others.append(open_ones.enter_context(Server(model, N_CTX, cores)))
        said = f"{name}, every core"
        yield from _figures(model, said, cores, goals[1], effort, *others)
        if not is_installed():
            yield Figure(f"tokens/s, {said}", None, "tokens/s", None, NOT_INSTALLED)
    with Child(BARE, models.steady, N_CTX, cores) as bare:
        said = "small model, Markdown, every core"
        yield from _figures(models.steady, said, cores, _EVERY_CORE, effort, bare)


def _figures(
    model: Path,
    name: str,
    threads: int,
    goal: float | None,
    effort: Effort,
    *references: Reference,
) -> Iterator[Figure]:
    """The goal is for the first reference."""
    wish = Wish([("user", _QUESTION)], effort.speed_tokens)
    arguments = ("--temperature", "0", "--max-tokens", str(wish.tokens))
    settings = {**ALIKE, "n_threads": threads, "n_ctx": N_CTX}
    with Program(*arguments, settings=settings) as program:
        program.open_and_wait(model)
        measures: list[Callable[[], float]] = [lambda: _in_window(program)]
        for reference in references:
            measures.append(lambda one=reference: one.write(wish).tokens_per_second)  # type: ignore[misc]
        runs = list(in_turn(effort.runs, *measures))
    ours = [run[0] for run in runs]
    for place, reference in enumerate(references, 1):
        yield Figure(
            f"tokens/s, {name}",
            statistics.median(ours),
            "tokens/s",
            statistics.median(run[place] for run in runs),
            reference.name,
            goal if place == 1 else None,
            more_is_better=True,
            goal_of_ratio=True,
            pairs=statistics.median(run[0] / run[place] for run in runs),
            note=f"median of {len(runs)} pairs",
        )


def _in_window(program: Program) -> float:
    program.new_chat()
    return program.timed(_QUESTION).tokens_per_second
