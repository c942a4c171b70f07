"""`ModelProcess`: an `Engine` whose model lives in a child process.

A bad file can abort the process it is loaded in, a chat template can hold the interpreter lock
for minutes, and only the end of a process gives all its memory back. So each load gets a process
of its own, and ending it always works.
"""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any

import pychatbot_gui
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
from pychatbot_gui.engine.snapshots import SnapshotFolder

RENDER_LIMIT = 10.0  # seconds a chat template may take
CANCEL_LIMIT = 0.04  # seconds before a cancelled request is over for the person, come what may
_CRASHES = [-getattr(signal, name, 0) for name in ("SIGSEGV", "SIGILL", "SIGBUS", "SIGFPE")]
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
        self._snapshots = snapshots
        self._idle = idle
        self.log_path = log_path
        self._log_to = log_to
        self._host = host
        self._exit_code: int | None = None  # of the last process that ended by itself
        self._render_limit = render_limit
        self._ids = itertools.count(1)
        self._spec: ModelSpec | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._wake_receiver, self._wake_sender = Pipe(duplex=False)

    @property
    def pid(self) -> int | None:
        """Process id of the model process, None where there is none."""
        return self._process.pid if self._process is not None else None

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
        if self._process is not None and self._process.poll() is None:
            yield from self._reply(wire.ReadAhead(request.id, request), token)

    def forget(self, chat: str) -> None:
        """See `Engine.forget`."""
        if self._process is not None and self._process.poll() is None:
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
        self._wake_receiver.close()
        self._wake_sender.close()
        with contextlib.suppress(OSError):
            self.log_path.unlink(missing_ok=True)

    # -- the life of the process ------------------------------------------------------------

    def _start(self) -> None:
        ours, theirs = Pipe(duplex=True)
        handle = theirs.fileno()
        platform: dict[str, Any] = {"start_new_session": True, "pass_fds": (handle,)}
        if sys.platform == "win32":
            os.set_handle_inheritable(handle, True)
            platform = {
                "close_fds": False,
                "creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP,
            }
        # OpenMP's threads spin while they wait for each other, by default for so long that two other
        # busy programs take nine tenths of the speed; with a thousand turns it is a half, and on
        # a quiet machine nothing is lost (never to spin would cost 40 % there).
        environment = {"GOMP_SPINCOUNT": "1000", **os.environ}
        # The package's own folder as the working one: `-m` looks there first, so nothing in the
        # person's folder can be taken for a module.
        home = Path(pychatbot_gui.__file__).resolve().parent.parent
        try:
            with self._log_stream() as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", self._host, str(handle), str(self._idle)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=home,
                    env=environment,
                    **platform,
                )
        except OSError as error:
            ours.close()
            raise ModelDied(
                "The model process cannot be started. Close other programs and try again.",
                repr(error),
            ) from error
        finally:
            theirs.close()
        self._connection = ours

    def _log_stream(self) -> IO[bytes]:
        if self._log_to is not None:
            return os.fdopen(os.dup(self._log_to), "wb")
        try:
            self.log_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return self.log_path.open("wb")
        except OSError:  # a log is no reason not to chat
            return tempfile.TemporaryFile()

    def _end(self, grace: float = 0.0) -> int | None:
        """End the process; returns how it ended, None where there was none.

        `grace`: seconds for a process that is ending by itself, so that it keeps its own reason.
        """
        process, self._process = self._process, None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if process is None:
            return None
        if grace:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace)
        process.kill()
        return process.wait()

    def _retire(self) -> None:
        """End a process that does nothing, but let it keep what it has read."""
        process, spec = self._process, self._spec
        if process is not None and self._snapshots is not None and spec and spec.snapshots:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                assert self._connection is not None
                wire.send(self._connection, wire.Close(next(self._ids)))
                process.wait(CLOSE_LIMIT)
        self._end()

    def _death(self, doing: str, file: str = "") -> ModelDied | ModelFileError:
        """The error for a process that ended by itself; `file` where it was being loaded."""
        code = self._exit_code = self._end(grace=2.0)
        tail = self._log_tail()
        if code is not None and code < 0:
            try:
                how = signal.Signals(-code).name
            except ValueError:
                how = f"signal {-code}"
        else:
            how = f"exit code {code}"
        detail = f"{how}\n{tail}".strip()
        if how == "SIGKILL":
            return ModelDied(
                f"The model process was killed {doing}, most often because the memory ran out. "
                "Your next message starts it again.",
                detail,
            )
        if file:
            return ModelFileError(
                f"“{Path(file).name}” made the model library crash {doing} ({how}): the file is "
                "damaged or of an unsupported kind. Choose another.",
                detail,
            )
        return ModelDied(
            f"The model process ended unexpectedly {doing} ({how}). Your next message starts it "
            "again.",
            detail,
        )

    def _log_tail(self) -> str:
        try:
            lines = self.log_path.read_bytes()[-8000:].decode("utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(lines.splitlines()[-40:])

    # -- requests ---------------------------------------------------------------------------

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
            if spec.plain_weights or self._exit_code not in _CRASHES:
                raise
        info = yield from self._load(id, replace(spec, plain_weights=True), token)
        return replace(info, notices=(*info.notices, _PLAIN))

    def _load(
        self, id: int, spec: ModelSpec, token: CancelToken
    ) -> Generator[Loading | Needed, None, ModelInfo]:
        self._retire()
        self._spec = self._exit_code = None
        if token.is_cancelled():
            raise Cancelled
        self._start()
        try:
            with self._woken_by(token):
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
                self._end()

    def _alive(self, id: int, token: CancelToken) -> Iterator[Loading | Needed]:
        """Make sure that a process with the model is there."""
        if self._process is not None and self._process.poll() is None:
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

    def _reply(
        self, request: wire.Reply | wire.ReadAhead, token: CancelToken
    ) -> Generator[Event, None, bool]:
        """Returns False where the process turned out to be dead before it said anything."""
        settled = heard = rendering = False
        limit: float | None = None
        try:
            with self._woken_by(token):
                self._send(request, "before it could answer")
                while not settled:
                    frame = self._receive(request.id, token, limit, "while it answered")
                    heard = True
                    if frame is None:  # cancelled, and it does not listen: over all the same
                        # Nobody waits for what is read ahead, and to load again takes longer
                        # than most templates: that one has some time to settle.
                        if rendering and isinstance(request, wire.Reply):
                            settled = True
                            self._end()
                        yield Finished(request.id, "cancelled")
                        return True
                    rendering = isinstance(frame, Rendering)
                    limit = self._render_limit if rendering else None
                    settled = isinstance(frame, Finished)
                    yield frame  # type: ignore[misc]
        except ModelDied:
            settled = True
            if self._exit_code in _CRASHES and self._spec is not None:
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
            assert self._connection is not None
            wire.send(self._connection, wire.Cancel(id))
            while self._connection.poll(max(0.0, deadline - time.monotonic())):
                frame = wire.receive(self._connection)
                if frame.id == id and isinstance(frame, (Finished, wire.Failed)):
                    return
        except (EOFError, OSError, wire.WireError):
            pass
        self._end()

    def _send(self, frame: wire.Frame, doing: str) -> None:
        assert self._connection is not None
        try:
            wire.send(self._connection, frame)
        except OSError as error:
            raise self._death(doing) from error

    def _receive(
        self, id: int, token: CancelToken, limit: float | None, doing: str, file: str = ""
    ) -> wire.Frame | None:
        """The next frame for `id`; None where it was cancelled and does not say so itself.

        `limit`: seconds until the chat template in it is taken for endless.
        """
        connection = self._connection
        assert connection is not None
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
            ready = wait([connection, self._wake_receiver], left)
            if self._wake_receiver in ready:
                self._wake_receiver.recv_bytes()
            elif connection in ready:
                frame = self._frame(doing, file)
                if frame.id == id and isinstance(frame, wire.Failed):
                    raise _error(frame)
                if frame.id == id:
                    return frame
            elif cancelled:
                return None
            else:
                self._end()
                raise TemplateError(
                    f"The model's chat template did not come to an end within {limit:g} seconds. "
                    "Choose a chat format in the settings instead of the model's own template."
                )

    def _frame(self, doing: str, file: str) -> wire.Frame:
        assert self._connection is not None
        try:
            return wire.receive(self._connection)
        except (EOFError, OSError) as error:
            raise self._death(doing, file) from error
        except wire.WireError as error:
            self._end()
            raise ModelDied(
                "The model process sent something unreadable and was ended. Your next message "
                "starts it again.",
                str(error),
            ) from error

    @contextlib.contextmanager
    def _woken_by(self, token: CancelToken) -> Iterator[None]:
        token.on_cancel(lambda: self._wake_sender.send_bytes(b"!"))
        try:
            yield
        finally:
            token.on_cancel(None)
            while self._wake_receiver.poll(0):
                self._wake_receiver.recv_bytes()


def _error(frame: wire.Failed) -> Exception:
    if frame.kind == "Cancelled":
        return Cancelled()
    kind: type[errors.PychatbotError] = getattr(errors, frame.kind)
    return kind(frame.message, frame.detail)
