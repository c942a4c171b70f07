"""The program in its own window, driven as a person would, with a home of its own."""

import gc
import json
import logging
import os
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import psutil
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QListView, QPlainTextEdit, QPushButton

from pychatbot_gui.app import create_window
from pychatbot_gui.core.paths import user_paths
from pychatbot_gui.engine.engine import Finished
from pychatbot_gui.gui.chat.chat_view import ChatView
from pychatbot_gui.gui.conversations.conversation_model import ConversationModel
from pychatbot_gui.gui.conversations.conversation_rows import CHATS
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.use_cases.chats import Chats
from tests.vocabularies import WORDS

Part = TypeVar("Part", bound=QObject)

_LOOK_EVERY_MS = 5
_LOOK_EVERY_MS_AT_AN_ANSWER = 50  # the model wants the processor that a look takes
_MODEL_PROCESS = "pychatbot_gui.engine.model_host"


@dataclass(frozen=True)
class Timed:
    """An answer as the window saw it; seconds from the click on Send.

    `first`: until its first text was there to be shown. `writing`: from then to its end. `rest`:
    what part of its text came in that time.
    """

    first: float
    writing: float
    rest: float
    end: Finished

    @property
    def tokens_per_second(self) -> float:
        """How fast it was written after its first text, which may be of several tokens."""
        return self.end.reply_tokens * self.rest / self.writing


