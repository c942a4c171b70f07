"""One snapshot in one file: what a model had read in a chat, to be found again after a restart.

    head, token ids, state | checkpoints | JSON about all this | its length, its checksum, a mark

The first part is the library's own file, written and read by itself without another copy of the
state in memory. Where there is such a copy already, it takes the place of the state in it.

The library ends the process at some states that are damaged, so it gets to see none whose length,
checksum or circumstances are not those it was written with. A file is written beside its place and
then moved there: it is there whole or not at all.
"""

import json
import os
import struct
import tempfile
import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pychatbot_gui.engine.answers import Known
from pychatbot_gui.engine.cache import Checkpoint

SUFFIX = ".kv"
UNFINISHED = ".part"
_HEAD = struct.Struct("<III")  # the library's magic, its version, the number of tokens
_LIBRARY = (0x67677371, 3)
_TAIL = struct.Struct("<II8s")  # length and CRC-32 of the JSON
_MARK = b"pychatkv"
_CHUNK = 1 << 20


class Damaged(Exception):
    """The file is not what was once written there."""


class Replaced(Exception):
    """The file is sound, but another one than its head was read of."""


@dataclass(frozen=True)
class Head:
    """What is known of a snapshot without reading its state.

    `oldest`: see `Memory.oldest`. `lengths`: those of its checkpoints. `shifted`: see `Cache`.
    """

    tokens: Sequence[int]
    oldest: int
    lengths: tuple[int, ...] = ()
    answers: tuple[Known, ...] = ()
    shifted: int | None = None


