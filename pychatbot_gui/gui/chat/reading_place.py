"""Where the reader is in the conversation: follows its end, or keeps what is read in its place."""

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QTextBrowser

from pychatbot_gui.gui.chat.chat_looks import KIND
from pychatbot_gui.gui.chat.jump_button import JumpButton
from pychatbot_gui.gui.chat.long_chat import LongChatDocument

_AT_END = 8


class ReadingPlace(QObject):
    """Moves the scroll bar of the conversation, so that nobody else has to."""

    top_reached = Signal()
    """The reader scrolled to the very top."""

    def __init__(self, view: QTextBrowser, chat: LongChatDocument) -> None:
        super().__init__(view)
        self._view = view
        self._chat = chat
        self._bar = view.verticalScrollBar()
        self._following = True
        self._held = False
        self._moving = False
        self._inside = False
        self._goal: tuple[QTextCursor, float] | None = None
        self._kept: tuple[QTextCursor | None, int] = (None, 0)
        self.jump_button = JumpButton(view)
        self.jump_button.clicked.connect(self.jump_to_end)
        self._bar.valueChanged.connect(self._on_scrolled)
        self._bar.rangeChanged.connect(self._on_range_changed)

    @property
    def following(self) -> bool:
        """True while the view moves with the answer: the reader is at the end."""
        return self._following

    def follow(self) -> None:
        """Be at the end from the next change on."""
        self._goal = None
        self._kept = (None, 0)
        self._following = True
        self._update_jump()

    def stay(self) -> None:
        """Follow no more: what is read now stays where it is."""
        self._goal = None
        self._following = False

    def jump_to_end(self) -> None:
        """Go to the latest message and follow it from now on."""
        self.follow()
        self._scroll_to(self._bar.maximum())

    def go_to(self, position: int, share: float = 0.3) -> None:
        """Bring a position into view, `share` of the height below the top where it was outside."""
        cursor = QTextCursor(self._view.document())
        cursor.setPosition(position)
        self._goal = (cursor, share)
        self._following = False
        if not self._inside:
            self._reach_goal()

    @contextmanager
    def held_still(self) -> Iterator[None]:
        """Change the document without moving what the reader reads or has selected."""
        view, document = self._view, self._view.document()
        value, anchor = self._bar.value(), self._anchor()
        height = view.cursorRect(anchor).top() + value
        cursor = view.textCursor()
        ends, selected = (cursor.anchor(), cursor.position()), cursor.hasSelection()
        self._chat.grown.clear()
        (moving, self._moving), self._inside = (self._moving, True), True
        try:
            yield
        finally:
            document.documentLayout().blockBoundingRect(document.lastBlock())
            if selected:
                self._select_again(*ends)
            self._moving, self._inside = moving, False
            if self._goal is not None:
                self._reach_goal()
            elif self._following and not self._held:
                self._scroll_to(self._bar.maximum())
            elif self._chat.grown:
                now = view.cursorRect(anchor).top() + self._bar.value()
                self._scroll_to(value + now - height)
            else:
                self._scroll_to(value)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Change sizes while the text at the top of the view (or its end) stays where it is."""
        view = self._view
        cursor, value = self._kept
        if cursor is None or value != self._bar.value():
            # Where nobody scrolled since, the same text as before: one size up and one down
            # again shall end where it began.
            cursor = view.cursorForPosition(QPoint(0, 0))
        top = view.cursorRect(cursor).top()
        moving, self._moving = self._moving, True
        try:
            yield
        finally:
            document = view.document()
            document.documentLayout().blockBoundingRect(document.lastBlock())
            self._moving = moving
            if self._following:
                self._scroll_to(self._bar.maximum())
            else:
                self._scroll_to(self._bar.value() + view.cursorRect(cursor).top() - top)
            self._kept = (cursor, self._bar.value())

    def hold(self, held: bool) -> None:
        """The mouse button went down on the text, so that it can be selected."""
        self._held = held

    @property
    def is_held(self) -> bool:
        """Whether the mouse button is down on the text."""
        return self._held

    def let_go(self) -> None:
        """Go on following, unless the reader selected something and the end has moved away."""
        self._held = False
        if self._following and self._view.textCursor().hasSelection():
            self._following = self._bar.value() >= self._bar.maximum() - _AT_END
        if self._following:
            self._scroll_to(self._bar.maximum())
        self._update_jump()

    def _anchor(self) -> QTextCursor:
        """The first text in view that stays the same when messages are shown above it."""
        cursor = self._view.cursorForPosition(QPoint(0, 0))
        if cursor.blockFormat().property(KIND) == "earlier":
            cursor.movePosition(QTextCursor.MoveOperation.NextBlock)
        return cursor

    def _select_again(self, anchor: int, position: int) -> None:
        """Select what was selected: Qt lets a selection at the end grow with what is added."""
        for at, by in self._chat.grown:
            anchor += by if anchor >= at else 0
            position += by if position >= at else 0
        cursor = self._view.textCursor()
        if (cursor.anchor(), cursor.position()) != (anchor, position):
            last = self._view.document().characterCount() - 1
            cursor.setPosition(min(max(anchor, 0), last))
            cursor.setPosition(min(max(position, 0), last), QTextCursor.MoveMode.KeepAnchor)
            self._view.setTextCursor(cursor)

    def _reach_goal(self) -> None:
        if self._goal is None:
            return
        (cursor, share), self._goal = self._goal, None
        rect, height = self._view.cursorRect(cursor), self._view.viewport().height()
        if rect.top() < 24 or rect.bottom() > height - 24:
            self._scroll_to(self._bar.value() + rect.top() - round(height * share))
        self._following = self._bar.value() >= self._bar.maximum() - _AT_END
        self._update_jump()

    def _scroll_to(self, value: int) -> None:
        moving, self._moving = self._moving, True
        self._bar.setValue(value)
        self._moving = moving
        self._update_jump()

    def _on_scrolled(self, value: int) -> None:
        if not self._moving:
            self._following = value >= self._bar.maximum() - _AT_END
            self._update_jump()
            if value == 0:
                self.top_reached.emit()

    def _on_range_changed(self, _minimum: int, maximum: int) -> None:
        if self._following and not self._held and not self._moving:
            self._scroll_to(maximum)

    def _update_jump(self) -> None:
        away = self._bar.value() < self._bar.maximum() - _AT_END
        self.jump_button.setVisible(not self._following and away)
