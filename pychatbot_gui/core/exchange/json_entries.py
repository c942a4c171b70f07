"""The conversations of a JSON file one by one, however large, damaged or hostile the file is.

A file is never read as a whole: it is cut into entries by its brackets and quotes, and each entry
is read by itself. So one bad entry costs no other one, and memory holds one at a time.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from pychatbot_gui.core.errors import StorageError

LONGEST_ENTRY = 64 * 1024 * 1024  # bytes
DEEPEST = 200  # brackets in brackets
_BLOCK = 1024 * 1024
_MARK = re.compile(rb'["\[\]{}]')
_SCALAR_END = re.compile(rb"[,\]}]")
_SPACE = b" \t\r\n"


@dataclass(frozen=True)
class Entry:
    """One conversation of a file: its number from 1, its first byte, its value or what is wrong."""

    number: int
    start: int
    value: Any = None
    problem: str = ""


class _Ends(Exception):
    """The file is at its end where it should not be."""


class _TooDeep(Exception):
    """More brackets in brackets than any conversation has."""


class EntryReader:
    """Reads the entries of `stream`: the values of a list, of the list under "conversations" of an
    object, or a single object.

    `head`: the other values of that object, as far as they stand before the list. `on_bytes(n)`
    is told how many bytes were read and may raise to end it.
    """

    def __init__(
        self,
        stream: IO[bytes],
        on_bytes: Callable[[int], None] | None = None,
        longest: int = LONGEST_ENTRY,
    ) -> None:
        self.head: dict[str, Any] = {}
        self._stream = stream
        self._on_bytes = on_bytes
        self._longest = longest
        self._data = bytearray()
        self._start = 0  # where in the file self._data begins
        self._broken = False  # nothing can be found after the last entry
        self._long = False  # bytes of the last value were let go

    def entries(self) -> Iterator[Entry]:
        """The entries in their order. Raises `StorageError` for what is not JSON at all."""
        try:
            first = self._next_byte(b"\xef\xbb\xbf")
        except _Ends:
            raise StorageError("The file is empty.") from None
        if self._data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise StorageError("The file is UTF-16 text. Save it as UTF-8 and try again.")
        if first == ord("["):
            self._drop(1)
            yield from self._listed(alone=True)
        elif first == ord("{"):
            yield from self._object()
        else:
            raise StorageError("The file is not JSON: it begins with neither “[” nor “{”.")

    def _listed(self, alone: bool = False) -> Iterator[Entry]:
        """The values of a list; `alone`: nothing may follow it."""
        number = 0
        while True:
            try:
                first = self._next_byte(b",")
            except _Ends:
                yield Entry(number + 1, self._start, None, "the file ends before its list does")
                return
            if first in b"]}":
                break
            number += 1
            entry = self._entry(number)
            yield entry
            if self._broken:
                return
        start = self._start
        if first == ord("]"):
            self._drop(1)
            try:
                follows = alone and bool(self._next_byte(b""))
                start = self._start
            except _Ends:
                follows = False
        if first != ord("]") or follows:
            problem = f"what stands from byte {start:,} on is damaged and was left out"
            yield Entry(number + 1, start, None, problem)

    def _entry(self, number: int) -> Entry:
        start = self._start
        self._broken = False
        try:
            raw = self._value()
        except _Ends:
            self._broken = True
            return Entry(number, start, None, "the file ends in the middle of it")
        except _TooDeep:
            self._broken = True
            deep = f"it is nested more than {DEEPEST} deep, and what follows cannot be read"
            return Entry(number, start, None, deep)
        if raw is None:
            size = self._longest // (1024 * 1024)
            return Entry(number, start, None, f"it is larger than {size} MB")
        return _parsed(number, start, raw)

    def _object(self) -> Iterator[Entry]:
        """Walk over the names of an object until the list of conversations, if there is one."""
        start, at, is_list = self._start, 1, False
        while not self._long:
            try:
                at, name = self._name(at)
                if self._long:
                    break
                is_list = name == "conversations" and self._data[at] == ord("[")
                if name == "" or is_list:
                    break
                at = self._value_end(at)
            except _Ends:
                yield Entry(1, start, None, "the file ends in the middle of it")
                return
            except _TooDeep:
                yield Entry(1, start, None, f"it is nested more than {DEEPEST} deep")
                return
        if self._long:
            size = self._longest // (1024 * 1024)
            yield Entry(1, start, None, f"it is larger than {size} MB")
            return
        if not is_list:
            yield _parsed(1, start, bytes(self._data[:at]))
            return
        head = _parsed(1, start, bytes(self._data[:at]) + b"[]}").value
        self.head = head if isinstance(head, dict) else {}
        self._drop(at + 1)
        yield from self._listed()

    def _name(self, at: int) -> tuple[int, str]:
        """Where the value of the next name begins, and the name; ("", past the end) at the end."""
        at = self._skip(at, _SPACE + b",")
        if self._data[at] != ord('"'):
            return at + 1, ""
        stop = self._string_end(at + 1)
        name = bytes(self._data[at + 1 : stop - 1]).decode("utf-8", "replace")
        return self._skip(stop, _SPACE + b":"), name or "\x00"

    # -- bytes ------------------------------------------------------------------------------

    def _more(self) -> None:
        block = self._stream.read(_BLOCK)
        if not block:
            raise _Ends
        self._data += block
        if self._on_bytes is not None:
            self._on_bytes(self._start + len(self._data))

    def _drop(self, count: int) -> None:
        del self._data[:count]
        self._start += count

    def _skip(self, at: int, skipped: bytes) -> int:
        while True:
            while at < len(self._data):
                if self._data[at] not in skipped:
                    return at
                at += 1
            self._more()

    def _next_byte(self, also: bytes) -> int:
        """Drop space and `also`; the byte that is first then."""
        while True:
            at = 0
            while at < len(self._data) and self._data[at] in _SPACE + also:
                at += 1
            self._drop(at)
            if self._data:
                return self._data[0]
            self._more()

    def _value(self) -> bytes | None:
        """The bytes of the value at the start, which are dropped; None for too many of them."""
        self._long = False
        stop = self._value_end(0)
        raw = None if self._long or stop > self._longest else bytes(self._data[:stop])
        self._drop(stop)
        return raw

    def _value_end(self, at: int) -> int:
        """Past the end of the value at `at`. Where it is too long `_long` is set, and its beginning
        dropped."""
        if self._data[at] not in b'"[{':
            while not (found := _SCALAR_END.search(self._data, at)):
                at = self._let_go(len(self._data))
                self._more()
            return found.start()
        depth = 0
        while True:
            match = _MARK.search(self._data, at)
            if match is None:
                at = len(self._data)
                self._more()
            else:
                mark = self._data[match.start()]
                at = match.end()
                if mark == ord('"'):
                    at = self._string_end(at)
                elif mark in b"[{":
                    depth += 1
                else:
                    depth -= 1
                if depth > DEEPEST:
                    raise _TooDeep
                if depth <= 0:
                    break
            at = self._let_go(at)
        return at

    def _string_end(self, at: int) -> int:
        """Past the quote that ends the string whose text begins at `at`."""
        while True:
            stop = self._data.find(b'"', at)
            if stop < 0:
                # A single backslash before the cut belongs to what comes next.
                part = self._data[at:]
                at = self._let_go(len(self._data) - (len(part) - len(part.rstrip(b"\\"))) % 2)
                self._more()
                continue
            part = self._data[at:stop]
            at = stop + 1
            if (len(part) - len(part.rstrip(b"\\"))) % 2 == 0:
                return at

    def _let_go(self, at: int) -> int:
        """Where `at` is after the bytes before it are dropped, which too many of them are."""
        if at > self._longest:
            self._long = True
            self._drop(at)
            return 0
        return at


def _parsed(number: int, start: int, raw: bytes) -> Entry:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
    try:
        return Entry(number, start, json.loads(text))
    except json.JSONDecodeError as error:
        place = start + len(text[: error.pos].encode("utf-8", "replace"))
        return Entry(number, start, None, f"it is damaged at byte {place:,} ({error.msg.lower()})")
    except (ValueError, RecursionError):
        return Entry(number, start, None, "it holds a number or a nesting that is too large")
    except MemoryError:
        return Entry(number, start, None, "there is not enough free memory for it")