def write_snapshot(
    path: Path,
    owner: str,
    head: Head,
    checkpoints: Sequence[Checkpoint],
    state: memoryview | Callable[[Path], bool],
) -> None:
    """Write a snapshot. `owner`: whose it is and under which circumstances it holds.

    `state`: a copy of it, or what has the library write its own file (False where it fails).
    Raises OSError.
    """
    prefix = f".{path.stem}-"  # so that it is found where its writer is killed
    handle, name = tempfile.mkstemp(suffix=UNFINISHED, prefix=prefix, dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        if isinstance(state, memoryview):
            with part.open("wb") as stream:
                ids = _ids(head.tokens)
                stream.write(_HEAD.pack(*_LIBRARY, len(head.tokens)) + ids)
                stream.write(state)
        elif not state(part):
            raise OSError(0, "the state could not be written")
        with part.open("r+b") as stream:
            document = _document(stream, owner, head, checkpoints)
            document["is_copy"] = isinstance(state, memoryview)
            stream.seek(0, os.SEEK_END)
            for checkpoint in checkpoints:
                stream.write(checkpoint.data)
            raw = json.dumps(document).encode("ascii")
            stream.write(raw + _TAIL.pack(len(raw), zlib.crc32(raw), _MARK))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_head(path: Path, owner: str, n_vocab: int) -> Head:
    """What a file says about itself. Raises `Damaged`, also where it is not `owner`'s; OSError."""
    with path.open("rb") as stream:
        document = _read_document(stream, owner)
        try:
            tokens = _read_tokens(stream, document, n_vocab)
            lengths = tuple(length for length, _, _ in document["checkpoints"])
            if any(type(n) is not int or not 0 < n <= len(tokens) for n in lengths):
                raise Damaged("checkpoints beyond the tokens")
            answers = tuple(
                (bytes.fromhex(digest), _checked(ids, n_vocab))
                for digest, ids in document["answers"]
            )
            shifted = document["shifted"]
            shifted = int(shifted) if shifted is not None else None
            return Head(tokens, int(document["oldest"]), lengths, answers, shifted)
        except (KeyError, TypeError, ValueError, OverflowError, struct.error) as error:
            raise Damaged(repr(error)) from error


def read_state(
    path: Path, owner: str, tokens: Sequence[int]
) -> tuple[list[Checkpoint], memoryview | None]:
    """Check the whole file; returns its checkpoints, and the state where it is a copy.

    Otherwise the library may read it. Raises `Damaged`, `Replaced` where it is not the state of
    these `tokens`, OSError.
    """
    with path.open("rb") as stream:
        document = _read_document(stream, owner)
        try:
            if document["tokens_crc"] != zlib.crc32(_ids(tokens)):
                raise Replaced
            state, end = None, document["state_end"]
            stream.seek(0)
            if document["is_copy"]:
                start = _HEAD.size + 4 * _HEAD.unpack(stream.read(_HEAD.size))[2]
                head = _read(stream, start - _HEAD.size)
                state = memoryview(_read(stream, end - start))
                stream.seek(0)
                crc = zlib.crc32(state, zlib.crc32(head, zlib.crc32(stream.read(_HEAD.size))))
                stream.seek(end)
            else:
                crc = _crc(stream, end)
            if crc != document["state_crc"]:
                raise Damaged("the state has another checksum")
            found = []
            for length, size, expected in document["checkpoints"]:
                data = _read(stream, size)
                if zlib.crc32(data) != expected:
                    raise Damaged("a checkpoint has another checksum")
                found.append(Checkpoint(length, memoryview(data)))
            return found, state
        except (KeyError, TypeError, ValueError, OverflowError, struct.error) as error:
            raise Damaged(repr(error)) from error


def _read(stream: BinaryIO, size: int) -> bytearray:
    data = bytearray(size)
    if stream.readinto(data) != size:  # type: ignore[attr-defined]
        raise Damaged("another length")
    return data


def _crc(stream: BinaryIO, size: int) -> int:
    """CRC-32 of the next `size` bytes."""
    crc, left = 0, size
    while left > 0 and (chunk := stream.read(min(_CHUNK, left))):
        crc = zlib.crc32(chunk, crc)
        left -= len(chunk)
    return crc


def _document(
    stream: BinaryIO, owner: str, head: Head, checkpoints: Sequence[Checkpoint]
) -> dict[str, Any]:
    end = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return {
        "owner": owner,
        "state_end": end,
        "state_crc": _crc(stream, end),
        "tokens_crc": zlib.crc32(_ids(head.tokens)),
        "oldest": head.oldest,
        "shifted": head.shifted,
        "checkpoints": [(c.length, len(c.data), zlib.crc32(c.data)) for c in checkpoints],
        "answers": [(digest.hex(), list(ids)) for digest, ids in head.answers],
    }


def _read_document(stream: BinaryIO, owner: str) -> dict[str, Any]:
    size = stream.seek(0, os.SEEK_END)
    if size < _HEAD.size + _TAIL.size:
        raise Damaged("too short")
    stream.seek(size - _TAIL.size)
    length, crc, mark = _TAIL.unpack(stream.read(_TAIL.size))
    if mark != _MARK or length > size - _TAIL.size:
        raise Damaged("no end")
    stream.seek(size - _TAIL.size - length)
    raw = stream.read(length)
    if zlib.crc32(raw) != crc:
        raise Damaged("its description has another checksum")
    try:
        document: dict[str, Any] = json.loads(raw)
        own = document["state_end"] + sum(size for _, size, _ in document["checkpoints"])
        if own + length + _TAIL.size != size:
            raise Damaged("another length")
        if document["owner"] != owner:
            raise Damaged("of another chat, model or library")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise Damaged(repr(error)) from error
    return document


def _read_tokens(stream: BinaryIO, document: dict[str, Any], n_vocab: int) -> "array[int]":
    stream.seek(0)
    magic, version, count = _HEAD.unpack(stream.read(_HEAD.size))
    if (magic, version) != _LIBRARY or _HEAD.size + 4 * count > document["state_end"]:
        raise Damaged("not the library's file")
    raw = stream.read(4 * count)
    if zlib.crc32(raw) != document["tokens_crc"]:
        raise Damaged("the tokens have another checksum")
    return _checked(struct.unpack(f"<{count}i", raw), n_vocab)


def _checked(ids: Sequence[int], n_vocab: int) -> "array[int]":
    found = array("i", ids)
    if found and not 0 <= min(found) <= max(found) < n_vocab:
        raise Damaged("tokens that the model does not have")
    return found


def _ids(tokens: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(tokens)}i", *tokens)
