"""Titles by the model: what it is asked, and what of its words may be a title."""

import re
import unicodedata

LONGEST_TITLE = 60
TITLE_TOKENS = 24
"""So many tokens may a model take for a title."""

_THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL | re.IGNORECASE)
_OPEN_THOUGHTS = re.compile(r"<think>.*", re.DOTALL | re.IGNORECASE)
_LABEL = re.compile(
    r"^(?:(?:suggested|chat|conversation)\s+)*title(?:\s+suggestion)?\s*[:：–—-]\s*", re.IGNORECASE
)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_EMPHASIS = re.compile(r"(?<!\w)([*_])(?=\S)([^*_]*\S)\1(?!\w)")
_BEFORE = re.compile(r"^(?:[#>\s]+|[-*+•]\s+|\d{1,2}[.)]\s+)+")
_QUOTES = "\"'`“”„‟‘’‚‛«»‹›「」『』"
_ENDS = ".,;:!。、，；：…"


def title_question() -> str:
    """The message that asks a model for a title of the conversation before it."""
    return (
        "Write a title for this conversation: at most six words, in the language of the "
        "conversation. Answer with the title only."
    )


def title_beginning(answer: str) -> str:
    """What a title must begin with so that a model that thinks first does not; "" for others.

    `answer`: an earlier answer of the same model. It says whether the model opens its thoughts
    itself or its chat template does.
    """
    if "</think>" not in answer:
        return ""
    return "<think>\n\n</think>\n\n" if answer.lstrip().startswith("<think>") else "\n</think>\n\n"


def clean_title(text: str) -> str:
    """A title from the words of a model: one plain line; "" where they are not usable."""
    text = _OPEN_THOUGHTS.sub("", _THOUGHTS.sub("", text[:20_000])).split("</think>")[-1]
    for line in text.splitlines():
        title = _plain(line)
        if any(c.isalnum() for c in title):
            return _shortened(title)
    return ""


def _plain(line: str) -> str:
    line = "".join(c if c.isprintable() or c == "\u200d" else " " for c in line[:1000])
    before = None
    while line != before:
        before = line
        line = " ".join(line.split())
        line = _LINK.sub(r"\1", _BEFORE.sub("", line)).replace("**", "").replace("`", "")
        line = _EMPHASIS.sub(r"\2", line)
        line = _LABEL.sub("", line.strip(_QUOTES + "*_~ ")).strip(_QUOTES + "*_~ ")
        line = line.rstrip(_ENDS)
    return line


def _shortened(title: str) -> str:
    if len(title) <= LONGEST_TITLE:
        return title
    cut = title[: LONGEST_TITLE - 1]
    if " " in cut[LONGEST_TITLE // 2 :]:
        cut = cut.rsplit(" ", 1)[0]
    while cut and (cut[-1] == "\u200d" or unicodedata.combining(title[len(cut)])):
        cut = cut[:-1]  # an accent and its letter, or the parts of one sign, stay together
    return cut.rstrip(" ,;:.–-") + "…"
