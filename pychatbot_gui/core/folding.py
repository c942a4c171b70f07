"""Text as a search sees it: case and accents folded, words apart. One rule for index and marks.

A folded text holds letters, digits and marks of words, characters of scripts without spaces
between words (found anywhere: Chinese, Japanese, Korean, Thai, …, and emoji) and single spaces in
place of everything else.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

LONGEST_WORD = 100
"""Of a longer word of a query only so many characters count."""
MOST_WORDS = 32
"""Of a longer query only so many words count."""

ANYWHERE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2190-\u2bff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff"
    "\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U0001f000-\U0001faff\U00020000-\U0003ffff"
)
"""Inside of a character class: what is found anywhere, not at the start of a word only."""

_ANYWHERE = re.compile(f"[{ANYWHERE}]")
_PARTS = re.compile(f"[{ANYWHERE}]+|[^ {ANYWHERE}]+")
# Two characters that make another one than the two alone: Korean in parts, Japanese voice marks.
_PAIRS = re.compile("[\u1100-\u11ff\u3099\u309a\uff9e\uff9f]")
_CLUSTERS = re.compile(
    "[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?|.[\u3099\u309a\uff9e\uff9f]?", re.DOTALL
)
_VOICE_MARKS = "\u3099\u309a"
# Letters that Unicode does not take apart although people type them without their stroke.
_STROKES = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "ı": "i"}
)


class _Folds(dict[int, str]):
    """For `str.translate`: each character's folded form, worked out when it is first met."""

    def __init__(self) -> None:
        super().__init__()
        self.uneven: set[str] = set()
        """Those met whose folded form is not one character long."""

    def __missing__(self, code: int) -> str:
        folded = _fold(chr(code))
        self[code] = folded
        if len(folded) != 1:
            self.uneven.add(chr(code))
        return folded


def _fold(cluster: str) -> str:
    if unicodedata.category(cluster[0]) == "Cf":
        return " " if cluster == "\u200b" else ""  # a soft hyphen parts no word, a zero space does
    folded = unicodedata.normalize("NFKD", cluster).casefold()
    apart = unicodedata.normalize("NFKD", folded)
    kept = "".join(c for c in apart if c in _VOICE_MARKS or not unicodedata.combining(c))
    whole = unicodedata.normalize("NFC", kept).translate(_STROKES)
    return "".join(_word_character(c) for c in whole)


def _word_character(char: str) -> str:
    kind = unicodedata.category(char)
    if kind[0] in "LN" or kind == "Co" or (kind == "So" and _ANYWHERE.match(char)):
        return char
    if kind[0] == "M":
        return "" if "\ufe00" <= char <= "\ufe0f" else char  # which look an emoji shall have
    return " "


class _AsWritten(_Folds):
    """The same, but what is no part of a word stays what it is; white space is one space."""

    def __missing__(self, code: int) -> str:
        folded = super().__missing__(code)
        if folded and not folded.strip():
            folded = self[code] = " " if chr(code).isspace() else chr(code)
            self.uneven.discard(chr(code))
        return folded


# What was worked out once holds for ever: a cache, not a state.
_FOLDS = _Folds()
_WRITTEN = _AsWritten()


def folded(text: str) -> str:
    """The folded form of a text (see above); not of the same length."""
    if _PAIRS.search(text):
        return "".join(_FOLDS[ord(c)] if len(c) == 1 else _fold(c) for c in _CLUSTERS.findall(text))
    return text.translate(_FOLDS)


@lru_cache(maxsize=16)
def needles(query: str) -> tuple[str, ...]:
    """What a query looks for, each once: folded beginnings of words, and parts found anywhere."""
    words = (part[:LONGEST_WORD] for part in _PARTS.findall(folded(query[:20_000])))
    return tuple(dict.fromkeys(words))[:MOST_WORDS]


def is_anywhere(needle: str) -> bool:
    """Whether this part of a query is found anywhere, not at the start of a word only."""
    return bool(_ANYWHERE.match(needle))


@lru_cache(maxsize=16)
def finder(query: str) -> re.Pattern[str] | None:
    """A pattern that finds every needle of a query in a folded text; None where there is none."""
    found = sorted(needles(query), key=len, reverse=True)
    if not found:
        return None
    at_start = f"(?<![^ {ANYWHERE}])"
    return re.compile("|".join(("" if is_anywhere(n) else at_start) + re.escape(n) for n in found))


def found_ranges(text: str, query: str) -> list[tuple[int, int]]:
    """Where the words of a query are in a text: (start, end) in characters of the text as it is.

    In order, without overlaps; every one that is found, whether or not all words are there.
    """
    pattern = finder(query)
    return [] if pattern is None else _ranges(pattern, text, _FOLDS)


@lru_cache(maxsize=16)
def _literal(query: str) -> re.Pattern[str] | None:
    clusters = _CLUSTERS.findall(query[:20_000])
    words = "".join(_WRITTEN[ord(c)] if len(c) == 1 else _fold(c) for c in clusters).split()
    return re.compile(" +".join(map(re.escape, words))) if words else None


def literal_ranges(text: str, query: str) -> list[tuple[int, int]]:
    """Where a text has exactly what was typed, also inside of words: (start, end) as above.

    Case and accents are folded, and white space of any length is the same.
    """
    pattern = _literal(query)
    return [] if pattern is None else _ranges(pattern, text, _WRITTEN)


def _ranges(pattern: re.Pattern[str], text: str, folds: _Folds) -> list[tuple[int, int]]:
    if _PAIRS.search(text) or (not text.isascii() and _has_uneven(text, folds)):
        plain, starts, ends = _folded_with_places(text, folds)
        return _merged((starts[m.start()], ends[m.end() - 1]) for m in pattern.finditer(plain))
    return [m.span() for m in pattern.finditer(text.translate(folds))]


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """One range where two words were found in the same character ("½" is "1" and "2")."""
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        if merged and start < merged[-1][1]:
            before = merged.pop()
            start, end = before[0], max(end, before[1])
        merged.append((start, end))
    return merged


def _has_uneven(text: str, folds: _Folds) -> bool:
    characters = set(text)
    for char in characters:
        folds[ord(char)]
    return bool(characters & folds.uneven)


def _folded_with_places(text: str, folds: _Folds) -> tuple[str, list[int], list[int]]:
    """The folded text, and for each of its characters where it begins and ends in `text`."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in _CLUSTERS.finditer(text):
        cluster = match.group()
        piece = folds[ord(cluster)] if len(cluster) == 1 else _fold(cluster)
        pieces.append(piece)
        starts += [match.start()] * len(piece)
        ends += [match.end()] * len(piece)
        if not piece and ends:
            ends[-1] = match.end()  # an accent belongs to the letter before it
    return "".join(pieces), starts, ends
