"""Rows read from the pages of a database file without the library, so that damage hides nothing.

A table's rows lie in leaf pages that each stand for themselves: what is left of the file is read
page by page, whether or not the pages that lead there are still sound.
Source: the file format as documented at sqlite.org/fileformat2.html.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Value = int | float | str | bytes | None

_MAGIC = b"SQLite format 3\0"
_USUAL_SIZE = 4096
_LEAF_OF_TABLE = 0x0D
_MOST_COLUMNS = 64
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # serial type: bytes


@dataclass(frozen=True)
class Row:
    """A row as it lies in the file; `is_cut`: the rest of its last text is missing."""

    id: int
    values: tuple[Value, ...]
    is_cut: bool = False


def read_rows(path: Path) -> Iterator[Row]:
    """Every row of every table that is still there, its key in `id` (and `values[0]` is None).

    With what the file of newest changes beside it ("-wal") holds. Raises `OSError`.
    """
    if not path.exists():
        return
    changes, size = _newest_changes(path.with_name(f"{path.name}-wal"))
    with path.open("rb") as stream:
        length = path.stat().st_size
        whole = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if length else b""
        try:
            yield from _Pages(whole, changes, size or _page_size(bytes(whole[:100]))).rows()
        finally:
            if isinstance(whole, mmap.mmap):
                whole.close()


def _page_size(head: bytes) -> int:
    if head[:16] == _MAGIC:
        size = int.from_bytes(head[16:18], "big")
        size = 65536 if size == 1 else size
        if 512 <= size <= 65536 and size & (size - 1) == 0:
            return int(size)
    return _USUAL_SIZE


class _Pages:
    """The pages of a file by number (from 1), the newest form of each."""

    def __init__(self, whole: "mmap.mmap | bytes", changes: dict[int, bytes], size: int) -> None:
        self._whole = whole
        self._changes = changes
        self._size = size
        self._count = max(len(whole) // size + 1, max(changes, default=0))

    def _page(self, number: int) -> bytes:
        """A page, shorter where the file ends in it, empty where there is none."""
        if number in self._changes:
            return self._changes[number]
        start = (number - 1) * self._size
        return bytes(self._whole[start : start + self._size]) if number > 0 else b""

    def rows(self) -> Iterator[Row]:
        for number in range(1, self._count + 1):
            page = self._page(number)
            start = 100 if number == 1 else 0
            if len(page) < start + 8 or page[start] != _LEAF_OF_TABLE:
                continue
            cells = int.from_bytes(page[start + 3 : start + 5], "big")
            for place in range(start + 8, start + 8 + 2 * cells, 2):
                try:
                    row = self._row(page, int.from_bytes(page[place : place + 2], "big"))
                except (IndexError, ValueError, struct.error):
                    continue  # noise where a row was
                if row is not None:
                    yield row

    def _row(self, page: bytes, at: int) -> Row | None:
        if at < 8:
            return None
        length, at = _varint(page, at)
        key, at = _varint(page, at)
        if not 0 < length <= self._count * self._size:
            return None
        payload = self._payload(page, at, length)
        values = _record(payload)
        if values is None:
            return None
        return Row(key - (1 << 64) if key >> 63 else key, values, len(payload) < length)

    def _payload(self, page: bytes, at: int, length: int) -> bytes:
        """The bytes of a row: those in its page, then those of the pages it goes on in."""
        usable = self._size
        if length <= usable - 35:
            return page[at : at + length]
        least = (usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (usable - 4)
        if local > usable - 35:
            local = least
        parts = [page[at : at + local]]
        missing = length - len(parts[0])
        following = int.from_bytes(page[at + local : at + local + 4], "big")
        while missing > 0 and following:
            more = self._page(following)
            if len(more) < 5:
                break
            following = int.from_bytes(more[:4], "big")
            parts.append(more[4 : 4 + missing])
            missing -= len(parts[-1])
        return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(9):
        byte = data[at + i]
        if i == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + i + 1
    raise ValueError("unreachable")


def _record(payload: bytes) -> tuple[Value, ...] | None:
    """The columns of a row; None where this is no row. A text that is cut is as long as it is."""
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
        if len(kinds) > _MOST_COLUMNS:
            return None
    if at != end or not kinds:
        return None
    values: list[Value] = []
    for kind in kinds:
        length = _INTEGERS.get(kind, 8 if kind == 7 else (kind - 12) // 2 if kind >= 12 else 0)
        if kind in (10, 11):
            return None
        values.append(_value(kind, payload[at : at + length], length))
        at += length
    return tuple(values)


def _value(kind: int, raw: bytes, length: int) -> Value:
    if kind == 0:
        return None
    if kind in (8, 9):
        return kind - 8
    if kind >= 12:
        return raw.decode("utf-8", errors="replace") if kind % 2 else raw
    if len(raw) < length:
        return None
    if kind == 7:
        return float(struct.unpack(">d", raw)[0])
    return int.from_bytes(raw, "big", signed=True)


def _newest_changes(path: Path) -> tuple[dict[int, bytes], int]:
    """The pages that are newer in the file of changes, up to its last whole commit; their size."""
    data = path.read_bytes() if path.exists() else b""
    if len(data) < 32:
        return {}, 0
    magic, _, size, _ = struct.unpack(">4I", data[:16])
    if magic not in (0x377F0682, 0x377F0683) or size < 512 or size > 65536 or size & (size - 1):
        return {}, 0
    order = ">" if magic & 1 else "<"
    sums = _sums(data[:24], order, (0, 0))
    if struct.unpack(">2I", data[24:32]) != sums:
        return {}, 0
    committed: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    for at in range(32, len(data) - 24 - size + 1, 24 + size):
        head, page = data[at : at + 24], data[at + 24 : at + 24 + size]
        sums = _sums(page, order, _sums(head[:8], order, sums))
        if head[8:16] != data[16:24] or struct.unpack(">2I", head[16:24]) != sums:
            break
        number, of_commit = struct.unpack(">2I", head[:8])
        waiting[number] = page
        if of_commit:
            committed.update(waiting)
            waiting = {}
    return committed, size if committed else 0


def _sums(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    one, two = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two
