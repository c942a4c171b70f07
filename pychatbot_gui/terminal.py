"""The chat in a terminal: the same engine, store and rules as the window, without Qt.

Standard output carries the two prompts and the answers, nothing else, so that it serves scripts.
"""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

from pychatbot_gui.core.chat import clean_text
from pychatbot_gui.core.errors import PychatbotError
from pychatbot_gui.core.memory import need_sentence
from pychatbot_gui.engine.engine import (
    CancelToken,
    Engine,
    Finished,
    Loading,
    ModelSpec,
    Needed,
    Reading,
    Sampling,
    Text,
)
from pychatbot_gui.engine.session import ChatSession, was_refused
from pychatbot_gui.terminal_chats import ChatKeeper
from pychatbot_gui.terminal_streams import INTERRUPTED, shown, tell, to_output

USER_PROMPT = "[+] USER: "
AI_PROMPT = "[+] AI: "


def run(
    make_engine: Callable[[], Engine],
    spec: ModelSpec,
    sampling: Sampling,
    system: str | None,
    keeper: ChatKeeper | None = None,
) -> int:
    """Chat until the input ends; returns the exit code: 0, 130 after Ctrl-C.

    `system` None: that of the chat that goes on. Raises `PychatbotError`, and so where standard
    output cannot be written.
    """
    keeper = keeper or ChatKeeper()
    engine = make_engine()
    codes: list[int] = []

    def talk() -> None:
        chat = ChatSession(engine)
        chat.conversation = keeper.conversation(system)
        model = _load(engine, spec)
        codes.append(_talk(chat, sampling, keeper, model))

    try:
        return to_output(talk) or codes[0]
    finally:
        engine.close()


def _load(engine: Engine, spec: ModelSpec) -> str:
    """Load the model; returns its name."""
    visible = sys.stderr.isatty()

    def progress(fraction: float) -> None:
        if visible:
            print(f"\rLoading the model… {fraction:4.0%} ", end="", file=sys.stderr, flush=True)

    def needed(event: Needed) -> None:
        if visible:
            print(need_sentence(event.memory.need(event.n_ctx), event.free), file=sys.stderr)

    try:
        with _ctrl_c() as token:
            info = engine.load(spec, progress, token, needed)
    except BaseException:
        if visible:
            print(file=sys.stderr)
        raise
    if visible:
        about = f"{shown(info.name)}, context {info.n_ctx:,} tokens"
        print(f"\r{about}. Ctrl-C stops an answer, Ctrl-D ends.", file=sys.stderr)
    for notice in info.notices:
        tell(shown(notice))
    return info.name


def _talk(chat: ChatSession, sampling: Sampling, keeper: ChatKeeper, model: str) -> int:
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
            text = clean_text(line)
            with _ctrl_c() as token:
                keeper.begin(text, chat.conversation.system, model, sampling)
                chat.chat = keeper.key()
                _answer(chat, text, sampling, token, keeper)


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


def _answer(
    chat: ChatSession, text: str, sampling: Sampling, token: CancelToken, keeper: ChatKeeper
) -> None:
    hidden, outgrown = chat.conversation.hidden_turns, False
    written = shown if sys.stdout.isatty() else str
    ended = "cancelled"
    finished: Finished | None = None
    try:
        sys.stdout.write(AI_PROMPT)
        sys.stdout.flush()
        for event in chat.ask(text, sampling, token):
            if isinstance(event, Text):
                keeper.add(event.piece)
                sys.stdout.write(written(event.piece))
                sys.stdout.flush()
            elif isinstance(event, Reading) and chat.conversation.hidden_turns != hidden:
                more = chat.conversation.hidden_turns > hidden
                hidden = chat.conversation.hidden_turns
                tell(
                    "The model no longer sees the oldest messages."
                    if more
                    else "The model sees the oldest messages again."
                )
            elif isinstance(event, Reading) and event.skipped and not outgrown:
                outgrown = True
                tell("The answer goes on, but the model no longer sees its beginning.")
            elif isinstance(event, Loading) and event.fraction == 0:
                tell("Loading the model again…")
            elif isinstance(event, Finished):
                finished, ended = event, event.reason
                if event.reason == "context":
                    tell("The context is full: the answer was cut.")
    except PychatbotError as error:
        ended = "error"
        if was_refused(error):
            keeper.take_back()
        raise
    finally:
        keeper.end(ended, finished, chat.conversation.hidden_turns)
        sys.stdout.write("\n")
        sys.stdout.flush()


@contextlib.contextmanager
def _ctrl_c() -> Iterator[CancelToken]:
    """A token that Ctrl-C cancels."""
    token = CancelToken()

    before = signal.signal(signal.SIGINT, lambda *_: token.cancel())
    try:
        yield token
    finally:
        signal.signal(signal.SIGINT, before)
