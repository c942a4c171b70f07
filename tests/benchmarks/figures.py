"""A figure beside its reference and its goal, and how figures are shown and kept."""

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

_HEADS = ("figure", "ours", "reference", "ratio", "goal", "met", "")
_LIBRARIES = ("PySide6-Essentials", "llama-cpp-python", "markdown-it-py")


@dataclass(frozen=True)
class Figure:
    """One measured value; `ours` None: it could not be measured here, `note` says why.

    `reference` is what `reference_name` gave in the same run, in the same unit; None with a name:
    that could not be measured. `goal` is the largest value that is good, or the smallest with
    `more_is_better`; None where there is no goal. With `goal_of_ratio` it is one for the ratio of
    ours to the reference; `pairs`: that ratio where it is not the one of the two values, because
    it is a median of its own.
    """

    name: str
    ours: float | None
    unit: str
    reference: float | None = None
    reference_name: str = ""
    goal: float | None = None
    more_is_better: bool = False
    note: str = ""
    goal_of_ratio: bool = False
    pairs: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours to the reference; None where one of them is not there."""
        if self.pairs is not None or not self.reference or self.ours is None:
            return self.pairs
        return self.ours / self.reference

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none, or nothing was measured."""
        value = self.ratio if self.goal_of_ratio else self.ours
        if self.goal is None or value is None:
            return None
        return value >= self.goal if self.more_is_better else value <= self.goal

    def cells(self) -> tuple[str, ...]:
        """What a row of the table says, in the order of its heads."""
        reference = self.reference_name
        if self.reference is not None:
            reference = f"{_written(self.reference, self.unit)} ({self.reference_name})"
        goal = ""
        if self.goal is not None:
            sign = "≥" if self.more_is_better else "≤"
            goal = f"{sign} {_written(self.goal, '×' if self.goal_of_ratio else self.unit)}"
        met = {True: "yes", False: "NO", None: ""}[self.met]
        ours = "not measured" if self.ours is None else _written(self.ours, self.unit)
        ratio = "" if self.ratio is None else _written(self.ratio, "×")
        return (self.name, ours, reference, ratio, goal, met, self.note)


def table(figures: Sequence[Figure]) -> str:
    """All figures as lines of aligned columns."""
    rows = [_HEADS, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths).rstrip())
    return "\n".join(lines)


def report(figures: Sequence[Figure]) -> dict[str, object]:
    """Figures and the machine they were measured on, as plain values for JSON."""
    return {
        "machine": machine(),
        "figures": [
            asdict(figure) | {"ratio": figure.ratio, "met": figure.met} for figure in figures
        ],
    }


def figures_of(document: dict[str, Any]) -> list[Figure]:
    """The figures of a report."""
    names = [field.name for field in fields(Figure)]
    return [Figure(**{name: row[name] for name in names}) for row in document["figures"]]


def machine() -> dict[str, object]:
    """What the figures depend on besides the program; `load` as it is now (None: not known)."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _LIBRARIES},
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor()


def _written(value: float, unit: str) -> str:
    digits = 0 if value == int(value) and abs(value) >= 1 else 1 if abs(value) >= 10 else 2
    if 0 < abs(value) < 0.1:
        digits = 3
    return f"{value:,.{digits}f} {unit}".rstrip()
