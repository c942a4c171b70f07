"""What do window, thread and process cost? Tokens a second against the bare library."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pychatbot_gui.core.settings import default_settings
from pychatbot_gui.engine.room import processor_cores
from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models
from tests.benchmarks.program import Program

_QUESTION = "Hello, please write."
_PROMPT = f"<|im_start|>user\n{_QUESTION}<|im_end|>\n<|im_start|>assistant\n"
_GOAL = 0.9


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """Window and bare loop in turn, so that both meet the same machine."""
    settings = ("--temperature", "0", "--max-tokens", str(effort.speed_tokens))
    for model, name in ((models.large, "300 MB model"), (models.steady, "small model, Markdown")):
        pairs = []
        with Program(*settings) as program:
            program.open_and_wait(model)
            program.ask(_QUESTION)
            for _ in range(effort.runs):
                ours = _window(program)
                pairs.append((ours, _bare(model, effort.speed_tokens)))
        ratio = statistics.median(ours / bare for ours, bare in pairs)
        yield Figure(
            f"tokens a second in the window, {name}",
            statistics.median(ours for ours, _ in pairs),
            "tokens/s",
            reference=statistics.median(bare for _, bare in pairs),
            reference_name="bare loop",
        )
        yield Figure(
            f"window against bare loop, {name}",
            ratio,
            "×",
            goal=_GOAL,
            more_is_better=True,
            note=f"median of {len(pairs)} pairs",
        )


def _window(program: Program) -> float:
    """Tokens a second as the window sees them, from its first text to the end."""
    program.new_chat()
    first: list[float] = []
    ended: list[float] = []

    def text(_: str) -> None:
        if not first:
            first.append(time.perf_counter())

    def finished(_: object) -> None:
        ended.append(time.perf_counter())

    program.engine.text_arrived.connect(text)
    program.engine.answer_finished.connect(finished)
    program.ask(_QUESTION)
    program.engine.text_arrived.disconnect(text)
    program.engine.answer_finished.disconnect(finished)
    return (program.answered().reply_tokens - 1) / (ended[0] - first[0])


def _bare(model: Path, tokens: int) -> float:
    words = [str(model), str(default_settings().n_ctx), str(processor_cores()), str(tokens)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.bare_loop", *words],
        input=_PROMPT.encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(done.stdout)
