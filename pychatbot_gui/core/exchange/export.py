"""Conversations as files: which formats there are, what they are called, how they are written."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pychatbot_gui.core.errors import Cancelled
from pychatbot_gui.core.exchange.export_html import html_chunks
from pychatbot_gui.core.exchange.export_json import json_chunks
from pychatbot_gui.core.exchange.export_text import markdown_chunks, text_chunks
from pychatbot_gui.core.files import whole_file
from pychatbot_gui.core.history import SavedChat


@dataclass(frozen=True)
class Format:
    """One way to write a conversation. `one_file`: all conversations go into a single file."""

    name: str
    label: str
    suffix: str
    about: str
    one_file: bool = False


FORMATS: tuple[Format, ...] = (
    Format("markdown", "Markdown", ".md", "Readable text with headings, for notes and editors."),
    Format(
        "html", "Web page (HTML)", ".html", "One file for any browser, to read, print or share."
    ),
    Format("pdf", "PDF", ".pdf", "Pages to print or to send."),
    Format("text", "Plain text", ".txt", "Nothing but the words, for every program."),
    Format(
        "json",
        "JSON",
        ".json",
        "Everything, to keep or to import into PyChatbot again.",
        one_file=True,
    ),
)

_WRITERS: dict[str, Callable[[SavedChat], Iterator[str]]] = {
    "markdown": markdown_chunks,
    "html": html_chunks,
    "text": text_chunks,
    "json": lambda chat: json_chunks((chat,), 1),
}
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.I)
# File systems allow 255 bytes a name; a number and a suffix must still fit behind it.
_LONGEST_NAME = 60
_MOST_BYTES = 180


def format_named(name: str) -> Format:
    """The format of this name. Raises KeyError where there is none."""
    return {known.name: known for known in FORMATS}[name]


def chunks(chat: SavedChat, format: str) -> Iterator[str]:
    """The conversation as text, a chunk for each message. Raises KeyError for "pdf" and unknown ones.

    "json" has the whole tree, the others have the branch that is shown.
    """
    return _WRITERS[format](chat)


def document(chats: Iterable[SavedChat], count: int) -> Iterator[str]:
    """All conversations as one JSON document, one chat in memory at a time; `count`: how many."""
    return json_chunks(chats, count)


def file_name(chat: SavedChat, format: str) -> str:
    """A name for its file, from its title, that every system takes. Raises KeyError."""
    suffix = format_named(format).suffix
    title = _UNSAFE.sub(" ", unicodedata.normalize("NFC", chat.title[:1000]))
    title = "".join(c for c in title if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Cn"))
    name = " ".join(title.split())[:_LONGEST_NAME]
    name = name.encode("utf-8")[:_MOST_BYTES].decode("utf-8", "ignore").strip(" .-~")
    if not name:
        name = "Conversation"
    if _RESERVED.match(name):
        name = f"Conversation {name}"
    return name + suffix


def write_chunks(
    path: Path,
    chunks: Iterable[str],
    on_progress: Callable[[int], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> None:
    """Write a file so that it is there whole or not at all; the former one stays until then.

    `on_progress(n)` is called after each chunk with how many were written. Raises `Cancelled`
    when `is_cancelled()` says so, and `StorageError` with a sentence for the person.
    """
    with whole_file(path) as stream:
        for number, chunk in enumerate(chunks, 1):
            if is_cancelled is not None and is_cancelled():
                raise Cancelled
            stream.write(chunk.encode("utf-8", "replace"))
            if on_progress is not None:
                on_progress(number)
