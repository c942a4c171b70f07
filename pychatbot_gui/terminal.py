"""The chat in a terminal: the same engine and rules as the window, without Qt.

Standard output carries the two prompts and the answers, nothing else, so that it serves scripts.
"""

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

from pychatbot_gui.core.chat import Conversation, clean_text
from pychatbot_gui.core.errors import Cancelled, StorageError
from pychatbot_gui.engine.engine import (
    CancelToken,
    Engine,
    Finished,
    Loading,
    ModelSpec,
    Reading,
    Sampling,
    Text,
)
from pychatbot_gui.engine.session import ChatSession

USER_PROMPT = "[+] USER: "
AI_PROMPT = "[+] AI: "
_MARKS = {c: 0x2400 + c for c in range(0x20) if chr(c) not in "\n\t"} | dict.fromkeys(
    range(0x7F, 0xA0), 0xFFFD
)
INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended


def run(make_engine: Callable[[], Engine], spec: ModelSpec, sampling: Sampling, system: str) -> int:
    """Chat until the input ends; returns the exit code: 0, 130 after Ctrl-C.

    Raises `PychatbotError`, and so where standard output cannot be written.
    """
    _prepare_streams()
    engine = make_engine()
    try:
        chat = ChatSession(engine)
        chat.conversation = Conversation(system=clean_text(system))
        _load(engine, spec)
        return _talk(chat, sampling)
    except (Cancelled, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has gone, and with it the wish for more
        _forget_output()
        return 1
    except OSError as error:
        _forget_output()
        raise StorageError(
            f"Reading from or writing to the terminal failed: {error.strerror}.", repr(error)
        ) from error
    finally:
        engine.close()


def _prepare_streams() -> None:
    """UTF-8 whatever the locale says, and something in the place of a stream that is closed."""
    for name in ("stdin", "stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        else:
            with contextlib.suppress(AttributeError):
                stream.reconfigure(  # type: ignore[attr-defined]
                    encoding="utf-8", errors="replace"
                )


def _forget_output() -> None:
    """Let what is still unwritten go nowhere: Python would try it again, and complain, at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _load(engine: Engine, spec: ModelSpec) -> None:
    visible = sys.stderr.isatty()

    def progress(fraction: float) -> None:
        if visible:
            print(f"\rLoading the model… {fraction:4.0%} ", end="", file=sys.stderr, flush=True)

    try:
        with _ctrl_c() as token:
            info = engine.load(spec, progress, token)
    except BaseException:
        if visible:
            print(file=sys.stderr)
        raise
    if visible:
        about = f"{_shown(info.name)}, context {info.n_ctx:,} tokens"
        print(f"\r{about}. Ctrl-C stops an answer, Ctrl-D ends.", file=sys.stderr)
    for notice in info.notices:
        print(_shown(notice), file=sys.stderr)


def _talk(chat: ChatSession, sampling: Sampling) -> int:
    while True:
        try:
            line = _read_line()
        except KeyboardInterrupt:
            print(flush=True)
            return INTERRUPTED
        if line is None:
            print(flush=True)
            return 0
        if line.strip():
            with _ctrl_c() as token:
                _answer(chat, line, sampling, token)


def _read_line() -> str | None:
    """The next message, None at the end of the input."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - line editing and history in `input`
        try:
            return input(USER_PROMPT)
        except EOFError:
            return None
    sys.stdout.write(USER_PROMPT)
    sys.stdout.flush()
    line = sys.stdin.readline()
    return line.rstrip("\r\n") if line else None


def _answer(chat: ChatSession, text: str, sampling: Sampling, token: CancelToken) -> None:
    sys.stdout.write(AI_PROMPT)
    sys.stdout.flush()
    told_dropped = False
    shown = _shown if sys.stdout.isatty() else str
    try:
        for event in chat.ask(text, sampling, token):
            if isinstance(event, Text):
                sys.stdout.write(shown(event.piece))
                sys.stdout.flush()
            elif isinstance(event, Reading) and event.dropped and not told_dropped:
                told_dropped = True
                print("The model no longer sees the oldest messages.", file=sys.stderr)
            elif isinstance(event, Loading) and event.fraction == 0:
                print("Loading the model again…", file=sys.stderr)
            elif isinstance(event, Finished) and event.reason == "context":
                print("The context is full: the answer was cut.", file=sys.stderr)
    finally:
        sys.stdout.write("\n")
        sys.stdout.flush()


def _shown(text: str) -> str:
    """Text that cannot command a terminal: control characters become visible marks."""
    return text.translate(_MARKS)


@contextlib.contextmanager
def _ctrl_c() -> Iterator[CancelToken]:
    """A token that Ctrl-C cancels."""
    token = CancelToken()

    before = signal.signal(signal.SIGINT, lambda *_: token.cancel())
    try:
        yield token
    finally:
        signal.signal(signal.SIGINT, before)
