import pytest
from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.gui.visible_text import LONGEST_ROW, pieces, repaired, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext", "plain\ttext"),
        ("\x1b[31m", "⟨ESC⟩[31m"),
        ("a\x00b\x7fc\x9bd", "a⟨NUL⟩b⟨U+007F⟩c⟨U+009B⟩d"),
        ("\u202egnp.exe", "⟨U+202E⟩gnp.exe"),
        ("\u2066a\u2069\u200e\u200f\u061c", "⟨U+2066⟩a⟨U+2069⟩⟨U+200E⟩⟨U+200F⟩⟨U+061C⟩"),
        ("pay\u200bpal \u2060 \ufeff \u00ad", "pay⟨U+200B⟩pal ⟨U+2060⟩ ⟨U+FEFF⟩ ⟨U+00AD⟩"),
        ("a\u200db\u200cc", "a⟨U+200D⟩b⟨U+200C⟩c"),
        ("hi\U000e0068\U000e0069", "hi⟨U+E0068⟩⟨U+E0069⟩"),
        ("a\ufe01 \u3164 \ufffc \ufdd0", "a⟨U+FE01⟩ ⟨U+3164⟩ ⟨U+FFFC⟩ ⟨U+FDD0⟩"),
        ("שלום עולם مرحبا", "שלום עולם مرحبا"),
        ("👩‍👩‍👧 👩🏽‍💻 🏳️‍🌈 ❤️ 1️⃣", "👩‍👩‍👧 👩🏽‍💻 🏳️‍🌈 ❤️ 1️⃣"),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
        ("می‌خواهم क्‍ष", "می‌خواهم क्‍ष"),
    ],
)
def test_what_hides_is_marked_and_what_is_written_so_is_left(text: str, shown: str):
    assert visible(text) == shown


def test_halves_of_characters_and_line_ends_are_repaired():
    assert repaired("a\ud83db\ude00") == "a\ufffdb\ufffd"
    assert repaired("\ud83d\ude00") == "😀"
    assert repaired("a\r\nb\rc\u2028d\u2029e\x00") == "a\nb\nc\nd\ne⟨NUL⟩"


@given(st.text())
def test_any_text_can_be_shown_and_stays_so(text: str):
    shown = visible(repaired(text))
    shown.encode()
    assert visible(repaired(shown)) == shown
    assert not any(ord(char) < 32 and char not in "\t\n" for char in shown)


@pytest.mark.parametrize("unit", ["x", "word ", "漢", "a sentence. ", "👍🏽"])
def test_pieces_are_short_and_join_to_the_text(unit: str):
    text = unit * 9000
    parts = pieces(text)
    assert "".join(parts) == text
    assert 0 < max(map(len, parts)) <= LONGEST_ROW
    assert pieces("") == [""]


def test_a_cut_is_made_between_sentences_or_words():
    assert all(part.endswith(". ") for part in pieces("A short sentence. " * 900)[:-1])
    assert all(part.endswith(" ") for part in pieces("word " * 3000)[:-1])
