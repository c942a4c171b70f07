import pytest

from pychatbot_gui.gui.chat.markdown import (
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
    parse,
)
from pychatbot_gui.gui.visible_text import LINE_BREAK, LONGEST_ROW


def lines(text: str) -> list[tuple[str, str]]:
    rows = parse(text)
    return [(row.kind, words(row)) for row in rows if isinstance(row, Line)]


def words(row: Row) -> str:
    assert isinstance(row, Line)
    return "".join(span.text for span in row.spans)


def test_styles_are_bits():
    [row] = parse("a **b** *c* ~~d~~ `e` ***f*** __g__")
    assert isinstance(row, Line)
    styles = {span.text: span.style for span in row.spans if span.text.strip()}
    assert styles == {
        "a ": 0, "b": BOLD, "c": ITALIC, "d": STRIKE, "e": CODE, "f": BOLD | ITALIC, "g": BOLD,
    }  # fmt: skip


def test_a_line_break_is_kept():
    assert lines("a\nb  \nc\\\nd") == [("text", LINE_BREAK.join("abcd"))]


def test_html_is_text():
    text = "<script>alert(1)</script> <img src=file:///dev/zero> <!-- x -->"
    assert lines(text) == [("text", text)]
    assert lines(f"<div>\n\n{text}\n\n</div>")[1] == ("text", text)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "javascript:x", "data:text/html,x"])
def test_only_the_web_is_linked(address: str):
    for text in (f"[a]({address})", f"<{address}>", address, f"![a]({address})"):
        for row in parse(text):
            assert isinstance(row, Line)
            assert not any(
                span.href.startswith(("file", "javascript", "data")) for span in row.spans
            )


def test_links_and_bare_addresses():
    [row] = parse("[a *b*](http://x.y/z) and https://c.d/e?f=(g). End")
    assert isinstance(row, Line)
    assert [(s.text, s.href) for s in row.spans if s.href] == [
        ("a ", "http://x.y/z"),
        ("b", "http://x.y/z"),
        ("https://c.d/e?f=(g", "https://c.d/e?f=(g"),
    ]


def test_a_picture_is_its_description():
    [row] = parse("![a *cat*](https://x.y/cat.png)")
    assert row == Line("text", (Span("[a *cat*]", MUTED, "https://x.y/cat.png"),))


def test_lists_have_markers_and_depth():
    rows = parse("3. a\n4. b\n   - c\n     * d\n- [x] e\n- [ ] f\n-\n- ```\n  g\n  ```")
    assert [(row.kind, row.marker, row.indent) for row in rows if isinstance(row, Line)] == [
        ("item", "3.", 1), ("item", "4.", 1), ("item", "◦", 2), ("item", "▪", 3),
        ("item", "☑", 1), ("item", "☐", 1), ("item", "•", 1), ("item", "•", 1), ("code", "", 1),
    ]  # fmt: skip


def test_numbers_go_on_from_what_was_read_before():
    rows = parse("1. a\n1. b\n\ntext\n\n1. c", number=7)
    assert [row.marker for row in rows if isinstance(row, Line)] == ["7.", "8.", "", "1."]


def test_code_is_one_row_a_line():
    rows = parse("```py extra\na\n\n  b\n```\n~~~\n~~~")
    assert rows == [
        Line("code", (Span("a"),), language="py"),
        Line("code", (), first=False),
        Line("code", (Span("  b"),), first=False),
        Line("code", ()),
    ]


def test_headings_quotes_and_rules():
    rows = parse("# a\n\nb\n---\n\n> c\n> > d\n\n***")
    assert [(row.kind, row.level, row.quote) for row in rows if isinstance(row, Line)] == [
        ("heading", 1, 0), ("heading", 2, 0), ("text", 0, 1), ("text", 0, 2), ("rule", 0, 0),
    ]  # fmt: skip


def test_a_table_has_cells_alignments_and_widths():
    [table] = parse("| a | `b` |\n|--:|:-:|\n| c |\n| d | e |")
    assert isinstance(table, Table)
    assert table.aligns == ("right", "center")
    assert sum(table.weights) == 100
    assert table.cells == (
        ((Span("a", BOLD),), (Span("b", BOLD | CODE),)),
        ((Span("c"),), ()),
        ((Span("d"),), (Span("e"),)),
    )


def test_a_long_table_comes_in_parts():
    rows = parse("| a |\n|---|\n" + "| x |\n" * 50)
    assert [len(row.cells) for row in rows if isinstance(row, Table)] == [TABLE_PART] * 4 + [3]
    assert [row.first for row in rows if isinstance(row, Table)] == [True] + [False] * 4


@pytest.mark.parametrize("text", ["x" * 9000, "**" + "x" * 9000 + "** *y*", "```\n" + "x" * 9000])
def test_no_row_is_longer_than_a_layout_can_take(text: str):
    rows = parse(text)
    assert max(len(words(row)) for row in rows) <= LONGEST_ROW
    assert "x" * 9000 in "".join(words(row) for row in rows)
    assert [row.joined for row in rows if isinstance(row, Line)][1:] == [True] * (len(rows) - 1)


def test_hidden_characters_are_marked_wherever_they_come_from():
    text = "\u202e `\u202e` &#x202e; [\u202e](http://a.b) ![\u202e](c)\n\n    \u202e\n\n# \u202e\n"
    shown = "".join(words(row) for row in parse(text))
    assert "\u202e" not in shown
    assert shown.count("⟨U+202E⟩") == 7
    [row] = parse("``` \u202ex\ny\n```")
    assert isinstance(row, Line)
    assert row.language == "⟨U+202E⟩x"
