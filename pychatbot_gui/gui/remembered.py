"""Keeps what the program remembers between two starts, and writes it a moment after a change."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.core.state import RememberedState, load_state, save_state

_SAVE_DELAY_MS = 700


class Remembered(QObject):
    """The `RememberedState` of this program.

    `window_part` gives what only the window knows; it can be set later, before the first change.
    """

    failed = Signal(object)  # StorageError: it could not be written

    def __init__(
        self, path: Path, window_part: Callable[[], dict[str, str]], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._path = path
        self.window_part = window_part
        self.state = RememberedState()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SAVE_DELAY_MS)
        self._timer.timeout.connect(self._save_on_the_way)

    def load(self) -> list[str]:
        """Bring back the last time; returns sentences about what was wrong."""
        try:
            self.state, problem = load_state(self._path)
        except StorageError as error:
            problem = str(error)
        return [problem] if problem else []

    def change(self, **changes: object) -> None:
        """Remember other values; they are written a moment later."""
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]
        self.save_soon()

    @Slot()
    def save_soon(self) -> None:
        """What the window knows has changed."""
        if not self._timer.isActive():  # who writes without a pause must not put it off for ever
            self._timer.start()

    def save(self) -> None:
        """Write everything now, for good."""
        self._save(durable=True)

    @Slot()
    def _save_on_the_way(self) -> None:
        # Without waiting for the disk, which would hold up the window.
        self._save(durable=False)

    def _save(self, durable: bool) -> None:
        self._timer.stop()
        self.state = replace(self.state, **self.window_part())  # type: ignore[arg-type]
        try:
            save_state(self._path, self.state, durable)
        except StorageError as error:
            self.failed.emit(error)
