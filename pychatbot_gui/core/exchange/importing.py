"""Conversations from files: our own JSON, ChatGPT's export, LM Studio's chats; what was lost is said."""

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from pychatbot_gui.core.errors import Cancelled, StorageError
from pychatbot_gui.core.exchange.export_json import FORMAT, VERSION
from pychatbot_gui.core.exchange.export_text import plain
from pychatbot_gui.core.exchange.foreign import Losses
from pychatbot_gui.core.exchange.import_chatgpt import chatgpt_chat, is_chatgpt
from pychatbot_gui.core.exchange.import_lmstudio import is_lmstudio, lmstudio_chat
from pychatbot_gui.core.exchange.import_pychatbot import is_pychatbot, pychatbot_chat
from pychatbot_gui.core.exchange.json_entries import Entry, EntryReader
from pychatbot_gui.core.files import reason
from pychatbot_gui.core.history import SavedChat

MOST_PROBLEMS = 1_000
MOST_REFUSED = 10_000
LARGEST_FILE = 8 * 1024**3  # bytes
_CHAT_FILE = re.compile(r"(conversations(-\d+)?|.*\.conversation)\.json", re.I)
_KNOWN = "PyChatbot’s own JSON, ChatGPT’s conversations.json or .zip, and LM Studio’s chats"


