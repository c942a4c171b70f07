"""Markdown as rows to show. No Qt.

A row is one paragraph, one list item, one line of code, one ruler or one table: the unit that the
chat view writes, compares and writes again. No row ever holds HTML, an image or a character that
could change how the text around it is read.
"""

import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pychatbot_gui.gui.chat.markdown_rows import (
    BOLD,
    CODE,
    ITALIC,
    MUTED,
    STRIKE,
    TABLE_PART,
    Line,
    Row,
    Span,
    Table,
)
from pychatbot_gui.gui.visible_text import LINE_BREAK, LONGEST_ROW, pieces, visible

_WEIGHED_ROWS = 6
_PARSER = (
    MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 20})
    .enable(["table", "strikethrough"])
    .disable(["html_block", "html_inline"])
)
_BARE_LINK = re.compile(
    r"\bhttps?://[^\s<>\"'`|\\^{}]*[^\s<>\"'`|\\^{}.,;:!?)\]*_~]", re.IGNORECASE
)
_TASK = re.compile(r"\[([ xX])\] ")
_BULLETS = "•◦▪"


def parse(
    text: str, references: dict[str, Any] | None = None, number: int | None = None
) -> list[Row]:
    """The rows of a Markdown text, which is `repaired` already.

    `references` are the links that the text may use by name, as the parser keeps them; `number`
    is what the first item of a numbered list at the start of the text counts from.
    """
    environment = {} if references is None else {"references": references}
    return _Reader(_PARSER.parse(text, environment), number).rows


class _Reader:
    """Turns the parser's tokens into rows, keeping count of the lists and quotes around each."""

    def __init__(self, tokens: Sequence[Token], number: int | None) -> None:
        self.rows: list[Row] = []
        self._quote = 0
        self._number = number
        self._numbers: list[int | None] = []
        self._marker = ""
        self._level = 0
        self._cells: list[list[tuple[Span, ...]]] = []
        self._aligns: list[str] = []
        self._in_table = False
        for token in tokens:
            self._read(token)

    def _read(self, token: Token) -> None:
        kind = token.type
        if kind == "inline":
            self._inline(token)
        elif kind in ("fence", "code_block"):
            self._code(token)
        elif kind == "hr":
            self._add(Line("rule"))
        elif kind == "heading_open":
            self._level = int(token.tag[1])
        elif kind == "heading_close":
            self._level = 0
        elif kind == "blockquote_open":
            self._flush_marker()
            self._quote += 1
        elif kind == "blockquote_close":
            self._quote -= 1
        else:
            self._read_list(token) or self._read_table(token)

    def _read_list(self, token: Token) -> bool:
        kind = token.type
        if kind in ("bullet_list_open", "ordered_list_open"):
            self._flush_marker()
            self._numbers.append(self._first_number(token))
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self._numbers.pop()
        elif kind == "list_item_open":
            number = self._numbers[-1]
            if number is None:
                self._marker = _BULLETS[min(len(self._numbers), len(_BULLETS)) - 1]
            else:
                self._marker = f"{number}."
                self._numbers[-1] = number + 1
        elif kind == "list_item_close":
            self._flush_marker()
        else:
            return False
        return True

    def _first_number(self, token: Token) -> int | None:
        if token.type == "bullet_list_open":
            return None
        given, self._number = self._number, None
        start = token.attrGet("start")
        return given if given is not None else 1 if start is None else int(start)

    def _read_table(self, token: Token) -> bool:
        kind = token.type
        if kind == "table_open":
            self._flush_marker()
            self._cells, self._aligns, self._in_table = [], [], True
        elif kind == "tr_open":
            self._cells.append([])
        elif kind == "th_open":
            style = str(token.attrGet("style") or "")
            self._aligns.append(style.rpartition(":")[2])
        elif kind == "table_close":
            self._in_table = False
            self._table()
        else:
            return False
        return True

    def _add(self, line: Line) -> None:
        if line.kind != "text":
            self._flush_marker()
        self.rows.append(line._replace(indent=len(self._numbers), quote=self._quote))

    def _flush_marker(self) -> None:
        """Show the marker of a list item that has no text of its own."""
        if self._marker:
            marker, self._marker = self._marker, ""
            self.rows.append(Line("item", (), len(self._numbers), self._quote, marker=marker))

    def _inline(self, token: Token) -> None:
        spans = _spans(token.children or [])
        if self._in_table:
            if len(self._cells) == 1:
                spans = [span._replace(style=span.style | BOLD) for span in spans]
            self._cells[-1].append(tuple(spans))
            return
        if self._level:
            self._add(Line("heading", tuple(spans), level=self._level))
            return
        kind, marker = "text", ""
        if self._marker:
            kind, marker, self._marker = "item", self._marker, ""
            task = _TASK.match(spans[0].text) if spans and not spans[0].style else None
            if task:
                marker = "☐" if task[1] == " " else "☑"
                spans[0] = spans[0]._replace(text=spans[0].text[task.end() :])
        for number, part in enumerate(_parts(spans)):
            if number == 0:
                self._add(Line(kind, part, marker=marker))
            else:
                self._add(Line("text", part, first=False, joined=True))

    def _code(self, token: Token) -> None:
        language = visible(token.info.split()[0])[:30] if token.info.strip() else ""
        content = token.content[:-1] if token.content.endswith("\n") else token.content
        first = True
        for text in content.split("\n"):
            for number, part in enumerate(pieces(visible(text))):
                spans = (Span(part),) if part else ()
                self._add(Line("code", spans, first=first, language=language, joined=number > 0))
                first, language = False, ""

    def _table(self) -> None:
        cells = tuple(tuple(row) for row in self._cells)
        weights = _weights(cells[:_WEIGHED_ROWS])
        indent, quote = len(self._numbers), self._quote
        self.rows += table_parts(Table(cells, tuple(self._aligns), weights, True, indent, quote))


