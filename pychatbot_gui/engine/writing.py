"""One answer, token by token: how it begins, goes on and ends. Knows no llama.cpp.

An answer that was cut goes on from the very tokens it was made of where they are still known.
Where only its text is left (after a restart), the text is cut into tokens again. The last of them,
or as many of the last word as one token could replace, are then given back, and the model chooses
among the tokens that begin with the same bytes. Without this a text that ends in a space or inside
a word would force a seam the model never saw.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from pychatbot_gui.engine.answers import Beginning, Piece, decoder_of_pieces, part_of
from pychatbot_gui.engine.engine import CancelToken
from pychatbot_gui.engine.fitting import Tokenize
from pychatbot_gui.engine.lookup import Drafts
from pychatbot_gui.engine.stops import StopText


class Model(Protocol):
    """What writing needs of a loaded model; `tokens` are those in its cache."""

    n_ctx: int

    @property
    def tokens(self) -> Sequence[int]:
        """Those that were read or written."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes of a token."""
        ...

    def ends_answer(self, token: int) -> bool:
        """Whether this token ends an answer."""
        ...

    def evaluate(self, tokens: list[int]) -> bool:
        """Add tokens to the cache, with logits for each; False after a cancel."""
        ...

    def cut(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        ...


class Choose(Protocol):
    """How the next token is chosen."""

    def __call__(self, owed: bytes, row: int) -> int:
        """One that begins with `owed`, by the last evaluated token (`row` -1) or one before."""
        ...


def beginning_of(
    text: str, written: Iterable[Sequence[int]], tokenize: Tokenize, piece: Piece, n_vocab: int
) -> Beginning:
    """`text` as the beginning of an answer; `written`: the tokens of earlier answers."""
    if not text:
        return Beginning()
    for tokens in written:
        if found := part_of(tokens, text, piece):
            return found
    tokens = _tokens_of(text, tokenize, piece)
    given, owed = 0, b""
    while given < len(tokens) and not owed[:1].isspace():
        longer = piece(tokens[-1 - given]) + owed
        if longer == owed or not _bytes(text).endswith(longer):
            break
        if not tokens_for(longer, n_vocab, piece):
            break
        given, owed = given + 1, longer
    return Beginning(tuple(tokens[: len(tokens) - given]), owed=owed)


def _tokens_of(text: str, tokenize: Tokenize, piece: Piece) -> list[int]:
    tokens = tokenize(text, False, False)
    if b"".join(map(piece, tokens)) == _bytes(text):
        return tokens
    # SentencePiece puts a space before a text. After a line break it does not.
    before = tokenize("\n", False, False)
    longer = tokenize(f"\n{text}", False, False)
    rest = longer[len(before) :]
    if longer[: len(before)] == before and b"".join(map(piece, rest)) == _bytes(text):
        return rest
    return tokens


def tokens_for(owed: bytes, n_vocab: int, piece: Piece) -> list[int]:
    """Every token of the vocabulary that begins with `owed`."""
    return [token for token in range(n_vocab) if piece(token).startswith(owed)]


class Writer:
    """Writes one answer, and knows afterwards why it ended (`reason`).

    `count`: the tokens that brought something new. `tokens`: all of the answer, its beginning too.
    `drafts`: what evaluates them; none is drafted where it is not given.
    """

    def __init__(
        self,
        model: Model,
        choose: Choose,
        stop: Sequence[str],
        max_tokens: int,
        token: CancelToken,
        beginning: Beginning,
        drafts: Drafts | None = None,
    ) -> None:
        self.drafts = drafts or Drafts(model)
        self.reason = "cancelled"
        self.count = 0
        self.tokens = list(beginning.tokens)
        self._model = model
        self._choose = choose
        self._stop = StopText(stop)
        self._max_tokens = max_tokens
        self._token = token
        self._beginning = beginning

    def write(self) -> Iterator[str | None]:
        """What is new of the answer, in pieces of whole characters.

        None: the context is full. Whoever reads this may now have the model hold less, `tokens` or
        the latest of them at the end, the last one evaluated; the answer then goes on.
        """
        decoder = decoder_of_pieces()
        decoder.decode(self._beginning.pending)
        try:
            for raw in self._pieces():
                if raw is None:
                    yield None
                    continue
                piece = self._stop.feed(decoder.decode(raw))
                if piece:
                    yield piece
                if self._stop.found:
                    self.reason = "stop"
                    return
        finally:
            self.drafts.end()
        rest = self._stop.rest()
        if self.reason == "stop":
            rest += decoder.decode(b"", final=True)
        # Else half a character is left out: it becomes whole when the answer is continued.
        if rest:
            yield rest

    def _pieces(self) -> Iterator[bytes | None]:
        model, drafts, owed = self._model, self.drafts, self._beginning.owed
        while not self._token.is_cancelled():
            if self._max_tokens and self.count >= self._max_tokens:
                self.reason = "length"
                return
            if not drafts.ready():
                return
            token = self._choose(owed, drafts.row)
            if model.ends_answer(token):
                self.reason = "stop"
                return
            self.tokens.append(token)
            new = model.piece(token)[len(owed) :]
            self.count += bool(new) or not owed
            owed = b""
            yield new
            if drafts.holds(token):
                continue
            left = self._max_tokens - self.count if self._max_tokens else model.n_ctx
            if not self._is_full():
                if not drafts.evaluate(token, left - 1):
                    return
            elif left > 0:
                yield None
                if self._is_full():
                    self.reason = "context"
                    return

    def _is_full(self) -> bool:
        return len(self._model.tokens) + 1 >= self._model.n_ctx


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")
