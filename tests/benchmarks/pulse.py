"""How long the main thread is away: the gaps between the beats of a 5 ms timer."""

import faulthandler
import re
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer

BEAT_MS = 5
LONG_MS = 50.0
_STACKS_AFTER_S = 0.025
_STEP = re.compile(r'\s*File ".*?([^/\\]+)", line (\d+) in (.*)')


@dataclass(frozen=True)
class Gaps:
    """What a pulse saw, times in ms.

    Of the longest gap the main thread `worked` so long and was `queued` for a core so long (0
    where the system does not tell); the rest it waited, for the interpreter or the disk.
    """

    seconds: float
    longest: float
    worked: float
    queued: float
    p99: float
    over: int  # gaps over LONG_MS


class Pulse:
    """Beats in the main thread between `start` and `stop`.

    With `stacks` a second thread notes what the main thread is doing whenever a beat is late;
    it takes a little of the interpreter's time itself.
    """

    def __init__(self, stacks: bool = False) -> None:
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._gaps: list[tuple[float, float, float]] = []
        self._last = self._worked = self._queued = self._started = 0.0
        self._watch = _Watch() if stacks else None

    def start(self) -> None:
        """Begin to measure."""
        self._gaps.clear()
        self._worked, self._queued = time.thread_time(), _queued()
        self._started = self._last = time.perf_counter()
        self._timer.start()
        if self._watch is not None:
            self._watch.begin()

    def stop(self) -> Gaps:
        """End, the gap that is still open included."""
        self._beat()
        self._timer.stop()
        if self._watch is not None:
            self._watch.end()
        longest, worked, queued = max(self._gaps)
        ordered = sorted(gap for gap, _, _ in self._gaps)
        return Gaps(
            seconds=self._last - self._started,
            longest=longest,
            worked=worked,
            queued=queued,
            p99=ordered[int(len(ordered) * 0.99)],
            over=sum(gap > LONG_MS for gap in ordered),
        )

    def late_stacks(self) -> Counter[str]:
        """How often each stack was seen while a beat was late."""
        return self._watch.seen if self._watch is not None else Counter()

    def _beat(self) -> None:
        now, worked, queued = time.perf_counter(), time.thread_time(), _queued()
        spans = (now - self._last, worked - self._worked, queued - self._queued)
        self._gaps.append((spans[0] * 1000, spans[1] * 1000, spans[2] * 1000))
        self._last, self._worked, self._queued = now, worked, queued
        if self._watch is not None:
            self._watch.heard = now


class _Watch:
    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.heard = 0.0
        self._main = threading.get_ident()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        self.heard = time.perf_counter()
        self._ended.clear()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_STACKS_AFTER_S / 2):
            if time.perf_counter() - self.heard > _STACKS_AFTER_S:
                self.seen[self._stack()] += 1

    def _stack(self) -> str:
        # Not with the frames themselves: to hold one keeps what it uses alive, and would have
        # this thread destroy the main thread's timers.
        with tempfile.TemporaryFile() as file:
            faulthandler.dump_traceback(file)
            file.seek(0)
            written = file.read().decode("utf-8", errors="replace")
        for part in written.split("\n\n"):
            if f"0x{self._main:016x} " in part.partition("\n")[0]:
                return " < ".join(_STEP.sub(r"\3 (\1:\2)", line) for line in part.split("\n")[1:7])
        return "?"


def _queued() -> float:
    """Seconds that this thread was ready to run and had no core."""
    try:
        with open("/proc/thread-self/schedstat", "rb") as file:  # noqa: PTH123 (200 times a second)
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0
