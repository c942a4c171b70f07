"""What Markdown is shown as: rows of spans. Without the parser, which an empty chat does not need."""

from typing import NamedTuple

BOLD, ITALIC, STRIKE, CODE, MUTED = 1, 2, 4, 8, 16

TABLE_PART = 12


class Span(NamedTuple):
    """A run of text in one look; `style` is a sum of BOLD, ITALIC, STRIKE, CODE and MUTED."""

    text: str
    style: int = 0
    href: str = ""


class Line(NamedTuple):
    """One paragraph, heading, list item, line of code or ruler.

    `first` is False for a row that carries on the one before (the next line of code), `joined` is
    True where not even a line break lies between them (a line cut for its length). `level` is the
    heading's level; `indent` and `quote` count the lists and quotes around it.
    """

    kind: str
    spans: tuple[Span, ...] = ()
    indent: int = 0
    quote: int = 0
    first: bool = True
    level: int = 0
    marker: str = ""
    language: str = ""
    joined: bool = False


class Table(NamedTuple):
    """A table, or the next TABLE_PART rows of one; `weights` are percentages of the width."""

    cells: tuple[tuple[tuple[Span, ...], ...], ...]
    aligns: tuple[str, ...]
    weights: tuple[int, ...]
    first: bool = True
    indent: int = 0
    quote: int = 0


Row = Line | Table
