"""The program in a terminal: given all its input at once, or talked with piece by piece."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
PROGRAM = [sys.executable, "-m", "pychatbot_gui", "--terminal"]
# Takes the terminal on standard input for its own, as a shell does for what it starts.
ON_TERMINAL = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.executable, sys.argv[1:])"
)
PATIENCE = 60.0  # seconds until a test gives up waiting for the program


def environment(**more: str) -> dict[str, str]:
    """Every warning that Python has is shown, so that an empty standard error says something."""
    return {**os.environ, "PYTHONWARNINGS": "always", "TERM": "dumb", **more}


def chat(
    lines: str | bytes, *arguments: str | Path | bytes, **more: str
) -> subprocess.CompletedProcess[bytes]:
    """Give the program all its input at once and wait for its end."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        input=lines.encode() if isinstance(lines, str) else lines,
        capture_output=True,
        cwd=REPOSITORY,
        env=environment(**more),
        timeout=PATIENCE,
        check=False,
    )


def transcript(*answers: str) -> bytes:
    """What standard output holds after so many answers."""
    return "".join(f"[+] USER: [+] AI: {a}\n" for a in answers).encode() + b"[+] USER: \n"


def answers_of(output: bytes) -> list[str]:
    turns = output.decode().split("[+] USER: [+] AI: ")[1:]
    return [turn.removesuffix("[+] USER: \n").removesuffix("\n") for turn in turns]


def assert_one_sentence(errors: bytes) -> str:
    text = errors.decode()
    assert text.startswith("pychatbot: "), text
    assert text.count("\n") == 1 and text.endswith("\n"), text
    return text


class Talk:
    """A conversation with the program that goes on: written and read piece by piece."""

    def __init__(self, *arguments: str | Path, on_terminal: bool = False) -> None:
        self.said = b""  # everything that came out so far
        self._place = 0
        if on_terminal:
            self._hand, end = os.openpty()
            self.process = subprocess.Popen(
                [sys.executable, "-c", ON_TERMINAL, *PROGRAM, *arguments],
                stdin=end,
                stdout=end,
                stderr=end,
                start_new_session=True,
                cwd=REPOSITORY,
                env=environment(),
            )
            os.close(end)
            self._reads = self._writes = self._hand
        else:
            self.process = subprocess.Popen(
                [*PROGRAM, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=REPOSITORY,
                env=environment(),
            )
            self._reads = self.process.stdout.fileno()
            self._writes = self.process.stdin.fileno()

    def write(self, text: str) -> None:
        os.write(self._writes, text.encode())

    def wait_for(self, text: str) -> None:
        """Read until `text` has come, after what was waited for before."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.said.find(text.encode(), self._place)) < 0:
            assert self._read(deadline), f"ended without {text!r}: {self.said!r}"
        self._place = found + len(text.encode())

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def model_process(self) -> psutil.Process | None:
        children = psutil.Process(self.process.pid).children()
        return children[0] if children else None

    def end(self) -> tuple[int, bytes]:
        """Read to the end; returns the exit code and what came on standard error (of a pipe)."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        errors = self.process.stderr.read() if self.process.stderr is not None else b""
        return self.process.wait(PATIENCE), errors

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdin is None:
            os.close(self._hand)
        else:
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                stream.close()

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._reads], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more came after {self.said!r}"
        try:
            piece = os.read(self._reads, 65536)
        except OSError:  # how Linux tells that nobody has the terminal open any more
            piece = b""
        self.said += piece
        return bool(piece)
