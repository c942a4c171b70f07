"""Does the window stay smooth? The longest gap of the main thread while the model works."""

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models
from tests.benchmarks.program import Program, long_message
from tests.benchmarks.pulse import LONG_MS, Gaps, Pulse

_PROMPT_WORDS = 2790  # with its line ends 3,000 tokens
_SETTLE_S = 0.5
_IDLE_S = 20.0
_MOST_RUNS = 3  # each takes a minute


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """While a model loads, a prompt is read, an answer streams; each beside an idle window."""
    loads = _runs(effort, lambda: _load(models.large, effort))
    yield _figure("longest gap, a 300 MB model loads", loads)
    tokens: list[int] = []
    reads = _runs(effort, lambda: _read(models.middle, effort, tokens))
    yield _figure("longest gap, a long prompt is read", reads, f"{tokens[-1]:,} tokens")
    for pace, model in (("at a steady pace", models.steady), ("as fast as it comes", models.fast)):
        answers = _runs(effort, lambda model=model: _answer(model, effort, tokens))  # type: ignore[misc]
        seconds = statistics.median(ours.seconds for ours, _ in answers)
        note = f"{tokens[-1]:,} tokens, {tokens[-1] / seconds:,.0f} tokens/s"
        yield _figure(f"longest gap, Markdown streams {pace}", answers, note)


def _runs(effort: Effort, run: Callable[[], tuple[Gaps, Gaps]]) -> list[tuple[Gaps, Gaps]]:
    return [run() for _ in range(min(effort.runs, _MOST_RUNS))]


def _load(model: Path, effort: Effort) -> tuple[Gaps, Gaps]:
    with Program() as program:
        return _both(program, effort, lambda: program.open(model))


def _read(model: Path, effort: Effort, tokens: list[int]) -> tuple[Gaps, Gaps]:
    with Program("--max-tokens", "8") as program:
        program.open_and_wait(model)
        program.write(long_message(_PROMPT_WORDS))
        gaps = _both(program, effort, program.send)
        tokens.append(program.answered().prompt_tokens)
        return gaps


def _answer(model: Path, effort: Effort, tokens: list[int]) -> tuple[Gaps, Gaps]:
    with Program("--temperature", "0") as program:
        program.open_and_wait(model)
        gaps = _both(program, effort, lambda: program.send("Please write."))
        tokens.append(program.answered().reply_tokens)
        return gaps


def _both(program: Program, effort: Effort, act: Callable[[], None]) -> tuple[Gaps, Gaps]:
    """The gaps from `act` until the window is idle again, and for the same time when it is."""
    program.live(_SETTLE_S)
    pulse = Pulse(effort.stacks)
    pulse.start()
    act()
    program.wait_until_idle()
    program.live(0.1)
    ours = pulse.stop()
    program.live(_SETTLE_S)
    for stack, count in pulse.late_stacks().most_common(8):
        effort.say(f"    late, seen {count}: {stack}")
    idle = Pulse()
    idle.start()
    program.live(min(ours.seconds, _IDLE_S))
    return ours, idle.stop()


def _figure(name: str, runs: list[tuple[Gaps, Gaps]], note: str = "") -> Figure:
    """The worst run counts: no gap at all may be too long."""
    worst = max((ours for ours, _ in runs), key=lambda gaps: gaps.longest)
    median = statistics.median(ours.longest for ours, _ in runs)
    over = sum(ours.over for ours, _ in runs)
    p99 = statistics.median(ours.p99 for ours, _ in runs)
    said = (
        f"worst of {len(runs)} runs (median {median:.0f}), of which at work {worst.worked:.0f}, "
        f"without a core {worst.queued:.0f}; p99 {p99:.0f}, {over} over {LONG_MS:.0f} in all"
    )
    return Figure(
        name,
        worst.longest,
        "ms",
        reference=max(idle.longest for _, idle in runs),
        reference_name="idle window",
        goal=LONG_MS,
        note=f"{note}; {said}" if note else said,
    )