class Program:
    """A window of the program and the few things the benchmarks do with it.

    `arguments` are those of the command line. Leaving the `with` block closes the window, its
    thread and its model process, and removes the home, unless it is a `home` that was there before.
    `settings` are put into the settings file of that home.
    """

    def __init__(
        self,
        *arguments: str,
        home: Path | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        application()
        self._home = tempfile.TemporaryDirectory(prefix="benchmark-home-")
        os.environ["PYCHATBOT_HOME"] = str(home or Path(self._home.name) / "home")
        if settings:
            _write_settings(settings)
        self.window = create_window(list(arguments))
        self.engine = self.part(EngineThread)
        self.view = self.part(ChatView, "chatView")
        self.answer: Finished | None = None  # how the last answer ended, None while there is none
        self.engine.answer_finished.connect(self._keep_answer)
        self.edit = self.part(QPlainTextEdit, "promptEdit")
        self._send = self.part(QPushButton, "sendButton")
        self._stop = self.part(QPushButton, "stopButton")
        self._new = self.part(QAction, "newChatAction")

    def __enter__(self) -> "Program":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.window.close()
        # Here and now: left to the garbage collector, the window could be destroyed by the next
        # program's engine thread, which crashes.
        self.window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        self._home.cleanup()

    def open(self, model: Path) -> None:
        """Begin to open a model, as a file dropped on the window does."""
        self.window.model_dropped.emit(str(model))

    def open_and_wait(self, model: Path) -> None:
        """Open a model. Raises RuntimeError where it cannot be opened."""
        self.open(model)
        self.wait_until_idle()
        if not self.can_send():
            raise RuntimeError(f"the model was not opened: {self.notice()}")

    def write(self, text: str) -> None:
        """Put a text into the prompt box."""
        self.edit.setPlainText(text)

    def send(self, text: str = "") -> None:
        """Send `text`, or what is in the prompt box already."""
        if text:
            self.write(text)
        self.answer = None
        self._send.click()

    def ask(self, text: str) -> Finished | None:
        """Send and wait for the end; None where no answer came to its end."""
        self.send(text)
        self.wait_until_idle()
        return self.answer

    def timed(self, text: str) -> Timed:
        """Send and wait for the end. Raises RuntimeError where there was no answer."""
        moments: list[float] = []
        lengths: list[int] = []

        def arrived(piece: str) -> None:
            moments.append(time.perf_counter())
            lengths.append(len(piece))

        def finished(_: object) -> None:
            moments.append(time.perf_counter())

        self.engine.text_arrived.connect(arrived)
        self.engine.answer_finished.connect(finished)
        began = time.perf_counter()
        self.ask(text)
        self.engine.text_arrived.disconnect(arrived)
        self.engine.answer_finished.disconnect(finished)
        rest = 1 - lengths[0] / sum(lengths)
        return Timed(moments[0] - began, moments[-1] - moments[0], rest, self.answered())

    def answered(self) -> Finished:
        """How the last answer ended. Raises RuntimeError where there was none."""
        if self.answer is None:
            raise RuntimeError(f"there was no answer; notice: {self.notice()!r}")
        return self.answer

    def stop(self) -> None:
        """Press Stop."""
        self._stop.click()

    def new_chat(self) -> None:
        """Begin an empty conversation."""
        self._new.trigger()

    def chats(self) -> list[int]:
        """The ids of the conversations in the list, from the top."""
        model = self.part(QListView, "conversationList").model()
        assert isinstance(model, ConversationModel)
        return [row.id for row in model.rows if row.kind in CHATS]

    def show_chat(self, chat: int) -> None:
        """Choose a conversation in the list, and wait until it is shown."""
        self.window.conversation_list.chat_chosen.emit(chat)
        shown = self.part(Chats)
        self.wait(lambda: shown.shown.id == chat)
        self.live(0.1)

    def can_send(self) -> bool:
        """Whether a message written now would be sent."""
        self.write("?")
        return self._send.isEnabled() and not self.window.is_busy()

    def notice(self) -> str:
        """What the notice bar says."""
        return " ".join(self.window.notice_bar.texts())

    def model_process(self) -> psutil.Process | None:
        """The process that holds the model."""
        for child in psutil.Process().children(recursive=True):
            try:
                if _MODEL_PROCESS in child.cmdline():
                    return child
            except psutil.Error:
                continue
        return None

    def kill_model(self) -> bool:
        """`kill -9` of the model process; False where there was none."""
        process = self.model_process()
        if process is None:
            return False
        process.kill()
        return True

    def wait(
        self,
        condition: Callable[[], bool],
        seconds: float = 120.0,
        look_every_ms: int = _LOOK_EVERY_MS,
    ) -> None:
        """Let the window live until `condition`; TimeoutError after that many seconds."""
        deadline = time.monotonic() + seconds
        loop = QEventLoop()

        def look() -> None:
            if condition() or time.monotonic() > deadline:
                loop.quit()

        timer = QTimer()
        timer.setInterval(look_every_ms)
        timer.timeout.connect(look)
        timer.start()
        if not condition():
            loop.exec()
        if time.monotonic() > deadline and not condition():
            raise TimeoutError(f"waited {seconds:g} seconds in vain; notice: {self.notice()!r}")

    def wait_until_idle(self, seconds: float = 300.0) -> None:
        """Wait until nothing is loading or being answered."""
        self.wait(lambda: not self.window.is_busy(), seconds, _LOOK_EVERY_MS_AT_AN_ANSWER)

    def live(self, seconds: float) -> None:
        """Let the window live for a time."""
        loop = QEventLoop()
        QTimer.singleShot(round(seconds * 1000), loop.quit)
        loop.exec()

    def part(self, kind: type[Part], name: str = "") -> Part:
        """A part of the window, by its kind and object name."""
        found = self.window.findChild(kind, name) if name else self.window.findChild(kind)
        assert found is not None, f"the window has no {name or kind.__name__}"
        return found

    def _keep_answer(self, event: Finished) -> None:
        self.answer = event


def application() -> QApplication:
    """The one application of this process; without a screen unless the platform is chosen."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # What the person is told is in `Program.notice`; nothing of it belongs between the figures.
    logging.getLogger("pychatbot").addHandler(logging.NullHandler())
    found = QApplication.instance()
    return found if isinstance(found, QApplication) else QApplication(["benchmarks"])


def _write_settings(settings: Mapping[str, object]) -> None:
    path = user_paths().settings_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(settings)), encoding="utf-8")


def long_message(words: int) -> str:
    """About one token a word, in lines as a person writes them; the same text each time."""
    chosen = random.Random(2).choices(WORDS, k=words)
    return "\n".join(" ".join(chosen[at : at + 14]) for at in range(0, words, 14))
