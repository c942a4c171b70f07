import pytest
from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.core.titles import LONGEST_TITLE, clean_title, title_beginning, title_question


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Baking bread at home", "Baking bread at home"),
        ("  “Baking bread at home.”\n\nI hope you like it!", "Baking bread at home"),
        ("**Title:** Baking bread", "Baking bread"),
        ('Title: "Baking bread"', "Baking bread"),
        ("# Title – *Baking bread*", "Baking bread"),
        ("1. `Baking` **bread**", "Baking bread"),
        ("How I am *baking* and _breaking_ bread", "How I am baking and breaking bread"),
        ("2 * 3 * 4 in snake_case_names", "2 * 3 * 4 in snake_case_names"),
        ("- [Baking](http://bread.example) bread", "Baking bread"),
        ("\n\n---\n\nBaking bread", "Baking bread"),
        ("<think>\nShort.\n</think>\n\nBaking bread", "Baking bread"),
        ("Thoughts opened by the template.</think>\nBaking bread", "Baking bread"),
        ("<think>The user wants", ""),
        ("What is a title?", "What is a title?"),
        ("C++ and f(x) = x_1", "C++ and f(x) = x_1"),
        ("Brot backen zu Hause…", "Brot backen zu Hause"),
        ("面包。", "面包"),
        ("Title:", ""),
        ("", ""),
        ("…", ""),
        ("\x1b[2J\u202eevil\u202c", "[2J evil"),
        ("a\tb\x00c", "a b c"),
    ],
)
def test_what_a_model_says_becomes_a_title(said: str, title: str) -> None:
    assert clean_title(said) == title


def test_a_long_title_is_cut_at_a_word() -> None:
    title = clean_title("word " * 100)
    assert title == "word " * 10 + "word…"
    assert len(clean_title("x" * 1_000_000)) == LONGEST_TITLE


@given(st.text())
def test_a_title_is_one_plain_line_or_nothing(said: str) -> None:
    title = clean_title(said)
    assert len(title) <= LONGEST_TITLE
    assert title == title.strip()
    assert all(c.isprintable() or c == "\u200d" for c in title)
    assert not title or any(c.isalnum() for c in title)
    assert clean_title(title) == title or title.endswith("…")


def test_the_question_asks_for_six_words() -> None:
    assert "six words" in title_question()


@pytest.mark.parametrize(
    ("answer", "beginning"),
    [
        ("Hello.", ""),
        ("<think>\nWell.\n</think>\n\nHello.", "<think>\n\n</think>\n\n"),
        ("Well.\n</think>\n\nHello.", "\n</think>\n\n"),
        ("", ""),
    ],
)
def test_a_model_that_thinks_is_spared_it(answer: str, beginning: str) -> None:
    assert title_beginning(answer) == beginning
