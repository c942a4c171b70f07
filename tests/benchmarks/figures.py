"""A figure beside its reference and its goal, and how figures are shown and kept."""

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_HEADS = ("figure", "ours", "reference", "goal", "met", "")
_LIBRARIES = ("PySide6-Essentials", "llama-cpp-python", "markdown-it-py")


@dataclass(frozen=True)
class Figure:
    """One measured value.

    `reference` is what `reference_name` gave in the same run, in the same unit. `goal` is the
    largest value that is good, or the smallest with `more_is_better`; None where there is no goal.
    """

    name: str
    ours: float
    unit: str
    reference: float | None = None
    reference_name: str = ""
    goal: float | None = None
    more_is_better: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.goal is None:
            return None
        return self.ours >= self.goal if self.more_is_better else self.ours <= self.goal

    def cells(self) -> tuple[str, ...]:
        """What a row of the table says, in the order of its heads."""
        reference = ""
        if self.reference is not None:
            reference = f"{_written(self.reference, self.unit)} ({self.reference_name})"
        goal = ""
        if self.goal is not None:
            sign = "≥" if self.more_is_better else "≤"
            goal = f"{sign} {_written(self.goal, self.unit)}"
        met = {True: "yes", False: "NO", None: ""}[self.met]
        return (self.name, _written(self.ours, self.unit), reference, goal, met, self.note)


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
        "figures": [asdict(figure) | {"met": figure.met} for figure in figures],
    }


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
    return f"{value:,.{digits}f} {unit}".rstrip()
