"""How the rows of the list of conversations look: colours, marks, buttons, lines of text."""

from dataclasses import dataclass

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPainterPath,
    QPalette,
    QPen,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QApplication

from pychatbot_gui.gui.conversations.conversation_rows import (
    CHATS,
    DOTS,
    FOLDER,
    GONE,
    RESTORE,
    Row,
    excerpt_of,
    short_date,
)
from pychatbot_gui.gui.theme import mix

EDGE = 4  # between a row's body and the side of the list, pixels
PAD = 10  # between a body and what is in it, pixels
_Parts = list[tuple[str, bool]]  # text, and whether it was found


@dataclass(frozen=True)
class Colours:
    """The colours of the rows, each "#rrggbb"."""

    window: str
    text: str
    muted: str
    accent: str

    def at_hover(self) -> str:
        """Behind the row below the pointer."""
        return mix(self.window, self.text, 0.07)

    def when_open(self) -> str:
        """Behind the chat that the window shows."""
        return mix(self.window, self.accent, 0.18)

    def when_found(self) -> str:
        """Behind words that were found."""
        return mix(self.window, self.accent, 0.3)


def colours() -> Colours:
    """The colours of the theme that the program wears."""
    # The widget's own palette would not do: style sheets change it.
    palette, role = QApplication.palette(), QPalette.ColorRole
    roles = (role.Window, role.WindowText, role.PlaceholderText, role.Accent)
    return Colours(*(palette.color(r).name() for r in roles))


def zones(row: Row, rect: QRect, metrics: QFontMetrics) -> dict[str, QRect]:
    """The buttons that a row shows under the pointer and where they are."""
    if row.kind not in (*CHATS, FOLDER, GONE):
        return {}
    side = min(26, rect.height() - 6)
    top = rect.center().y() - side // 2 + 1
    found = {DOTS: QRect(rect.right() - EDGE - side - 3, top, side, side)}
    if row.kind == GONE:
        width = metrics.horizontalAdvance("Restore") + 16
        found[RESTORE] = QRect(found[DOTS].left() - width - 2, top, width, side)
    return found


def small(font: QFont) -> QFont:
    """The font of headings, dates and excerpts."""
    small = QFont(font)
    if font.pointSizeF() > 0:
        small.setPointSizeF(font.pointSizeF() * 0.88)
    else:
        small.setPixelSize(round(font.pixelSize() * 0.88))
    return small


def bold(font: QFont) -> QFont:
    """The font of headings, folders and what was found."""
    bold = QFont(font)
    bold.setWeight(QFont.Weight.DemiBold)
    return bold


def draw_heading(painter: QPainter, row: Row, rect: QRect, palette: Colours) -> None:
    """Draw "Yesterday", near the row below it."""
    painter.setFont(bold(small(painter.font())))
    painter.setPen(QColor(palette.muted))
    room = rect.adjusted(EDGE + PAD, 0, -EDGE - PAD, -5)
    painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, row.text)


def draw_aside(painter: QPainter, text: str, body: QRect, palette: Colours) -> int:
    """Draw small muted text at the right; how much room it takes."""
    font = painter.font()
    painter.setFont(small(font))
    painter.setPen(QColor(palette.muted))
    painter.drawText(body, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
    width = painter.fontMetrics().horizontalAdvance(text) + 8
    painter.setFont(font)
    return width


def draw_buttons(painter: QPainter, places: dict[str, QRect], hot: str, palette: Colours) -> None:
    """Draw the buttons of a row; `hot` is the one below the pointer."""
    for name, place in places.items():
        painter.setPen(Qt.PenStyle.NoPen)
        if name in (hot, RESTORE):
            share = 0.17 if name == hot else 0.1
            painter.setBrush(QColor(mix(palette.window, palette.text, share)))
            painter.drawRoundedRect(QRectF(place), 6, 6)
        if name == RESTORE:
            painter.setPen(QColor(palette.text))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, "Restore")
            continue
        painter.setBrush(QColor(palette.text if name == hot else palette.muted))
        middle = QRectF(place).center()
        for shift in (-5, 0, 5):
            painter.drawEllipse(middle + QPointF(shift, 0), 1.6, 1.6)


def draw_chevron(painter: QPainter, middle: QPointF, is_open: bool, palette: Colours) -> None:
    """Draw the sign of a row that can be opened and closed."""
    pen = QPen(QColor(palette.muted), 1.7)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    shape = (
        [(-4.0, -2.0), (0.0, 2.0), (4.0, -2.0)]
        if is_open
        else [(-2.0, -4.0), (2.0, 0.0), (-2.0, 4.0)]
    )
    painter.drawPolyline([middle + QPointF(x, y) for x, y in shape])


def draw_pin(painter: QPainter, middle: QPointF, palette: Colours) -> None:
    """Draw the mark of a pinned chat, 12 pixels wide."""
    painter.save()
    painter.translate(middle)
    painter.rotate(40)
    painter.setPen(QPen(QColor(palette.muted), 1.3))
    painter.drawLine(QPointF(0, 1.5), QPointF(0, 6))
    path = QPainterPath()
    path.addRoundedRect(QRectF(-3.2, -6, 6.4, 2), 1, 1)
    path.addRect(QRectF(-2, -4.6, 4, 4))
    path.addRoundedRect(QRectF(-4, -0.4, 8, 2), 1, 1)
    path.setFillRule(Qt.FillRule.WindingFill)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(palette.muted))
    painter.drawPath(path)
    painter.restore()