def table_parts(table: Table) -> list[Row]:
    """The table in parts of at most TABLE_PART rows: the cost of a table grows with its rows."""
    return [
        table._replace(
            cells=table.cells[start : start + TABLE_PART], first=table.first and start == 0
        )
        for start in range(0, len(table.cells), TABLE_PART)
    ]


def _spans(children: Sequence[Token]) -> list[Span]:
    spans: list[Span] = []
    depth = {"strong": 0, "em": 0, "s": 0}
    href = ""
    for child in children:
        name, _, side = child.type.rpartition("_")
        if name in depth:
            depth[name] += 1 if side == "open" else -1
            continue
        if child.type == "link_open":
            href = str(child.attrGet("href") or "")
            continue
        if child.type == "link_close":
            href = ""
            continue
        style = (
            (BOLD if depth["strong"] else 0)
            | (ITALIC if depth["em"] else 0)
            | (STRIKE if depth["s"] else 0)
        )
        for span in _leaf(child, style, href):
            last = spans[-1] if spans else None
            if last is not None and last[1:] == span[1:]:
                spans[-1] = last._replace(text=last.text + span.text)
            elif span.text:
                spans.append(span)
    return spans


def _leaf(token: Token, style: int, href: str) -> list[Span]:
    if token.type in ("softbreak", "hardbreak"):
        return [Span(LINE_BREAK, style, href)]
    if token.type == "code_inline":
        return [Span(visible(token.content), style | CODE, href)]
    if token.type == "image":
        # Never opened, wherever it points: the description stands for it.
        label = visible(token.content) or "image"
        address = str(token.attrGet("src") or "")
        return [Span(f"[{label}]", style | MUTED, href or address)]
    if href or "://" not in token.content:
        return [Span(visible(token.content), style, href)]
    spans, at = [], 0
    for match in _BARE_LINK.finditer(token.content):
        spans.append(Span(visible(token.content[at : match.start()]), style))
        spans.append(Span(visible(match.group()), style, match.group()))
        at = match.end()
    return [*spans, Span(visible(token.content[at:]), style)]


def _parts(spans: list[Span]) -> list[tuple[Span, ...]]:
    if sum(len(span.text) for span in spans) <= LONGEST_ROW:
        return [tuple(spans)]
    whole = "".join(span.text for span in spans)
    parts, queue = [], list(spans)
    for piece in pieces(whole):
        part, room = [], len(piece)
        while room and queue:
            span = queue.pop(0)
            part.append(span._replace(text=span.text[:room]))
            if len(span.text) > room:
                queue.insert(0, span._replace(text=span.text[room:]))
            room -= len(part[-1].text)
        parts.append(tuple(part))
    return parts


def _weights(cells: Sequence[Sequence[Sequence[Span]]]) -> tuple[int, ...]:
    """How much of the width each column gets, in percent, from the length of its first cells."""
    columns = max((len(row) for row in cells), default=0)
    longest = [8] * columns
    for row in cells:
        for column, cell in enumerate(row):
            length = sum(len(span.text) for span in cell)
            # In steps, so that a table that is being written does not shift with each letter.
            longest[column] = max(longest[column], min(48, -(-length // 8) * 8))
    total = sum(longest)
    return tuple(round(100 * length / total) for length in longest)
