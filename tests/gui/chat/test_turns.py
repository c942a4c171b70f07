import time
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QObject

from pychatbot_gui.gui.chat.turns import Turns


class Work:
    """Counts its steps; each takes a few milliseconds, as real ones do."""

    def __init__(self, name: str, parts: int, seen: list[str]) -> None:
        self.name = name
        self.left = parts
        self.seen = seen

    def __call__(self) -> bool:
        end = time.perf_counter() + 0.003
        while time.perf_counter() < end:
            pass
        self.seen.append(self.name)
        self.left -= 1
        return self.left > 0


@contextmanager
def nothing() -> Iterator[None]:
    yield


def test_quick_work_is_done_at_once(qtbot):
    owner = QObject()
    turns = Turns(nothing, owner)
    seen: list[str] = []
    turns.add_once(lambda: seen.append("a"))
    assert seen == ["a"]
    assert not turns.waiting


def test_long_work_is_done_in_turns_and_in_order(qtbot):
    owner = QObject()
    turns = Turns(nothing, owner)
    seen: list[str] = []
    turns.add(Work("a", 20, seen))
    turns.add(Work("b", 2, seen))
    assert 0 < len(seen) < 20
    assert turns.waiting
    qtbot.waitUntil(lambda: not turns.waiting)
    assert seen == ["a"] * 20 + ["b"] * 2


def test_what_waits_can_be_finished_or_forgotten(qtbot):
    owner = QObject()
    turns = Turns(nothing, owner)
    seen: list[str] = []
    turns.add(Work("a", 20, seen))
    turns.finish()
    assert seen == ["a"] * 20
    turns.add(Work("b", 20, seen))
    turns.clear()
    assert not turns.waiting
    qtbot.wait(1)
    assert seen.count("b") <= 20
