"""Work in small steps, so that the event loop has its turn between them."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from PySide6.QtCore import QObject, QTimer

_TURN_S = 0.008

Step = Callable[[], bool]
"""Does a part of some work; True while there is more to do."""


class Turns(QObject):
    """Runs steps in order: at once while that is quick, else a few in each turn of the event loop.

    `around` makes the context that steps run in, one for each run of them.
    """

    def __init__(self, around: Callable[[], AbstractContextManager[None]], parent: QObject) -> None:
        super().__init__(parent)
        self._around = around
        self._steps: deque[Step] = deque()
        self._spent = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._next_turn)

    @property
    def waiting(self) -> bool:
        """True while steps are left for later."""
        return bool(self._steps)

    def add(self, step: Step) -> None:
        """Run a step now, or after those that wait."""
        self._steps.append(step)
        if len(self._steps) == 1 and self._spent < _TURN_S:
            self._run(_TURN_S - self._spent)
        self._timer.start(0)

    def add_once(self, action: Callable[[], object]) -> None:
        """Run a step that is done when it has been run."""

        def step() -> bool:
            action()
            return False

        self.add(step)

    def add_parts(self, parts: Iterator[None]) -> None:
        """Run a generator to its end, a part of it a step."""
        self.add(lambda: next(parts, self) is not self)

    def finish(self) -> None:
        """Run all that waits, however long it takes."""
        if self._steps:
            self._run(float("inf"))

    def clear(self) -> None:
        """Forget all that waits."""
        self._steps.clear()

    def _next_turn(self) -> None:
        self._spent = 0.0
        if self._steps:
            self._run(_TURN_S)
            self._timer.start(0)

    def _run(self, seconds: float) -> None:
        started = time.perf_counter()
        with self._around():
            while self._steps and time.perf_counter() - started < seconds:
                if not self._steps[0]():
                    self._steps.popleft()
        self._spent += time.perf_counter() - started
