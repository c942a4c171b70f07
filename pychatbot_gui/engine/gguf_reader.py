"""Reads the header of one GGUF file: metadata, tensor descriptions, the vocabulary's tokens.

Every count and length of the file is held against what is left of it before it is believed, so
that a damaged file costs neither time nor memory. The layout is the one of the GGUF specification,
versions 2 and 3, little-endian.
"""

import struct
from dataclasses import dataclass, field
from typing import BinaryIO

from pychatbot_gui.engine.gguf_types import TENSOR_TYPES

MAGIC = b"GGUF"

_STRING, _ARRAY = 8, 9
_SCALARS = {
    code: struct.Struct("<" + letter)
    for code, letter in zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True)
}
_LENGTH = struct.Struct("<Q")

# Far above every real model (the largest vocabularies have 300,000 tokens), far below trouble.
_LONGEST_STRING = 64 * 2**20
_MOST_STRINGS = 4 * 10**6
_MOST_HEADER_BYTES = 2**30
_MOST_KEYS = 65_536
_MOST_TENSORS = 1_000_000
_KEPT_NUMBERS = 512
_CHUNK = 2**20


class Damaged(Exception):
    """The header says something that cannot be true; the words are for the log."""


class Truncated(Damaged):
    """The file ends before what it announced."""


class UnsupportedVersion(Damaged):
    """The file is of a version of the format that cannot be read."""


@dataclass(frozen=True)
class Array:
    """An array of the metadata. `numbers` are kept for up to 512 integers, else empty."""

    item_type: int
    length: int
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Tensor:
    """A tensor's description. `offset` in bytes from the start of the tensor data.

    `type` is the number of the format, see `gguf_types.TENSOR_TYPES`.
    """

    name: str
    shape: tuple[int, ...]
    offset: int
    size: int
    type: int = 0

    @property
    def elements(self) -> int:
        """Number of weights."""
        count = 1
        for length in self.shape:
            count *= length
        return count


@dataclass
class Header:
    """What stands before the tensor data, which starts at byte `data_start`."""

    version: int
    metadata: dict[str, int | float | bool | str | Array] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)
    tensors: list[Tensor] = field(default_factory=list)
    tokens: list[bytes] = field(default_factory=list)
    not_text: list[str] = field(default_factory=list)
    alignment: int = 32
    data_start: int = 0


