"""The tokens that answers were made of, found again by their text.

A text can be cut into tokens in many ways, and a model does not always write it in the way that
its tokenizer reads it; some of its tokens have no text at all. So a prompt takes the very tokens
the model wrote, and what was evaluated once stays good.
"""

import codecs
import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

Piece = Callable[[int], bytes]
Known = tuple[bytes, Sequence[int]]  # the digest of an answer's text, its tokens

_MOST_TOKENS = 500_000
_RECENT = 8  # answers that are looked through for one that begins with a given text


@dataclass(frozen=True)
class Beginning:
    """What an answer begins with, as tokens.

    `pending`: bytes in them of a character whose other bytes are still to come. `owed`: bytes of
    the beginning's text that are in no token: the next token must begin with them.
    """

    tokens: tuple[int, ...] = ()
    pending: bytes = b""
    owed: bytes = b""


class Answers:
    """Answers that were written with one model, the latest last. `piece`: the bytes of a token."""

    def __init__(self, piece: Piece) -> None:
        self._piece = piece
        self._tokens: OrderedDict[bytes, array[int]] = OrderedDict()
        self._count = 0

    def add(self, text: str, tokens: Sequence[int]) -> None:
        """Remember the tokens of an answer, where they read as its text."""
        part = self._read(tokens, text)
        if part is not None:
            self._put(_digest(text), part)

    def add_known(self, known: Iterable[Known]) -> None:
        """Remember what `known` gave before."""
        for digest, tokens in known:
            self._put(digest, tokens)

    def is_known(self, text: str) -> bool:
        """Whether the tokens of this answer are known."""
        return _digest(text) in self._tokens

    def tokens(self, answer: str, text: str) -> Sequence[int] | None:
        """The tokens of `text`, which is an answer or the beginning of it; None if not known."""
        known = self._tokens.get(_digest(answer))
        if known is None or answer == text:
            return known
        return self._read(known, text)

    def likely(self, text: str) -> Iterator[Sequence[int]]:
        """Recent answers that may begin with `text`, the likeliest first."""
        whole = self._tokens.get(_digest(text))
        if whole is not None:
            yield whole
        yield from list(self._tokens.values())[: -_RECENT - 1 : -1]

    def known(self, texts: Iterable[str]) -> Iterator[Known]:
        """Those of these answers whose tokens are known."""
        for digest in dict.fromkeys(map(_digest, texts)):
            if digest in self._tokens:
                yield digest, self._tokens[digest]

    def _put(self, digest: bytes, tokens: Sequence[int]) -> None:
        self._count -= len(self._tokens.pop(digest, ()))
        self._tokens[digest] = array("i", tokens)
        self._count += len(tokens)
        while self._count > _MOST_TOKENS and len(self._tokens) > 1:
            self._count -= len(self._tokens.popitem(last=False)[1])

    def _read(self, tokens: Sequence[int], text: str) -> Sequence[int] | None:
        part = part_of(tokens, text, self._piece)
        if part:
            return part.tokens
        # An answer that ended inside a character.
        whole = b"".join(map(self._piece, tokens)).decode("utf-8", errors="replace")
        return tokens if whole == text else None


def part_of(tokens: Sequence[int], text: str, piece: Piece) -> Beginning | None:
    """As many of these tokens as read exactly `text`; None where no number of them does."""
    decoder = decoder_of_pieces()
    at, found = 0, None
    for i, token in enumerate(tokens):
        new = decoder.decode(piece(token))
        if not text.startswith(new, at):
            break
        at += len(new)
        if at == len(text):
            found = Beginning(tuple(tokens[: i + 1]), pending=decoder.getstate()[0])
    return found


def decoder_of_pieces() -> codecs.IncrementalDecoder:
    """Makes text of the bytes of tokens, which may end inside a character."""
    return codecs.getincrementaldecoder("utf-8")(errors="replace")


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", errors="replace"), digest_size=16).digest()
