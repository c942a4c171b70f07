"""A Markdown text that is still being written, read again only where it can still change. No Qt."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pychatbot_gui.gui.chat.markdown import parse, table_parts
from pychatbot_gui.gui.chat.markdown_rows import TABLE_PART, Line, Row, Table
from pychatbot_gui.gui.visible_text import LONGEST_ROW, cut_at, pieces, repaired, visible

LONGEST_PARAGRAPH = 2_000
_AHEAD = 100
_MANY_ITEMS = 24
_MANY_LINES = 60

_BLOCKS = (
    MarkdownIt("commonmark", {"html": False, "maxNesting": 20})
    .enable(["table"])
    .disable(["html_block", "inline"])
)
_REFERENCE = re.compile(r"^ {0,3}\[[^\]\n]+\]:", re.MULTILINE)
_ONLY_MARKUP = re.compile(r" *(?:[-=*+_#>`~|:]+|\d{1,9}[.)]?)?[ \t]*\Z")


class _Carry(NamedTuple):
    """What the rest of a block needs of its beginning, which is settled and no longer read.

    `lead` is put before the rest so that it is read as the same kind of block.
    """

    kind: str = ""
    lead: str = ""
    number: int | None = None
    weights: tuple[int, ...] = ()
    joined: bool = False


class GrowingMarkdown:
    """Takes a text piece by piece; `settled` rows never change again, `open_rows` may.

    Markdown closes its blocks line by line: of the whole lines read so far every top-level block
    but the last is closed for good, and so is every part of a long list, table or code block but
    its last. A paragraph over LONGEST_PARAGRAPH characters is cut, so that no text, however it is
    made, costs more for being long. The one thing that a later line can change is a link by name.
    """

    def __init__(self, references: dict[str, Any] | None = None) -> None:
        self.settled: list[Row] = []
        self._references: dict[str, Any] = {} if references is None else references
        self._tail = ""
        self._carry = _Carry()

    def add(self, piece: str) -> None:
        """Take the next piece, of any length, cut anywhere."""
        self._tail = repaired(self._tail + piece)
        if "\n" in piece or "\r" in piece or len(self._tail) > LONGEST_PARAGRAPH:
            while self._settle():
                pass

    def open_rows(self, finished: bool = False) -> list[Row]:
        """The rows after the settled ones, as they look now.

        Until the text is finished a last line that is nothing but markup so far is kept back: a
        lone "-" would turn the paragraph above it into a heading until the next token comes.
        """
        tail = self._tail
        start = tail.rfind("\n") + 1
        if not finished and _ONLY_MARKUP.match(tail, start):
            tail = tail[:start]
        return self._read(tail)

    def _read(self, text: str) -> list[Row]:
        carry = self._carry
        rows = parse(carry.lead + text, self._references, carry.number)
        if carry.kind == "table":
            return _rest_of_table(rows, carry)
        if rows and isinstance(rows[0], Line):
            if carry.kind == "code":
                rows[0] = rows[0]._replace(first=False, language="", joined=carry.joined)
            elif carry.kind == "paragraph":
                rows[0] = _without_lead(rows[0], carry)
        return rows

    def _settle(self) -> bool:
        """Settle one part of the tail; False if all of it can still change."""
        text = self._carry.lead + self._tail
        whole = text[: text.rfind("\n") + 1]
        tokens = _BLOCKS.parse(whole)
        starts = [token.map[0] for token in tokens if token.level == 0 and token.map]
        if len(starts) > 1 and starts[-1] > starts[0]:
            return self._take(_offset_of_line(whole, starts[-1]), _Carry())
        if tokens and tokens[0].type in ("bullet_list_open", "ordered_list_open"):
            return self._settle_list(whole, tokens)
        if tokens and tokens[0].type == "table_open":
            return self._settle_table(whole, tokens[0])
        if tokens and tokens[0].type == "fence":
            return self._settle_code(text, whole, tokens[0])
        return self._settle_paragraph(text)

    def _take(self, stop: int, carry: _Carry) -> bool:
        """Settle the text up to `stop`, counted with the lead, and go on with `carry`."""
        at = stop - len(self._carry.lead)
        rows = self._read(self._tail[:at])
        if carry.joined and carry.kind == "paragraph" and self._tail[at - 1] == " ":
            rows[-1] = _with_space(rows[-1])
        self.settled += rows
        self._tail = self._tail[at:]
        self._carry = carry
        return True

    def _settle_list(self, whole: str, tokens: Sequence[Token]) -> bool:
        items = [
            token.map[0]
            for token in tokens
            if token.type == "list_item_open" and token.level == 1 and token.map
        ]
        if len(items) <= _MANY_ITEMS:
            return False
        number = None
        if tokens[0].type == "ordered_list_open":
            start = tokens[0].attrGet("start")
            first = self._carry.number
            if first is None:
                first = 1 if start is None else int(start)
            number = first + len(items) - 1
        return self._take(_offset_of_line(whole, items[-1]), _Carry("list", number=number))

    def _settle_table(self, whole: str, table: Token) -> bool:
        first, stop = table.map or [0, 0]
        part = TABLE_PART if self._carry.kind == "table" else TABLE_PART - 1
        if stop - first - 2 <= part:
            return False
        head = whole[_offset_of_line(whole, first) : _offset_of_line(whole, first + 2)]
        cut = _offset_of_line(whole, first + 2 + part)
        weights = self._carry.weights
        if not weights:
            rows = self._read(whole[:cut])
            weights = rows[0].weights if isinstance(rows[0], Table) else ()
        return self._take(cut, _Carry("table", head, weights=weights))

    def _settle_code(self, text: str, whole: str, fence: Token) -> bool:
        first, stop = fence.map or [0, 0]
        lines = fence.content.count("\n")
        opener = whole[_offset_of_line(whole, first) : _offset_of_line(whole, first + 1)]
        if lines > _MANY_LINES:
            cut = _offset_of_line(whole, first + lines)
            return self._take(cut, _Carry("code", opener))
        last = text[len(whole) :]
        is_open = stop - first <= lines + 1
        if is_open and len(last) > 2 * LONGEST_ROW and visible(last) == last:
            cut = len(whole) + len(pieces(last)[0])
            return self._take(cut, _Carry("code", opener, joined=True))
        return False

    def _settle_paragraph(self, text: str) -> bool:
        if len(text) <= LONGEST_PARAGRAPH + _AHEAD:
            return False
        tokens = _BLOCKS.parse(text)
        if not tokens or tokens[0].type != "paragraph_open":
            return False
        first, stop = tokens[0].map or [0, 0]
        start, end = _offset_of_line(text, first), _offset_of_line(text, stop)
        if end - start <= LONGEST_PARAGRAPH + _AHEAD:
            return False
        cut = cut_at(text, start, start + LONGEST_PARAGRAPH)
        return self._take(cut, _Carry("paragraph", "x ", joined=text[cut - 1] != "\n"))


def references_in(text: str) -> dict[str, Any]:
    """The links that a text defines by name (`[name]: address`), as the parser keeps them."""
    if not _REFERENCE.search(text):
        return {}
    environment: dict[str, Any] = {}
    _BLOCKS.parse(text, environment)
    return dict(environment.get("references", {}))


def _rest_of_table(rows: list[Row], carry: _Carry) -> list[Row]:
    """The rows without the table's header, which is settled, in the widths it began with."""
    cells: tuple[Any, ...] = ()
    count = 0
    for row in rows:
        if not isinstance(row, Table) or (count and row.first):
            break
        cells += row.cells
        count += 1
    if not count or not isinstance(rows[0], Table):
        return rows
    table = rows[0]._replace(cells=cells[1:], weights=carry.weights, first=False)
    return table_parts(table) + rows[count:]


def _with_space(row: Row) -> Row:
    """The row with the space at its end, which Markdown drops from the end of a paragraph."""
    if isinstance(row, Table) or not row.spans:
        return row
    *others, last = row.spans
    return row._replace(spans=(*others, last._replace(text=last.text + " ")))


def _without_lead(line: Line, carry: _Carry) -> Line:
    if not line.spans:
        return line
    first, *others = line.spans
    spans = (first._replace(text=first.text[len(carry.lead) :]), *others)
    return line._replace(
        spans=tuple(span for span in spans if span.text), first=False, joined=carry.joined
    )


def _offset_of_line(text: str, line: int) -> int:
    at = 0
    for _ in range(line):
        found = text.find("\n", at)
        if found < 0:
            return len(text)
        at = found + 1
    return at
