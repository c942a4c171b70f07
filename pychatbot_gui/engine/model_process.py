"""`ModelProcess`: an `Engine` whose model lives in a child process.

A bad file can abort the process it is loaded in, a chat template can hold the interpreter lock
for minutes, and only the end of a process gives all its memory back. So each load gets a process
of its own, and ending it always works.
"""

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path

from pychatbot_gui.core import errors
from pychatbot_gui.core.errors import Cancelled, ModelDied, ModelFileError, TemplateError
from pychatbot_gui.engine import wire
from pychatbot_gui.engine.engine import (
    CancelToken,
    Event,
    Finished,
    Loading,
    ModelInfo,
    ModelSpec,
    Needed,
    Rendering,
    ReplyRequest,
)
from pychatbot_gui.engine.model_child import ModelChild
from pychatbot_gui.engine.snapshots import SnapshotFolder

RENDER_LIMIT = 10.0  # seconds a chat template may take
CANCEL_LIMIT = 0.04  # seconds before a cancelled request is over for the person, come what may
IDLE = 20.0  # seconds without work after which the model process keeps what was read
CLOSE_LIMIT = 5.0  # seconds it may take for that at its end
SETTLE_LIMIT = 1.5  # seconds a cancelled request may go on unseen before its process is ended
_PLAIN = (
    "The model library crashed with the weights arranged for this processor, so they are used as "
    "they are in the file. This is slower."
)


