"""Search over everything."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pychatbot_gui.core.folding import found_ranges, needles
from pychatbot_gui.store.chats import ChatStore, open_memory
from pychatbot_gui.store.search import LONGEST_EXCERPT, excerpt, index_form, match_form
from tests.store.conftest import exchange


def hits(store: ChatStore, query: str) -> list[int]:
    return [hit.message for hit in store.search(query) if hit.message]


def test_words_beginnings_and_accents(store: ChatStore) -> None:
    _, question, answer = exchange(store, "Où est le café près d'ici ?", "Around the corner")
    assert hits(store, "cafe") == hits(store, "CAFÉ ou") == hits(store, "ca pr") == [question]
    assert hits(store, "corn aro") == [answer]
    assert hits(store, "cafe corner") == hits(store, "orner") == []


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("我喜欢在晚上读书和写代码", "晚上"),
        ("我喜欢在晚上读书和写代码", "上读书和"),
        ("我喜欢在晚上读书和写代码", "码"),
        ("我喜欢在晚上读书和写代码", "喜欢 代码"),
        ("データベースを設計する", "ベース"),
        ("데이터베이스를 설계하다", "베이스"),
        ("ฉันรักภาษาไทยมาก", "ภาษาไทย"),
        ("good job 👍", "👍"),
        ("iPhone手机壳", "手机 iph"),
    ],
)
def test_scripts_without_spaces(store: ChatStore, text: str, query: str) -> None:
    _, question, _ = exchange(store, text)
    assert hits(store, query) == [question]
    assert hits(store, f"{query} absent") == []


def test_neighbours_are_not_yet_a_part(store: ChatStore) -> None:
    exchange(store, "上海海上 上海上")
    assert hits(store, "上海上海") == []


def test_titles_newest_first_and_limit(store: ChatStore) -> None:
    first, one, _ = exchange(store, "apple pie")
    second, two, _ = exchange(store, "apple juice")
    _, three, _ = exchange(store, "more apple", chat=first, parent=one)
    store.rename(second, "Drinks")
    found = store.search("apple")
    assert [(hit.chat, hit.message) for hit in found] == [
        (first, 0),
        (first, three),
        (second, two),
        (first, one),
    ]
    assert found[0].excerpt == ("", "apple", " pie")
    assert [hit.message for hit in store.search("apple", 2)] == [0, three]
    assert [hit.chat for hit in store.search("drinks")] == [second]
    assert store.search("apple", 0) == store.search("") == store.search("  ") == []


@pytest.mark.parametrize(
    "query",
    ['"', "*", "a*b", "NEAR(a b)", "a AND", "OR", "NOT x", "^a", "words:a", "{a}", "-a", "a\0b"]
    + [
        "😀👩‍👩‍👧",
        "\ud800",
        "%_",
        "'",
        "a" * 10_000,
        "a b " * 2500,
        '"' * 999,
        "é" * 500,
        "你" * 5000,
    ],
)
def test_whatever_is_typed(store: ChatStore, query: str) -> None:
    exchange(store, "nothing of that")
    assert store.search(query) == []
    _, question, _ = exchange(store, query)
    assert hits(store, query) == ([question] if needles(query) else [])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40), st.data())
def test_a_message_is_found_by_any_of_its_parts(text: str, data: st.DataObject) -> None:
    with closing(open_memory()) as store:
        _, question, _ = exchange(store, text, "")
        words = needles(text)
        if words:
            query = " ".join(data.draw(st.lists(st.sampled_from(words), min_size=1)))
            assert question in hits(store, query)


@given(st.text(alphabet="ab你好 é", max_size=12), st.text(alphabet="ab你好 é", max_size=4))
def test_the_index_and_the_marks_agree(text: str, query: str) -> None:
    with closing(open_memory()) as store:
        _, question, _ = exchange(store, text, "")
        every = all(found_ranges(text, needle) for needle in needles(query))
        assert (question in hits(store, query)) == (every and bool(needles(query)))


def test_what_the_index_holds() -> None:
    assert index_form("Hello, hello Wörld!") == "hello world"
    assert index_form("你好世 x") == "你好 好世 世 x"
    assert match_form("你好世 wör") == '"你好" "好世" "wor"*'
    assert match_form("你") == '"你"*'


def test_the_text_is_not_stored_twice(store: ChatStore, path: Path) -> None:
    exchange(store, "unmistakable words in their order")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.read_bytes().count(b"unmistakable words in their order") == 2  # and the title


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("Hello", "hel", ("", "Hel", "lo")),
        ("one\n\n two\tthree", "two", ("one ", "two", " three")),
        ("x" * 300, "y", ("x" * 120 + "…",)),
        ("no hit at all", "zzz", ("no hit at all",)),
        ("", "a", ("",)),
    ],
)
def test_excerpts(text: str, query: str, expected: tuple[str, ...]) -> None:
    assert excerpt(text, query) == expected


def test_an_excerpt_from_the_middle_of_a_long_text() -> None:
    text = "lorem ipsum " * 5000 + "the needle is here " + "dolor sit " * 100_000
    parts = excerpt(text, "needle")
    assert parts[0].startswith("…")
    assert parts[1] == "needle"
    assert parts[-1].endswith("…")
    assert "lorem ipsum the " in parts[0]
    assert len("".join(parts)) <= LONGEST_EXCERPT + 2


def test_an_excerpt_of_one_endless_word() -> None:
    assert "".join(excerpt("y" * 1_000_000, "y" * 500))
    assert len("".join(excerpt("x" * 50_000 + " needle", "needle"))) <= LONGEST_EXCERPT + 2


@given(st.text(max_size=400), st.text(max_size=5))
def test_any_excerpt_is_one_short_line(text: str, query: str) -> None:
    parts = excerpt(text, query)
    assert len(parts) % 2 == 1
    assert "\n" not in "".join(parts)
    assert len("".join(parts)) <= LONGEST_EXCERPT + 2
