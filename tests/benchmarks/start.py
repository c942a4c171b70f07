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


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """The program with a home that was used before and with none, each beside a bare window."""
    del models
    used, empty, bare = [], [], []
    with tempfile.TemporaryDirectory(prefix="benchmark-start-") as folder:
        home, compiled = Path(folder) / "used", Path(folder) / "compiled"
        for which in ("program", "bare"):
            start_child(which, home, compiled)
        for run in range(2 * effort.runs):
            bare.append(start_child("bare", home, compiled)[0])
            used.append(start_child("program", home, compiled)[0])
            new = Path(folder) / f"empty-{run}"
            empty.append(start_child("program", new, compiled)[0])
    reference = statistics.median(bare)
    for name, times in (("", used), (", empty home", empty)):
        ours = statistics.median(times)
        yield Figure(
            f"start to a painted window{name}",
            ours,
            "ms",
            reference=reference,
            reference_name="bare window",
            note=f"{ours / reference:.2f} × the bare window, median of {len(times)}, "
            f"worst {max(times):.0f}",
        )


def start_child(which: str, home: Path, compiled: Path) -> tuple[float, float]:
    """Start a process of `start_child`: ms until it is painted, MB it holds then (0: not told).

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
    word, _, megabytes = line.partition(b" ")
    if word.strip() != b"painted" or process.returncode:
        raise RuntimeError(f"{which} did not start: exit code {process.returncode}")
    return took, float(megabytes or 0)
