"""How far a long export or import is, and a way to stop it."""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from pychatbot_gui.gui.plain_text import ElidedLabel, PlainLabel

_STEPS = 1000
# What is done sooner than this needs no window.
PATIENCE_MS = 400


class ProgressDialog(QDialog):
    """A window beside the work: show it with `show()`, or with `show_later()`, and it never waits.

    `stopped` is emitted once when the person stops it, by the button, Esc or closing. The window
    then stays, saying so, until `finish()`.
    """

    stopped = Signal()

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("progressDialog")
        self.setWindowTitle(title)
        self.setWindowModality(Qt.WindowModality.NonModal)
        self._stopped = False
        self._title = ElidedLabel(title)
        self._title.setProperty("heading", "group")
        self._title.setAccessibleName(title)
        self._bar = QProgressBar()
        self._bar.setObjectName("progressBar")
        self._bar.setAccessibleName(title)
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setFixedHeight(8)
        self._count = PlainLabel("", "muted")
        self._count.setObjectName("progressCount")
        self._stop = QPushButton("&Stop")
        self._stop.setObjectName("stopProgress")
        self._stop.setAccessibleName("Stop")
        self._stop.clicked.connect(self.reject)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.show)
        self._build()

    def set_progress(self, done: int, total: int, words: str = "") -> None:
        """Show that `done` of `total` is done, in `words` or as "12 of 340". Total 0: not known."""
        self._bar.setRange(0, _STEPS if total > 0 else 0)
        if total > 0:
            self._bar.setValue(_STEPS * min(done, total) // total)
        if not self._stopped:
            self._count.setText(words or (f"{done:,} of {total:,}" if total > 0 else f"{done:,}"))

    def show_later(self) -> None:
        """Show it in a moment, unless it is finished by then."""
        self._timer.start(PATIENCE_MS)

    def finish(self) -> None:
        """The work has ended: close without a word."""
        self._stopped = True
        self._timer.stop()
        self.hide()

    def reject(self) -> None:
        """The person stops it. The window closes when the work has."""
        if self._stopped:
            return
        self._stopped = True
        self._stop.setEnabled(False)
        self._count.setText("Stopping…")
        self.stopped.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing shows it again after it was closed."""
        self._timer.stop()
        super().hideEvent(event)

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 18)
        column.setSpacing(12)
        column.addWidget(self._title)
        column.addWidget(self._bar)
        row = QHBoxLayout()
        row.addWidget(self._count, 1)
        row.addWidget(self._stop)
        column.addLayout(row)
        self.setMinimumWidth(420)
