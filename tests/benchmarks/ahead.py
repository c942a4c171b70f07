"""Is what is not sent yet read ahead? A pasted document, then a question typed key by key, then Send."""

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt
from PySide6.QtTest import QTest

from pychatbot_gui.engine.engine import CancelToken, Event, Finished, Reading
from pychatbot_gui.gui.prompt_edit import PromptEdit
from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models
from tests.benchmarks.program import Program, long_message
from tests.benchmarks.pulse import LONG_MS, Gaps, Pulse

_DOCUMENT = long_message(1860)  # with its line ends 2,000 tokens
_QUESTION = " ".join(_DOCUMENT.split()[100:114]) + "?"  # about one token a word, as in real text
_KEY_S = 0.06  # somebody who types fast
_SHARE_GOAL = 5.0  # percent
_ABORT_GOAL_MS = 50.0
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class _Run:
    first_ms: float  # from Send to the first piece of the answer
    gaps: Gaps  # while the question was typed
    end: Finished


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """First token after a paste and a typed question, gaps while typing, Send in the middle."""
    cold, warm = [], []
    for _ in range(effort.runs):
        cold.append(_ask(models.large, "off"))
        warm.append(_ask(models.large, "on"))
    seconds = statistics.median(run.first_ms for run in cold)
    ours = statistics.median(run.first_ms for run in warm)
    end = warm[-1].end
    yield Figure(
        "first token after a pasted document and a typed question",
        ours,
        "ms",
        reference=seconds,
        reference_name="without reading ahead",
    )
    yield Figure(
        "… as a share of the time without",
        100 * ours / seconds,
        "%",
        goal=_SHARE_GOAL,
        note=f"{end.reused_tokens:,} of {end.prompt_tokens:,} tokens read ahead",
    )
    yield Figure(
        "longest gap while typing, the model reads ahead",
        max(run.gaps.longest for run in warm),
        "ms",
        reference=max(run.gaps.longest for run in cold),
        reference_name="tokens only counted",
        goal=LONG_MS,
        note=f"worst of {effort.runs} runs",
    )
    waits = list(_sends_in_the_middle(models.large, effort))
    yield Figure(
        "Send while it reads ahead: until that has ended, worst",
        max(waits),
        "ms",
        goal=_ABORT_GOAL_MS,
        note=f"worst of {len(waits)}, median {statistics.median(waits):.0f}",
    )


def _program(home: Path, when: str) -> Program:
    (home / "config").mkdir(parents=True)
    settings = json.dumps({"read_ahead": when, "auto_title": False, "snapshots": False})
    (home / "config" / "model_parameters.json").write_text(settings)
    return Program("--max-tokens", "8", "--temperature", "0", home=home)


def _ask(model: Path, when: str) -> _Run:
    """Paste, wait until what can be read ahead is read, type the question, send."""
    with tempfile.TemporaryDirectory() as home, _program(Path(home) / "home", when) as program:
        program.open_and_wait(model)
        program.write("")
        _paste(program)
        if when == "on":
            _wait_until_read(program)
        pulse = Pulse()
        pulse.start()
        for key in _QUESTION:
            QTest.keyClick(program.edit, key)
            program.live(_KEY_S)
        gaps = pulse.stop()
        first: list[float] = []
        program.engine.text_arrived.connect(lambda _: first.append(time.perf_counter()))
        began = time.perf_counter()
        QTest.keyClick(program.edit, Qt.Key.Key_Return)
        program.wait_until_idle()
        return _Run((first[0] - began) * 1000, gaps, program.answered())


def _paste(program: Program, before: str = "") -> None:
    data = QMimeData()
    data.setText(f"{before}{_DOCUMENT}\n\n")
    assert isinstance(program.edit, PromptEdit)
    program.edit.insertFromMimeData(data)


def _wait_until_read(program: Program) -> None:
    done: list[bool] = []
    tell = program.engine.read_ahead_to.connect(
        lambda read, of: done.append(True) if read == of > 1000 else None
    )
    program.wait(lambda: bool(done), _PATIENCE_S)
    program.engine.disconnect(tell)


def _sends_in_the_middle(model: Path, effort: Effort) -> Iterator[float]:
    """Milliseconds from Enter until the worker's thread has nothing more to do with reading ahead."""
    with tempfile.TemporaryDirectory() as home, _program(Path(home) / "home", "on") as program:
        program.open_and_wait(model)
        told: list[tuple[float, Event]] = []

        def heard(_: CancelToken, event: Event) -> None:
            told.append((time.perf_counter(), event))

        # In the worker's thread itself: the main one would hear of it later.
        program.engine._worker.read.connect(heard, Qt.ConnectionType.DirectConnection)
        for place in range(effort.trials):
            told.clear()
            program.write("")
            _paste(program, f"{place}. ")
            program.wait(lambda: any(isinstance(event, Reading) for _, event in told))
            program.live(0.05 * (1 + place))
            began = time.perf_counter()
            QTest.keyClick(program.edit, Qt.Key.Key_Return)
            program.wait(lambda: isinstance(told[-1][1], Finished))
            ended, event = told[-1]
            if isinstance(event, Finished) and event.reason == "cancelled":
                yield (ended - began) * 1000
            program.stop()
            program.wait_until_idle()
            program.new_chat()
