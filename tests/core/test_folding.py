"""What a search finds in a text, and where."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.core.folding import folded, found_ranges, literal_ranges, needles


def found(text: str, query: str) -> list[str]:
    return [text[start:end] for start, end in found_ranges(text, query)]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("Hello world", "hello", ["Hello"]),
        ("Hello world", "WOR", ["wor"]),
        ("Hello world", "orld", []),
        ("one two one", "one two", ["one", "two", "one"]),
        ("Café, cafe, CAFÉ", "café", ["Café", "cafe", "CAFÉ"]),
        ("Cafe\u0301 now", "cafe", ["Cafe\u0301"]),
        ("Straße", "strasse", ["Straße"]),
        ("Straße", "stras", ["Straß"]),
        ("Łódź Ørsted œuvre", "lodz orsted oeuvre", ["Łódź", "Ørsted", "œuvre"]),
        ("İstanbul ISTANBUL ıstanbul", "istanbul", ["İstanbul", "ISTANBUL", "ıstanbul"]),
        ("Ελλάδα σοφός ΣΟΦΟΣ", "ελλαδα σοφος", ["Ελλάδα", "σοφός", "ΣΟΦΟΣ"]),
        ("Ёлка", "елка", ["Ёлка"]),
        ("你好世界,你好", "好世", ["好世"]),
        ("你好世界,你好", "你", ["你", "你"]),
        ("iPhone手机 phone", "phone 手", ["手", "phone"]),
        ("데이터베이스", "베이스", ["베이스"]),
        (unicodedata.normalize("NFD", "한국어"), "국어", [unicodedata.normalize("NFD", "국어")]),
        ("ガラス", "カラス", []),
        (unicodedata.normalize("NFD", "ガラス"), "ガ", [unicodedata.normalize("NFD", "ガ")]),
        ("ｶﾞﾗｽ", "ガラス", ["ｶﾞﾗｽ"]),
        ("ภาษาไทย", "ไทย", ["ไทย"]),
        ("हिन्दी भाषा", "हिन्दी", ["हिन्दी"]),
        ("שָׁלוֹם", "שלום", ["שָׁלוֹם"]),
        ("snake_case and don't", "case don't", ["case", "don", "t"]),
        ("soft\u00adhyphen", "softhy", ["soft\u00adhy"]),
        ("ﬁne ½ x²", "fine x2", ["ﬁne", "x²"]),
        ("good 👍🏽 job 👍", "👍", ["👍", "👍"]),
        ("a b", "", []),
        ("a b", ' "*-()!? ', []),
        ("", "a", []),
    ],
)
def test_what_is_found(text: str, query: str, expected: list[str]) -> None:
    assert found(text, query) == expected


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("Hello world", "ORLD", ["orld"]),
        ("one two, two  one", "two one", ["two  one"]),
        ("one\ntwo", "one two", ["one\ntwo"]),
        ("f(x) and f[x]", "f(x)", ["f(x)"]),
        ("C++ or C", "c++", ["C++"]),
        ("a.b axb", "a.b", ["a.b"]),
        ("QLineEdit", "edit", ["Edit"]),
        ("Café, CAFÉ", "cafe", ["Café", "CAFÉ"]),
        ("Cafe\u0301 now", "fé n", ["fe\u0301 n"]),
        ("Straße", "rass", ["raß"]),
        ("well … then", "… t", ["… t"]),
        (unicodedata.normalize("NFD", "한국어"), "국어", [unicodedata.normalize("NFD", "국어")]),
        ("aaa", "aa", ["aa"]),
        ("a b", "  ", []),
        ("", "a", []),
    ],
)
def test_what_is_found_as_it_was_typed(text: str, query: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in literal_ranges(text, query)] == expected


@given(st.text(), st.text())
def test_any_text_is_searched_as_it_was_typed(text: str, query: str) -> None:
    ranges = literal_ranges(f"{text}{query}", query)
    assert all(0 <= start < end <= len(text) + len(query) for start, end in ranges)
    assert all(before[1] <= after[0] for before, after in zip(ranges, ranges[1:], strict=False))


def test_the_longest_of_two_words_is_marked() -> None:
    assert found("searching", "sea search") == ["search"]


@given(st.text(), st.text())
def test_any_text_and_any_query(text: str, query: str) -> None:
    ranges = found_ranges(text, query)
    assert all(0 <= start < end <= len(text) for start, end in ranges)
    assert all(a[1] <= b[0] for a, b in zip(ranges, ranges[1:], strict=False))


@given(st.text(min_size=1))
def test_a_text_is_found_by_its_own_words(text: str) -> None:
    for word in needles(text):
        assert found_ranges(text, word)


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert folded(folded(text)).split() == folded(text).split()


@given(st.text(alphabet="aáàbc ßçñõ你好"))
def test_composed_or_not_is_the_same(text: str) -> None:
    assert folded(unicodedata.normalize("NFD", text)) == folded(text)


def test_a_query_of_10_kb_is_cut() -> None:
    assert len(needles("word " * 2000 + "x" * 10_000)) == 2
    assert len(needles(" ".join(str(i) for i in range(3000)))) == 32
    assert len(needles("x" * 10_000)[0]) == 100


def test_a_long_text_is_quick() -> None:
    # A megabyte: what matters is that the time does not grow with the square.
    assert len(found_ranges("word ünd " * 110_000, "wo un")) == 220_000
