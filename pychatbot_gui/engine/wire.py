"""Frames between the program and the model process: JSON of known dataclasses, never pickle.

The connection puts a length before each frame (`multiprocessing.connection`, bytes only).
"""

import dataclasses
import functools
import json
import typing
from enum import Enum
from multiprocessing.connection import Connection
from typing import Any

from pychatbot_gui.engine.engine import Event, ModelInfo, ModelSpec, ReplyRequest


class WireError(Exception):
    """A frame that this program cannot have written."""


@dataclasses.dataclass(frozen=True)
class Load:
    """To the model process: load a model. `snapshots`: the folder for them, "" for none."""

    id: int
    spec: ModelSpec
    snapshots: str = ""


@dataclasses.dataclass(frozen=True)
class Reply:
    """To the model process: answer."""

    id: int
    request: ReplyRequest


@dataclasses.dataclass(frozen=True)
class ReadAhead:
    """To the model process: read what is sure to come."""

    id: int
    request: ReplyRequest


@dataclasses.dataclass(frozen=True)
class Forget:
    """To the model process: a chat was deleted for good. `Done` is the answer."""

    id: int
    chat: str


@dataclasses.dataclass(frozen=True)
class Close:
    """To the model process: keep what is worth keeping, then end."""

    id: int


@dataclasses.dataclass(frozen=True)
class Cancel:
    """To the model process: end the request of this id, whatever it is doing."""

    id: int


@dataclasses.dataclass(frozen=True)
class Loaded:
    """From the model process: the model is ready."""

    id: int
    info: ModelInfo


@dataclasses.dataclass(frozen=True)
class Done:
    """From the model process: it is done."""

    id: int


@dataclasses.dataclass(frozen=True)
class Failed:
    """From the model process: an error; `kind` is the name of its class."""

    id: int
    kind: str
    message: str
    detail: str


Wish = Load | Reply | ReadAhead | Forget | Close
Frame = Wish | Cancel | Loaded | Done | Failed | Event
_KINDS: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(Frame)}


def encode(frame: Frame) -> bytes:
    """A frame as JSON in ASCII, which carries even a file name that is not valid Unicode."""
    # Not `dataclasses.asdict`, which copies: a long conversation would take five times as long.
    fields = vars(frame)
    return json.dumps({"frame": type(frame).__name__, **fields}, default=vars).encode("ascii")


def decode(raw: bytes) -> Frame:
    """The frame in `raw`. Raises `WireError`."""
    try:
        document = json.loads(raw)
        frame: Frame = _build(_KINDS[document.pop("frame")], document)
        return frame
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WireError(f"not a frame: {error!r}") from error


def send(connection: "Connection[Any, Any]", frame: Frame) -> None:
    """Send one frame. Raises OSError when the other side is gone."""
    connection.send_bytes(encode(frame))


def receive(connection: "Connection[Any, Any]") -> Frame:
    """Wait for one frame. Raises EOFError or OSError when the other side is gone, `WireError`."""
    return decode(connection.recv_bytes())


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(kind: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{name: _build(hints[name], item) for name, item in value.items()})
    if typing.get_origin(kind) is tuple:
        return tuple(_build(typing.get_args(kind)[0], item) for item in value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not {kind}")
    return value
