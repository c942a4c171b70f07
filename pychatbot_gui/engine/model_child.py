"""`ModelChild`: the child process of a model, the pipe to it, and why it ended.

What it is asked and how long that may take is the business of `model_process`.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any, Literal

import pychatbot_gui
from pychatbot_gui.core.errors import ModelDied, ModelFileError
from pychatbot_gui.engine import wire
from pychatbot_gui.engine.engine import CancelToken

_CRASHES = [-getattr(signal, name, 0) for name in ("SIGSEGV", "SIGILL", "SIGBUS", "SIGFPE")]


class ModelChild:
    """One process after another, each started by `start`. One thread drives it."""

    def __init__(self, host: str, idle: float, log_path: Path, log_to: int | None) -> None:
        """`host`: the module that it runs, with `idle`. `log_to`: a file descriptor that gets its
        log in place of `log_path`.
        """
        self._host = host
        self._idle = idle
        self._log_path = log_path
        self._log_to = log_to
        self._exit_code: int | None = None  # of the last process, where it ended by itself
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection[Any, Any] | None = None
        self._wake_receiver, self._wake_sender = Pipe(duplex=False)

    @property
    def pid(self) -> int | None:
        """Process id, None where there is no process."""
        return self._process.pid if self._process is not None else None

    @property
    def has_crashed(self) -> bool:
        """Whether the last process was ended by a fault in its own code."""
        return self._exit_code in _CRASHES

    def is_alive(self) -> bool:
        """Whether there is a process, and it has not ended unseen."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start a process; the one before it has been ended. Raises `ModelDied`."""
        self._exit_code = None
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
        self._pipe = ours

    def send(self, frame: wire.Frame) -> None:
        """Send one frame. Raises OSError where the process is gone."""
        assert self._pipe is not None
        wire.send(self._pipe, frame)

    def receive(self) -> wire.Frame:
        """Wait for one frame. Raises EOFError or OSError where it is gone, `WireError`."""
        assert self._pipe is not None
        return wire.receive(self._pipe)

    def has_frame(self, seconds: float) -> bool:
        """Wait that long for a frame, or for the end of the process; nothing else wakes it."""
        assert self._pipe is not None
        return self._pipe.poll(seconds)

    def wait(self, seconds: float | None) -> Literal["frame", "woken", "late"]:
        """Wait for a frame or the end of the process, a cancel (`woken_by`), or so many seconds."""
        assert self._pipe is not None
        ready = wait([self._pipe, self._wake_receiver], seconds)
        if self._wake_receiver in ready:
            self._wake_receiver.recv_bytes()
            return "woken"
        return "frame" if ready else "late"

    @contextlib.contextmanager
    def woken_by(self, token: CancelToken) -> Iterator[None]:
        """While this lasts, a cancel ends `wait`."""
        token.on_cancel(lambda: self._wake_sender.send_bytes(b"!"))
        try:
            yield
        finally:
            token.on_cancel(None)
            while self._wake_receiver.poll(0):
                self._wake_receiver.recv_bytes()

    def wait_for_end(self, seconds: float) -> None:
        """Give a process that was told to end so many seconds for that."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)

    def end(self) -> None:
        """End the process, if there is one, at once."""
        self._end()

    def death(self, doing: str, file: str = "") -> ModelDied | ModelFileError:
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

    def close(self) -> None:
        """End the process and remove its log. Nothing can be started after it."""
        self._end()
        self._wake_receiver.close()
        self._wake_sender.close()
        with contextlib.suppress(OSError):
            self._log_path.unlink(missing_ok=True)

    def _end(self, grace: float = 0.0) -> int | None:
        """End the process; returns how it ended, None where there was none.

        `grace`: seconds for a process that is ending by itself, so that it keeps its own reason.
        """
        process, self._process = self._process, None
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()
        if process is None:
            return None
        if grace:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace)
        process.kill()
        return process.wait()

    def _log_stream(self) -> IO[bytes]:
        if self._log_to is not None:
            return os.fdopen(os.dup(self._log_to), "wb")
        try:
            self._log_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return self._log_path.open("wb")
        except OSError:  # a log is no reason not to chat
            return tempfile.TemporaryFile()

    def _log_tail(self) -> str:
        try:
            lines = self._log_path.read_bytes()[-8000:].decode("utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(lines.splitlines()[-40:])
