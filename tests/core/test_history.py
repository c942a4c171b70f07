"""The tree of a conversation, and titles."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.core.history import SavedChat, SavedMessage, title_from
from tests.core.exchange.trees import A, U, trees


def chat(*parents: int, head: int = 0) -> SavedChat:
    """A conversation whose messages 1, 2, … have these parents."""
    messages = tuple(
        SavedMessage(n, parent, U if n % 2 else A, f"m{n}") for n, parent in enumerate(parents, 1)
    )
    return SavedChat(1, head=head, messages=messages)


def test_the_shown_branch_and_its_versions() -> None:
    tree = chat(0, 1, 2, 1, 1, 0, head=4)
    assert [m.id for m in tree.path()] == [1, 4]
    assert [(s.version, s.versions) for s in tree.shown()] == [(1, 2), (2, 3)]
    assert [m.id for m in tree.path(3)] == [1, 2, 3]
    assert tree.versions(2) == (2, 4, 5)


def test_no_head_shows_nothing() -> None:
    assert chat(0, 1).path() == ()
    assert chat(0, 1, head=9).shown() == ()


@pytest.mark.parametrize("parents", [(2, 1), (1,), (3, 1, 2), (9, 1)])
def test_a_broken_tree_has_an_end(parents: tuple[int, ...]) -> None:
    tree = chat(*parents, head=1)
    assert len(tree.path()) <= len(parents)
    assert len(tree.shown()) == len(tree.path())
    assert tree.last_leaf(1) in tree.by_id


def test_the_newest_branch_below_a_message() -> None:
    #    1 ─ 2 ─ 3 ─ 6
    #      └ 4 ─ 5
    tree = chat(0, 1, 2, 1, 4, 3)
    assert tree.last_leaf(1) == 6
    assert tree.last_leaf(4) == 5
    assert tree.last_leaf(6) == 6


def test_the_newest_branch_is_told_by_when_it_was_written_not_by_its_number() -> None:
    """An import keeps the numbers of another database, in whatever order they are."""
    messages = (
        SavedMessage(50, 0, U, "q"),
        SavedMessage(40, 50, A, "a"),
        SavedMessage(30, 50, A, "b"),
    )
    tree = SavedChat(1, head=40, messages=messages)
    assert tree.last_leaf(50) == 30
    assert tree.last_leaf(40) == 40


def test_what_the_model_is_sent() -> None:
    messages = (
        SavedMessage(1, 0, U, "Hi"),
        SavedMessage(2, 1, A, "", ended="error"),
        SavedMessage(3, 2, U, "Hello?"),
        SavedMessage(4, 3, A, "He", ended="cancelled"),
    )
    sent = SavedChat(1, system="Be kind", hidden_turns=1, head=4, messages=messages).conversation()
    assert (sent.system, sent.hidden_turns) == ("Be kind", 1)
    assert [(m.text, m.unfinished) for m in sent.messages] == [
        ("Hi", False), ("Hello?", False), ("He", True),
    ]  # fmt: skip


@pytest.mark.parametrize("ended", ["", "stop", "writing"])
def test_not_cut(ended: str) -> None:
    assert not SavedMessage(1, 0, A, "a", ended=ended).is_cut


@given(trees())
def test_every_message_can_be_reached(tree: SavedChat) -> None:
    for message in tree.messages:
        way = tree.path(message.id)
        assert way[-1] == message
        leaf = tree.last_leaf(message.id)
        assert message in tree.path(leaf)
        assert message.id in tree.versions(message.id)
    assert tree.path() == tuple(shown.message for shown in tree.shown())


def test_a_very_deep_tree() -> None:
    tree = chat(*range(50_000), head=50_000)
    assert len(tree.shown()) == 50_000
    assert tree.last_leaf(1) == 50_000


@given(st.text(max_size=200))
def test_titles_are_one_short_line(text: str) -> None:
    title = title_from(text)
    assert 0 < len(title) <= 49
    assert len(title.splitlines()) == 1
    assert title == title.strip()


def test_titles_are_cut_at_a_word() -> None:
    assert title_from("  Hello \n world ") == "Hello world"
    assert title_from("") == "New chat"
    assert title_from("word " * 40) == "word word word word word word word word word…"
    assert title_from("x" * 100) == "x" * 48 + "…"
    assert len(title_from("x " * 1_000_000)) < 50


def test_what_was_found_once_is_not_looked_for_again() -> None:
    saved = chat(0, 1, 2, head=3)
    assert saved.shown() is saved.shown()
    assert saved.path() is saved.path()
    assert replace(saved, head=2).path() == saved.messages[:2]
