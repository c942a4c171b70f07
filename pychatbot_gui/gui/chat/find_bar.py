"""The bar above the conversation in which words are searched for in it."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QWidget,
)

_MOST = 1_000  # characters of a search


class FindBar(QFrame):
    """A field, how many were found, and the way from one to the next. Hidden until it is opened."""

    find_changed = Signal(str)
    step_wanted = Signal(int)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("findBar")
        self.setAccessibleName("Find in this chat")
        self._before: QWidget | None = None
        self._edit = QLineEdit()
        self._edit.setObjectName("findEdit")
        self._edit.setAccessibleName("Find in this chat")
        self._edit.setPlaceholderText("Find in this chat")
        self._edit.setMaxLength(_MOST)
        self._edit.textChanged.connect(self._on_text_changed)
        self._count = QLabel()
        self._count.setObjectName("findCount")
        self._count.setTextFormat(Qt.TextFormat.PlainText)
        self._previous = self._button("findPrevious", "Previous (Shift+F3)", Qt.ArrowType.UpArrow)
        self._next = self._button("findNext", "Next (F3)", Qt.ArrowType.DownArrow)
        close = self._button("findClose", "Close (Esc)", None)
        close.setText("✕")
        close.clicked.connect(self.close_bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 12, 6)
        row.setSpacing(4)
        row.addStretch(1)
        for part in (self._edit, self._count, self._previous, self._next, close):
            row.addWidget(part)
        for keys, step in (("F3", 1), ("Shift+F3", -1)):
            action = QAction(self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(lambda _=False, by=step: self._step(by))
            self.addAction(action)
        self._previous.clicked.connect(lambda: self._step(-1))
        self._next.clicked.connect(lambda: self._step(1))
        for part in self.findChildren(QWidget):
            part.installEventFilter(self)
        self.setProperty("missing", False)
        self.set_count(0, 0)
        self.hide()

    def open(self, text: str = "") -> None:
        """Show the bar, with this text to be searched for where one is given."""
        focused = QApplication.focusWidget()
        if focused is not None and not self.isAncestorOf(focused):
            self._before = focused
        self.show()
        text = " ".join(text[:_MOST].split())
        if text and text != self._edit.text():
            self._edit.setText(text)
        elif self._edit.text():
            self.find_changed.emit(self._edit.text())
        self._edit.selectAll()
        self._edit.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def close_bar(self) -> None:
        """Hide the bar, and give the keyboard back to what had it."""
        had_focus = self.isAncestorOf(QApplication.focusWidget() or self.window())
        before, self._before = self._before, None
        self.hide()
        if had_focus and before is not None and before.isVisible():
            before.setFocus(Qt.FocusReason.OtherFocusReason)
        self.closed.emit()

    def set_count(self, current: int, total: int) -> None:
        """Say which hit of how many is the current one; 0: none yet."""
        searched = bool(self._edit.text().strip())
        if total:
            said = f"{current:,} of {total:,}" if current else f"{total:,} found"
        else:
            said = "Not found" if searched else ""
        self._count.setText(said)
        self._count.setAccessibleName(said)
        self._mark(missing=searched and not total)
        self._previous.setEnabled(total > 0)
        self._next.setEnabled(total > 0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Esc closes, Enter steps, before anything else in the window gets these keys."""
        keys = (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress)
        if event.type() in keys and isinstance(event, QKeyEvent):
            is_press = event.type() == QEvent.Type.KeyPress
            if event.key() == Qt.Key.Key_Escape:
                event.accept()
                if is_press:
                    self.close_bar()
                return True
            enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if enter and watched is self._edit and is_press:
                back = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
                self._step(-1 if back else 1)
                return True
        return super().eventFilter(watched, event)

    def _button(self, name: str, tip: str, arrow: Qt.ArrowType | None) -> QToolButton:
        button = QToolButton()
        button.setObjectName(name)
        button.setToolTip(tip)
        button.setAccessibleName(tip.partition(" (")[0])
        if arrow is not None:
            button.setArrowType(arrow)
        return button

    def _mark(self, missing: bool) -> None:
        if self.property("missing") != missing:
            self.setProperty("missing", missing)
            for part in (self._edit, self._count):
                part.style().unpolish(part)
                part.style().polish(part)

    def _step(self, step: int) -> None:
        if self._edit.text().strip():
            self.step_wanted.emit(step)

    def _on_text_changed(self, text: str) -> None:
        if not text.strip():
            self.set_count(0, 0)
        self.find_changed.emit(text)
