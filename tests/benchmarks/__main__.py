"""All measurements: `python -m tests.benchmarks [--quick] [--json FILE] [TOPIC ...]`.

Builds its models in a temporary folder, runs every figure through the program's own window and
engine thread beside its reference, and prints a table. Each topic is one module with a function
`measure(models, effort)` that yields figures. Of several topics each runs in a process of its own,
so that none of them can end or slow down the others.
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.effort import QUICK, Effort
from tests.benchmarks.figures import Figure, figures_of, machine, report, table
from tests.benchmarks.models import Models

# In this order; each is the module of that name.
TOPICS = (
    "gaps",
    "stops",
    "speed",
    "turns",
    "growth",
    "lookup",
    "ahead",
    "returning",
    "attention",
    "overflow",
    "memory",
    "start",
)
# Of these each takes many minutes: only where they are named, or with --all.
LONG_TOPICS = ("kills", "losses", "history")
_LIMIT_S = 1800  # for one topic
_BROKEN = 2


def main() -> int:
    """Exit code 1 where a goal is missed, 2 where a topic could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "topics",
        nargs="*",
        help=f"of {', '.join(TOPICS)} (these if none), {', '.join(LONG_TOPICS)}",
    )
    parser.add_argument("--all", action="store_true", help="every topic, the long ones too")
    parser.add_argument("--quick", action="store_true", help="fewer runs, rougher figures")
    parser.add_argument("--runs", type=int, metavar="N", help="of each figure; 5 if not said")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument(
        "--models", type=Path, metavar="FOLDER", help="keep the models there for the next run"
    )
    parser.add_argument(
        "--stacks", action="store_true", help="say what the main thread did in its long gaps"
    )
    given = parser.parse_args()
    every = (*TOPICS, *LONG_TOPICS)
    unknown = set(given.topics) - set(every)
    if unknown:
        parser.error(f"no such topic: {', '.join(sorted(unknown))}")
    effort = replace(QUICK if given.quick else Effort(), stacks=given.stacks)
    effort = replace(effort, runs=given.runs or effort.runs)
    topics = list(every if given.all else given.topics or TOPICS)
    with tempfile.TemporaryDirectory(prefix="benchmark-models-") as temporary:
        folder = given.models or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if len(topics) == 1:
            figures, broken = _measure(topics[0], Models(folder), effort, given.json)
        else:
            effort.say(json.dumps(machine()))
            figures, broken = _measure_apart(topics, folder, effort)
            _keep(figures, given.json)
    if len(topics) > 1 or not given.json:
        print(table(figures))
    if broken:
        return _BROKEN
    return 1 if any(figure.met is False for figure in figures) else 0


def _measure(
    topic: str, models: Models, effort: Effort, found: Path | None
) -> tuple[list[Figure], bool]:
    """The figures of a topic, each kept in the file `found` at once; whether one is missing."""
    figures: list[Figure] = []
    broken = False
    began = time.monotonic()
    try:
        module = importlib.import_module(f"tests.benchmarks.{topic}")
        for figure in module.measure(models, effort):
            figures.append(figure)
            _keep(figures, found)
            effort.say("  ".join(cell for cell in figure.cells() if cell))
    except Exception as error:  # what was measured before is still worth having
        broken = True
        effort.say("".join(traceback.format_exception(error)))
    effort.say(f"({topic}: {time.monotonic() - began:.0f} s)")
    return figures, broken


def _measure_apart(topics: list[str], models: Path, effort: Effort) -> tuple[list[Figure], bool]:
    figures: list[Figure] = []
    broken = False
    for topic in topics:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            found = Path(folder) / "figures.json"
            words = [topic, "--json", str(found), "--models", str(models)]
            words += ["--quick"] * effort.quick + ["--stacks"] * effort.stacks
            words += ["--runs", str(effort.runs)]
            command = [sys.executable, "-m", "tests.benchmarks", *words]
            try:
                ended = subprocess.run(command, timeout=_LIMIT_S, check=False).returncode
            except subprocess.TimeoutExpired:
                ended = _BROKEN
            if found.exists():
                figures += figures_of(json.loads(found.read_text(encoding="utf-8")))
            if ended not in (0, 1):
                broken = True
                effort.say(f"{topic} could not be measured to its end: {ended}")
    return figures, broken


def _keep(figures: list[Figure], found: Path | None) -> None:
    if found is not None:
        found.write_text(json.dumps(report(figures), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
