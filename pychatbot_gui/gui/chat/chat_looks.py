"""How the chat looks: sizes, spaces and colours, as the formats of blocks, text and tables."""

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontDatabase,
    QPalette,
    QTextBlockFormat,
    QTextCharFormat,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextTableFormat,
)

from pychatbot_gui.gui.chat.markdown_rows import BOLD, CODE, ITALIC, MUTED, STRIKE, Line, Table
from pychatbot_gui.gui.theme import Theme, mix
from pychatbot_gui.gui.visible_text import visible

# What a block or a run of text says about itself, so that it can be dressed and painted again.
_USER = QTextFormat.Property.UserProperty.value
KIND, LOOK, FIRST, JOINED, QUOTE, LABEL, STYLE, COLUMN = (_USER + n for n in range(1, 9))

# Lengths are in pixels at zoom 1.
INDENT, QUOTE_INDENT = 26, 18
CODE_PADDING, BUBBLE_PADDING_X, BUBBLE_PADDING_Y = 14, 16, 10
BUBBLE_INSET = 96
LABEL_HEIGHT = 18
TABLE_GAP = 10
# Below every message there is room for a row of buttons, so that it never covers a text.
TOOL_ROOM, TOOL_HEIGHT = 42, 26
_CELL_PADDING = 8

NAME, NOTE, QUIET_LINK, ARROW = 32, 64, 128, 256
_MUTED_BITS = MUTED | NAME | NOTE

# The links of the program itself; a message that holds such an address gets no link for it.
_OWN = "pychatbot-"
VERSION, EARLIER, LATER = f"{_OWN}version", f"{_OWN}earlier", f"{_OWN}later"
_MARKED, _MARKED_DARK = "#ffe08a", "#6a5418"
_TIPS = {
    VERSION: "Show another version",
    EARLIER: "Show more messages here",
    LATER: "Show more messages here",
}

_PADDING = {"code": CODE_PADDING, "user": BUBBLE_PADDING_Y}
_SPACE: Mapping[str, int] = {
    "text": 10, "heading": 18, "item": 5, "code": 10, "rule": 16, "table": 12,
    "name": TOOL_ROOM, "user": TOOL_ROOM, "status": 4, "note": 8, "divider": TOOL_ROOM,
    "versions": 8, "earlier": TOOL_ROOM,
}  # fmt: skip
_LINE_HEIGHT = {
    "code": 135, "heading": 130, "cell": 125, "name": 130, "note": 130, "versions": 130,
    "earlier": 130,
}  # fmt: skip
_HEADING_SIZE = {1: 1.4, 2: 1.22, 3: 1.1}
_CODE_SIZE, _SMALL_SIZE = 0.9, 0.88
_ARROW_SIZE = 1.25  # between the versions of a message: large enough to be hit


@dataclass(frozen=True)
class Look:
    """What everything is dressed in: the colours, the base size in points and the zoom."""

    theme: Theme
    points: float
    zoom: float = 1.0

    @property
    def size(self) -> float:
        """The size of plain text, in points."""
        return self.points * self.zoom

    def pixels(self, length: float) -> float:
        """A length of the unzoomed design as it is now."""
        return length * self.zoom


def space_above(kind: str, row: Line, previous: str) -> int:
    """The pixels between a row and the one before it, with the padding of both.

    All of the space between two rows is the lower one's, so that a row that is added never
    moves what stands above it.
    """
    if not previous:
        return 8
    if not row.first and kind in ("code", "user"):
        return 0
    space = _SPACE[kind] if row.first else 0
    if previous == "rule":
        space = max(space, 20)
    elif previous == "heading" and kind in ("text", "item"):
        space = 6
    elif previous in ("versions", "earlier", "divider"):
        space = min(space, 30)
    elif previous == "name":
        space = min(space, 6)
    elif kind == "item" and previous != "item":
        space = 8
    label = LABEL_HEIGHT if row.language else 0
    return space + _PADDING.get(previous, 0) + _PADDING.get(kind, 0) + label


def space_above_table(previous: str) -> int:
    """The pixels between a table and the row before it."""
    return _SPACE["table"] + _PADDING.get(previous, 0)