@dataclass
class Report:
    """What an import brought, to be read when it has ended.

    `taken` conversations were handed out; `refused` could not be; of `known` the caller found
    that they are there already. `problems` are sentences, MOST_PROBLEMS at most; `unsaid` counts
    those after them.
    """

    taken: int = 0
    refused: int = 0
    known: int = 0
    problems: list[str] = field(default_factory=list)
    unsaid: int = 0

    def say(self, sentence: str) -> None:
        """Add a sentence about something that could not be taken."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(sentence)
        else:
            self.unsaid += 1

    def summary(self) -> str:
        """The outcome in one line."""
        new = self.taken - self.known
        parts = [f"{new:,} conversation{'' if new == 1 else 's'} imported"]
        if self.known:
            parts.append(f"{self.known:,} {'was' if self.known == 1 else 'were'} here already")
        if self.refused:
            parts.append(f"{self.refused:,} could not be taken")
        return ", ".join(parts) + "."

    def sentences(self) -> tuple[str, ...]:
        """All sentences, with one that counts those that were too many."""
        more = (f"… and {self.unsaid:,} more.",) if self.unsaid else ()
        return (*self.problems, *more)


def read_chats(
    path: Path,
    report: Report,
    on_progress: Callable[[int, int], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> Iterator[SavedChat]:
    """The conversations of a file, of a .zip or of a folder, one at a time.

    Their ids are 0 and those of their messages their own. `on_progress(done, total)` in bytes.
    An entry that cannot be read is told in `report` and left out. Raises `StorageError` where
    nothing can be read at all, and `Cancelled`.
    """
    reading = _Reading(report, on_progress, is_cancelled)
    try:
        if path.is_dir():
            yield from reading.folder(path)
        else:
            yield from reading.file(path)
    except OSError as error:
        raise StorageError(
            f"“{path.name}” cannot be read: {reason(error)}.", repr(error)
        ) from error


class _Reading:
    """One import: how far it is, and what it could not take."""

    def __init__(
        self,
        report: Report,
        on_progress: Callable[[int, int], None] | None,
        is_cancelled: Callable[[], bool] | None,
    ) -> None:
        self._report = report
        self._on_progress = on_progress
        self._is_cancelled = is_cancelled
        self._before = 0
        self._total = 0

    def folder(self, path: Path) -> Iterator[SavedChat]:
        """Every chat file below a folder; a damaged one costs no other one."""
        files = _files_below(path)
        self._total = sum(size for _, size in files)
        if not files:
            raise StorageError(f"“{path.name}” holds no conversations. PyChatbot reads {_KNOWN}.")
        for file, size in files:
            try:
                with file.open("rb") as stream:
                    yield from self._stream(stream, file.name)
            except StorageError as error:
                self._refuse(f"“{_short(file.name)}”: {error}")
            except OSError as error:
                self._refuse(f"“{_short(file.name)}” cannot be read: {error.strerror or error}.")
            self._before += size

    def file(self, path: Path) -> Iterator[SavedChat]:
        """The chats of one file; a pipe or a device is not even opened."""
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise StorageError(f"“{path.name}” is not a file.")
        if status.st_size > LARGEST_FILE:
            raise StorageError(f"“{path.name}” is larger than {LARGEST_FILE // 1024**3} GB.")
        self._total = status.st_size
        with path.open("rb") as stream:
            is_zip = stream.read(4) == b"PK\x03\x04"
            stream.seek(0)
            if is_zip:
                yield from self._zip(stream, path.name)
                return
            try:
                yield from self._stream(stream, path.name)
            except StorageError as error:
                raise StorageError(f"“{path.name}”: {error}", error.detail) from error
        if not self._report.taken and self._report.refused == 1:
            # A single thing that is no conversation: that is what has to be said.
            raise StorageError(f"“{path.name}”: {self._report.problems[0].partition(': ')[2]}")

    def _zip(self, stream: IO[bytes], name: str) -> Iterator[SavedChat]:
        try:
            with zipfile.ZipFile(stream) as archive:
                members = [
                    member
                    for member in archive.infolist()
                    if _CHAT_FILE.fullmatch(PurePosixPath(member.filename).name)
                    and not member.filename.startswith("__MACOSX")
                ]
                if not members:
                    raise StorageError(f"“{name}” holds no conversations.json.")
                self._total = sum(member.file_size for member in members)
                if self._total > LARGEST_FILE:
                    size = LARGEST_FILE // 1024**3
                    raise StorageError(f"“{name}” unpacks to more than {size} GB.")
                for member in members:
                    with archive.open(member) as inside:
                        yield from self._stream(inside, PurePosixPath(member.filename).name)
                    self._before += member.file_size
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise StorageError(
                f"“{name}” is damaged: {error}. Download or copy it again.", repr(error)
            ) from error
        except RuntimeError as error:
            raise StorageError(f"“{name}” is encrypted. Unpack it first.", repr(error)) from error

    def _stream(self, stream: IO[bytes], name: str) -> Iterator[SavedChat]:
        reader = EntryReader(stream, self._read_bytes)
        checked = False
        for entry in reader.entries():
            if not checked:
                _check_version(reader.head)
                checked = True
            chat = self._chat(entry, name)
            if chat is not None:
                self._report.taken += 1
                yield chat
            self._check()
            if self._report.refused >= MOST_REFUSED:
                raise StorageError(
                    f"More than {MOST_REFUSED:,} entries of it are not conversations. The rest "
                    "was left out."
                )

    def _chat(self, entry: Entry, name: str) -> SavedChat | None:
        place = f"“{_short(name)}”, entry {entry.number:,}"
        value = entry.value
        if entry.problem:
            self._refuse(f"{place}: {entry.problem}.")
            return None
        if not isinstance(value, dict):
            self._refuse(f"{place}: it is not a conversation. PyChatbot reads {_KNOWN}.")
            return None
        losses = Losses()
        if is_pychatbot(value):
            chat = pychatbot_chat(value, losses)
        elif is_chatgpt(value):
            chat = chatgpt_chat(value, losses)
        elif is_lmstudio(value):
            stem = name.split(".")[0]
            chat = lmstudio_chat(value, losses, stem if entry.number == 1 else place)
        else:
            self._refuse(f"{place}: it is not a conversation. PyChatbot reads {_KNOWN}.")
            return None
        sentence = losses.sentence()
        titled = f"{place} (“{_short(chat.title)}”)"
        if not chat.messages and not chat.draft and not chat.system:
            self._refuse(f"{titled}: it holds no message{f' ({sentence})' if sentence else ''}.")
            return None
        if sentence:
            self._report.say(f"{titled}: {sentence}.")
        return chat

    def _refuse(self, sentence: str) -> None:
        self._report.refused += 1
        self._report.say(sentence)

    def _read_bytes(self, done: int) -> None:
        self._check()
        if self._on_progress is not None:
            self._on_progress(min(self._before + done, self._total), self._total)

    def _check(self) -> None:
        if self._is_cancelled is not None and self._is_cancelled():
            raise Cancelled


def _check_version(head: dict[str, object]) -> None:
    version = head.get("version")
    if head.get("format") == FORMAT and isinstance(version, int) and version > VERSION:
        raise StorageError(
            f"It was written by a newer PyChatbot (version {version} of the format, this one reads "
            f"{VERSION}). Update PyChatbot and import it again."
        )


def _files_below(folder: Path) -> list[tuple[Path, int]]:
    """The chat files below a folder with their sizes; where there is none, every .json file."""
    chats: list[tuple[Path, int]] = []
    others: list[tuple[Path, int]] = []
    for root, _, names in os.walk(folder):
        for name in names:
            kind = chats if _CHAT_FILE.fullmatch(name) else others
            if kind is others and not name.lower().endswith(".json"):
                continue
            path = Path(root) / name
            try:
                status = path.stat()
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                kind.append((path, status.st_size))
    return sorted(chats or others)


def _short(text: str) -> str:
    line = " ".join(plain(text[:400]).split())
    return line if len(line) <= 60 else line[:59] + "…"
