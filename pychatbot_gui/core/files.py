"""JSON documents on disk: read with care, written atomically, set aside when damaged."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from pychatbot_gui.core.errors import StorageError


def read_json(path: Path) -> tuple[dict[str, Any], str]:
    """Read a JSON object; returns it and a sentence about what was wrong ("" where nothing was).

    A file that does not exist is an empty object. A damaged one is renamed, never deleted, so
    that the next write cannot destroy what the person had in it. Raises `StorageError` where the
    file exists but cannot be read, or cannot be set aside.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        raise StorageError(f"“{path}” cannot be read: {reason(error)}.", repr(error)) from error
    try:
        document = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return {}, _set_aside(path, str(error))
    if not isinstance(document, dict):
        return {}, _set_aside(path, "not a JSON object")
    return document, ""


def write_json(path: Path, document: dict[str, Any], durable: bool = True) -> None:
    """Write a JSON object so that a crash or a full disk leaves the old file as it was.

    `durable`: wait until the disk has it, which may take long; otherwise a power cut may leave
    the old file or a damaged one. Raises `StorageError` with a sentence for the person.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if not text.isascii() and not _is_unicode(text):
        text = json.dumps(document, indent=2) + "\n"  # a file name that is not valid Unicode
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise cannot_be_saved(path, error) from error
    with whole_file(path, durable) as stream:
        stream.write(text.encode())


@contextmanager
def whole_file(path: Path, durable: bool = True) -> Iterator[BinaryIO]:
    """Write a file that is there whole at the end, or not at all; the former one stays until then.

    A link is followed: what it points to is replaced. Raises `StorageError` with a sentence for
    the person, also for an OSError of the one who writes.
    """
    temporary = None
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            raise StorageError(f"“{path}” is not a file. Choose another name.")
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:80]}.", dir=target.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.replace(target)
        temporary = None
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        raise cannot_be_saved(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def cannot_be_saved(path: Path, error: Exception) -> StorageError:
    """The sentence for a file that could not be written."""
    return StorageError(f"“{path}” cannot be saved: {reason(error)}.", repr(error))


def reason(error: Exception) -> str:
    """What the system says is wrong, to stand in a sentence."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def _set_aside(path: Path, why: str) -> str:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    try:
        path.rename(target)
    except OSError as error:
        raise StorageError(
            f"“{path}” is damaged ({why}) and cannot be set aside: {reason(error)}.", repr(error)
        ) from error
    return (
        f"“{path.name}” was damaged ({why}). It was set aside as “{target.name}” in the same "
        "folder, and the defaults are used."
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
