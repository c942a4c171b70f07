"""Reading the conversation back out of its document: plain text and blocks of code."""

from PySide6.QtGui import QTextBlock, QTextDocument

from pychatbot_gui.gui.chat.chat_looks import COLUMN, FIRST, JOINED, KIND
from pychatbot_gui.gui.visible_text import LINE_BREAK

OF_PROGRAM = ("versions", "earlier", "divider")
"""Rows that are no part of what was said."""
_APART = ("name", "user", "heading", "text", "code", "rule", "note", *OF_PROGRAM)


def plain_text(
    document: QTextDocument, start: int, stop: int, leave_out: tuple[str, ...] = ()
) -> str:
    """What a person reads between two positions: one line a row, blank lines between parts.

    `leave_out`: kinds of rows that are of no interest.
    """
    parts: list[str] = []
    before = ""
    block = document.findBlock(start)
    while block.isValid() and (block.position() < stop or not parts):
        form = block.blockFormat()
        kind = form.property(KIND) or ""
        if kind != "spare" and kind not in leave_out:
            if parts:
                parts.append(_between(block, kind, before))
            text = block.text()
            low, high = max(0, start - block.position()), stop - block.position()
            text = utf16_slice(text, low, high).replace(LINE_BREAK, "\n")
            if kind == "item" and low == 0:
                text = text.replace("\t", " ", 1)
            parts.append(text)
            before = kind
        block = block.next()
    return "".join(parts)


def _between(block: QTextBlock, kind: str, before: str) -> str:
    form = block.blockFormat()
    if form.property(COLUMN):
        return "\t"
    if form.property(JOINED):
        return ""
    if before == "name" or (kind == "item" and before == "item"):
        return "\n"
    apart = kind in _APART and form.property(FIRST)
    return "\n\n" if apart or kind == "item" or (kind == "cell") != (before == "cell") else "\n"


def utf16_slice(text: str, low: int, high: int) -> str:
    """The part of a text between two positions counted in UTF-16 units."""
    if text.isascii():
        return text[low:high]
    return text.encode("utf-16-le")[2 * low : 2 * high].decode("utf-16-le", "replace")


def code_block_at(block: QTextBlock) -> str | None:
    """The whole code block that a line of code belongs to; None for any other block."""
    if block.blockFormat().property(KIND) != "code":
        return None
    while not block.blockFormat().property(FIRST):
        block = block.previous()
    text = block.text()
    block = block.next()
    while block.isValid():
        form = block.blockFormat()
        if form.property(KIND) != "code" or form.property(FIRST):
            break
        text += block.text() if form.property(JOINED) else "\n" + block.text()
        block = block.next()
    return text


def units(text: str) -> int:
    """The length of a text as Qt counts it, in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
