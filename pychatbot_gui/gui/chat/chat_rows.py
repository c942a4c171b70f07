"""Writes rows to one place of the chat's document, and changes only what differs."""

from collections.abc import Sequence

from PySide6.QtGui import QTextBlock, QTextCursor, QTextDocument, QTextTable

from pychatbot_gui.gui.chat.chat_looks import (
    COLUMN,
    JOINED,
    KIND,
    LABEL,
    LOOK,
    TABLE_GAP,
    Dress,
    space_above,
    space_above_table,
)
from pychatbot_gui.gui.chat.chat_reading import units
from pychatbot_gui.gui.chat.markdown_rows import CODE, Line, Row, Span, Table


class RowWriter:
    """The end of a document, or of a part of it: blocks are added, and the rows of the open
    answer change.

    Every row is a plain block with its look in user properties, or a table. Positions are Qt's.
    `stop` is a cursor at the end of the part's last block; None for the end of the document.
    """

    def __init__(
        self, document: QTextDocument, dress: Dress, stop: QTextCursor | None = None
    ) -> None:
        self._document = document
        self._stop = stop
        self.dress = dress
        self._rows: list[Row] = []
        self._rows_at: list[int] = []
        self._settled = 0

    @property
    def has_rows(self) -> bool:
        """True if the open answer shows anything."""
        return bool(self._rows)

    def cursor(self) -> QTextCursor:
        """A cursor at the end."""
        cursor = QTextCursor(self._document)
        cursor.setPosition(self.end())
        return cursor

    def end(self) -> int:
        """The last position."""
        if self._stop is not None:
            return self._stop.position()
        return self._document.characterCount() - 1

    def last_block(self) -> QTextBlock:
        """The block that ends at `end()`."""
        return self._document.lastBlock() if self._stop is None else self._stop.block()

    def shift(self, by: int) -> None:
        """Know that so many characters came in above the open answer."""
        self._rows_at = [at + by for at in self._rows_at]

    def next_start(self) -> int:
        """The position where the next block will begin."""
        return self.end() + (1 if self._previous() else 0)

    def close_rows(self) -> None:
        """Leave the rows that are shown as they are, for good."""
        self._rows, self._rows_at, self._settled = [], [], 0

    def add_block(self, kind: str, text: str, style: int, row: Line | None = None) -> None:
        """Add one block of plain text."""
        cursor = self.cursor()
        self._begin_block(cursor, kind, row or Line(kind))
        if text:
            cursor.insertText(text, self.dress.char(style))

    def add_links(self, kind: str, links: Sequence[Span], align: str = "") -> None:
        """Add a quiet row of the program's own: words, and links of its own scheme."""
        cursor = self.cursor()
        self._begin_block(cursor, kind, Line(kind), align)
        for text, style, href in links:
            cursor.insertText(text, self.dress.char(style, 0, href))

    def remove_from(self, position: int) -> None:
        """Remove everything from a position to the end."""
        cursor = self.cursor()
        cursor.setPosition(position)
        form = cursor.blockFormat()
        cursor.setPosition(self.end(), QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        # Qt gives an empty block the format of the one that is removed below it.
        cursor.setBlockFormat(form)
        if self._previous() == "table":
            self._gap_below_table(1)

    def show(self, stable: list[Row], tail: list[Row], again: bool = False) -> None:
        """Make what is shown equal to `stable + tail`, from the first row that differs.

        `again`: compare from the start, as even settled rows may have changed.
        """
        old, settled = self._rows, 0 if again else self._settled
        total = len(stable) + len(tail)

        def row(number: int) -> Row:
            return stable[number] if number < len(stable) else tail[number - len(stable)]

        same = settled
        while same < min(len(old), total) and old[same] == row(same):
            same += 1
        self._settled = min(same, len(stable))
        if same == len(old) == total:
            return
        cursor = self.cursor()
        cursor.beginEditBlock()
        if same == len(old) - 1 and same < total and self._extend(same, row(same)):
            same += 1
        self._truncate(same)
        for number in range(same, total):
            self._write(row(number))
        cursor.endEditBlock()

    def _write(self, row: Row) -> None:
        cursor = self.cursor()
        self._rows_at.append(self.end())
        self._rows.append(row)
        if isinstance(row, Table):
            self._write_table(cursor, row)
            return
        self._begin_block(cursor, row.kind, row)
        if row.marker:
            cursor.insertText(f"{row.marker}\t", self.dress.char())
        self._insert(cursor, row.spans, row)

    def _insert(self, cursor: QTextCursor, spans: tuple[Span, ...], row: Line) -> None:
        extra = CODE if row.kind == "code" else 0
        for span in spans:
            cursor.insertText(span.text, self.dress.char(span.style | extra, row.level, span.href))

    def _extend(self, number: int, new: Row) -> bool:
        """Turn the last row into `new` by changing only what differs; False if it cannot be."""
        old = self._rows[number]
        if isinstance(old, Table) and isinstance(new, Table):
            return self._extend_table(number, old, new)
        if not (isinstance(old, Line) and isinstance(new, Line)):
            return False
        if old._replace(spans=()) != new._replace(spans=()):
            return False
        same = 0
        while same < min(len(old.spans), len(new.spans)) and old.spans[same] == new.spans[same]:
            same += 1
        rest = list(new.spans[same:])
        kept = sum(units(span.text) for span in old.spans[:same])
        if same < len(old.spans) and rest and old.spans[same][1:] == rest[0][1:]:
            common = common_length(old.spans[same].text, rest[0].text)
            kept += units(rest[0].text[:common])
            rest[0] = rest[0]._replace(text=rest[0].text[common:])
        written = sum(units(span.text) for span in old.spans)
        cursor = self.cursor()
        if kept < written:
            cursor.setPosition(self.end() - (written - kept))
            cursor.setPosition(self.end(), QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
        self._insert(cursor, tuple(span for span in rest if span.text), new)
        self._rows[number] = new
        return True

    def _truncate(self, count: int) -> None:
        """Take away all rows from number `count` on."""
        if count >= len(self._rows):
            return
        self.remove_from(self._rows_at[count])
        del self._rows[count:], self._rows_at[count:]

    def _write_table(self, cursor: QTextCursor, row: Table) -> None:
        previous = self._previous()
        if previous == "table" and row.first:
            self._gap_below_table(TABLE_GAP)
        space = space_above_table(previous) if row.first else 0
        table = cursor.insertTable(
            len(row.cells), max(1, len(row.weights)), self.dress.table(row, space)
        )
        for number, cells in enumerate(row.cells):
            self._fill(table, number, cells, row)
        self._gap_below_table(1)

    def _gap_below_table(self, height: int) -> None:
        """Qt wants a block after a table and gives the one after that no space of its own."""
        self.cursor().setBlockFormat(self.dress.block("spare", "spare", height, True, 0, 0))

    def _fill(
        self, table: QTextTable, number: int, cells: tuple[tuple[Span, ...], ...], row: Table
    ) -> None:
        header = number == 0 and row.first
        for column in range(len(row.weights)):
            spans = cells[column] if column < len(cells) else ()
            align = row.aligns[column] if column < len(row.aligns) else ""
            cursor = table.cellAt(number, column).firstCursorPosition()
            form = self.dress.block("cell", f"cell {align}", 0, header, 0, 0)
            form.setProperty(COLUMN, column)
            cursor.setBlockFormat(form)
            for span in spans:
                cursor.insertText(span.text, self.dress.char(span.style, 0, span.href))

    def _extend_table(self, number: int, old: Table, new: Table) -> bool:
        if old._replace(cells=()) != new._replace(cells=()) or len(new.cells) < len(old.cells):
            return False
        kept = len(old.cells) - 1
        if old.cells[:kept] != new.cells[:kept]:
            return False
        cursor = self.cursor()
        cursor.movePosition(QTextCursor.MoveOperation.PreviousCharacter)
        table = cursor.currentTable()
        if table is None:
            return False
        if old.cells[kept] != new.cells[kept]:
            for column in range(len(new.weights)):
                before = old.cells[kept][column : column + 1]
                if before != new.cells[kept][column : column + 1]:
                    cell = table.cellAt(kept, column)
                    inside = cell.firstCursorPosition()
                    inside.setPosition(
                        cell.lastCursorPosition().position(), QTextCursor.MoveMode.KeepAnchor
                    )
                    inside.removeSelectedText()
                    for span in (new.cells[kept][column : column + 1] or ((),))[0]:
                        inside.insertText(span.text, self.dress.char(span.style, 0, span.href))
        added = len(new.cells) - len(old.cells)
        if added:
            table.appendRows(added)
            for line in range(len(old.cells), len(new.cells)):
                self._fill(table, line, new.cells[line], new)
        self._rows[number] = new
        return True

    def _begin_block(self, cursor: QTextCursor, kind: str, row: Line, align: str = "") -> None:
        """Begin a block at the end, with the space to the one before it."""
        previous = self._previous()
        if previous == "table":
            self._gap_below_table(TABLE_GAP)
        space = space_above(kind, row, previous)
        indent = -row.indent if kind == "item" else row.indent
        look = f"{kind} {align}" if align else kind
        form = self.dress.block(kind, look, space, row.first, indent, row.quote)
        if row.joined:
            form.setProperty(JOINED, True)
        if row.language:
            form.setProperty(LABEL, row.language)
        if previous:
            cursor.insertBlock(form, self.dress.char())
        else:
            cursor.setBlockFormat(form)
            cursor.setBlockCharFormat(self.dress.char())

    def _previous(self) -> str:
        """The kind of the last row; "" while the document is empty."""
        return kind_of(self.last_block())


def kind_of(block: QTextBlock) -> str:
    """What a block is; "table" for the spare one below a table, "" for none."""
    kind = block.blockFormat().property(KIND) if block.isValid() else None
    return "table" if kind == "spare" else str(kind or "")


def mend_space(block: QTextBlock, dress: Dress) -> None:
    """Give the first block of a message the space that what is now above it asks for."""
    above = block.previous()
    form = block.blockFormat()
    kind = str(form.property(KIND))
    space = space_above(kind, Line(kind), kind_of(above))
    look, _, *rest = str(form.property(LOOK)).split("|")
    form.setProperty(LOOK, "|".join((look, f"{space:g}", *rest)))
    form.setTopMargin(dress.look.pixels(space))
    QTextCursor(block).setBlockFormat(form)
    if kind_of(above) == "table":
        gap = QTextCursor(above)
        gap.setBlockFormat(dress.block("spare", "spare", TABLE_GAP, True, 0, 0))


def common_length(one: str, other: str) -> int:
    """How many characters two texts have in common at their start."""
    if other.startswith(one):
        return len(one)
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
