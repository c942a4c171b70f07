"""The streams of a terminal: made ready, written to, and what is done when they end."""

import contextlib
import io
import os
import sys
import unicodedata
from collections.abc import Callable
from typing import TextIO

from pychatbot_gui.core.errors import Cancelled, StorageError

_MARKS = {c: 0x2400 + c for c in range(0x20) if chr(c) not in "\n\t"} | dict.fromkeys(
    range(0x7F, 0xA0), 0xFFFD
)
INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended


def to_output(write: Callable[[], None]) -> int:
    """Do what writes to standard output; returns the exit code."""
    prepare_streams()
    try:
        write()
        sys.stdout.flush()
        return 0
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


def prepare_streams() -> None:
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


def tell(sentence: str) -> None:
    """Say something beside the chat."""
    print(sentence, file=sys.stderr)


def shown(text: str) -> str:
    """Text that cannot command a terminal: control characters become visible marks."""
    return text.translate(_MARKS)


def plain(title: str) -> str:
    """A title on one line, each character that is not seen marked."""
    return "".join(
        chr(0x2400 + ord(c)) if c < " " else c if _is_seen(c) else "\ufffd" for c in title
    )


def _is_seen(c: str) -> bool:
    # The two joiners hold letters and emoji together.
    return c in "\u200c\u200d" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
