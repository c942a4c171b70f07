"""The worker and its QThread: the only owner of the engine and of the context list.

    main thread                          worker thread
    EngineThread.ask(text)  ──signal──▶  EngineWorker.ask: engine.reply(...) blocks here
    signals, every 33 ms    ◀──queue───  events as they come

The events wait in a queue that the main thread empties in frames of 33 ms while something is
going on: redrawing for each token costs fifty times as much. A cancel does not go through the
worker's event loop, which is busy, but through a `CancelToken`.
"""

import queue
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from pychatbot_gui.core.chat import Conversation
from pychatbot_gui.core.errors import Cancelled, PychatbotError
from pychatbot_gui.engine.engine import (
    CancelToken,
    Engine,
    Finished,
    Loading,
    ModelInfo,
    ModelSpec,
    Reading,
    Rendering,
    Sampling,
    Text,
)
from pychatbot_gui.engine.session import ChatSession, was_refused

FRAME_MS = 33


@dataclass(frozen=True)
class _Loaded:
    info: ModelInfo


@dataclass(frozen=True)
class _LoadEnded:
    error: PychatbotError | None  # None: the person ended it


@dataclass(frozen=True)
class _AnswerFailed:
    error: PychatbotError
    refused: bool


_Outgoing = Loading | Reading | Text | Finished | _Loaded | _LoadEnded | _AnswerFailed


class EngineWorker(QObject):
    """Lives in the worker thread. Its slots block while the engine works."""

    def __init__(
        self, make_engine: Callable[[], Engine], out: "queue.SimpleQueue[_Outgoing]"
    ) -> None:
        super().__init__()
        self._make_engine = make_engine
        self._chat: ChatSession | None = None
        self._out = out

    @Slot()
    def start(self) -> None:
        """Make the engine, in the thread that will drive it."""
        self._chat = ChatSession(self._make_engine())

    @Slot(object)
    def set_context(self, conversation: Conversation) -> None:
        """Go on in another conversation."""
        assert self._chat is not None
        self._chat.conversation = conversation

    @Slot(str)
    def set_system(self, system: str) -> None:
        """Change the system prompt of the conversation."""
        assert self._chat is not None
        self._chat.conversation = self._chat.conversation.with_system(system)

    @Slot(object, object)
    def load(self, spec: ModelSpec, token: CancelToken) -> None:
        """Load a model in place of the one there is."""
        assert self._chat is not None
        try:
            info = self._chat.engine.load(spec, lambda f: self._out.put(Loading(0, f)), token)
            self._out.put(_Loaded(info))
        except Cancelled:
            self._out.put(_LoadEnded(None))
        except Exception as error:  # a bug must not end the thread
            self._out.put(_LoadEnded(_told(error)))

    @Slot(str, object, object)
    def ask(self, text: str, sampling: Sampling, token: CancelToken) -> None:
        """Add a message of the person and answer it."""
        assert self._chat is not None
        try:
            for event in self._chat.ask(text, sampling, token):
                if not isinstance(event, Rendering):
                    self._out.put(event)
        except Exception as error:  # a bug must not end the thread
            self._out.put(_AnswerFailed(_told(error), was_refused(error)))

    @Slot()
    def close(self) -> None:
        """Give the model back."""
        if self._chat is not None:
            self._chat.engine.close()