def draw_hit(painter: QPainter, row: Row, body: QRect, palette: Colours, now: float) -> None:
    """Draw an excerpt in two lines, its date beside the first."""
    assert row.hit is not None
    painter.setFont(small(painter.font()))
    metrics, date = painter.fontMetrics(), short_date(row.at, now)
    beside = body.width() - _beside_date(date, painter.font())
    painter.setPen(QColor(palette.muted))
    first = QRect(body.left(), body.top(), body.width(), metrics.height())
    painter.drawText(first, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, date)
    painter.setPen(QColor(palette.text))
    _draw_lines(painter, excerpt_of(row.hit), body.topLeft(), (beside, body.width()), palette)


def hit_lines(row: Row, font: QFont, width: int, now: float) -> int:
    """How many lines, 1 or 2, an excerpt takes where there are `width` pixels."""
    assert row.hit is not None
    parts, font = _marked(excerpt_of(row.hit)), small(font)
    beside = width - _beside_date(short_date(row.at, now), font)
    # Held in a name: a line of a layout that is gone ends the program.
    layout = _line(parts, font, beside, colours(), wraps=True)
    return 1 if layout.lineAt(0).textLength() >= sum(_units(text) for text, _ in parts) else 2


def draw_found(painter: QPainter, parts: tuple[str, ...], room: QRect, palette: Colours) -> None:
    """Draw one line of text, its odd parts marked as found."""
    top = room.center().y() - painter.fontMetrics().height() // 2 + 1
    _draw_lines(painter, parts, QPoint(room.left(), top), (room.width(),), palette)


def _draw_lines(
    painter: QPainter,
    parts: tuple[str, ...],
    corner: QPoint,
    widths: tuple[int, ...],
    palette: Colours,
) -> None:
    """Draw text in at most as many lines as there are `widths`; what is too long is cut."""
    rest = _marked(parts)
    for number, width in enumerate(widths):
        is_last = number == len(widths) - 1
        layout = _line(rest, painter.font(), width, palette, wraps=not is_last)
        if is_last and layout.lineAt(0).naturalTextWidth() > width:
            layout = _cut_line(rest, painter.font(), width, palette)
        layout.draw(painter, QPointF(corner) + QPointF(0, number * painter.fontMetrics().height()))
        rest = _split(rest, layout.lineAt(0).textLength())[1]
        if not rest:
            return


def _marked(parts: tuple[str, ...]) -> _Parts:
    return [(text, bool(number % 2)) for number, text in enumerate(parts) if text]


def _beside_date(date: str, font: QFont) -> int:
    """The room that a date takes at the end of a line."""
    return QFontMetrics(font).horizontalAdvance(date) + 10 if date else 0


def _cut_line(parts: _Parts, font: QFont, width: int, palette: Colours) -> QTextLayout:
    """The longest beginning that fits with an ellipsis after it."""
    fits, too_long = 0, sum(_units(text) for text, _ in parts)
    best = _line([("…", False)], font, width, palette, wraps=False)
    # Not from an x position: with letters from right to left that would be the wrong end.
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        layout = _line([*_split(parts, middle)[0], ("…", False)], font, width, palette, wraps=False)
        if layout.lineAt(0).naturalTextWidth() <= width:
            fits, best = middle, layout
        else:
            too_long = middle
    return best


def _line(parts: _Parts, font: QFont, width: int, palette: Colours, wraps: bool) -> QTextLayout:
    """The first line of a text that is laid out at a width."""
    layout = QTextLayout("".join(text for text, _ in parts), font)
    mode = QTextOption.WrapMode
    option = QTextOption()
    option.setWrapMode(mode.WrapAtWordBoundaryOrAnywhere if wraps else mode.NoWrap)
    layout.setTextOption(option)
    formats, at = [], 0
    for text, is_found in parts:
        if is_found:
            found = QTextLayout.FormatRange()
            found.start, found.length, found.format = at, _units(text), QTextCharFormat()
            found.format.setFontWeight(QFont.Weight.Bold)
            found.format.setBackground(QColor(palette.when_found()))
            formats.append(found)
        at += _units(text)
    layout.setFormats(formats)
    layout.beginLayout()
    layout.createLine().setLineWidth(max(width, 1))
    layout.endLayout()
    return layout


def _split(parts: _Parts, at: int) -> tuple[_Parts, _Parts]:
    """The parts before and after a position of Qt's, which counts UTF-16 units."""
    before, after = [], []
    for text, is_found in parts:
        code = text.encode("utf-16-le", "surrogatepass")
        cut = min(max(at, 0) * 2, len(code))
        at -= len(code) // 2
        # Half a pair at the cut is left out: it is drawn by neither line.
        before.append((code[:cut].decode("utf-16-le", "ignore"), is_found))
        after.append((code[cut:].decode("utf-16-le", "ignore"), is_found))
    return [p for p in before if p[0]], [p for p in after if p[0]]


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def draw_sentence(painter: QPainter, room: QRect, sentence: str) -> None:
    """What is said in a list without rows, at the top of it."""
    painter.setPen(QColor(colours().muted))
    option = QTextOption(Qt.AlignmentFlag.AlignHCenter)
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    painter.drawText(QRectF(room.adjusted(20, 28, -20, -8)), sentence, option)
