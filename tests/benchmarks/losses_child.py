"""The program, talking for ever with an engine that streams numbered, timed pieces.

`python -m tests.benchmarks.losses_child`; PYCHATBOT_HOME says where the conversations are. What
happens is told on standard output, a line each: `Q chat question answer` and `F answer` after the
store has committed a message and the end of an answer, `S number nanoseconds` after pieces up to
that number are to be seen, with the time of the monotonic clock.
"""

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from pychatbot_gui import app
from pychatbot_gui.engine.engine import (
    CancelToken,
    Event,
    Finished,
    ModelInfo,
    ModelSpec,
    Needed,
    Reading,
    ReplyRequest,
    Text,
)
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.store.chats import ChatStore

PIECES = 150
EVERY_S = 0.01
TURNS = 3  # in a chat, then another one begins


def piece(number: int) -> str:
    """The text of a piece: its number and words, so that the loss of any is seen."""
    return f"{number:07d} some words of an answer, "


class StreamingEngine:
    """Answers with `PIECES` pieces, one every `EVERY_S` seconds; numbers go on for ever."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def load(
        self,
        spec: ModelSpec,
        on_progress: Callable[[float], None],
        token: CancelToken,
        on_need: Callable[[Needed], None] = lambda _: None,
    ) -> ModelInfo:
        """Nothing is loaded."""
        return ModelInfo(spec.path, "Streaming", 1, 1, spec.n_ctx, spec.n_ctx)

    def reply(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
        """The pieces, in their time."""
        yield Reading(request.id, 1, 1)
        never = threading.Event()
        for _ in range(PIECES):
            if token.is_cancelled():
                break
            never.wait(EVERY_S)
            yield Text(request.id, piece(next(self._numbers)))
        yield Finished(request.id, "stop", reply_tokens=PIECES, writing_seconds=1.0)

    def close(self) -> None:
        """Nothing to give back."""


def tell(line: str) -> None:
    """One line on standard output, at once."""
    os.write(1, f"{line}\n".encode())


def telling(work: Callable[..., Any], line: Callable[..., str]) -> Callable[..., Any]:
    """A method of the store that tells when it has returned."""

    @wraps(work)
    def told(store: ChatStore, *values: Any, **more: Any) -> Any:
        result = work(store, *values, **more)
        tell(line(result, *values))
        return result

    return told


class Talk:
    """Asks, and asks again when the answer is whole."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._asked = 0
        self._seen = 0
        engine = window.findChild(EngineThread)
        assert engine is not None
        # After the program's own slots: what has come is in the chat by then.
        engine.text_arrived.connect(self._on_text)
        engine.answer_finished.connect(lambda _: QTimer.singleShot(0, self.ask))
        engine.loaded.connect(lambda _: QTimer.singleShot(0, self.ask))

    def ask(self) -> None:
        """The next question, in a new chat after `TURNS`."""
        if self._asked % TURNS == 0:
            self._window.new_chat_action.trigger()
        self._asked += 1
        self._window.prompt_box.set_text(f"Question {self._asked}")
        self._window.prompt_box.send_requested.emit(f"Question {self._asked}")

    def _on_text(self, text: str) -> None:
        self._seen += text.count(",")
        tell(f"S {self._seen} {time.monotonic_ns()}")


def main() -> int:
    """Runs until it is killed."""
    application = QApplication(sys.argv[:1])
    kept = telling(ChatStore.add_exchange, lambda ids, *_: "Q {} {} {}".format(*ids))
    ChatStore.add_exchange = kept  # type: ignore[method-assign]
    ended = telling(ChatStore.finish_answer, lambda _, answer, *__: f"F {answer}")
    ChatStore.finish_answer = ended  # type: ignore[method-assign]
    app._engine_maker = lambda *_: StreamingEngine  # type: ignore[assignment]
    window = app.create_window([])
    talk = Talk(window)
    assert talk
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