class EngineThread(QObject):
    """The main thread's end: starts the thread, takes wishes, tells what happens."""

    loading = Signal(float)  # fraction from 0 to 1
    loaded = Signal(object)  # ModelInfo
    load_ended = Signal(object)  # PychatbotError, or None where the person ended it
    reading = Signal(int, int)  # tokens read, tokens of the prompt
    messages_dropped = Signal()
    text_arrived = Signal(str)
    answer_finished = Signal(object)  # Finished
    answer_failed = Signal(object, bool)  # PychatbotError, whether the message was refused
    busy_changed = Signal(bool)

    _load = Signal(object, object)
    _ask = Signal(str, object, object)
    _set_context = Signal(object)
    _set_system = Signal(str)

    def __init__(self, make_engine: Callable[[], Engine], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._out: queue.SimpleQueue[_Outgoing] = queue.SimpleQueue()
        self._worker = EngineWorker(make_engine, self._out)
        self._thread = QThread()
        self._thread.setObjectName("engine")
        self._worker.moveToThread(self._thread)
        self._load.connect(self._worker.load)
        self._ask.connect(self._worker.ask)
        self._set_context.connect(self._worker.set_context)
        self._set_system.connect(self._worker.set_system)
        self._thread.started.connect(self._worker.start)
        self._thread.finished.connect(self._worker.close, Qt.ConnectionType.DirectConnection)
        self._token: CancelToken | None = None
        self._then: Callable[[], None] | None = None  # waits for the engine to be free
        self._told_dropped = False
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._deliver)
        self._thread.start()

    def is_busy(self) -> bool:
        """A model is loading, or an answer was asked for and is not finished."""
        return self._token is not None or self._then is not None

    def when_free(self, action: Callable[[], None]) -> None:
        """Do it now, or stop what is going on and do it as soon as that has ended."""
        if not self.is_busy():
            action()
            return
        self._then = action
        if self._token is not None:
            self._token.cancel()

    def load(self, spec: ModelSpec) -> None:
        """Load a model; ends in `loaded` or `load_ended`. Not while busy."""
        self._load.emit(spec, self._begin())

    def ask(self, text: str, sampling: Sampling) -> None:
        """Send a message; ends in `answer_finished` or `answer_failed`. Not while busy."""
        self._ask.emit(text, sampling, self._begin())

    def set_context(self, conversation: Conversation) -> None:
        """Go on in another conversation. Not while busy."""
        self._set_context.emit(conversation)

    def set_system(self, system: str) -> None:
        """Another system prompt, from the next message on."""
        self._set_system.emit(system)

    def cancel(self) -> None:
        """End what is going on, at once; its own signal tells when it has ended."""
        self._then = None
        if self._token is not None:
            self._token.cancel()

    def close(self) -> None:
        """End the thread and the model, waiting for both."""
        self.cancel()
        self._timer.stop()
        self._thread.quit()
        self._thread.wait()

    def _begin(self) -> CancelToken:
        assert self._token is None, "one request at a time"
        self._token = CancelToken()
        self._told_dropped = False
        self._timer.start()
        self.busy_changed.emit(True)
        return self._token

    def _finish(self) -> None:
        self._token = None
        self._timer.stop()
        if self._then is None:
            self.busy_changed.emit(False)
        else:
            # After the signal that tells how the former thing ended; busy all the while.
            QTimer.singleShot(0, self, self._do_then)

    @Slot()
    def _do_then(self) -> None:
        action, self._then = self._then, None
        if action is not None:
            action()
        if self._token is None:
            self.busy_changed.emit(False)

    @Slot()
    def _deliver(self) -> None:
        text: list[str] = []
        progress: Loading | Reading | None = None
        while True:
            try:
                event = self._out.get_nowait()
            except queue.Empty:
                break
            if isinstance(event, Text):
                text.append(event.piece)
            elif isinstance(event, (Loading, Reading)):
                progress = event
            else:
                self._tell_progress(progress)
                self._tell_text(text)
                progress, text = None, []
                self._tell_end(event)
        self._tell_progress(progress)
        self._tell_text(text)

    def _tell_text(self, pieces: list[str]) -> None:
        if pieces:
            self.text_arrived.emit("".join(pieces))

    def _tell_progress(self, event: Loading | Reading | None) -> None:
        if isinstance(event, Loading):
            self.loading.emit(event.fraction)
        elif isinstance(event, Reading):
            if event.dropped and not self._told_dropped:
                self._told_dropped = True
                self.messages_dropped.emit()
            self.reading.emit(event.done, event.total)

    def _tell_end(self, event: Finished | _Loaded | _LoadEnded | _AnswerFailed) -> None:
        self._finish()
        if isinstance(event, Finished):
            self.answer_finished.emit(event)
        elif isinstance(event, _Loaded):
            self.loaded.emit(event.info)
        elif isinstance(event, _LoadEnded):
            self.load_ended.emit(event.error)
        else:
            self.answer_failed.emit(event.error, event.refused)


def _told(error: Exception) -> PychatbotError:
    if isinstance(error, PychatbotError):
        return error
    return PychatbotError(
        f"Something unexpected went wrong ({type(error).__name__}). The log has the details.",
        "".join(traceback.format_exception(error)),
    )
