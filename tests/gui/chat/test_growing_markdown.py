import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pychatbot_gui.gui.chat.growing_markdown import (
    LONGEST_PARAGRAPH,
    GrowingMarkdown,
    references_in,
)
from pychatbot_gui.gui.chat.markdown import Line, Row, Table, parse
from pychatbot_gui.gui.visible_text import LINE_BREAK, repaired
from tests.gui.chat.markdown_samples import SAMPLES

_LINES = st.sampled_from(
    [
        "a",
        "- b",
        "* c",
        "+ d",
        "1. e",
        "2) f",
        "  g",
        "    h",
        "      i",
        "```",
        "~~~",
        "````",
        " ```py",
        "> q",
        ">",
        "> - r",
        "# H",
        "##",
        "---",
        "===",
        "***",
        "\\",
        " x \\",
        " y \\",
        "",
        "\\",
        "---\\",
        "---\\",
        "",
        "- [ ] t",
        "**b** _i_ `c`",
        "[l](http://x.y)",
        "   j",
        "1.",
        "-",
        "\t k",
        "10. n",
        "",
        "",
        "",
        "",
    ]
)
_TEXTS = st.lists(_LINES, max_size=30).map(lambda lines: "\n".join(lines).replace("\\", "|"))


def grown(text: str, cuts: list[int]) -> list[Row]:
    growing = GrowingMarkdown()
    for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True):
        growing.add(text[start:stop])
        growing.open_rows()
    return growing.settled + growing.open_rows(finished=True)


def random_cuts(text: str, seed: int) -> list[int]:
    chance = random.Random(seed)
    return sorted(chance.randrange(len(text) + 1) for _ in range(min(80, len(text))))


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "references"])
@pytest.mark.parametrize("seed", range(4))
def test_a_text_read_in_pieces_gives_the_rows_of_the_whole(name: str, seed: int):
    text = SAMPLES[name]
    assert grown(text, random_cuts(text, seed)) == parse(repaired(text))


@settings(max_examples=150, deadline=None)
@given(_TEXTS, st.randoms(use_true_random=False))
def test_any_text_read_in_pieces_gives_the_rows_of_the_whole(text: str, chance: random.Random):
    cuts = sorted(chance.randrange(len(text) + 1) for _ in range(chance.randrange(12)))
    assert grown(text, cuts) == parse(text)


@pytest.mark.parametrize("lines", ["- item\n", "1. item\n", "```\n" + "code\n" * 9, "a\n\n"])
def test_what_is_read_again_stays_small(lines: str):
    growing = GrowingMarkdown()
    for _ in range(300):
        growing.add(lines)
    assert len(growing.open_rows()) < 100
    assert len(growing.settled) > 100


def test_a_lone_marker_is_kept_back_until_it_is_known_what_it_is():
    growing = GrowingMarkdown()
    growing.add("A paragraph\n-")
    assert [row.kind for row in growing.open_rows() if isinstance(row, Line)] == ["text"]
    growing.add(" item")
    assert [row.kind for row in growing.open_rows() if isinstance(row, Line)] == ["text", "item"]


@pytest.mark.parametrize("unit", ["x", "word and ", "漢", "**b** `c` [d](http://e.f) ", "line\n"])
def test_a_paragraph_without_an_end_loses_nothing_and_is_settled_in_parts(unit: str):
    text = unit * (20_000 // len(unit))
    growing = GrowingMarkdown()
    for start in range(0, len(text), 333):
        growing.add(text[start : start + 333])
        assert sum(_length(row) for row in growing.open_rows()) <= 3 * LONGEST_PARAGRAPH
    shown = _plain(growing.settled + growing.open_rows(finished=True))
    assert shown == _plain(parse(text))


def test_the_number_of_a_list_goes_on_over_its_parts():
    growing = GrowingMarkdown()
    growing.add("5. item\n" * 120)
    rows = growing.settled + growing.open_rows(finished=True)
    assert [row.marker for row in rows if isinstance(row, Line)] == [f"{n}." for n in range(5, 125)]


def test_links_by_name_are_found():
    assert set(references_in(SAMPLES["references"])) == {"ONE", "2"}
    assert references_in("[not a definition] here") == {}


@pytest.mark.parametrize(
    "evil",
    ["[" * 3000, "![" * 2000, "> " * 3000, "- " * 3000, "**a " * 2000, "`" * 3000, "[a](" * 2000,
     "|" * 3000, "<" * 3000, "*_" * 2000, "&#x202e;" * 1000, "\\" * 3000],
)  # fmt: skip
def test_text_made_to_be_slow_is_not(evil: str):
    growing = GrowingMarkdown()
    started = time.perf_counter()
    for start in range(0, len(evil), 100):
        growing.add(evil[start : start + 100])
        growing.open_rows()
    pieces = len(evil) // 100
    assert (time.perf_counter() - started) / pieces < 0.2


def _length(row: Row) -> int:
    spans = row.spans if isinstance(row, Line) else [s for c in row.cells for d in c for s in d]
    return sum(len(span.text) for span in spans)


def _plain(rows: list[Row]) -> str:
    text = ""
    for row in rows:
        assert not isinstance(row, Table)
        text += "" if row.joined else "\n"
        text += "".join(span.text for span in row.spans).replace(LINE_BREAK, "\n")
    return text
