"""How long after Stop is it silent? Loading, rendering, reading, answering."""

import statistics
import time
from collections.abc import Callable, Iterator

from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import SLOW_WORD, Models
from tests.benchmarks.program import Program, long_message

_GOAL_MS = 100.0
_LISTEN_S = 0.2


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """Median and worst of the time from the click on Stop until nothing happens any more."""
    yield from _figures("loading", lambda: _loading(models, effort))
    yield from _figures("a template renders", lambda: _rendering(models, effort))
    yield from _figures("again, right after that", lambda: _stopped_twice(models, effort))
    yield from _figures("one long prompt is read", lambda: _reading(models, effort))
    yield from _figures("answering", lambda: _answering(models, effort))
    yield from _figures("the model starts again", lambda: _starting_again(models, effort))


def _figures(name: str, run: Callable[[], list[float]]) -> Iterator[Figure]:
    times = run()
    median, worst = statistics.median(times), max(times)
    note = f"worst of {len(times)}"
    yield Figure(f"silence after Stop, {name}, median", median, "ms", goal=_GOAL_MS)
    yield Figure(f"silence after Stop, {name}, worst", worst, "ms", goal=_GOAL_MS, note=note)


def _loading(models: Models, effort: Effort) -> list[float]:
    with Program() as program:
        began = time.perf_counter()
        program.open_and_wait(models.large)
        whole = time.perf_counter() - began
        times = []
        for share in _shares(effort.trials):
            times += _stop_in_time(program, lambda: program.open(models.large), whole * share)
        program.open_and_wait(models.large)
        return times


def _rendering(models: Models, effort: Effort) -> list[float]:
    with Program("--max-tokens", "8") as program:
        program.open_and_wait(models.slow_template)
        times = []
        for share in _shares(effort.trials):
            program.send(f"Be {SLOW_WORD}.")
            program.live(0.1 + share)
            times += _stop(program)
            program.new_chat()
            _expect_answer(program)
        return times


def _stopped_twice(models: Models, effort: Effort) -> list[float]:
    """The next message is stopped while the program may still be busy with the last one's end."""
    with Program("--max-tokens", "8") as program:
        program.open_and_wait(models.slow_template)
        times = []
        for share in _shares(effort.trials):
            program.send(f"Be {SLOW_WORD}.")
            program.live(0.3)
            _stop(program)
            program.new_chat()
            program.send(f"Be {SLOW_WORD} again.")
            program.live(0.05 + 0.2 * share)
            times += _stop(program)
            program.new_chat()
            _expect_answer(program)
        return times


def _reading(models: Models, effort: Effort) -> list[float]:
    with Program("--max-tokens", "8") as program:
        program.open_and_wait(models.large)
        times = []
        for share in _shares(effort.trials):
            program.send(long_message(2700))
            program.live(0.1 + 2 * share)
            times += _stop(program)
            program.new_chat()
        _expect_answer(program)
        return times


def _answering(models: Models, effort: Effort) -> list[float]:
    with Program("--temperature", "0") as program:
        program.open_and_wait(models.endless)
        times = []
        for share in _shares(effort.trials):
            program.send("Please write.")
            program.live(0.3 + share)
            times += _stop(program)
            program.new_chat()
        return times


def _starting_again(models: Models, effort: Effort) -> list[float]:
    with Program("--max-tokens", "8") as program:
        began = time.perf_counter()
        program.open_and_wait(models.large)
        whole = time.perf_counter() - began
        times = []
        for share in _shares(effort.trials):
            times += _stop_in_time(program, lambda: _kill_and_ask(program), whole * share)
            _expect_answer(program)
        return times


def _kill_and_ask(program: Program) -> None:
    program.new_chat()
    program.kill_model()
    program.send("Hello")


def _stop_in_time(program: Program, act: Callable[[], None], seconds: float) -> list[float]:
    """Stop `seconds` after `act`, or earlier where that is over by then."""
    for _ in range(6):
        act()
        program.live(seconds)
        times = _stop(program)
        if times:
            return times
        seconds *= 0.7
    return []


def _shares(count: int) -> list[float]:
    """Moments spread evenly between 0 and 1."""
    return [(place + 0.5) / count for place in range(count)]


def _stop(program: Program) -> list[float]:
    """Milliseconds to silence, in a list; an empty one where it had ended by itself."""
    if not program.window.is_busy():
        return []
    last = [0.0]

    def heard(*_: object) -> None:
        last[0] = time.perf_counter()

    document = program.view.document()
    signals = (program.engine.busy_changed, program.engine.text_arrived, document.contentsChange)
    for signal in signals:
        signal.connect(heard)
    began = time.perf_counter()
    program.stop()
    program.wait_until_idle()
    program.live(_LISTEN_S)
    for signal in signals:
        signal.disconnect(heard)
    return [(last[0] - began) * 1000]


def _expect_answer(program: Program) -> None:
    answer = program.ask("Hello")
    if answer is None or not answer.reply_tokens:
        raise RuntimeError(f"no answer after Stop; notice: {program.notice()!r}")
