"""The conversation as one QTextDocument: its messages, its look, and the answer being written.

Everything is a plain text block (tables apart), so that one block can be added, replaced or
dressed again without touching its neighbours. Bubbles, code backgrounds and quote bars are
painted behind the blocks by `chat_paint`.
"""

from bisect import bisect_right

from PySide6.QtCore import QUrl
from PySide6.QtGui import (
    QFont,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
    QTextTable,
)

from pychatbot_gui.gui.chat.chat_looks import INDENT, KIND, LOOK, TOOL_ROOM, Dress, Look
from pychatbot_gui.gui.chat.chat_writer import Message, MessageWriter

_BETWEEN = ("divider", "earlier")


class ConversationDocument(QTextDocument):
    """A document that loads nothing: no picture, no style sheet, whatever a text names."""

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: ARG002
        """Answer with nothing; the network and the disk are never asked."""
        return None


class ChatDocument(MessageWriter):
    """All messages that are in the document; only the unfinished answer is ever changed."""

    def __init__(self, document: QTextDocument, look: Look) -> None:
        super().__init__(document, Dress(look))
        self._set_defaults()

    def message_at(self, position: int) -> Message | None:
        """The message that the position lies in."""
        number = bisect_right(self.messages, position, key=lambda message: message.start) - 1
        return self.messages[number] if number >= 0 else None

    def last_block_of(self, message: Message) -> QTextBlock:
        """The last block that belongs to a message."""
        number = bisect_right(self.messages, message.start, key=lambda other: other.start)
        if number < len(self.messages):
            block = self._document.findBlock(self.messages[number].start).previous()
        else:
            block = self._document.lastBlock()
        while block.blockFormat().property(KIND) in _BETWEEN and block.position() > message.start:
            block = block.previous()
        return block

    def clear(self) -> None:
        """Forget everything."""
        self._document.clear()
        self.messages.clear()
        self._writer.close_rows()
        self._answer = None
        self._status_at = None
        self._set_defaults()

    def identify(self, question: int, answer: int) -> None:
        """Give the last exchange its ids; 0 leaves one as it is."""
        for message in reversed(self.messages):
            if not message.is_answer:
                message.id = question or message.id
                return
            message.id, answer = answer or message.id, 0

    def remove_exchange(self) -> list[Message]:
        """Remove the person's last message and all after it, and answer with what was removed.

        Without a message of the person the last answer is removed.
        """
        number = len(self.messages) - 1
        while number > 0 and self.messages[number].is_answer:
            number -= 1
        return self.remove_from(max(0, number))

    def remove_from(self, number: int) -> list[Message]:
        """Remove the messages from number `number` on, and answer with them."""
        self._clear_status()
        self._writer.close_rows()
        self._answer = None
        removed = self.messages[number:]
        if not removed:
            return []
        del self.messages[number:]
        start = self._top_of(removed[0], *_BETWEEN).position()
        if start > 0:
            self._writer.remove_from(start - 1)
        else:
            self.clear()
        return removed

    def _top_of(self, message: Message, *kinds: str) -> QTextBlock:
        """The first block of a message, or the highest of those of these kinds above it."""
        top = self._document.findBlock(message.start)
        above = top.previous()
        while above.isValid() and above.blockFormat().property(KIND) in kinds:
            top, above = above, above.previous()
        return top

    # --- looks ----------------------------------------------------------------------------

    def set_look(self, look: Look) -> None:
        """Dress everything anew; the text, and so every position in it, stays as it is."""
        dress = Dress(look)
        self.wear(dress, self._width)
        self._set_defaults()
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        block = self._document.begin()
        while block.isValid():
            if block.blockFormat().hasProperty(LOOK):
                _dress_block(cursor, block, dress)
            block = block.next()
        for frame in self._document.rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                frame.setFormat(dress.table_again(frame.format()))
        for message in self.messages:
            if not message.is_answer:
                self._measure(message)
                self._fit_bubble(cursor, message)
        cursor.endEditBlock()

    def fit_bubbles(self, width: float) -> None:
        """Let short messages of the person lie at the right edge of a column of this width."""
        if width == self._width:
            return
        self.wear(self._writer.dress, width)
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        for message in self.messages:
            self._fit_bubble(cursor, message)
        cursor.endEditBlock()

    def _set_defaults(self) -> None:
        font = QFont(self._document.defaultFont())
        font.setPointSizeF(self.look.size)
        self._document.setDefaultFont(font)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        option.setTabStopDistance(self.look.pixels(INDENT))
        self._document.setDefaultTextOption(option)
        self._document.setDocumentMargin(0)
        root = self._document.rootFrame()
        form = root.frameFormat()
        form.setTopMargin(self.look.pixels(32))
        form.setBottomMargin(self.look.pixels(TOOL_ROOM + 6))
        root.setFrameFormat(form)


def _dress_block(cursor: QTextCursor, block: QTextBlock, dress: Dress) -> None:
    cursor.setPosition(block.position())
    cursor.setBlockFormat(dress.block_again(block.blockFormat()))
    # Copied first: the ranges do not outlive a change, and own the formats that they show.
    runs = [(run.start, run.length, QTextCharFormat(run.format)) for run in block.textFormats()]
    for start, length, form in runs:
        cursor.setPosition(block.position() + start)
        cursor.setPosition(block.position() + start + length, QTextCursor.MoveMode.KeepAnchor)
        cursor.setCharFormat(dress.char_again(form))
