"""The system prompt of the chat: one quiet line that unfolds into an edit."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

_LINES = 4


class SystemPrompt(QWidget):
    """Shows the beginning of the system prompt; a click or its shortcut opens it for editing."""

    edited = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._toggle = QToolButton(self)
        self._toggle.setObjectName("systemPromptToggle")
        self._toggle.setCheckable(True)
        self._toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._toggle.setArrowType(Qt.ArrowType.RightArrow)
        self._toggle.setToolTip("What the model is told before the conversation (Ctrl+Shift+S)")
        self._edit = QPlainTextEdit(self)
        self._edit.setObjectName("systemPromptEdit")
        self._edit.setAccessibleName("System prompt")
        self._edit.setPlaceholderText("How the model should behave, e.g. “You're an AI assistant.”")
        self._edit.setTabChangesFocus(True)
        self._edit.setFixedHeight(self._edit.fontMetrics().lineSpacing() * _LINES + 20)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._toggle)
        layout.addWidget(self._edit)
        self._edit.hide()
        self._toggle.toggled.connect(self._unfold)
        self._edit.textChanged.connect(self._on_edited)
        self._refresh()

    def text(self) -> str:
        """The system prompt, "" for none."""
        return self._edit.toPlainText()

    def set_text(self, text: str) -> None:
        """Show another system prompt."""
        self._edit.setPlainText(text)

    def open_for_editing(self) -> None:
        """Unfold and take the keyboard; fold again where it was unfolded."""
        self._toggle.toggle()

    def _unfold(self, unfolded: bool) -> None:
        self._edit.setVisible(unfolded)
        self._toggle.setArrowType(Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow)
        self._refresh()
        if unfolded:
            self._edit.setFocus()

    def _on_edited(self) -> None:
        self._refresh()
        self.edited.emit(self.text())

    def _refresh(self) -> None:
        first = " ".join(self.text().split())
        shown = first if len(first) <= 70 else first[:69] + "…"
        folded = f"System prompt: {shown}" if shown and not self._toggle.isChecked() else ""
        self._toggle.setText(folded or "System prompt")
        self._toggle.setAccessibleName(
            "Hide the system prompt" if self._toggle.isChecked() else "Show the system prompt"
        )
