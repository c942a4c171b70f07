"""Text as it may be shown: nothing hidden, nothing broken, no line too long. No Qt."""

import re
import unicodedata

# One text layout over more than a few thousand characters costs a frame; a million cost a minute.
LONGEST_ROW = 2_500
LINE_BREAK = "\u2028"

_NEWLINES = re.compile("\r\n|[\r\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# Controls, bidirectional controls, invisible fillers, noncharacters of QTextDocument, tags.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffc"
    "\ufdd0-\ufdef\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_CONTROLS = [
    "NUL",
    "SOH",
    "STX",
    "ETX",
    "EOT",
    "ENQ",
    "ACK",
    "BEL",
    "BS",
    "TAB",
    "LF",
    "VT",
    "FF",
    "CR",
    "SO",
    "SI",
    "DLE",
    "DC1",
    "DC2",
    "DC3",
    "DC4",
    "NAK",
    "SYN",
    "ETB",
    "CAN",
    "EM",
    "SUB",
    "ESC",
    "FS",
    "GS",
    "RS",
    "US",
]
_JOINING_SCRIPTS = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0e80-\u0fff\u1000-\u109f\u1780-\u18af\ufb50-\ufdcf\ufe70-\ufefc]"
)


def repaired(text: str) -> str:
    """The text with one kind of line end, no NUL, and U+FFFD for each half of a split character."""
    if _SURROGATES.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _NEWLINES.sub("\n", text).replace("\x00", "\u27e8NUL\u27e9")


def visible(text: str) -> str:
    """The text with a visible mark for each character that could hide or reorder what is read.

    Joiners inside emoji and in scripts that need them, and the tags of a flag, are left alone.
    """
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(lambda match: _mark(match, text), text)


def _mark(match: re.Match[str], text: str) -> str:
    char, at = match.group(), match.start()
    before = text[at - 1] if at else ""
    after = text[at + 1] if at + 1 < len(text) else ""
    code = ord(char)
    if code == 0x200D and _is_pictograph(before) and _is_pictograph(after):
        return char
    if code in (0x200C, 0x200D) and _JOINING_SCRIPTS.match(before):
        return char
    if 0xFE00 <= code <= 0xFE0E and before and not before.isspace() and not before.isascii():
        return char
    if 0xE0020 <= code <= 0xE007F and _in_flag(text, at):
        return char
    name = _CONTROLS[code] if code < 0x20 else f"U+{code:04X}"
    return f"\u27e8{name}\u27e9"


def _is_pictograph(char: str) -> bool:
    return char == "\ufe0f" or (char != "" and unicodedata.category(char) in ("So", "Sk"))


def _in_flag(text: str, at: int) -> bool:
    start = at
    while start > 0 and at - start < 8 and "\U000e0020" <= text[start - 1] <= "\U000e007f":
        start -= 1
    return start > 0 and text[start - 1] == "\U0001f3f4"


def pieces(text: str) -> list[str]:
    """The text in pieces of at most LONGEST_ROW characters; joined again they are the text."""
    found, at = [], 0
    while len(text) - at > LONGEST_ROW:
        stop = cut_at(text, at, at + LONGEST_ROW)
        found.append(text[at:stop])
        at = stop
    return [*found, text[at:]]


def cut_at(text: str, start: int, stop: int) -> int:
    """Where to cut between two positions: the end of a line, a sentence or a word, or `stop`."""
    middle = (start + stop) // 2
    for end in ("\n", LINE_BREAK, ". ", "。", " "):
        found = text.rfind(end, middle, stop)
        if found >= 0:
            return found + len(end)
    return stop
