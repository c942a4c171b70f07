"""The model library's own log, as it grows. Another process writes the file."""

import codecs
import io
import stat
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFontDatabase, QGuiApplication, QHideEvent, QShowEvent, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from pychatbot_gui.gui.plain_text import PlainLabel
from pychatbot_gui.gui.visible_text import visible

INTERVAL_MS = 250
MOST_LINES = 5_000
# A glance at the file reads at most this much, so that the window stays smooth.
MOST_BYTES = 256 * 1024
# Further behind than this, what lies between is left out: it would scroll away at once.
MOST_BEHIND = 1024 * 1024
LONGEST_LINE = 2_000
# The last bytes read are compared at the next glance: a file that was written anew differs.
OVERLAP = 64


class LogReader:
    """Reads what was added to a file since the last glance. Keeps no file open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None
        self._offset = 0
        self._tail = b""
        self._decoder = _decoder()

    def read(self) -> tuple[str, bool]:
        """New text, and whether the file began anew since the last call.

        Bytes that are not UTF-8 become "\ufffd". Raises OSError where the file is missing or
        cannot be read.
        """
        try:
            status = self._path.stat()
        except OSError:
            self._identity = None
            raise
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a file")
        identity = (status.st_dev, status.st_ino)
        anew = identity != self._identity or status.st_size < self._offset
        if not anew and status.st_size == self._offset:
            return "", False
        with self._path.open("rb") as file:
            if not anew:
                file.seek(self._offset - len(self._tail))
                anew = file.read(len(self._tail)) != self._tail
            if anew:
                self._forget()
                self._identity = identity
            skipped = status.st_size - self._offset > MOST_BEHIND
            if skipped:
                self._forget()
                self._offset = status.st_size - MOST_BYTES
            file.seek(self._offset)
            data = file.read(MOST_BYTES)
        self._offset += len(data)
        self._tail = (self._tail + data)[-OVERLAP:]
        if skipped:
            data = b"...\n" + data.partition(b"\n")[2]
        return self._decoder.decode(data), anew

    def _forget(self) -> None:
        self._offset = 0
        self._tail = b""
        self._decoder = _decoder()


class LogWindow(QWidget):
    """A window of its own that follows the log file `path` while it is visible."""

    def __init__(self, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("logWindow")
        self.setWindowTitle("Model log")
        self._path = path
        self._reader = LogReader(path)
        self._view = QPlainTextEdit()
        self._state = PlainLabel("", "muted")
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.refresh)
        self._build()

    def text(self) -> str:
        """What the window shows of the log."""
        return self._view.toPlainText()

    def refresh(self) -> None:
        """Read what was added. Called four times a second while the window is visible."""
        try:
            text, anew = self._reader.read()
        except FileNotFoundError:
            self._say("Nothing is logged yet. Switch on Verbose log in the settings.")
            return
        except OSError as error:
            self._say(f"The log cannot be read: {error.strerror or error}.")
            return
        if anew:
            self._view.clear()
        if text:
            self._append(visible(text))
        self._say(str(self._path))

    def copy_all(self) -> None:
        """Put what is shown on the clipboard."""
        QGuiApplication.clipboard().setText(self.text())

    def showEvent(self, event: QShowEvent) -> None:
        """Read only while somebody looks."""
        super().showEvent(event)
        self.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Read only while somebody looks."""
        self._timer.stop()
        super().hideEvent(event)

    def _build(self) -> None:
        self._view.setObjectName("logView")
        self._view.setAccessibleName("Log of the model library")
        self._view.setReadOnly(True)
        self._view.setUndoRedoEnabled(False)
        self._view.setTabChangesFocus(True)
        self._view.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._view.setMaximumBlockCount(MOST_LINES)
        self._view.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._view.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        copy = QPushButton("&Copy all")
        copy.setObjectName("copyLogButton")
        copy.setAccessibleName("Copy the whole log")
        copy.clicked.connect(self.copy_all)
        close = QPushButton("C&lose")
        close.setShortcut("Esc")
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        row.addWidget(self._state, 1)
        row.addWidget(copy)
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(10)
        column.addWidget(self._view, 1)
        column.addLayout(row)
        self.resize(780, 480)

    def _say(self, text: str) -> None:
        if self._state.text() != text:
            self._state.setText(text)

    def _append(self, text: str) -> None:
        bar = self._view.verticalScrollBar()
        value, at_end = bar.value(), bar.value() >= bar.maximum()
        document = self._view.document()
        lines = _short_lines(text, document.lastBlock().length() - 1)
        expected = document.blockCount() + lines.count("\n")
        # Not the view's own cursor, which may hold a selection.
        cursor = QTextCursor(document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(lines)
        # Lines that went at the top moved all others up.
        bar.setValue(bar.maximum() if at_end else value - (expected - document.blockCount()))


def _decoder() -> io.IncrementalNewlineDecoder:
    utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return io.IncrementalNewlineDecoder(utf8, translate=True)


def _short_lines(text: str, column: int) -> str:
    """`text` with a break in every line that would grow too long, the first from `column` on."""
    pieces = []
    for line in text.split("\n"):
        parts = [line[: LONGEST_LINE - column]]
        rest = line[LONGEST_LINE - column :]
        parts += [rest[i : i + LONGEST_LINE] for i in range(0, len(rest), LONGEST_LINE)]
        pieces.append("\n".join(parts))
        column = 0
    return "\n".join(pieces)
