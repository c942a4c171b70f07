"""How long until the window is there? From the start of the process to the first paint."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models

GOAL = 1.5  # times a bare window
MOST_MB = 150.0


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """The program with a home that was used before and with none, beside two bare windows."""
    del models
    kinds = ("bare", "widgets", "program", "chat")
    times: dict[str, list[float]] = {kind: [] for kind in (*kinds, "empty")}
    resident = []
    with tempfile.TemporaryDirectory(prefix="benchmark-start-") as folder:
        home, compiled = Path(folder) / "used", Path(folder) / "compiled"
        for kind in ("make", *kinds):
            start_child(kind, home, compiled)
        for run in range(2 * effort.runs):
            for kind in kinds:
                times[kind].append(start_child(kind, home, compiled)[0])
            new = Path(folder) / f"empty-{run}"
            times["empty"].append(start_child("program", new, compiled)[0])
            resident.append(start_child("resident", home, compiled)[1:])
    reference, empty = (statistics.median(times[kind]) for kind in ("widgets", "bare"))
    for kind, name in (
        ("program", "start to a painted window"),
        ("empty", "start to a painted window, empty home"),
        ("chat", "start to the last chat painted"),
    ):
        ours = statistics.median(times[kind])
        yield Figure(
            name,
            ours,
            "ms",
            reference=reference,
            reference_name="bare window with a menu, a label, a field, a button",
            goal=None if kind == "chat" else GOAL * reference,
            note=f"{ours / reference:.2f} × that, {ours / empty:.2f} × an empty QMainWindow "
            f"({empty:.0f} ms); median of {len(times[kind])}, worst {max(times[kind]):.0f}",
        )
    held, own = (statistics.median(column) for column in zip(*resident, strict=True))
    yield Figure(
        "memory of the window's process, a chat open and a model loaded",
        held,
        "MB",
        goal=MOST_MB,
        note=f"{own:.0f} MB of it its own alone",
    )


def start_child(which: str, home: Path, compiled: Path) -> tuple[float, float, float]:
    """Start a process of `start_child`: ms until it is painted, MB it holds then, MB of its own.

    0: not told.

    `compiled`: where Python keeps the compiled modules, as it does for a person.
    """
    environment = {"QT_QPA_PLATFORM": "offscreen"} | os.environ | {"PYCHATBOT_HOME": str(home)}
    environment["PYTHONPYCACHEPREFIX"] = str(compiled)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.start_child", which],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        took = (time.perf_counter() - began) * 1000
    word, *megabytes = line.split()
    if word != b"painted" or process.returncode:
        raise RuntimeError(f"{which} did not start: exit code {process.returncode}")
    held, own = (*map(float, megabytes), 0.0, 0.0)[:2]
    return took, held, own
