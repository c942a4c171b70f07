"""The system prompt of the chat: one quiet line, with its preset, that unfolds into an edit."""

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPlainTextEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from pychatbot_gui.gui.preset_box import PresetBox
from pychatbot_gui.gui.visible_text import visible

_TITLE = "System prompt"
_LINES = 4
_LONGEST = 70
_WIDTH = 640
_ARROW_AND_EDGES = 48  # pixels of the button beside its text


class SystemPrompt(QWidget):
    """Shows the beginning of the system prompt; a click or its shortcut opens it for editing.

    `preset_box`, at the right, shows and changes the chat's preset.
    """

    edited = Signal(str)
    left = Signal()
    """It was folded while it had the keyboard."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._toggle = QToolButton(self)
        self._toggle.setObjectName("systemPromptToggle")
        self._toggle.setCheckable(True)
        self._toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._toggle.setArrowType(Qt.ArrowType.RightArrow)
        self._toggle.setToolTip("What the model is told before the conversation (Ctrl+Shift+S)")
        self.preset_box = PresetBox(self)
        self._given = self._given_shown = ""
        self._edit = QPlainTextEdit(self)
        self._edit.setObjectName("systemPromptEdit")
        self._edit.setAccessibleName("System prompt")
        self._edit.setPlaceholderText("How the model should behave, e.g. “You're an AI assistant.”")
        self._edit.setTabChangesFocus(True)
        self._edit.setFixedHeight(self._edit.fontMetrics().lineSpacing() * _LINES + 20)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._toggle)
        row.addStretch(1)
        row.addWidget(self.preset_box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self._edit)
        # The text is cut to the room there is, so the button must not ask for more of it.
        title = self._toggle.fontMetrics().horizontalAdvance(_TITLE)
        self._toggle.setMinimumWidth(title + _ARROW_AND_EDGES)
        self._toggle.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._edit.hide()
        self._toggle.toggled.connect(self._unfold)
        self._edit.textChanged.connect(self._on_edited)
        self._refresh()

    def text(self) -> str:
        """The system prompt, "" for none; to the letter as it was set where nobody edited it."""
        shown = self._edit.toPlainText()
        return self._given if shown == self._given_shown else shown

    def set_text(self, text: str) -> None:
        """Show another system prompt."""
        with QSignalBlocker(self._edit):
            self._edit.setPlainText(text)
        # The field has its own line ends and spaces.
        self._given, self._given_shown = text, self._edit.toPlainText()
        self._on_edited()

    def open_for_editing(self) -> None:
        """Unfold and take the keyboard; fold again where it was unfolded."""
        self._toggle.toggle()

    def sizeHint(self) -> QSize:
        """Wide enough for a good part of the first line."""
        return QSize(_WIDTH, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as much of the beginning as fits beside the preset."""
        super().resizeEvent(event)
        self.preset_box.setMaximumWidth(max(120, round(self.width() * 0.45)))
        self._refresh()

    def _unfold(self, unfolded: bool) -> None:
        had_focus = self._edit.hasFocus()
        self._edit.setVisible(unfolded)
        self._toggle.setArrowType(Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow)
        self._refresh()
        if unfolded:
            self._edit.setFocus()
        elif had_focus:
            self.left.emit()

    def _on_edited(self) -> None:
        self._refresh()
        self.edited.emit(self.text())

    def _refresh(self) -> None:
        first = visible(" ".join(self.text()[:1000].split()))
        shown = first if len(first) <= _LONGEST else first[: _LONGEST - 1] + "…"
        text = f"{_TITLE}: {shown}" if shown and not self._toggle.isChecked() else _TITLE
        box = min(self.preset_box.sizeHint().width(), self.preset_box.maximumWidth())
        room = self.width() - box - _ARROW_AND_EDGES
        metrics = self._toggle.fontMetrics()
        end = Qt.TextElideMode.ElideRight
        text = metrics.elidedText(text, end, max(room, metrics.horizontalAdvance(_TITLE) + 2))
        self._toggle.setText(text.replace("&", "&&"))
        self._toggle.setAccessibleName(
            "Hide the system prompt" if self._toggle.isChecked() else "Show the system prompt"
        )
