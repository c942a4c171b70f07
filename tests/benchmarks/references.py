"""What the program is measured against, each in a process of its own that stays for several answers.

The bare library loop, llama-cpp-python's chat call and its server. All get the same model, threads
and context, and the same setting of OpenMP that the program gives its model process.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol

Messages = list[tuple[str, str]]  # role, text

BARE, CHAT_CALL = "bare loop", "create_chat_completion"
_MODULES = {BARE: "tests.benchmarks.bare_loop", CHAT_CALL: "tests.benchmarks.chat_call"}
ENVIRONMENT = {"GOMP_SPINCOUNT": "1000"}


@dataclass(frozen=True)
class Wish:
    """Answer these messages with so many tokens; `timed`: also note what each costs besides."""

    messages: Messages
    tokens: int
    timed: bool = False


@dataclass(frozen=True)
class Written:
    """How that went, in seconds: until the first token, from there to the last of `tokens`.

    `text`: the answer, where the reference makes text of its tokens. `marks`: see `OwnTime`.
    """

    first: float
    writing: float
    tokens: int
    text: str = ""
    marks: list[float] = field(default_factory=list)

    @property
    def tokens_per_second(self) -> float:
        """How fast it was written after the first token."""
        return (self.tokens - 1) / self.writing


class Reference(Protocol):
    """Something else that answers."""

    name: str

    def write(self, wish: Wish) -> Written:
        """Answer, and say how long it took. Raises RuntimeError where it cannot."""
        ...


class Child:
    """A reference that runs in a process: `bare_loop` or `chat_call`. Use it in a `with` block."""

    def __init__(self, name: str, model: Path, n_ctx: int, threads: int) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULES[name], str(model), str(n_ctx), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**ENVIRONMENT, **os.environ},
        )

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._process.kill()
        self._process.communicate()

    def write(self, wish: Wish) -> Written:
        """See `Reference`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asdict(wish)) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended: exit code {self._process.wait()}")
        return Written(**json.loads(line))


def serve(write: Callable[[Wish], Written]) -> None:
    """The child's end: answer each wish on standard input until there are no more."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        wish = Wish(**json.loads(line))
        out.write(json.dumps(asdict(write(wish))) + "\n")
        out.flush()


def in_turn(count: int, *measures: Callable[[], float]) -> Iterator[tuple[float, ...]]:
    """Each measure in turn, `count` times, so that all meet the same machine; the first warms up."""
    for run in range(count + 1):
        values = tuple(measure() for measure in measures)
        if run:
            yield values
