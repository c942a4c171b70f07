"""Where the person writes: a field that grows, Send and Stop, and chips for enormous pastes."""

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent, QTextCursor
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from pychatbot_gui.gui.prompt_edit import PromptEdit, can_hold

MOST_CHIPS = 3
BETWEEN = "\n\n"


class PasteChip(QFrame):
    """Stands for a text too large for the field; the text itself is kept by the box, exact."""

    removed = Signal()

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pasteChip")
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        label = QLabel(f"Pasted text, {_size(text)}")
        label.setTextFormat(Qt.TextFormat.PlainText)
        button = QToolButton()
        button.setText("✕")
        button.setToolTip("Remove the pasted text (Ctrl+Z brings it back)")
        button.setAccessibleName("Remove the pasted text")
        button.clicked.connect(self.removed)
        self.setAccessibleName(label.text())
        self.setAccessibleDescription("It is sent before what you type.")
        self.setToolTip(f"It is sent before what you type. It begins with:\n{_beginning(text)}")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 3, 4, 3)
        row.setSpacing(6)
        row.addWidget(label)
        row.addWidget(button)


class PromptBox(QWidget):
    """The prompt and its two buttons. It never clears itself: whoever accepts the text does.

    A paste with a line over 5,000 characters, or that takes the text over 200,000 characters or
    20,000 lines, would make the field slow. It is kept aside unchanged, shown as a chip, and is
    part of `text()`.
    """

    send_requested = Signal(str)
    stop_requested = Signal()
    edit_left = Signal()  # the person does not want to edit a message after all
    draft_changed = Signal()
    pasted = Signal()  # after `draft_changed`

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._busy = False
        self._can_send = True
        self._why = ""
        self._pastes: list[str] = []
        # What Ctrl+Z has to bring back beside the document's own steps: the number of undo steps
        # at which it applies, the pastes of then, whether the document changed in the same act.
        self._undo: list[tuple[int, list[str], bool]] = []
        self._watched: QWidget | None = None
        self._edit = PromptEdit()
        self._send = QPushButton("Send")
        self._stop = QPushButton("Stop")
        self._hint = QLabel()
        self._editing = QFrame()
        self._chips = QVBoxLayout()
        self._build()
        self._connect()
        self._refresh()
        self._fit_height()  # or the first paint shows the room that a field of the usual size takes

    def text(self) -> str:
        """The message as it would be sent: pasted chips first, then what is typed."""
        typed = self._typed()
        return BETWEEN.join([*self._pastes, typed] if typed else self._pastes)

    def set_text(self, text: str) -> None:
        """Put `text` in place of everything. Ctrl+Z brings the old text back."""
        chips, typed = _split_large(text)
        self._replace(chips, typed)

    def clear(self) -> None:
        """Empty the box, for the next message. Ctrl+Z brings the text back."""
        self._replace([], "")

    def undo(self) -> None:
        """Take back the last edit, removal of a chip or clearing."""
        document = self._edit.document()
        if self._undo and self._undo[-1][0] == document.availableUndoSteps():
            _, pastes, edited = self._undo.pop()
            if edited:
                self._edit.undo()
            self._set_pastes(pastes)
        else:
            self._edit.undo()

    def set_busy(self, busy: bool) -> None:
        """While an answer is made: Stop in place of Send; typing goes on, Enter does nothing."""
        if self.window().focusWidget() in (self._send, self._stop):
            self._edit.setFocus()
        self._busy = busy
        self._refresh()

    def set_can_send(self, can_send: bool, why: str = "") -> None:
        """Whether a message could be sent now, and the sentence that says why not."""
        self._can_send = can_send
        self._why = why
        self._hint.hide()
        self._refresh()

    def set_editing(self, editing: bool) -> None:
        """Say that what is in the box is a message of before, being edited."""
        self._editing.setVisible(editing)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc stops the answer, or leaves an edit."""
        if event.key() == Qt.Key.Key_Escape and self._busy:
            self._request_stop()
        elif event.key() == Qt.Key.Key_Escape and not self._editing.isHidden():
            self.edit_left.emit()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Follow the height of the window that the box now stands in."""
        super().showEvent(event)
        if self._watched is not self.window():
            if self._watched is not None:
                self._watched.removeEventFilter(self)
            self._watched = self.window()
            self._watched.installEventFilter(self)
        self._fit_height()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width needs another height."""
        super().resizeEvent(event)
        self._fit_height()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Another height of the window changes the box's share of it."""
        if watched is self._watched and event.type() == QEvent.Type.Resize:
            self._fit_height()
        return super().eventFilter(watched, event)

    def _build(self) -> None:
        self._send.setObjectName("sendButton")
        self._send.setAccessibleName("Send the message")
        self._stop.setObjectName("stopButton")
        self._stop.setAccessibleName("Stop the answer")
        self._stop.setToolTip("Stop the answer (Esc)")
        for button in (self._send, self._stop):
            # A click must leave the keyboard in the field.
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAutoDefault(False)
        self._hint.setTextFormat(Qt.TextFormat.PlainText)
        self._hint.setWordWrap(True)
        self._hint.setProperty("tone", "warning")
        self._hint.hide()
        self._chips.setSpacing(4)
        self._build_editing()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._edit, 1)
        row.addWidget(self._send, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self._stop, 0, Qt.AlignmentFlag.AlignBottom)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._editing)
        column.addLayout(self._chips)
        column.addLayout(row)
        column.addWidget(self._hint)
        self.setFocusProxy(self._edit)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)

    def _build_editing(self) -> None:
        self._editing.setObjectName("editingBar")
        label = QLabel("Editing a message. The former version is kept.")
        leave = QToolButton()
        leave.setObjectName("leaveEditButton")
        leave.setText("Cancel")
        leave.setToolTip("Leave the message as it is (Esc)")
        leave.setAccessibleName("Cancel the edit")
        leave.clicked.connect(self.edit_left)
        row = QHBoxLayout(self._editing)
        row.setContentsMargins(12, 3, 4, 3)
        row.addWidget(label, 1)
        row.addWidget(leave)
        self._editing.hide()

    def _connect(self) -> None:
        self._edit.send_pressed.connect(self._request_send)
        self._edit.undo_pressed.connect(self.undo)
        self._edit.large_text_pasted.connect(self._add_paste)
        self._edit.pasted.connect(self.pasted)
        self._edit.textChanged.connect(self._on_edited)
        self._edit.document().documentLayout().documentSizeChanged.connect(self._fit_height)
        self._send.clicked.connect(self._request_send)
        self._stop.clicked.connect(self._request_stop)

    def _typed(self) -> str:
        # Not toPlainText(), which turns no-break spaces into spaces.
        return self._edit.document().toRawText().replace("\u2029", "\n")

    def _is_blank(self) -> bool:
        return not self._typed().strip() and not any(paste.strip() for paste in self._pastes)

    def _replace(self, pastes: list[str], typed: str) -> None:
        if pastes == self._pastes and typed == self._typed():
            return
        edited = typed != self._typed()
        old = self._pastes
        if edited:
            cursor = QTextCursor(self._edit.document())
            cursor.beginEditBlock()
            cursor.select(QTextCursor.SelectionType.Document)
            cursor.insertText(typed)
            cursor.endEditBlock()
            self._edit.moveCursor(QTextCursor.MoveOperation.End)
        self._remember(old, edited)
        self._set_pastes(pastes)

    def _remember(self, pastes: list[str], edited: bool) -> None:
        document = self._edit.document()
        steps = document.availableUndoSteps()
        self._undo = [entry for entry in self._undo if entry[0] <= steps]
        self._undo.append((steps, list(pastes), edited))
        # An unmodified document does not merge the next key stroke into the last undo step.
        document.setModified(False)

    def _add_paste(self, text: str) -> None:
        pastes = list(self._pastes)
        if len(pastes) < MOST_CHIPS:
            pastes.append(text)
        else:
            pastes[-1] += BETWEEN + text
        self._remember(self._pastes, edited=False)
        self._set_pastes(pastes)
        self.pasted.emit()

    def _remove_paste(self, index: int) -> None:
        self._remember(self._pastes, edited=False)
        self._set_pastes(self._pastes[:index] + self._pastes[index + 1 :])
        self._edit.setFocus()

    def _set_pastes(self, pastes: list[str]) -> None:
        if pastes == self._pastes:
            return
        self._pastes = list(pastes)
        while (item := self._chips.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for index, text in enumerate(pastes):
            chip = PasteChip(text)
            chip.removed.connect(lambda index=index: self._remove_paste(index))
            self._chips.addWidget(chip)
            chip.show()
        self._on_edited()

    def _on_edited(self) -> None:
        self._hint.hide()
        self._refresh()
        self.draft_changed.emit()

    def _request_send(self) -> None:
        if self._busy or self._is_blank():
            return
        if not self._can_send:
            self._hint.setText(self._why)
            self._hint.setVisible(bool(self._why))
            return
        self.send_requested.emit(self.text())

    def _request_stop(self) -> None:
        if self._busy:
            self.stop_requested.emit()

    def _refresh(self) -> None:
        self._send.setVisible(not self._busy)
        self._stop.setVisible(self._busy)
        blank = self._is_blank()
        self._send.setEnabled(self._can_send and not blank)
        reason = self._why if not self._can_send else "Write a message first." if blank else ""
        self._send.setToolTip(reason or "Send the message (Enter)")
        self._send.setAccessibleDescription(reason)

    def _fit_height(self) -> None:
        self._edit.ensurePolished()  # its edges are known from then on
        limit = max(self.window().height() // 3, 60)
        height = self._edit.height_for_lines(limit)
        if height != self._edit.height() or self._edit.minimumHeight() != height:
            self._edit.setFixedHeight(height)

    def minimumSizeHint(self) -> QSize:
        """Narrow windows stay possible."""
        return QSize(220, super().minimumSizeHint().height())


def _split_large(text: str) -> tuple[list[str], str]:
    """Text for the field and, where it would make the field slow, the part that is kept aside."""
    if can_hold(text):
        return [], text
    head, between, tail = text.rpartition(BETWEEN)
    return ([head], tail) if between and tail and can_hold(tail) else ([text], "")


def _size(text: str) -> str:
    count = len(text.encode("utf-8", "surrogatepass"))
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3)):,} kB"


def _beginning(text: str) -> str:
    start = " ".join(text[:200].split())
    # A tool tip takes text with a tag at its start for HTML.
    return (start[:100] + "…").replace("<", "‹")