class _Bytes:
    """The file from its start, read once, in chunks."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._data = b""
        self._start = 0
        self._at = 0

    @property
    def offset(self) -> int:
        """Place in the file."""
        return self._start + self._at

    @property
    def left(self) -> int:
        """Bytes after this place."""
        return self._size - self.offset

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        self._need(count)
        self._at += count
        return self._data[self._at - count : self._at]

    def skip(self, count: int) -> None:
        """Go over `count` bytes without reading them."""
        if count > self.left:
            raise Truncated(f"{count} bytes announced at byte {self.offset}, {self.left} left")
        if self._at + count <= len(self._data):
            self._at += count
            return
        self._start, self._at, self._data = self.offset + count, 0, b""
        self._file.seek(self._start)

    def scalar(self, code: int) -> int | float | bool:
        """A number of the type `code`."""
        form = _SCALARS[code]
        value: int | float | bool = form.unpack(self.take(form.size))[0]
        return value

    def length(self) -> int:
        """A count or an offset."""
        value: int = _LENGTH.unpack(self.take(8))[0]
        return value

    def string(self, longest: int = _LONGEST_STRING) -> bytes:
        """A string with its length before it."""
        size = self.length()
        if size > self.left:
            raise Truncated(f"a string of {size} bytes at byte {self.offset}, {self.left} left")
        if size > longest:
            raise Damaged(f"a string of {size} bytes at byte {self.offset}")
        return self.take(size)

    def strings(self, count: int, keep: bool) -> list[bytes]:
        """The next `count` strings, or an empty list where they are only gone over."""
        kept: list[bytes] = []
        read_length = _LENGTH.unpack_from
        for _ in range(count):
            # Written out rather than through `string`: there are half a million in a real file.
            at = self._at
            if at + 8 > len(self._data):
                self._need(8)
                at = self._at
            end = at + 8 + read_length(self._data, at)[0]
            if end > len(self._data):
                value = self.string()
                if keep:
                    kept.append(value)
                continue
            self._at = end
            if keep:
                kept.append(self._data[at + 8 : end])
        return kept

    def _need(self, count: int) -> None:
        missing = self._at + count - len(self._data)
        if missing <= 0:
            return
        if count > self.left:
            raise Truncated(f"{count} bytes needed at byte {self.offset}, {self.left} left")
        if self.offset > _MOST_HEADER_BYTES:
            raise Damaged(f"the header goes on after {self.offset} bytes")
        rest = self._data[self._at :]
        more = self._file.read(max(missing, _CHUNK))
        if len(more) < missing:
            raise Truncated(f"the file became shorter while it was read, at byte {self.offset}")
        self._start, self._at, self._data = self.offset, 0, rest + more


def read_header(file: BinaryIO, size: int) -> Header:
    """Read the header of a file of `size` bytes, open at its start.

    Raises `Damaged`, its kinds `Truncated` and `UnsupportedVersion`, and OSError.
    """
    source = _Bytes(file, size)
    if source.take(4) != MAGIC:
        raise Damaged("no GGUF magic")
    version = int(source.scalar(4))
    if version not in (2, 3):
        raise UnsupportedVersion(str(version))
    n_tensors, n_keys = source.length(), source.length()
    # No description of a tensor is shorter than 24 bytes, no key with its value than 13.
    announced = f"{n_tensors} tensors and {n_keys} keys announced in a file of {size} bytes"
    if n_tensors > _MOST_TENSORS or n_keys > _MOST_KEYS:
        raise Damaged(announced)
    if n_tensors * 24 + n_keys * 13 > source.left:
        raise Truncated(announced)
    header = Header(version)
    for _ in range(n_keys):
        _read_key(source, header)
    header.alignment = _alignment(header)
    _read_tensors(source, header, n_tensors)
    header.data_start = _padded(source.offset, header.alignment)
    return header


def _read_key(source: _Bytes, header: Header) -> None:
    key = _text(source.string(65_535), "a key", header)
    if not key or key in header.metadata:
        raise Damaged(f"the key {key!r} is empty or there twice")
    code = int(source.scalar(4))
    header.types[key] = code
    if code in _SCALARS:
        header.metadata[key] = source.scalar(code)
    elif code == _STRING:
        header.metadata[key] = _text(source.string(), key, header)
    elif code == _ARRAY:
        header.metadata[key] = _read_array(source, header, key)
    else:
        raise Damaged(f"{key} has a value of the unknown type {code}")


def _read_array(source: _Bytes, header: Header, key: str) -> Array:
    item_type, length = int(source.scalar(4)), source.length()
    if item_type == _STRING:
        if length > min(_MOST_STRINGS, source.left // 8):
            raise Truncated(f"{key} announces {length} strings, {source.left} bytes are left")
        kept = source.strings(length, key == "tokenizer.ggml.tokens")
        if kept:
            header.tokens = kept
        return Array(item_type, length)
    if item_type not in _SCALARS:
        raise Damaged(f"{key} is an array of the type {item_type}")
    form = _SCALARS[item_type]
    if length > source.left // form.size:
        raise Truncated(f"{key} announces {length} numbers, {source.left} bytes are left")
    if length > _KEPT_NUMBERS or form.format[-1] in "fd":
        source.skip(length * form.size)
        return Array(item_type, length)
    numbers = struct.unpack(f"<{length}{form.format[-1]}", source.take(length * form.size))
    return Array(item_type, length, tuple(int(number) for number in numbers))


def _alignment(header: Header) -> int:
    alignment = header.metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or header.types.get("general.alignment", 4) != 4:
        raise Damaged("general.alignment is not a 32-bit number")
    if alignment < 1 or alignment & (alignment - 1):
        raise Damaged(f"general.alignment is {alignment}, not a power of two")
    return alignment


def _read_tensors(source: _Bytes, header: Header, count: int) -> None:
    names: set[str] = set()
    expected = 0
    for _ in range(count):
        tensor = _read_tensor(source, header)
        if tensor.name in names:
            raise Damaged(f"the tensor {tensor.name!r} is there twice")
        if tensor.offset != expected:
            raise Damaged(f"{tensor.name} is at {tensor.offset}, not at {expected}")
        names.add(tensor.name)
        expected = _padded(tensor.offset + tensor.size, header.alignment)
        header.tensors.append(tensor)


def _read_tensor(source: _Bytes, header: Header) -> Tensor:
    name = _text(source.string(63), "a tensor's name", header)
    n_dims = int(source.scalar(4))
    if n_dims > 4:
        raise Damaged(f"{name} has {n_dims} dimensions")
    shape = tuple(source.length() for _ in range(n_dims))
    code, offset = int(source.scalar(4)), source.length()
    if code not in TENSOR_TYPES:
        raise Damaged(f"{name} is of the unknown type {code}")
    block, block_bytes = TENSOR_TYPES[code]
    tensor = Tensor(name, shape, offset, 0)
    row = shape[0] if shape else 1
    if row % block:
        raise Damaged(f"{name} has rows of {row} weights, not a multiple of {block}")
    if max(shape, default=1) >= 2**62 or tensor.elements >= 2**62:
        raise Damaged(f"{name} has the shape {shape}")
    return Tensor(name, shape, offset, tensor.elements // block * block_bytes, code)


def _text(raw: bytes, what: str, header: Header) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        header.not_text.append(what)
        return raw.decode(errors="replace")


def _padded(size: int, alignment: int) -> int:
    return (size + alignment - 1) // alignment * alignment
