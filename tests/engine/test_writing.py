"""How a cut answer goes on, on a small vocabulary whose every token is plain to see."""

import sys

import pytest

from pychatbot_gui.engine.engine import CancelToken
from pychatbot_gui.engine.writing import Beginning, Writer, beginning_of, tokens_for

VOCABULARY = [
    b"",  # 0: the end of an answer
    b"Hel",
    b"lo",
    b"Hello",
    b" wor",
    b"ld",
    b" world",
    b" ",
    "😀".encode()[:2],  # 8
    "😀".encode()[2:],
    b"\n",
    "é".encode() + "😀".encode()[:2],  # 11
]


def piece(token: int) -> bytes:
    return VOCABULARY[token]


def tokenize(text: str, add_special: bool, parse_special: bool) -> list[int]:
    """Always the longest token that fits."""
    raw, tokens = text.encode(), []
    while raw:
        token = max(
            (t for t in range(1, len(VOCABULARY)) if raw.startswith(piece(t))),
            key=lambda t: len(piece(t)),
        )
        tokens.append(token)
        raw = raw[len(piece(token)) :]
    return tokens


def begin(text: str, *written: list[int]) -> Beginning:
    return beginning_of(text, written, tokenize, piece, len(VOCABULARY))


class Model:
    """Says what it is told to."""

    def __init__(self, *says: int) -> None:
        self.n_ctx = 100
        self.tokens: list[int] = []
        self.owed: list[bytes] = []
        self._says = list(says)

    def piece(self, token: int) -> bytes:
        return piece(token)

    def ends_answer(self, token: int) -> bool:
        return token == 0

    def evaluate(self, tokens: list[int]) -> bool:
        self.tokens += tokens
        return True

    def choose(self, owed: bytes, row: int = -1) -> int:
        self.owed.append(owed)
        return self._says.pop(0)


def write(model: Model, beginning: Beginning, max_tokens: int = 0) -> tuple[list[str], Writer]:
    writer = Writer(model, model.choose, (), max_tokens, CancelToken(), beginning)
    return list(writer.write()), writer


def test_an_answer_that_begins_with_nothing() -> None:
    assert begin("", [1, 2]) == Beginning()


def test_the_very_tokens_of_an_answer_are_used_again() -> None:
    # The text alone would be cut into “Hello” and “ world”.
    assert begin("Hello wor", [1, 2, 4, 5]) == Beginning((1, 2, 4))
    assert begin("Hello world", [3, 6], [1, 2, 4, 5]) == Beginning((3, 6))


@pytest.mark.parametrize("other", [[1], [1, 2, 7], [5, 2, 4], []])
def test_tokens_of_another_answer_are_not(other: list[int]) -> None:
    assert begin("Hello wor", other) == Beginning((3,), owed=b" wor")


def test_a_character_that_was_cut_in_the_middle_becomes_whole() -> None:
    cut = begin("Hello", [3, 8])
    assert cut == Beginning((3, 8), pending=VOCABULARY[8])
    assert write(Model(9, 2, 0), cut)[0] == ["😀", "lo"]
    assert begin("é", [11]) == Beginning((11,), pending=VOCABULARY[8])


@pytest.mark.parametrize(
    ("text", "tokens", "owed"),
    [
        ("Hello ", (3,), b" "),
        ("Hello wor", (3,), b" wor"),
        ("Hello\n", (3,), b"\n"),
        (" ", (), b" "),
        ("😀", (8,), VOCABULARY[9]),
    ],
    ids=["space", "inside a word", "line break", "one token", "inside a character"],
)
def test_of_a_mere_text_the_last_token_is_chosen_again(
    text: str, tokens: tuple[int, ...], owed: bytes
) -> None:
    assert begin(text) == Beginning(tokens, owed=owed)


def test_only_what_is_new_is_written_and_counted() -> None:
    model = Model(6, 2, 0)
    pieces, writer = write(model, begin("Hello "))
    assert pieces == ["world", "lo"]
    assert (writer.count, writer.reason) == (2, "stop")
    assert writer.tokens == [3, 6, 2]
    assert model.owed == [b" ", b"", b""]


def test_what_was_owed_does_not_count_as_new() -> None:
    pieces, writer = write(Model(3, 5, 0), Beginning(owed=b"Hello"), max_tokens=1)
    assert pieces == ["ld"], "only “ld” is new"
    assert (writer.count, writer.reason) == (1, "length")


def test_as_much_of_the_last_word_is_given_back_as_one_token_can_replace() -> None:
    # “Hell” would be cut into “Hel” and “l”: neither leads to “Hello”.
    vocabulary = [*VOCABULARY, b"l"]
    begun = beginning_of("Hello Hell", (), lambda *_: [3, 7, 1, 12], vocabulary.__getitem__, 13)
    assert begun == Beginning((3, 7), owed=b"Hell")


def test_half_a_character_at_a_cut_is_left_out_and_at_the_end_marked() -> None:
    assert write(Model(3, 8, 9), Beginning(), max_tokens=2)[0] == ["Hello"]
    assert write(Model(3, 8, 0), Beginning())[0] == ["Hello", "\ufffd"]


def test_which_tokens_may_follow() -> None:
    assert tokens_for(b" wor", len(VOCABULARY), piece) == [4, 6]
    assert tokens_for(b"Hel", len(VOCABULARY), piece) == [1, 3]


def test_a_space_that_a_tokenizer_adds_is_not_written() -> None:
    def with_space(text: str, add_special: bool, parse_special: bool) -> list[int]:
        tokens = tokenize(text, add_special, parse_special)
        return [7, *tokens] if text != "\n" and not text.startswith("\n") else tokens

    assert beginning_of("Hello world", (), with_space, piece, len(VOCABULARY)) == Beginning(
        (3,), owed=b" world"
    )


def test_a_late_token_takes_as_many_steps_as_an_early_one() -> None:
    model = Model(*[4, 5, 6] * 3000)
    model.n_ctx = 10_000
    writer = Writer(model, model.choose, ("###",), 0, CancelToken(), Beginning())
    pieces = writer.write()

    def steps_of_next(tokens: int) -> int:
        steps = 0

        def step(*_: object) -> None:
            nonlocal steps
            steps += 1

        sys.setprofile(step)
        try:
            for _ in range(tokens):
                next(pieces)
        finally:
            sys.setprofile(None)
        return steps

    steps_of_next(99)
    early = steps_of_next(99)
    steps_of_next(7899)
    assert steps_of_next(99) == pytest.approx(early, rel=0.02)
