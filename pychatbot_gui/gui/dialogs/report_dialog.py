"""What an import or export brought, and everything that could not be taken, to read and copy."""

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from pychatbot_gui.gui.dialogs.dialog_layout import lay_out
from pychatbot_gui.gui.plain_text import PlainLabel
from pychatbot_gui.gui.visible_text import visible

_LONGEST_SENTENCE = 1_000


class ReportDialog(QDialog):
    """`summary` in one line, then the sentences in a list of their own, a line each."""

    def __init__(
        self, title: str, summary: str, sentences: Sequence[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("reportDialog")
        self.setWindowTitle(title)
        self._summary = PlainLabel(visible(summary))
        self._summary.setObjectName("reportSummary")
        self._summary.setProperty("heading", "group")
        self._view = QPlainTextEdit("\n".join(_line(sentence) for sentence in sentences))
        self._view.setObjectName("reportList")
        self._view.setAccessibleName("What could not be taken")
        self._view.setReadOnly(True)
        self._view.setTabChangesFocus(True)
        self._view.setVisible(bool(sentences))
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self._copy = self._buttons.addButton("&Copy", QDialogButtonBox.ButtonRole.ActionRole)
        self._copy.setObjectName("copyReport")
        self._copy.setAccessibleName("Copy the report")
        self._copy.clicked.connect(self.copy)
        self._buttons.rejected.connect(self.reject)
        self._build(bool(sentences))
        close = self._buttons.button(QDialogButtonBox.StandardButton.Close)
        self._copy.setAutoDefault(False)
        close.setDefault(True)
        close.setFocus()

    def text(self) -> str:
        """All that the dialog says."""
        return "\n\n".join(
            part for part in (self._summary.text(), self._view.toPlainText()) if part
        )

    def copy(self) -> None:
        """Put all of it on the clipboard."""
        QGuiApplication.clipboard().setText(self.text())

    def sizeHint(self) -> QSize:
        """Wide enough for sentences."""
        height = 420 if self._view.isVisibleTo(self) else 0
        size = QSize(620, max(height, super().sizeHint().height()))
        return size.boundedTo(self.screen().availableSize() - QSize(40, 60))

    def _build(self, listed: bool) -> None:
        column = QVBoxLayout()
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(10)
        column.addWidget(self._summary)
        if listed:
            column.addWidget(PlainLabel("The file itself is as it was.", "muted"))
        column.addWidget(self._view, 1)
        foot = QVBoxLayout()
        foot.addWidget(self._buttons)
        lay_out(self, column, foot)
        self.setMinimumWidth(420)
        self.resize(self.sizeHint())


def _line(sentence: str) -> str:
    return visible(" ".join(sentence[:_LONGEST_SENTENCE].split()))
