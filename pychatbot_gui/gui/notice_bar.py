"""What the person is told, above the chat: bars that never stand in the way."""

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import (
    QFontDatabase,
    QKeyEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from pychatbot_gui.gui.plain_text import WrappedText
from pychatbot_gui.gui.visible_text import visible

Kind = Literal["info", "warning", "error"]
MOST_NOTICES = 3
LONGEST_NOTICE = 600
DETAIL_HEIGHT = 120
NARROW = 560


class Notice(QFrame):
    """One notice: its text, an action, details to unfold, and a button that closes it."""

    closed = Signal()

    def __init__(self, text: str, kind: Kind, detail: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self.setProperty("kind", kind)
        self.setAccessibleName(f"{kind.capitalize()}: {text}")
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(6)
        self._body = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._body.setSpacing(8)
        self._body.addWidget(self._text_label(text), 1, Qt.AlignmentFlag.AlignTop)
        self._body.addLayout(self._buttons)
        self._body.setAlignment(self._buttons, Qt.AlignmentFlag.AlignTop)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addLayout(_mark(kind))
        row.addLayout(self._body, 1)
        row.addWidget(self._close_button(), 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 7, 7, 7)
        column.addLayout(row)
        if detail:
            column.addWidget(self._add_details(detail))

    def add_action(self, label: str, action: Callable[[], object]) -> None:
        """A button that closes the notice and then calls `action`."""
        button = QPushButton(label.replace("&", "&&"))
        button.setObjectName("noticeAction")
        button.setAutoDefault(False)

        def act() -> None:
            self.closed.emit()
            action()

        button.clicked.connect(act)
        self._buttons.insertWidget(0, button)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window the buttons stand below the text."""
        super().resizeEvent(event)
        narrow = event.size().width() < NARROW
        directions = QBoxLayout.Direction
        self._body.setDirection(directions.TopToBottom if narrow else directions.LeftToRight)
        left = Qt.AlignmentFlag.AlignLeft if narrow else Qt.AlignmentFlag.AlignRight
        self._body.setAlignment(self._buttons, Qt.AlignmentFlag.AlignTop | left)

    def _text_label(self, text: str) -> WrappedText:
        label = WrappedText(text)
        label.setObjectName("noticeText")
        label.setAccessibleName(self.accessibleName())
        return label

    def _close_button(self) -> QToolButton:
        close = QToolButton()
        close.setObjectName("noticeClose")
        close.setText("✕")
        close.setToolTip("Close (Esc)")
        close.setAccessibleName("Close this notice")
        close.clicked.connect(self.closed)
        return close

    def _add_details(self, detail: str) -> QPlainTextEdit:
        field = QPlainTextEdit(visible(detail))
        field.setObjectName("noticeDetail")
        field.setAccessibleName("Details")
        field.setReadOnly(True)
        field.setTabChangesFocus(True)
        field.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        field.setFixedHeight(DETAIL_HEIGHT)
        field.hide()
        button = QToolButton()
        button.setObjectName("noticeDetailsButton")
        button.setText("Details")
        button.setCheckable(True)
        button.setAccessibleName("Show the details")
        button.toggled.connect(field.setVisible)
        self._buttons.addWidget(button)
        return field


class NoticeBar(QWidget):
    """Up to three notices, the newest at the bottom; hidden while there is none."""

    left = Signal()
    """The notice that had the keyboard is gone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("noticeBar")
        self.setAccessibleName("Notices")
        self._notices: list[tuple[str, Notice]] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self.hide()

    def show_notice(
        self,
        text: str,
        *,
        kind: Kind = "info",
        action_label: str = "",
        action: Callable[[], object] | None = None,
        detail: str = "",
    ) -> None:
        """Show `text`, newest last. The same text again replaces the notice that has it."""
        if len(text) > LONGEST_NOTICE:
            detail = f"{text}\n\n{detail}".rstrip()
            text = text[: LONGEST_NOTICE - 1] + "…"
        text = visible(text)
        for old_text, old in self._notices[:]:
            if old_text == text:
                self._close(old)
        while len(self._notices) >= MOST_NOTICES:
            self._close(self._notices[0][1])
        notice = Notice(text, kind, detail)
        notice.closed.connect(lambda: self._close(notice))
        if action_label and action is not None:
            notice.add_action(action_label, action)
        self._notices.append((text, notice))
        self._column.addWidget(notice)
        notice.show()
        self.show()
        self._announce(notice, kind)

    def texts(self) -> list[str]:
        """What is shown now, oldest first."""
        return [text for text, _ in self._notices]

    def take_away(self, text: str) -> None:
        """Take away the notice that says this, if it is shown."""
        for shown, notice in self._notices[:]:
            if shown == visible(text):
                self._close(notice)

    def close_all(self) -> None:
        """Take every notice away."""
        for _, notice in self._notices[:]:
            self._close(notice)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc closes the newest notice."""
        if event.key() == Qt.Key.Key_Escape and self._notices:
            self._close(self._notices[-1][1])
        else:
            super().keyPressEvent(event)

    def _close(self, notice: Notice) -> None:
        self._notices = [entry for entry in self._notices if entry[1] is not notice]
        self._column.removeWidget(notice)
        focused = notice.isAncestorOf(self.window().focusWidget() or self.window())
        notice.hide()
        notice.deleteLater()
        self.setVisible(bool(self._notices))
        if focused:
            self.left.emit()

    def _announce(self, notice: Notice, kind: Kind) -> None:
        from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

        if not QAccessible.isActive():
            return
        event = QAccessibleAnnouncementEvent(self, notice.accessibleName())
        if kind == "error":
            event.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
        QAccessible.updateAccessibility(event)


def _mark(kind: Kind) -> QVBoxLayout:
    mark = QLabel("i" if kind == "info" else "!")
    mark.setObjectName("noticeMark")
    mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
    mark.setFixedSize(18, 18)
    column = QVBoxLayout()
    # As far down as the first line of the text.
    column.setContentsMargins(0, 3, 0, 0)
    column.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
    column.addStretch(1)
    return column
