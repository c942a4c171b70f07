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
        home = Path(folder) / "used"
        for which in ("program", "bare"):
            _start(which, home)
        for run in range(2 * effort.runs):
            bare.append(_start("bare", home))
            used.append(_start("program", home))
            empty.append(_start("program", Path(folder) / f"empty-{run}"))
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


def _start(which: str, home: Path) -> float:
    """Milliseconds until the window of a new process is painted."""
    environment = {"QT_QPA_PLATFORM": "offscreen"} | os.environ | {"PYCHATBOT_HOME": str(home)}
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
    if line.strip() != b"painted" or process.returncode:
        raise RuntimeError(f"{which} did not start: exit code {process.returncode}")
    return took
