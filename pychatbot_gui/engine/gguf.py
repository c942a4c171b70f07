"""What a model file says about itself, read and checked before it is loaded.

A file that llama.cpp would answer with an abort, or with words nobody understands, is refused here
with a sentence that says what is wrong and what can be done.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pychatbot_gui.core.errors import ModelFileError
from pychatbot_gui.engine.gguf_checks import architecture, find_fault, number
from pychatbot_gui.engine.gguf_lookalikes import look_alike
from pychatbot_gui.engine.gguf_reader import (
    MAGIC,
    Array,
    Damaged,
    Header,
    Tensor,
    Truncated,
    UnsupportedVersion,
    read_header,
)
from pychatbot_gui.engine.gguf_types import FILE_TYPES

_PART_NAME = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)
_AGAIN = "Download it again."


@dataclass(frozen=True)
class ModelFile:
    """What the file says about itself.

    `path` is the first part's, `size` in bytes and `parameters` (weights) are of all parts
    together. Numbers that the file does not give are 0, texts empty. `notices` are sentences for
    the person. `metadata` holds numbers and texts; of an array its length, or the numbers
    themselves (a tuple) where it has up to 512 whole numbers.
    """

    path: str
    size: int
    parts: tuple[str, ...]
    version: int
    architecture: str
    name: str
    file_type: str
    parameters: int
    n_ctx_train: int
    n_layers: int
    n_embd: int
    n_vocab: int
    chat_template: str | None
    notices: tuple[str, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict, repr=False)
    tensors: tuple[Tensor, ...] = field(default=(), repr=False)


def read_model_file(path: str) -> ModelFile:
    """Read what the model at `path` says about itself, all parts of a split one.

    Raises `ModelFileError` where it is missing, damaged or not a model that can chat.
    """
    if not path:
        raise ModelFileError("No file was chosen. Choose a .gguf file.")
    parts = _part_paths(path)
    opened = [_read_part(part) for part in parts]
    first = opened[0].header
    split_count = first.metadata.get("split.count", 0)
    if isinstance(split_count, int) and split_count > 1 and len(parts) != split_count:
        raise ModelFileError(
            f"{_quoted(path)} is one of {split_count} parts of a model, but its name no longer "
            "says which. Give the parts back their names (…-00001-of-"
            f"{split_count:05}.gguf) and open the first.",
            f"split.count = {split_count}",
        )
    for place, part in enumerate(opened):
        if len(parts) > 1 and part.header.metadata.get("split.no") != place:
            raise ModelFileError(
                f"{_quoted(parts[place])} is not the part of the model that its name says. "
                f"{_AGAIN}",
                f"split.no = {part.header.metadata.get('split.no')}, expected {place}",
            )
    n_tensors = sum(len(part.header.tensors) for part in opened)
    announced = first.metadata.get("split.tensors.count", n_tensors)
    if len(parts) > 1 and announced != n_tensors:
        raise ModelFileError(
            f"The parts of {_quoted(parts[0])} do not belong together. Download all of them again.",
            f"split.tensors.count = {announced}, found {n_tensors}",
        )
    fault = find_fault(first, n_tensors)
    if fault is not None:
        raise ModelFileError(f"{_quoted(parts[0])} {fault[0]}", fault[1])
    return _described(tuple(parts), opened)


@dataclass(frozen=True)
class _Part:
    header: Header
    size: int


def _described(parts: tuple[str, ...], opened: list[_Part]) -> ModelFile:
    header = opened[0].header
    metadata: dict[str, object] = {
        key: (value.numbers or value.length) if isinstance(value, Array) else value
        for key, value in header.metadata.items()
    }
    name, template = metadata.get("general.name"), metadata.get("tokenizer.chat_template")
    file_type = metadata.get("general.file_type")
    return ModelFile(
        path=parts[0],
        size=sum(part.size for part in opened),
        parts=parts,
        version=header.version,
        architecture=architecture(header),
        name=name.strip() if isinstance(name, str) and name.strip() else Path(parts[0]).stem,
        file_type=FILE_TYPES.get(file_type, "") if isinstance(file_type, int) else "",
        parameters=sum(tensor.elements for part in opened for tensor in part.header.tensors),
        n_ctx_train=number(header, "context_length") or 0,
        n_layers=number(header, "block_count") or 0,
        n_embd=number(header, "embedding_length") or 0,
        n_vocab=len(header.tokens),
        chat_template=template if isinstance(template, str) else None,
        notices=_notices(header),
        metadata=MappingProxyType(metadata),
        tensors=tuple(tensor for part in opened for tensor in part.header.tensors),
    )


def _notices(header: Header) -> tuple[str, ...]:
    if not header.not_text:
        return ()
    places = ", ".join(dict.fromkeys(header.not_text[:5]))
    return (
        f"Parts of the model's description ({places}) are not readable text; what is damaged in "
        "them is shown as �. The model may still work.",
    )


def _part_paths(path: str) -> list[str]:
    """All parts of the model that `path` is a part of, in order; each is there."""
    match = _PART_NAME.fullmatch(Path(path).name)
    count = int(match["count"]) if match else 1
    if match is None or count < 2:
        return [path]
    paths = []
    for place in range(1, count + 1):
        part = str(Path(path).with_name(f"{match['stem']}-{place:05}-of-{count:05}.gguf"))
        if not os.path.lexists(part):
            raise ModelFileError(
                f"Part {place} of {count} of the model is missing: {_quoted(part)} is not in the "
                "folder. Download it and put it beside the others.",
                part,
            )
        paths.append(part)
    return paths


def _read_part(path: str) -> _Part:
    """Read and check one file by itself."""
    name = _quoted(path)
    try:
        _check_kind(Path(path).stat().st_mode, name)
        # The file may have been exchanged since: without O_NONBLOCK a FIFO would hang here.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(path, "rb", opener=lambda place, _: os.open(place, flags)) as file:
            status = os.fstat(file.fileno())
            _check_kind(status.st_mode, name)
            start = file.read(512)
            if not start:
                raise ModelFileError(f"{name} is empty: its download did not start. {_AGAIN}")
            if start[:4] != MAGIC:
                if MAGIC.startswith(start):
                    raise Truncated(f"{len(start)} bytes")
                raise ModelFileError(
                    f"{name} {look_alike(start, status.st_size)}", f"starts with {start[:16]!r}"
                )
            file.seek(0)
            header = read_header(file, status.st_size)
    except (OSError, ValueError) as error:
        raise _cannot_open(name, error) from error
    except UnsupportedVersion as error:
        raise _unsupported(name, int(str(error))) from error
    except Truncated as error:
        raise ModelFileError(
            f"{name} is incomplete or damaged: it ends too early. "
            f"Its download was probably interrupted. {_AGAIN}",
            str(error),
        ) from error
    except Damaged as error:
        raise ModelFileError(f"{name} is damaged. {_AGAIN}", str(error)) from error
    _check_data(name, header, status.st_size)
    return _Part(header, status.st_size)


def _check_kind(mode: int, name: str) -> None:
    if stat.S_ISDIR(mode):
        raise ModelFileError(f"{name} is a folder. Choose the .gguf file inside it.")
    if not stat.S_ISREG(mode):
        raise ModelFileError(
            f"{name} is a device or a connection, not a file. Choose a .gguf file.", oct(mode)
        )


def _check_data(name: str, header: Header, size: int) -> None:
    needed = max(
        (header.data_start + tensor.offset + tensor.size for tensor in header.tensors), default=0
    )
    if needed > size:
        there, whole = f"{size / 10**6:,.1f}", f"{needed / 10**6:,.1f}"
        what = f"{there} of {whole} MB are there" if there != whole else "its end is missing"
        raise ModelFileError(
            f"{name} is incomplete: {what}. Its download was probably interrupted. {_AGAIN}",
            f"{size} bytes, {needed} needed",
        )


def _unsupported(name: str, version: int) -> ModelFileError:
    detail = f"GGUF version {version} (0x{version:08x})"
    if version & 0xFFFF == 0 and version:
        return ModelFileError(
            f"{name} is made for another kind of processor (big-endian). "
            "Choose the usual, little-endian version of this model.",
            detail,
        )
    if 0 < version < 2:
        return ModelFileError(
            f"{name} is in version {version} of the GGUF format, which is too old. "
            "Choose a newer file of this model.",
            detail,
        )
    if 3 < version < 100:
        return ModelFileError(
            f"{name} is in version {version} of the GGUF format, which this program does not "
            "know yet. A newer PyChatbot may; or choose another file.",
            detail,
        )
    return ModelFileError(f"{name} is damaged. {_AGAIN}", detail)


def _cannot_open(name: str, error: OSError | ValueError) -> ModelFileError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return ModelFileError(
            f"{name} is not there (any more): it was moved, renamed or deleted. "
            "Choose the model's file again.",
            str(error),
        )
    if isinstance(error, PermissionError):
        return ModelFileError(
            f"{name} may not be read: you have no permission. "
            "Change the permissions of the file or choose another.",
            str(error),
        )
    if isinstance(error, OSError):
        reason = error.strerror or "unknown reason"
        return ModelFileError(
            f"{name} cannot be read ({reason}). Check the disk or choose another file.", str(error)
        )
    return ModelFileError(f"{name} is not the name of a file. Choose a .gguf file.", str(error))


def _quoted(path: str) -> str:
    name = Path(path).name or path
    shown = "".join(letter if letter.isprintable() else "�" for letter in name)
    return f"“{shown[:117] + '…' if len(shown) > 120 else shown}”"
