"""The tokens of answers, by their text."""

import pytest

from pychatbot_gui.engine import answers
from pychatbot_gui.engine.answers import Answers, Beginning, part_of

VOCABULARY = [b"", b"He", b"llo", b"Hello", b" ", b"\n", "é".encode()[:1], "é".encode()[1:]]


def piece(token: int) -> bytes:
    return VOCABULARY[token]


@pytest.fixture
def known() -> Answers:
    return Answers(piece)


def test_an_answer_is_found_as_it_was_written(known: Answers) -> None:
    known.add("Hello", [1, 2])
    assert known.is_known("Hello") and not known.is_known("Hell")
    assert list(known.tokens("Hello", "Hello") or ()) == [1, 2]
    assert known.tokens("Hello there", "Hello there") is None
    known.add("Hello", [3])
    assert list(known.tokens("Hello", "Hello") or ()) == [3], "the latest"


def test_tokens_without_text_belong_to_it(known: Answers) -> None:
    known.add("Hello", [0, 1, 0, 2, 0])
    assert list(known.tokens("Hello", "Hello") or ()) == [0, 1, 0, 2, 0]


def test_what_came_after_a_stop_does_not(known: Answers) -> None:
    known.add("Hello", [3, 5])
    assert list(known.tokens("Hello", "Hello") or ()) == [3]


def test_the_beginning_of_an_answer_where_its_tokens_end_there(known: Answers) -> None:
    known.add("Hello\n", [1, 2, 5])
    assert list(known.tokens("Hello\n", "Hello") or ()) == [1, 2]
    assert known.tokens("Hello\n", "Hell") is None


def test_what_does_not_read_as_the_text_is_not_kept(known: Answers) -> None:
    known.add("Something else", [1, 2])
    assert not known.is_known("Something else")


def test_an_answer_that_ends_inside_a_character(known: Answers) -> None:
    known.add("Hello", [3, 6])
    assert list(known.tokens("Hello", "Hello") or ()) == [3, 6], "it may still become whole"
    known.add("Hello\ufffd", [3, 6])
    assert list(known.tokens("Hello\ufffd", "Hello\ufffd") or ()) == [3, 6]
    assert part_of([3, 6], "Hello", piece) == Beginning((3, 6), pending=VOCABULARY[6])


def test_the_likeliest_first(known: Answers) -> None:
    for text, tokens in (("He", [1]), ("Hello ", [3, 4]), ("Hello\n", [3, 5])):
        known.add(text, tokens)
    assert [list(tokens) for tokens in known.likely("He")] == [[1], [3, 5], [3, 4], [1]]


def test_they_are_handed_over(known: Answers) -> None:
    known.add("Hello", [1, 2])
    other = Answers(piece)
    other.add_known(known.known(["Hello", "unknown", "Hello"]))
    assert list(other.tokens("Hello", "Hello") or ()) == [1, 2]


def test_the_oldest_leave(known: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_MOST_TOKENS", 4)
    for text, tokens in (("He", [1]), ("Hello", [1, 2]), ("Hello ", [3, 4])):
        known.add(text, tokens)
    assert [known.is_known(text) for text in ("He", "Hello", "Hello ")] == [False, True, True]