class ModelProcess:
    """See the module. One thread drives it; only the `CancelToken`s are for other threads."""

    def __init__(
        self,
        log_path: Path,
        render_limit: float = RENDER_LIMIT,
        log_to: int | None = None,
        host: str = "pychatbot_gui.engine.model_host",
        snapshots: Path | None = None,
        idle: float = IDLE,
    ) -> None:
        """`log_to`: a file descriptor that gets the library's log in place of `log_path`.

        `host`: the module that the process runs. `snapshots`: a folder for what was read in each
        chat, None for none on disk; it is used after `idle` seconds without work.
        """
        self.log_path = log_path
        self._snapshots = snapshots
        self._render_limit = render_limit
        self._ids = itertools.count(1)
        self._spec: ModelSpec | None = None
        self._child = ModelChild(host, idle, log_path, log_to)

    @property
    def pid(self) -> int | None:
        """Process id of the model process, None where there is none."""
        return self._child.pid

    def load(
        self,
        spec: ModelSpec,
        on_progress: Callable[[float], None],
        token: CancelToken,
        on_need: Callable[[Needed], None] = lambda _: None,
    ) -> ModelInfo:
        """See `Engine.load`."""
        steps = self._load_carefully(next(self._ids), spec, token)
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                info: ModelInfo = end.value
                return info
            if isinstance(event, Needed):
                on_need(event)
            else:
                on_progress(event.fraction)

    def reply(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
        """See `Engine.reply`. Starts the model again where its process has ended."""
        try:
            yield from self._alive(request.id, token)
            heard = yield from self._reply(wire.Reply(request.id, request), token)
            if not heard:  # it had died unseen while it was idle
                yield from self._alive(request.id, token)
                yield from self._reply(wire.Reply(request.id, request), token)
        except Cancelled:
            yield Finished(request.id, "cancelled")

    def read_ahead(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
        """See `Engine.read_ahead`."""
        if self._child.is_alive():
            yield from self._reply(wire.ReadAhead(request.id, request), token)

    def forget(self, chat: str) -> None:
        """See `Engine.forget`."""
        if self._child.is_alive():
            id = next(self._ids)
            with contextlib.suppress(ModelDied):
                self._send(wire.Forget(id, chat), "while it forgot a chat")
                # It may be writing a snapshot of this very chat; then that is removed.
                self._receive(id, CancelToken(), None, "while it forgot a chat")
        if self._snapshots is not None:
            SnapshotFolder(self._snapshots).forget(chat)

    def close(self) -> None:
        """See `Engine.close`."""
        self._retire()
        self._spec = None
        self._child.close()

    # -- loading ----------------------------------------------------------------------------

    def _load_carefully(
        self, id: int, spec: ModelSpec, token: CancelToken
    ) -> Generator[Loading | Needed, None, ModelInfo]:
        """Load; where the library crashes, once more with plain weights.

        Weights rearranged for AMX or the like crash on machines that name such instructions but
        do not really have them, as some virtual ones do.
        """
        try:
            return (yield from self._load(id, spec, token))
        except ModelFileError:
            if spec.plain_weights or not self._child.has_crashed:
                raise
        info = yield from self._load(id, replace(spec, plain_weights=True), token)
        return replace(info, notices=(*info.notices, _PLAIN))

    def _load(
        self, id: int, spec: ModelSpec, token: CancelToken
    ) -> Generator[Loading | Needed, None, ModelInfo]:
        self._retire()
        self._spec = None
        if token.is_cancelled():
            raise Cancelled
        self._child.start()
        try:
            with self._child.woken_by(token):
                folder = "" if self._snapshots is None else str(self._snapshots)
                self._send(wire.Load(id, spec, folder), "at its start")
                limit: float | None = None
                while True:
                    frame = self._receive(id, token, limit, "while it loaded the model", spec.path)
                    limit = self._render_limit if isinstance(frame, Rendering) else None
                    if isinstance(frame, Loading | Needed):
                        yield frame
                    elif isinstance(frame, wire.Loaded):
                        self._spec = spec
                        return frame.info
                    elif frame is None:
                        raise Cancelled
        finally:
            if self._spec is None:
                self._child.end()

    def _alive(self, id: int, token: CancelToken) -> Iterator[Loading | Needed]:
        """Make sure that a process with the model is there."""
        if self._child.is_alive():
            return
        if self._spec is None:
            raise errors.PychatbotError("No model is open. Open a .gguf file first.")
        spec = self._spec
        try:
            yield from self._load_carefully(id, spec, token)
        finally:
            self._spec = (
                self._spec or spec
            )  # a restart that was stopped or failed can be tried again

    def _retire(self) -> None:
        """End a process that does nothing, but let it keep what it has read."""
        spec, child = self._spec, self._child
        if child.pid is not None and self._snapshots is not None and spec and spec.snapshots:
            with contextlib.suppress(OSError):
                child.send(wire.Close(next(self._ids)))
                child.wait_for_end(CLOSE_LIMIT)
        child.end()

    # -- requests ---------------------------------------------------------------------------

    def _reply(
        self, request: wire.Reply | wire.ReadAhead, token: CancelToken
    ) -> Generator[Event, None, bool]:
        """Returns False where the process turned out to be dead before it said anything."""
        settled = heard = rendering = False
        limit: float | None = None
        try:
            with self._child.woken_by(token):
                self._send(request, "before it could answer")
                while not settled:
                    frame = self._receive(request.id, token, limit, "while it answered")
                    heard = True
                    if frame is None:  # cancelled, and it does not listen: over all the same
                        # Nobody waits for what is read ahead, and to load again takes longer
                        # than most templates: that one has some time to settle.
                        if rendering and isinstance(request, wire.Reply):
                            settled = True
                            self._child.end()
                        yield Finished(request.id, "cancelled")
                        return True
                    rendering = isinstance(frame, Rendering)
                    limit = self._render_limit if rendering else None
                    settled = isinstance(frame, Finished)
                    yield frame  # type: ignore[misc]
        except ModelDied:
            settled = True
            if self._child.has_crashed and self._spec is not None:
                self._spec = replace(self._spec, plain_weights=True)
            if heard or token.is_cancelled():
                raise
            return False
        except errors.PychatbotError:
            settled = True
            raise
        finally:
            if not settled:
                self._settle(request.id)
        return True

    def _settle(self, id: int) -> None:
        """Have a request that nobody waits for any more come to its end, or end the process."""
        deadline = time.monotonic() + SETTLE_LIMIT
        try:
            self._child.send(wire.Cancel(id))
            while self._child.has_frame(max(0.0, deadline - time.monotonic())):
                frame = self._child.receive()
                if frame.id == id and isinstance(frame, (Finished, wire.Failed)):
                    return
        except (EOFError, OSError, wire.WireError):
            pass
        self._child.end()

    def _send(self, frame: wire.Frame, doing: str) -> None:
        try:
            self._child.send(frame)
        except OSError as error:
            raise self._child.death(doing) from error

    def _receive(
        self, id: int, token: CancelToken, limit: float | None, doing: str, file: str = ""
    ) -> wire.Frame | None:
        """The next frame for `id`; None where it was cancelled and does not say so itself.

        `limit`: seconds until the chat template in it is taken for endless.
        """
        deadline = time.monotonic() + limit if limit is not None else None
        cancelled = False
        while True:
            if token.is_cancelled() and not cancelled:
                if file:
                    return None
                cancelled = True
                self._send(wire.Cancel(id), doing)
                deadline = time.monotonic() + CANCEL_LIMIT
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = self._child.wait(left)
            if ready == "frame":
                frame = self._frame(doing, file)
                if frame.id == id and isinstance(frame, wire.Failed):
                    raise _error(frame)
                if frame.id == id:
                    return frame
            elif ready == "late" and cancelled:
                return None
            elif ready == "late":
                self._child.end()
                raise TemplateError(
                    f"The model's chat template did not come to an end within {limit:g} seconds. "
                    "Choose a chat format in the settings instead of the model's own template."
                )

    def _frame(self, doing: str, file: str) -> wire.Frame:
        try:
            return self._child.receive()
        except (EOFError, OSError) as error:
            raise self._child.death(doing, file) from error
        except wire.WireError as error:
            self._child.end()
            raise ModelDied(
                "The model process sent something unreadable and was ended. Your next message "
                "starts it again.",
                str(error),
            ) from error


def _error(frame: wire.Failed) -> Exception:
    if frame.kind == "Cancelled":
        return Cancelled()
    kind: type[errors.PychatbotError] = getattr(errors, frame.kind)
    return kind(frame.message, frame.detail)
