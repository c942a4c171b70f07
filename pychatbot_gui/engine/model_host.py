"""The model process: runs a `LlamaEngine` and speaks frames with the program that started it.

Started by `model_child` as `python -m pychatbot_gui.engine.model_host HANDLE IDLE`: after so many
seconds without work it keeps on disk what a restart would have to read again. Standard error is the
log; standard output is not used, because the library may write to it.
"""

import contextlib
import faulthandler
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pychatbot_gui.core.errors import Cancelled, PychatbotError
from pychatbot_gui.engine import wire
from pychatbot_gui.engine.engine import CancelToken, Event, Loading, Needed, Rendering, Text
from pychatbot_gui.engine.llama import LlamaEngine
from pychatbot_gui.engine.model_log import ModelLog

Work = tuple[wire.Wish, CancelToken]
# Seconds of text in one frame, at most. The window shows what has come 30 times a second.
JOINED = 0.02


def main(arguments: list[str]) -> None:
    """Serve requests until the program closes its end or dies."""
    faulthandler.enable()
    # Where gdb is installed, ggml would run it on an abort, which takes long and writes pages.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    _die_with_the_program()
    connection = _connection(int(arguments[0]))
    idle = float(arguments[1]) if len(arguments) > 1 else None
    work: queue.SimpleQueue[Work] = queue.SimpleQueue()
    # The one thread of this process besides the main one: a cancel must be heard while the main
    # one is inside the library.
    threading.Thread(target=_listen, args=(connection, work), daemon=True).start()
    # A computer that shuts down tells every process: what was read is kept before this one ends.
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTERM, lambda *_: work.put((wire.Close(0), CancelToken())))
    engine: LlamaEngine | None = None
    while True:
        frame, token = _next(work, engine, idle)
        try:
            if isinstance(frame, wire.Load):
                folder = Path(frame.snapshots) if frame.snapshots else None
                engine = LlamaEngine(ModelLog(sys.stderr), folder)
                _load(engine, connection, frame, token)
            elif isinstance(frame, wire.Close):
                if engine is not None:
                    engine.close()
                return
            elif engine is not None:
                _do(engine, connection, frame, token)
        except Cancelled:
            wire.send(connection, wire.Failed(frame.id, "Cancelled", "", ""))
        except PychatbotError as error:
            kind = type(error).__name__
            wire.send(connection, wire.Failed(frame.id, kind, str(error), error.detail))
        except (BrokenPipeError, ConnectionResetError):
            return
        except Exception as error:  # a bug of ours, told whole in the log
            detail = traceback.format_exc()
            message = f"The model process met an unexpected error ({type(error).__name__})."
            wire.send(connection, wire.Failed(frame.id, "PychatbotError", message, detail))


def _next(work: "queue.SimpleQueue[Work]", engine: LlamaEngine | None, idle: float | None) -> Work:
    """The next request. Where none comes for a while, that is the time to keep what was read."""
    try:
        return work.get(timeout=idle)
    except queue.Empty:
        if engine is not None:
            engine.save(lambda: not work.empty())
    return work.get()


def _do(
    engine: LlamaEngine,
    connection: "Connection[Any, Any]",
    frame: wire.Reply | wire.ReadAhead | wire.Forget,
    token: CancelToken,
) -> None:
    if isinstance(frame, wire.Forget):
        engine.forget(frame.chat)
        wire.send(connection, wire.Done(frame.id))
        return
    answering = isinstance(frame, wire.Reply)
    events = engine.reply if answering else engine.read_ahead
    for event in joined(events(frame.request, token), time.monotonic):
        wire.send(connection, event)


def joined(events: Iterator[Event], now: Callable[[], float]) -> Iterator[Event]:
    """The same events, but the text of some milliseconds as one; a first word at once.

    Each frame wakes the program's reading thread, and where the model works on every core it is
    the model that waits. `now`: a clock in seconds.
    """
    held: list[str] = []
    id, sent = 0, -JOINED
    error: Exception | None = None
    while True:
        try:
            event = next(events, None)
        except Exception as raised:  # what was written before it is still to be shown
            event, error = None, raised
        if isinstance(event, Text):
            held.append(event.piece)
            id = event.id
            if now() - sent < JOINED:
                continue
        if held:
            yield Text(id, "".join(held))
            held, sent = [], now()
        if error is not None:
            raise error
        if event is None:
            return
        if not isinstance(event, Text):
            yield event


def _load(
    engine: LlamaEngine, connection: "Connection[Any, Any]", frame: wire.Load, token: CancelToken
) -> None:
    told = -1

    def progress(fraction: float) -> None:
        nonlocal told
        if int(fraction * 100) != told:  # the library calls this for each tensor
            told = int(fraction * 100)
            wire.send(connection, Loading(frame.id, fraction))

    def needed(event: Needed) -> None:
        wire.send(connection, replace(event, id=frame.id))

    def rendering() -> None:
        wire.send(connection, Rendering(frame.id))

    info = engine.load(frame.spec, progress, token, needed, rendering)
    wire.send(connection, wire.Loaded(frame.id, info))


def _listen(connection: "Connection[Any, Any]", work: "queue.SimpleQueue[Work]") -> None:
    tokens: dict[int, CancelToken] = {}
    try:
        while True:
            frame = wire.receive(connection)
            if isinstance(frame, wire.Cancel):
                if frame.id in tokens:
                    tokens[frame.id].cancel()
            elif isinstance(frame, wire.Wish):
                tokens = {frame.id: CancelToken()}
                work.put((frame, tokens[frame.id]))
    except (EOFError, OSError, wire.WireError):
        os._exit(0)  # the program is gone, and nothing here is worth keeping


def _die_with_the_program() -> None:
    """Have the system end this process with its parent, even while it cannot hear its end."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    with contextlib.suppress(ValueError, AttributeError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _connection(handle: int) -> "Connection[Any, Any]":
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(handle)
    return Connection(handle)


if __name__ == "__main__":
    main(sys.argv[1:])
