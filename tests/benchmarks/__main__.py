"""All measurements in one run: `python -m tests.benchmarks [--quick] [--json FILE] [TOPIC ...]`.

Builds its models in a temporary folder, runs every figure through the program's own window and
engine thread beside its reference, and prints a table. Each topic is one module with a function
`measure(models, effort)` that yields figures.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.benchmarks import ahead, gaps, growth, history, kills, losses, speed, start, stops
from tests.benchmarks.effort import QUICK, Effort
from tests.benchmarks.figures import Figure, machine, report, table
from tests.benchmarks.models import Models

TOPICS = {
    "gaps": gaps.measure,
    "stops": stops.measure,
    "kills": kills.measure,
    "losses": losses.measure,
    "speed": speed.measure,
    "start": start.measure,
    "growth": growth.measure,
    "history": history.measure,
    "ahead": ahead.measure,
}


def main() -> int:
    """Exit code 1 where a goal is missed or a topic could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("topics", nargs="*", help=f"any of {', '.join(TOPICS)}; all if none")
    parser.add_argument("--quick", action="store_true", help="fewer runs, rougher figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument(
        "--stacks", action="store_true", help="say what the main thread did in its long gaps"
    )
    given = parser.parse_args()
    unknown = set(given.topics) - set(TOPICS)
    if unknown:
        parser.error(f"no such topic: {', '.join(sorted(unknown))}")
    effort = replace(QUICK if given.quick else Effort(), stacks=given.stacks)
    effort.say(json.dumps(machine()))
    figures, broken = _measure(given.topics or list(TOPICS), effort)
    print(table(figures))
    if given.json:
        given.json.write_text(json.dumps(report(figures), indent=1) + "\n", encoding="utf-8")
    return 1 if broken or any(figure.met is False for figure in figures) else 0


def _measure(topics: list[str], effort: Effort) -> tuple[list[Figure], bool]:
    figures: list[Figure] = []
    broken = False
    with tempfile.TemporaryDirectory(prefix="benchmark-models-") as folder:
        models = Models(Path(folder))
        for topic in topics:
            began = time.monotonic()
            try:
                for figure in TOPICS[topic](models, effort):
                    figures.append(figure)
                    effort.say("  ".join(cell for cell in figure.cells() if cell))
            except Exception as error:  # the other topics are still worth having
                broken = True
                effort.say(f"{topic} could not be measured: {error!r}")
            effort.say(f"({topic}: {time.monotonic() - began:.0f} s)")
    return figures, broken


if __name__ == "__main__":
    sys.exit(main())
