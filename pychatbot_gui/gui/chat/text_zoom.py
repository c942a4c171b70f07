"""The size of text that the reader chose: its steps, its keys and its wheel."""

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence

STEPS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5)
_NOTCH = 120  # what a wheel reports for one click of it, in eighths of a degree


class TextZoom(QObject):
    """A factor between the first and the last of STEPS, and the actions that change it."""

    changed = Signal(float)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.value = 1.0
        self._turned = 0
        keys = QKeySequence.StandardKey
        larger = QAction("&Larger text", self)
        larger.setShortcuts([*QKeySequence.keyBindings(keys.ZoomIn), QKeySequence("Ctrl+=")])
        larger.triggered.connect(lambda: self.step(1))
        smaller = QAction("&Smaller text", self)
        smaller.setShortcuts(QKeySequence.keyBindings(keys.ZoomOut))
        smaller.triggered.connect(lambda: self.step(-1))
        usual = QAction("&Usual text size", self)
        usual.setShortcut(QKeySequence("Ctrl+0"))
        usual.triggered.connect(lambda: self.set(1.0))
        self.actions = [larger, smaller, usual]

    def set(self, value: float) -> None:
        """Take a factor; one beyond the steps becomes the nearest of them."""
        value = min(max(value, STEPS[0]), STEPS[-1])
        if value != self.value:
            self.value = value
            self.changed.emit(value)

    def step(self, steps: int) -> None:
        """Go one or more steps up (positive) or down (negative)."""
        nearest = min(range(len(STEPS)), key=lambda n: abs(STEPS[n] - self.value))
        self.set(STEPS[min(max(nearest + steps, 0), len(STEPS) - 1)])

    def turn(self, angle: int) -> None:
        """Follow a wheel or a touch pad, which reports small parts of a notch."""
        self._turned += angle
        steps = int(self._turned / _NOTCH)
        self._turned -= _NOTCH * steps
        if steps:
            self.step(steps)
