"""Markdown and plain text: what a message says never changes what the file says about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pychatbot_gui.core.exchange.export_text import markdown_chunks, plain, text_chunks
from tests.core.exchange.trees import ANSWER, TEXT, talk


def parsed(text: str) -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)


def headings(text: str) -> list[tuple[int, str]]:
    tokens = parsed(text)
    return [
        (int(token.tag[1]), tokens[at + 1].content)
        for at, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0 and int(token.tag[1]) < 3
    ]


FRAME = [(1, "A talk"), (2, "You"), (2, "Tiny 0.5B"), (2, "You")]

NASTY = [
    ANSWER,
    "# one\n## two\n### three",
    "Title\n===\n\nSub\n---",
    "Two lines\nof a title\n===",
    "```python\nopen",
    "~~~~\n```\nopen",
    "- item\n  ```\n  open in the item",
    "<!-- open",
    "<details>\n\n# x\n\n<!-- <b>",
    "<script>\nx",
    "<![CDATA[ x",
    "<?php",
    "text <span title='\n\n'>",
    "<div>\n# x",
    "    indented\n",
    "> quote\nlazy",
    "| a |\n|---|\n| b",
    "1. a\n\n   b",
    "[a]: http://example.org\n",
    "text\n\n---",
    "trailing\\",
    "`` unfinished ` code",
    "\r# mac\r\n# dos\u2028# ls\x0c# ff\x0b# vt\x85# nel",
    "\ufeff# bom",
    "\x00# nul",
    "#",
    "# a #\n#\n",
    "![" * 3000,
    "> " * 300 + "# deep",
    "\t# tab",
    " # one\n  ## two\n   # three",
]


@pytest.mark.parametrize("text", NASTY)
def test_no_message_breaks_the_markdown(text: str) -> None:
    for texts in ((text, "b", "c"), ("a", text, "c"), ("a", text, text)):
        assert headings("".join(markdown_chunks(talk(*texts)))) == FRAME


@given(st.text(st.sampled_from("#=-`~<>!&[]()*_|\\/ \n\r\tab1.?\"'"), max_size=60))
def test_no_random_message_breaks_the_markdown(text: str) -> None:
    markdown = "".join(markdown_chunks(talk("a", text, "c")))
    assert headings(markdown) == FRAME
    tokens = parsed(markdown)
    assert not any(
        child.type == "html_inline" for token in tokens for child in token.children or []
    )
    assert not any(token.type == "html_block" for token in tokens)


@given(TEXT, TEXT)
def test_titles_and_names_are_words(title: str, system: str) -> None:
    found = headings("".join(markdown_chunks(talk("a", "b", title=title, system=system))))
    assert [level for level, _ in found] == [1, 2, 2] + [2] * bool(system.strip())


def test_an_answer_without_headings_stays_as_it_is() -> None:
    text = "Some *text*\n\n- a\n- b\n\n```python\n# comment\nprint(1 < 2)\n```"
    assert text in "".join(markdown_chunks(talk("a", text)))


def test_headings_of_an_answer_stand_below_those_of_the_file() -> None:
    markdown = "".join(markdown_chunks(talk("a", "# One\n\nTwo\nlines\n---\n\n###### Six")))
    assert "\n### One\n\n#### Two lines\n\n###### Six\n" in markdown


def test_markdown_says_who_when_and_what_is_missing() -> None:
    chat = talk("Hi", "Hello", system="Be kind")
    markdown = "".join(markdown_chunks(chat))
    assert "## System prompt\n\n> Be kind\n" in markdown
    assert "2023-11-" in markdown
    assert "unfinished" not in markdown


@pytest.mark.parametrize("write", [markdown_chunks, text_chunks])
@pytest.mark.parametrize("ended", ["length", "context", "cancelled", "error", "crash", "writing"])
def test_unfinished_answers_are_marked(write, ended: str) -> None:
    chat = talk("Hi", "Hel")
    object.__setattr__(chat.messages[1], "ended", ended)
    assert "unfinished: " in "".join(write(chat))


def test_in_plain_text_only_names_begin_at_the_margin() -> None:
    text = "".join(text_chunks(talk("Hi", "\nYou (2023)\r\n\r\nforged\u2028Tiny 0.5B\x0bx", "c")))
    at_margin = [line.partition(" (")[0] for line in text.split("\n")[3:] if line[:1].strip()]
    assert at_margin == ["You", "Tiny 0.5B", "You"]


def test_nothing_steers_the_terminal() -> None:
    hostile = "\x1b]0;title\x07\x9b31m\u202eabc\u2066\x7f"
    chat = talk(hostile, hostile, title=hostile, system=hostile)
    object.__setattr__(chat.messages[1], "model", hostile)
    for write in (text_chunks, markdown_chunks):
        text = "".join(write(chat))
        assert not set(text) & set("\x1b\x07\x9b\u202e\u2066\x7f")
    assert plain("a\tb\nc") == "a\tb\nc"


def test_only_the_shown_branch() -> None:
    from dataclasses import replace

    chat = talk("a", "first answer", "b")
    other = replace(chat.messages[1], id=9, text="other answer")
    chat = replace(chat, head=9, messages=(*chat.messages, other))
    text = "".join(text_chunks(chat))
    assert "other answer" in text
    assert "first answer" not in text
