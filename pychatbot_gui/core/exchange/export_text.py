"""Conversations as Markdown and as plain text, so that no message can pass for another one.

In plain text every message is indented. In Markdown the person's messages are quotes; an answer
stands as it is where it cannot reach beyond its place, with its headings below those of the
file, and is a quote where it could.
"""

import re
import textwrap
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pychatbot_gui.core.chat import Role, clean_text
from pychatbot_gui.core.history import WRITING, SavedChat, SavedMessage

if TYPE_CHECKING:
    from pychatbot_gui.core.exchange.markdown_text import Outline

MARKS = {
    "length": "unfinished: the longest length was reached",
    "context": "unfinished: the context was full",
    "cancelled": "unfinished: stopped",
    "error": "unfinished: an error",
    "crash": "unfinished: the program ended in the middle",
    WRITING: "unfinished: still being written",
}

_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~&])")
LONGEST_TITLE = 200
_MOST_PASSES = 5


def plain(text: str) -> str:
    """The text with one kind of line end and a visible mark for what would steer a terminal or
    turn around what is read."""
    text = _LINE_ENDS.sub("\n", clean_text(text))
    return _HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def title_line(chat: SavedChat) -> str:
    """The title on one line of at most LONGEST_TITLE characters."""
    line = " ".join(plain(chat.title[: 4 * LONGEST_TITLE]).split())
    return (line[: LONGEST_TITLE - 1] + "…" if len(line) > LONGEST_TITLE else line) or "Untitled"


def shown_time(seconds: float) -> str:
    """A time as local date and time, "" where there is none."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds > 0 else ""
    except (OverflowError, OSError, ValueError):
        return ""


def who(message: SavedMessage) -> str:
    """Who wrote a message, on one line: "You", the name of the model, "Assistant"."""
    if message.role is Role.USER:
        return "You"
    name = " ".join(plain(message.model[:500]).split())[:100]
    return name or ("System" if message.role is Role.SYSTEM else "Assistant")


def when(message: SavedMessage) -> str:
    """When it was written and what is missing of it, "" for nothing known."""
    mark = MARKS.get(message.ended, "unfinished" if message.is_cut else "")
    return " · ".join(part for part in (shown_time(message.created), mark) if part)


def about(chat: SavedChat) -> str:
    """When the chat began and how many messages its branch has."""
    count = len(chat.path())
    messages = f"{count} message{'' if count == 1 else 's'}"
    return " · ".join(part for part in (shown_time(chat.created), messages, "PyChatbot") if part)


def text_chunks(chat: SavedChat) -> Iterator[str]:
    """The branch that is shown as plain text; only names and times begin at the margin."""
    title = title_line(chat)
    yield f"{title}\n{'=' * min(len(title), 72)}\n{about(chat)}\n"
    if chat.system.strip():
        yield f"\nSystem prompt\n\n{_indented(chat.system)}\n"
    for message in chat.path():
        side = when(message)
        yield f"\n{who(message)}{f' ({side})' if side else ''}\n\n{_indented(message.text)}\n"


def markdown_chunks(chat: SavedChat) -> Iterator[str]:
    """The branch that is shown as Markdown: one heading for the title, one for each message."""
    yield f"# {_escaped(title_line(chat))}\n\n*{_escaped(about(chat))}*\n"
    if chat.system.strip():
        yield f"\n## System prompt\n\n{_question(chat.system)}\n"
    for message in chat.path():
        side = when(message)
        head = f"\n## {_escaped(who(message))}\n\n" + (f"*{_escaped(side)}*\n\n" if side else "")
        if not message.text.strip():
            yield f"{head}*(empty)*\n"
        elif message.role is Role.ASSISTANT:
            yield f"{head}{_answer(message.text)}\n"
        else:
            yield f"{head}{_question(message.text)}\n"


def _indented(text: str) -> str:
    return textwrap.indent(plain(text).strip("\n"), "    ") or "    (empty)"


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _quoted(text: str) -> str:
    lines = text.strip("\n").split("\n")
    return "\n".join(f"> {line}" if line.strip() else ">" for line in lines)


def _question(text: str) -> str:
    from pychatbot_gui.core.exchange.markdown_text import LONGEST_MARKDOWN, outline

    text = plain(text)
    if len(text) > LONGEST_MARKDOWN:
        return _as_code(text)
    quoted = _quoted(_without_html(text))
    after = outline(f"{quoted}\n\n## end")
    return quoted if _ends_alone(after, quoted) else _as_code(text)


def _answer(text: str) -> str:
    """An answer that ends where it ends: what comes below it is read as if it were not there."""
    from pychatbot_gui.core.exchange.markdown_text import LONGEST_MARKDOWN, outline

    text = plain(text).strip("\n")
    if len(text) > LONGEST_MARKDOWN:
        return _as_code(text)
    shown = _without_html(text)
    lines = shown.split("\n")
    for heading in reversed(outline(shown).headings):
        # An underlined heading has no third level: it becomes one with marks in front.
        at = slice(heading.line, heading.line + heading.lines)
        words = " ".join(part.strip() for part in lines[at])
        words = re.sub(r"\s*(=+|-+)$", "", words) if heading.lines > 1 else words.lstrip("#")
        lines[at] = [f"{'#' * min(6, heading.level + 2)} {words.strip()}".rstrip()]
    mended = "\n".join(lines)
    fence = outline(mended).open_fence
    for candidate in (mended, f"{mended}\n{fence}"):
        if _ends_alone(outline(f"{candidate}\n\n## end"), candidate):
            return candidate
    return _as_code(text)


def _without_html(text: str) -> str:
    """The text with its HTML shown instead of taken for tags, which could stay open for ever."""
    from pychatbot_gui.core.exchange.markdown_text import outline

    for _ in range(_MOST_PASSES):
        found = outline(text).html
        if not found:
            break
        # What was a tag may have hidden another one below it: look again.
        lines = text.split("\n")
        for start, stop, tags in found:
            block = "\n".join(lines[start:stop])
            for tag in sorted(set(tags), key=len, reverse=True):
                block = re.sub(rf"(?<!\\){re.escape(tag)}", lambda m: f"\\{m[0]}", block)
            if not tags:
                block = re.sub(r"<(?=[A-Za-z/!?])", r"\\<", block)
            lines[start:stop] = block.split("\n")
        text = "\n".join(lines)
    return text


def _ends_alone(found: "Outline", text: str) -> bool:
    """Whether of a text with "## end" below it this is the only heading of the file's levels."""
    end = text.count("\n") + 2
    levels = [heading.level for heading in found.headings]
    last = found.headings[-1] if found.headings else None
    return (
        not found.html
        and last is not None
        and (last.line, last.lines, last.level) == (end, 1, 2)
        and all(level > 2 for level in levels[:-1])
    )


def _as_code(text: str) -> str:
    """The text as a block of code, behind a longer fence than any in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