class Dress:
    """Makes the formats of one look."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self._chars: dict[tuple[int, int], QTextCharFormat] = {}

    def block(
        self, kind: str, look: str, space: float, first: bool, indent: int, quote: int
    ) -> QTextBlockFormat:
        """The format of a block; a negative `indent` hangs the first line out by one step."""
        form = QTextBlockFormat()
        form.setProperty(KIND, kind)
        form.setProperty(LOOK, f"{look}|{space:g}|{int(first)}|{indent}|{quote}")
        form.setProperty(FIRST, first)
        if quote:
            form.setProperty(QUOTE, quote)
        pixels = self.look.pixels
        left = abs(indent) * INDENT + quote * QUOTE_INDENT
        right = 0
        if kind in ("spare", "rule"):
            # A lone block after a table has its space as height: Qt gives it no margin.
            height = max(1.0, pixels(space)) if kind == "spare" else 1.0
            form.setTopMargin(0 if kind == "spare" else pixels(space))
            form.setLineHeight(height, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
            return form
        if kind == "code":
            left, right = left + CODE_PADDING, CODE_PADDING
        elif kind == "user":
            left, right = BUBBLE_INSET + BUBBLE_PADDING_X, BUBBLE_PADDING_X
        elif kind in ("divider", "earlier"):
            form.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        elif kind in ("cell", "versions"):
            align = look.partition(" ")[2]
            if align in ("right", "center"):
                flag = Qt.AlignmentFlag
                form.setAlignment(flag.AlignRight if align == "right" else flag.AlignHCenter)
        form.setLeftMargin(pixels(left))
        form.setRightMargin(pixels(right))
        form.setTopMargin(pixels(space))
        if indent < 0:
            form.setTextIndent(-pixels(INDENT))
        height = _LINE_HEIGHT.get(kind, 150)
        form.setLineHeight(height, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        return form

    def block_again(self, old: QTextBlockFormat) -> QTextBlockFormat:
        """The format of a block that was dressed in another look."""
        look, space, first, indent, quote = str(old.property(LOOK)).split("|")
        form = self.block(
            old.property(KIND), look, float(space), first == "1", int(indent), int(quote)
        )
        for extra in (JOINED, LABEL, COLUMN):
            if old.hasProperty(extra):
                form.setProperty(extra, old.property(extra))
        return form

    def char(self, style: int = 0, level: int = 0, href: str = "") -> QTextCharFormat:
        """The look of a run of text: its style, the level of its heading, its link."""
        if href:
            return self._new_char(style, level, href)
        form = self._chars.get((style, level))
        if form is None:
            form = self._chars[style, level] = self._new_char(style, level, "")
        return form

    def char_again(self, old: QTextCharFormat) -> QTextCharFormat:
        """The format of a run of text that was dressed in another look."""
        style, _, level = str(old.property(LOOK) or "0|0").partition("|")
        return self.char(int(style), int(level), old.anchorHref())

    def _new_char(self, style: int, level: int, href: str) -> QTextCharFormat:
        theme = self.look.theme
        form = QTextCharFormat()
        form.setProperty(LOOK, f"{style}|{level}")
        form.setProperty(STYLE, style)
        factor = _HEADING_SIZE.get(level, 1.0)
        if level or style & (BOLD | NAME):
            form.setFontWeight(QFont.Weight.DemiBold)
        if style & ITALIC:
            form.setFontItalic(True)
        if style & STRIKE:
            form.setFontStrikeOut(True)
        if style & CODE:
            form.setFontFamilies(mono_families())
            form.setFontFixedPitch(True)
            factor *= _CODE_SIZE
        if style & (NAME | NOTE):
            factor *= _SMALL_SIZE
        if style & ARROW:
            factor *= _ARROW_SIZE
        if factor != 1.0:
            form.setFontPointSize(self.look.size * factor)
        if style & _MUTED_BITS:
            form.setForeground(QColor(theme.muted))
        own = style & QUIET_LINK
        if href and (own or not href.lower().startswith(_OWN)):
            form.setAnchor(True)
            form.setAnchorHref(href)
            form.setForeground(QColor(theme.link))
            form.setFontUnderline(not own)
            form.setToolTip(_TIPS.get(href.partition(":")[0], "") if own else visible(href))
        return form

    def table(self, row: Table, space: float) -> QTextTableFormat:
        """The format of a table with `space` pixels above it."""
        form = QTextTableFormat()
        form.setBorder(1)
        form.setBorderCollapse(True)
        form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        form.setCellSpacing(0)
        form.setProperty(LOOK, f"{row.indent * INDENT + row.quote * QUOTE_INDENT}|{space}")
        form.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
        form.setColumnWidthConstraints(
            [QTextLength(QTextLength.Type.PercentageLength, weight) for weight in row.weights]
        )
        return self.table_again(form)

    def table_again(self, old: QTextTableFormat) -> QTextTableFormat:
        """The format of a table that was dressed in another look."""
        form = QTextTableFormat(old)
        left, _, space = str(old.property(LOOK)).partition("|")
        form.setLeftMargin(self.look.pixels(float(left)))
        form.setTopMargin(self.look.pixels(float(space)))
        form.setCellPadding(self.look.pixels(_CELL_PADDING))
        form.setBorderBrush(QBrush(QColor(self.look.theme.border)))
        return form


def mark_format(theme: Theme, current: bool) -> QTextCharFormat:
    """How a word that was searched for is marked; the current one stands out."""
    form = QTextCharFormat()
    if current:
        form.setBackground(QColor(theme.accent))
        form.setForeground(QColor(theme.on_accent))
    else:
        form.setBackground(QColor(_MARKED_DARK if theme.dark else _MARKED))
        form.setForeground(QColor(theme.text))
    return form


def mono_families() -> list[str]:
    """The fixed-width fonts to try, the system's own last."""
    system = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()
    return ["Cascadia Mono", "SF Mono", "Menlo", "Noto Sans Mono", "DejaVu Sans Mono", system]


def surface_palette(palette: QPalette, theme: Theme) -> QPalette:
    """The palette with the colours of the pane that the conversation lies on."""
    role = QPalette.ColorRole
    for name, colour in (
        (role.Base, theme.surface),
        (role.Window, theme.surface),
        (role.Text, theme.text),
        (role.Highlight, _selection(theme)),
        (role.HighlightedText, theme.text),
        (role.Link, theme.link),
    ):
        palette.setColor(name, QColor(colour))
    return palette


def surface_sheet(theme: Theme) -> str:
    """A style sheet that keeps the program's own, made for fields, off the conversation."""
    return (
        "#chatView { border: none; border-radius: 0; padding: 0; margin: 0;"
        f" color: {theme.text}; background: {theme.surface};"
        f" selection-background-color: {_selection(theme)}; selection-color: {theme.text}; }}"
    )


def _selection(theme: Theme) -> str:
    """A tint, so that selected text keeps its own colour and stays easy to read."""
    return mix(theme.surface, theme.accent, 0.32)
