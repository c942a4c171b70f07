"""What is painted behind the text of the chat: bubbles, code backgrounds, quote bars, rulers."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QTextBlock, QTextDocument, QTextLine

from pychatbot_gui.gui.chat.chat_looks import (
    BUBBLE_PADDING_X,
    BUBBLE_PADDING_Y,
    CODE_PADDING,
    FIRST,
    KIND,
    LABEL,
    LABEL_HEIGHT,
    QUOTE,
    QUOTE_INDENT,
    STYLE,
    Look,
)
from pychatbot_gui.gui.chat.markdown_rows import CODE

_BEYOND = 60  # how far a panel reaches out of the visible part, so that no corner shows there


class Backdrop:
    """Paints one visible part of the document; coordinates are the document's, in pixels."""

    def __init__(
        self, painter: QPainter, document: QTextDocument, look: Look, width: float, clip: QRectF
    ) -> None:
        self._painter = painter
        self._document = document
        self._layout = document.documentLayout()
        self._look = look
        self._width = width
        self._clip = clip
        self._labels: list[tuple[str, QRectF]] = []

    def paint(self) -> None:
        """Paint behind every block that the clip touches; costs no more in a long chat."""
        self._painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        block = self._first_block()
        panel_top: float | None = None
        while block.isValid():
            rect = self._layout.blockBoundingRect(block)
            if rect.top() > self._clip.bottom() + _BEYOND:
                break
            kind = block.blockFormat().property(KIND)
            if kind in ("code", "user"):
                if panel_top is None:
                    panel_top = self._panel_top(block, rect)
                if ends_panel(block):
                    self._panel(block, rect, panel_top)
                    panel_top = None
            self._block(block, kind, rect)
            block = block.next()
        if panel_top is not None:
            last = block.previous() if block.isValid() else self._document.lastBlock()
            self._panel(last, QRectF(0, self._clip.bottom() + _BEYOND, 0, 0), panel_top)
        self._draw_labels()

    def _first_block(self) -> QTextBlock:
        top = max(0.0, self._clip.top() - _BEYOND)
        position = self._layout.hitTest(QPointF(0, top), Qt.HitTestAccuracy.FuzzyHit)
        return self._document.findBlock(max(0, position))

    def _panel_top(self, block: QTextBlock, rect: QRectF) -> float:
        form = block.blockFormat()
        if not form.property(FIRST):
            return min(rect.top(), self._clip.top()) - _BEYOND
        if form.property(KIND) == "user":
            return rect.top() - self._look.pixels(BUBBLE_PADDING_Y)
        label = LABEL_HEIGHT if form.property(LABEL) else 0
        return rect.top() - self._look.pixels(CODE_PADDING + label)

    def _panel(self, block: QTextBlock, rect: QRectF, top: float) -> None:
        pixels, theme = self._look.pixels, self._look.theme
        form = block.blockFormat()
        if form.property(KIND) == "user":
            left = form.leftMargin() - pixels(BUBBLE_PADDING_X)
            bottom = rect.bottom() + pixels(BUBBLE_PADDING_Y)
            bubble = QRectF(left, top, self._width - left, bottom - top)
            self._rounded(bubble, 14, theme.user_bubble)
            return
        left = form.leftMargin() - pixels(CODE_PADDING)
        bottom = rect.bottom() + pixels(CODE_PADDING)
        self._rounded(QRectF(left, top, self._width - left, bottom - top), 8, theme.code_background)

    def _rounded(self, rect: QRectF, radius: float, colour: str) -> None:
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(QColor(colour))
        radius = self._look.pixels(radius)
        self._painter.drawRoundedRect(rect, radius, radius)

    def _block(self, block: QTextBlock, kind: str, rect: QRectF) -> None:
        theme, pixels = self._look.theme, self._look.pixels
        quote = block.blockFormat().property(QUOTE) or 0
        for level in range(quote):
            self._quote_bar(block, rect, level)
        if kind == "rule":
            line = QRectF(0, rect.center().y(), self._width, 1)
            self._painter.fillRect(line, QColor(theme.border))
        elif kind == "divider":
            text = block.layout().lineAt(0).naturalTextWidth()
            side = (self._width - text) / 2 - pixels(14)
            if side > 0 and block.layout().lineCount() == 1:
                y = rect.center().y()
                for left in (0.0, self._width - side):
                    self._painter.fillRect(QRectF(left, y, side, 1), QColor(theme.border))
        elif kind == "code":
            self._label(block, rect)
        elif kind != "user":
            self._inline_code(block, rect)

    def _quote_bar(self, block: QTextBlock, rect: QRectF, level: int) -> None:
        pixels = self._look.pixels
        top = rect.top()
        before = block.previous()
        if before.isValid() and (before.blockFormat().property(QUOTE) or 0) > level:
            top = min(top, self._layout.blockBoundingRect(before).bottom())
        bar = QRectF(
            pixels(QUOTE_INDENT * level + 1), top, max(2.0, pixels(3)), rect.bottom() - top
        )
        self._painter.fillRect(bar, QColor(self._look.theme.border))

    def _label(self, block: QTextBlock, rect: QRectF) -> None:
        label = block.blockFormat().property(LABEL)
        if not label:
            return
        pixels = self._look.pixels
        left = block.blockFormat().leftMargin()
        top = rect.top() - pixels(LABEL_HEIGHT + 4)
        width = self._width - left - pixels(CODE_PADDING)
        self._labels.append((str(label), QRectF(left, top, width, pixels(LABEL_HEIGHT + 4))))

    def _draw_labels(self) -> None:
        """The names of languages, last, so that they lie on their panels."""
        font = QFont(self._document.defaultFont())
        font.setPointSizeF(self._look.size * 0.78)
        self._painter.setFont(font)
        self._painter.setPen(QColor(self._look.theme.muted))
        for label, place in self._labels:
            self._painter.drawText(place, Qt.AlignmentFlag.AlignLeft, label)

    def _inline_code(self, block: QTextBlock, rect: QRectF) -> None:
        layout = block.layout()
        for part in block.textFormats():
            if not (part.format.property(STYLE) or 0) & CODE:
                continue
            start, stop = part.start, part.start + part.length
            number = layout.lineForTextPosition(start).lineNumber()
            while number < layout.lineCount():
                line = layout.lineAt(number)
                first, last = line.textStart(), line.textStart() + line.textLength()
                number += 1
                if first >= stop:
                    break
                top = rect.top() + line.y()
                if top > self._clip.bottom() or top + line.height() < self._clip.top():
                    continue
                left = _x(line.cursorToX(max(start, first)))
                right = _x(line.cursorToX(min(stop, last)))
                self._tint(rect, layout.boundingRect().topLeft(), line, left, right)

    def _tint(
        self, rect: QRectF, origin: QPointF, line: QTextLine, left: float, right: float
    ) -> None:
        pixels = self._look.pixels
        x, y = rect.left() - origin.x(), rect.top() - origin.y()
        base = y + line.y() + line.ascent()
        box = QRectF(
            x + min(left, right) - pixels(2),
            base - pixels(self._look.points * 1.32),
            abs(right - left) + pixels(4),
            pixels(self._look.points * 1.78),
        )
        self._rounded(box, 4, self._look.theme.code_background)


def ends_panel(block: QTextBlock) -> bool:
    """True if the block is the last of its bubble or code block."""
    after = block.next()
    if not after.isValid():
        return True
    form = after.blockFormat()
    return bool(form.property(KIND) != block.blockFormat().property(KIND) or form.property(FIRST))


def _x(value: object) -> float:
    """`QTextLine.cursorToX` answers with the position, or with it and the cursor."""
    return float(value[0] if isinstance(value, tuple) else value)  # type: ignore[arg-type]
