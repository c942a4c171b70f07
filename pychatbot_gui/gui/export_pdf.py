"""A conversation as PDF: laid out and painted page by page, in any thread, on white paper."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QLocale, QMarginsF, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QPageLayout,
    QPageSize,
    QPainter,
    QPdfWriter,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextOption,
    QTextTable,
    QTextTableFormat,
)

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.errors import Cancelled
from pychatbot_gui.core.exchange.export_text import about, title_line, when, who
from pychatbot_gui.core.exchange.markdown_text import LONGEST_MARKDOWN
from pychatbot_gui.core.files import whole_file
from pychatbot_gui.core.history import SavedChat, SavedMessage
from pychatbot_gui.gui.chat.chat_looks import mono_families
from pychatbot_gui.gui.chat.markdown import parse
from pychatbot_gui.gui.chat.markdown_rows import (
    BOLD,
    CODE,
    ITALIC,
    MUTED,
    STRIKE,
    Line,
    Span,
    Table,
)
from pychatbot_gui.gui.theme import LIGHT
from pychatbot_gui.gui.visible_text import pieces, repaired, visible

_RESOLUTION = 600
# Laid out in units of its own and scaled when it is painted: Qt would round the places of letters
# to those of a screen, and scale some lengths of a document by the device and others not.
_UNIT = 8  # of 1/96 inch
_MARGIN_MM = 20
_FOOT = 46  # what the page number takes, in 1/96 inch like all lengths here
_SIZE = 10.0  # points
_HEADINGS = {1: 1.45, 2: 1.25, 3: 1.1}
_INDENT, _QUOTE, _PADDING = 22, 16, 9
_SPACE = {"text": 7, "heading": 14, "item": 3, "code": 8, "rule": 10}


def write_pdf(
    chat: SavedChat,
    path: Path,
    on_progress: Callable[[int, int], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> None:
    """Write the branch that is shown; the file is there whole or not at all.

    `on_progress(done, total)` counts messages and pages together. Raises `Cancelled` when
    `is_cancelled()` says so, `StorageError` with a sentence for the person. Needs a
    QGuiApplication.
    """

    def step(done: int, total: int) -> None:
        if is_cancelled is not None and is_cancelled():
            raise Cancelled
        if on_progress is not None:
            on_progress(done, total)

    with whole_file(path) as stream:
        stream.write(_pdf(chat, step))


def _pdf(chat: SavedChat, step: Callable[[int, int], None]) -> bytes:
    # In memory, because Qt does not say when a disk is full.
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setResolution(_RESOLUTION)
    writer.setTitle(title_line(chat))
    writer.setCreator("PyChatbot")
    imperial = QLocale.system().measurementSystem() == QLocale.MeasurementSystem.ImperialUSSystem
    writer.setPageSize(
        QPageSize(QPageSize.PageSizeId.Letter if imperial else QPageSize.PageSizeId.A4)
    )
    margins = QMarginsF(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM, _MARGIN_MM - 6)
    writer.setPageMargins(margins, QPageLayout.Unit.Millimeter)
    scale = _RESOLUTION / 96 / _UNIT
    body = QRectF(0, 0, writer.width() / scale, writer.height() / scale - _FOOT * _UNIT)
    document = QTextDocument()
    messages = chat.path()
    paper = _Paper(document)
    paper.write(chat, messages, step)
    document.setPageSize(QSizeF(body.size()))
    total = len(messages)
    for number, start in enumerate(paper.starts, 1):
        # Asking where a block is lays out everything above it: so a long one can be stopped.
        _keep_with_next(document, start, body.height())
        step(total + number, 3 * total)
    _paint(document, writer, body, step, total)
    buffer.close()
    return bytes(buffer.data().data())


def _paint(
    document: QTextDocument,
    writer: QPdfWriter,
    body: QRectF,
    step: Callable[[int, int], None],
    total: int,
) -> None:
    pages = document.pageCount()
    scale = _RESOLUTION / 96 / _UNIT
    painter = QPainter(writer)
    try:
        painter.scale(scale, scale)
        for page in range(pages):
            step(2 * total + total * page // pages, 3 * total)
            if page:
                writer.newPage()
            painter.save()
            painter.setPen(QColor(LIGHT.text))
            painter.translate(0, -page * body.height())
            document.drawContents(painter, body.translated(0, page * body.height()))
            painter.restore()
            painter.setFont(_font(8))
            painter.setPen(QColor(LIGHT.muted))
            foot = QRectF(0, body.bottom(), body.width(), _FOOT * _UNIT)
            flags = Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignHCenter
            painter.drawText(foot, flags, f"{page + 1} / {pages}")
    finally:
        painter.end()
    step(3 * total, 3 * total)


def _keep_with_next(document: QTextDocument, position: int, height: float) -> None:
    """Begin a page with this block where the one after it does not fit below it."""
    layout, block = document.documentLayout(), document.findBlock(position)
    top = layout.blockBoundingRect(block).bottom()
    below = layout.blockBoundingRect(block.next()).top() + 2 * _SIZE * _UNIT
    if int(top // height) != int(below // height):
        cursor = QTextCursor(block)
        form = QTextBlockFormat()
        form.setPageBreakPolicy(QTextBlockFormat.PageBreakFlag.PageBreak_AlwaysBefore)
        cursor.mergeBlockFormat(form)


def _font(points: float) -> QFont:
    font = QFont()
    font.setPixelSize(_pixels(points))
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return font


def _pixels(points: float) -> int:
    return round(points * 96 / 72 * _UNIT)


class _Paper:
    """Writes a conversation into an empty document; `starts`: where the names of the messages are."""

    def __init__(self, document: QTextDocument) -> None:
        self.starts: list[int] = []
        self._document = document
        self._empty = True
        document.setUndoRedoEnabled(False)
        document.setDefaultFont(_font(_SIZE))
        document.setDocumentMargin(0)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        option.setTabStopDistance(_INDENT * _UNIT)
        document.setDefaultTextOption(option)
        self._cursor = QTextCursor(document)

    def write(
        self, chat: SavedChat, messages: Sequence[SavedMessage], step: Callable[[int, int], None]
    ) -> None:
        """Write all of it."""
        self._cursor.beginEditBlock()
        self._block(0)
        self._cursor.insertText(visible(title_line(chat)), self._char(BOLD, 1.9))
        self._block(3)
        self._cursor.insertText(about(chat), self._char(MUTED, 0.85))
        if chat.system.strip():
            self._name("System prompt", "")
            self._box(chat.system, LIGHT.code_background)
        for number, message in enumerate(messages, 1):
            self._name(who(message), when(message))
            if not message.text.strip():
                self._block(4)
                self._cursor.insertText("(empty)", self._char(MUTED))
            elif message.role is Role.ASSISTANT and len(message.text) <= LONGEST_MARKDOWN:
                self._rows(message.text)
            else:
                self._box(message.text, LIGHT.user_bubble)
            step(number, 3 * len(messages))
        self._cursor.endEditBlock()

    def _name(self, name: str, side: str) -> None:
        self._block(20)
        self.starts.append(self._cursor.position())
        self._cursor.insertText(visible(name), self._char(BOLD))
        if side:
            self._cursor.insertText(f"   {side}", self._char(MUTED, 0.82))

    def _box(self, text: str, colour: str) -> None:
        """Plain text on a coloured ground."""
        table = self._ground(colour, 6)
        inside = table.cellAt(0, 0).firstCursorPosition()
        inside.setBlockFormat(self._form(0))
        first = True
        for line in visible(repaired(text)).strip("\n").split("\n"):
            for piece in pieces(line):
                if not first:
                    inside.insertBlock(self._form(0), self._char())
                inside.insertText(piece, self._char())
                first = False

    def _ground(self, colour: str, space: float, left: float = 0) -> QTextTable:
        form = QTextTableFormat()
        form.setBackground(QColor(colour))
        form.setBorder(0)
        form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_None)
        form.setCellSpacing(0)
        form.setCellPadding(_PADDING * _UNIT)
        form.setLeftMargin(left * _UNIT)
        form.setTopMargin(space * _UNIT)
        form.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
        table = self._table(1, 1, form)
        cell = table.cellAt(0, 0).format().toTableCellFormat()
        cell.setBackground(QColor(colour))
        table.cellAt(0, 0).setFormat(cell)
        return table

    def _table(self, rows: int, columns: int, form: QTextTableFormat) -> QTextTable:
        table = self._cursor.insertTable(rows, columns, form)
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        # The block that Qt wants after a table is only a gap, until something is written there.
        spare = QTextBlockFormat()
        spare.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        self._cursor.setBlockFormat(spare)
        return table

    def _rows(self, text: str) -> None:
        code: list[Line] = []
        for row in parse(repaired(text)):
            if isinstance(row, Line) and row.kind == "code":
                if code and row.first:
                    self._code(code)
                    code = []
                code.append(row)
                continue
            if code:
                self._code(code)
                code = []
            if isinstance(row, Table):
                self._write_table(row)
            else:
                self._line(row)
        if code:
            self._code(code)

    def _line(self, row: Line) -> None:
        left = row.indent * _INDENT + row.quote * _QUOTE
        space = _SPACE.get(row.kind, 6) if row.first else 0
        form = self._form(space, left)
        if row.kind == "item":
            form.setTextIndent(-_INDENT * _UNIT)
        if row.kind == "rule":
            width = QTextLength(QTextLength.Type.PercentageLength, 100)
            form.setProperty(QTextBlockFormat.Property.BlockTrailingHorizontalRulerWidth, width)
        self._begin(form)
        if row.marker:
            self._cursor.insertText(f"{row.marker}\t", self._char())
        spans = [span._replace(style=span.style | MUTED) for span in row.spans]
        self._insert(self._cursor, spans if row.quote else row.spans, row.level)

    def _code(self, rows: Sequence[Line]) -> None:
        left = rows[0].indent * _INDENT + rows[0].quote * _QUOTE
        table = self._ground(LIGHT.code_background, 8, left)
        inside = table.cellAt(0, 0).firstCursorPosition()
        inside.setBlockFormat(self._form(0))
        if rows[0].language:
            inside.insertText(rows[0].language, self._char(MUTED, 0.8))
        for number, row in enumerate(rows):
            if number or row.language:
                inside.insertBlock(self._form(0), self._char(CODE))
            for span in row.spans:
                inside.insertText(span.text, self._char(CODE))

    def _write_table(self, row: Table) -> None:
        form = QTextTableFormat()
        form.setBorder(_UNIT)
        form.setBorderCollapse(True)
        form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        form.setBorderBrush(QBrush(QColor(LIGHT.border)))
        form.setCellSpacing(0)
        form.setCellPadding(5 * _UNIT)
        form.setTopMargin((8 if row.first else 0) * _UNIT)
        form.setLeftMargin((row.indent * _INDENT + row.quote * _QUOTE) * _UNIT)
        form.setColumnWidthConstraints(
            [QTextLength(QTextLength.Type.PercentageLength, weight) for weight in row.weights]
        )
        form.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
        table = self._table(len(row.cells), max(1, len(row.weights)), form)
        for line, cells in enumerate(row.cells):
            for column, spans in enumerate(cells[: len(row.weights)]):
                inside = table.cellAt(line, column).firstCursorPosition()
                align = row.aligns[column] if column < len(row.aligns) else ""
                if align in ("right", "center"):
                    centre = QTextBlockFormat()
                    flag = Qt.AlignmentFlag
                    centre.setAlignment(flag.AlignRight if align == "right" else flag.AlignHCenter)
                    inside.mergeBlockFormat(centre)
                self._insert(inside, spans, 0)

    def _insert(self, cursor: QTextCursor, spans: Sequence[Span], level: int) -> None:
        for span in spans:
            style = span.style | (BOLD if level else 0)
            form = self._char(style, _HEADINGS.get(level, 1.0))
            if span.href.lower().startswith(("http://", "https://")):
                form.setAnchor(True)
                form.setAnchorHref(span.href)
                form.setForeground(QColor(LIGHT.link))
            cursor.insertText(span.text, form)

    def _form(self, space: float, left: float = 0) -> QTextBlockFormat:
        form = QTextBlockFormat()
        form.setTopMargin(space * _UNIT)
        form.setLeftMargin(left * _UNIT)
        form.setLineHeight(125, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        return form

    def _block(self, space: float) -> None:
        self._begin(self._form(space))

    def _begin(self, form: QTextBlockFormat) -> None:
        if self._empty:
            self._empty = False
            self._cursor.setBlockFormat(form)
        else:
            self._cursor.insertBlock(form, self._char())

    def _char(self, style: int = 0, factor: float = 1.0) -> QTextCharFormat:
        form = QTextCharFormat()
        if style & CODE:
            form.setFontFamilies(mono_families())
            form.setFontFixedPitch(True)
            factor *= 0.9
        form.setProperty(QTextFormat.Property.FontPixelSize, _pixels(_SIZE * factor))
        if style & BOLD:
            form.setFontWeight(QFont.Weight.DemiBold)
        if style & ITALIC:
            form.setFontItalic(True)
        if style & STRIKE:
            form.setFontStrikeOut(True)
        if style & MUTED:
            form.setForeground(QColor(LIGHT.muted))
        return form
