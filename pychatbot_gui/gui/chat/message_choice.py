"""Which message the row of buttons is for, where it lies, and what its buttons and keys do."""

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QMenu, QTextBrowser

from pychatbot_gui.gui.chat.chat_looks import (
    BUBBLE_PADDING_Y,
    CODE_PADDING,
    KIND,
    TOOL_HEIGHT,
    Look,
)
from pychatbot_gui.gui.chat.chat_writer import Message
from pychatbot_gui.gui.chat.long_chat import LongChatDocument
from pychatbot_gui.gui.chat.message_tools import (
    CONTINUE,
    COPY,
    EDIT,
    FORK,
    LABELS,
    REGENERATE,
    MessageTools,
    tools_for,
)
from pychatbot_gui.gui.chat.reading_place import ReadingPlace

_WRITES = (EDIT, REGENERATE, CONTINUE)
_BELOW = {"code": CODE_PADDING, "user": BUBBLE_PADDING_Y}


class MessageChoice(QObject):
    """Keeps the buttons at the message under the mouse, else at the one chosen by key, else at
    the last answer.
    """

    tool_used = Signal(str, object)
    """The name of a tool and the `Message` it was used on."""

    def __init__(self, view: QTextBrowser, chat: LongChatDocument, place: ReadingPlace) -> None:
        super().__init__(view)
        self._view = view
        self._chat = chat
        self._place = place
        self._message: Message | None = None
        self._by_key: Message | None = None
        self._mouse: QPoint | None = None
        self._enabled = True
        self.tools = MessageTools(view.viewport(), chat.look)
        self.tools.chosen.connect(self._use)
        self.tools.left.connect(view.setFocus)

    def set_enabled(self, enabled: bool) -> None:
        """Offer what makes the model write, or only what does not."""
        self._enabled = enabled
        self.update()

    def set_look(self, look: Look) -> None:
        """Wear these colours in this size."""
        self.tools.set_look(look)
        self.update()

    def update(self) -> None:
        """Put the buttons where they belong now."""
        self._message = self._chosen()
        if self._message is None:
            self.tools.put_away()
            return
        place, room = self._place_of(self._message)
        disabled = () if self._enabled else _WRITES
        self.tools.offer(tools_for(self._message), disabled, round(room))
        width = self.tools.width()
        if width > room:  # no room beside its versions, but there is below them
            end = self._chat.last_block_of(self._message)
            layout = self._view.document().documentLayout()
            place = QPoint(0, round(layout.blockBoundingRect(end).bottom()) - self._top())
            if not self._message.is_answer:
                place.setX(self._view.viewport().width())
        if not self._message.is_answer:
            place.setX(place.x() - width)
        self.tools.move(place)
        self.tools.show()

    def add_to_menu(self, menu: QMenu, message: Message) -> None:
        """What the buttons offer, less the copy, as entries of a menu."""
        for name in tools_for(message):
            if name != COPY:
                word = "Fork chat from here" if name == FORK else f"{LABELS[name][0]} message"
                if name in (REGENERATE, CONTINUE):
                    word = f"{LABELS[name][0]} answer"
                action = menu.addAction(word, lambda n=name: self.tool_used.emit(n, message))
                action.setEnabled(self._enabled or name not in _WRITES)

    def handle_key(self, event: QKeyEvent) -> bool:
        """Alt+Up and Alt+Down choose the message before and after, and its buttons."""
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        alt = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() not in steps or alt != Qt.KeyboardModifier.AltModifier:
            return False
        messages = [m for m in self._chat.messages if m is not self._chat.open_answer]
        if messages:
            now = self._message if self._message in messages else None
            at = messages.index(now) + steps[event.key()] if now is not None else len(messages) - 1
            self._by_key = messages[min(max(at, 0), len(messages) - 1)]
            end = self._chat.last_block_of(self._by_key)
            self._place.go_to(end.position() + end.length() - 1, share=0.7)
            self.update()
            self.tools.focus_first()
        return True

    def follow_mouse(self, place: QPoint | None) -> None:
        """The mouse is at this place of the viewport, or has left it."""
        if place != self._mouse:
            self._mouse = place
            self._by_key = None
            self.update()

    @property
    def message(self) -> Message | None:
        """The message that the buttons are for."""
        return self._message

    # --- where ----------------------------------------------------------------------------

    def _chosen(self) -> Message | None:
        messages, open_answer = self._chat.messages, self._chat.open_answer
        if self._by_key in messages and self._by_key is not open_answer:
            return self._by_key
        self._by_key = None
        if self._mouse is not None:
            found = self._at(self._mouse)
            if found is not None and found is not open_answer:
                return found
        last = messages[-1] if messages else None
        return last if last is not None and last.is_answer and last is not open_answer else None

    def _at(self, place: QPoint) -> Message | None:
        """The message at a height of the viewport; the gap below a message is still its own."""
        layout = self._view.document().documentLayout()
        message = self._chat.message_at(self._view.cursorForPosition(place).position())
        if message is None:
            return self._chat.messages[0] if self._chat.messages else None
        block = self._view.document().findBlock(message.start)
        padding = self._chat.look.pixels(_BELOW.get(str(block.blockFormat().property(KIND)), 0))
        top = layout.blockBoundingRect(block).top() - padding
        number = self._chat.messages.index(message)
        if number and place.y() + self._view.verticalScrollBar().value() < top:
            return self._chat.messages[number - 1]
        return message

    def _place_of(self, message: Message) -> tuple[QPoint, float]:
        """Where the buttons of an answer begin, or those of the person's end, and their room.

        They lie below the message, beside the row of its versions.
        """
        pixels = self._chat.look.pixels
        block = self._chat.last_block_of(message)
        kind = str(block.blockFormat().property(KIND))
        rect = self._view.document().documentLayout().blockBoundingRect(block)
        width = self._view.viewport().width()
        top, versions = rect.bottom() + pixels(_BELOW.get(kind, 0) + 5), 0.0
        if kind == "versions" and block.layout().lineCount():
            line = block.layout().lineAt(0)
            top = rect.top() + line.y() + (line.height() - pixels(TOOL_HEIGHT)) / 2
            versions = line.naturalTextWidth() + pixels(14)
        # The icon, not the room around it, lies at the edge of the text.
        left = versions or -pixels(6)
        x = left if message.is_answer else width - versions
        return QPoint(round(x), round(top) - self._top()), width - versions

    def _top(self) -> int:
        return self._view.verticalScrollBar().value()

    def _use(self, name: str) -> None:
        if self._message is not None:
            self.tool_used.emit(name, self._message)
