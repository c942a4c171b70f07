"""The worker and its QThread: the only owner of the engine.

    main thread                                  worker thread
    EngineThread.ask(conversation)  ──signal──▶  EngineWorker.ask: engine.reply(...) blocks here
    signals, in frames              ◀──queue───  events as they come

Each question brings the whole conversation, a frozen value, because the store is the truth of
what was said; while it is answered the worker's `ChatSession` holds it as its context list.

The events wait in a queue that the main thread empties in frames of 33 to 66 ms while
something is going on: redrawing for each token costs fifty times as much. A cancel does not go through the
worker's event loop, which is busy, but through a `CancelToken`.

A title is asked for in the background: it makes nobody busy, and whatever else is wished ends it
at once. Its answer comes as a plain queued signal. In the same way what is sure to come of the next
prompt is measured and read ahead, as often as it is asked for; each such wish takes the place of the
one before it.
"""

import logging
import queue
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from pychatbot_gui.core.chat import Conversation
from pychatbot_gui.core.errors import PychatbotError, TemplateError
from pychatbot_gui.engine.engine import (
    CancelToken,
    Engine,
    Finished,
    Loading,
    Measured,
    ModelSpec,
    Needed,
    Notice,
    Reading,
    Sampling,
    Text,
)
from pychatbot_gui.engine.power import Power
from pychatbot_gui.engine.session import Ahead
from pychatbot_gui.gui.engine_worker import (
    AnswerFailed,
    Dropped,
    EngineWorker,
    Loaded,
    LoadEnded,
    Outgoing,
    Outgrown,
)

# What came is shown in frames. Where the model has every core, each moment that the window works is
# one that the model waits for: frames that cost much come less often.
FRAME_MS, LONGEST_FRAME_MS = 33, 66
_SHARE = 0.05  # of a processor core, for the window, as far as the longest frame allows it


class EngineThread(QObject):
    """The main thread's end: starts the thread, takes wishes, tells what happens."""

    loading = Signal(float)  # fraction from 0 to 1
    needed = Signal(object)  # Needed: what the model that is being loaded will take
    loaded = Signal(object)  # ModelInfo
    load_ended = Signal(object)  # PychatbotError, or None where the person ended it
    reading = Signal(int, int)  # tokens read, tokens of the prompt
    messages_dropped = Signal(int)  # turns of the conversation that the model no longer sees
    answer_outgrown = Signal()  # nor does it see the beginning of the answer it is writing
    text_arrived = Signal(str)
    answer_finished = Signal(object)  # Finished
    answer_failed = Signal(object, bool)  # PychatbotError, whether the message was refused
    busy_changed = Signal(bool)
    title_suggested = Signal(object, str)  # the key it was asked under, the title
    noticed = Signal(str)  # a sentence for the person; the answer goes on
    measured = Signal(int, int)  # tokens of the next prompt; how many fit beside the answer
    read_ahead_to = Signal(int, int)  # tokens read ahead, of how many; 0, 0: none are

    _load = Signal(object, object)
    _ask = Signal(object, object, object, object, object)
    _suggest_title = Signal(object, object, object)
    _read_ahead = Signal(object, object)
    _forget = Signal(object)

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        parent: QObject | None = None,
        on_battery: Callable[[], bool] | None = None,
    ) -> None:
        """`on_battery` is asked in the worker's thread; the system's own answer where it is None."""
        super().__init__(parent)
        self._out: queue.SimpleQueue[Outgoing] = queue.SimpleQueue()
        self._worker = EngineWorker(make_engine, self._out, on_battery or Power().on_battery)
        self._thread = QThread()
        self._thread.setObjectName("engine")
        self._worker.moveToThread(self._thread)
        self._load.connect(self._worker.load)
        self._ask.connect(self._worker.ask)
        self._suggest_title.connect(self._worker.suggest_title)
        self._read_ahead.connect(self._worker.read_ahead)
        self._forget.connect(self._worker.forget)
        self._worker.title_found.connect(self.title_suggested)
        self._worker.background_failed.connect(self._log_failure)
        self._worker.read.connect(self._on_read)
        self._worker.began_to_write.connect(self._deliver_now)
        self._thread.started.connect(self._worker.start)
        self._thread.finished.connect(self._worker.close, Qt.ConnectionType.DirectConnection)
        self._token: CancelToken | None = None
        self._then: Callable[[], None] | None = None  # waits for the engine to be free
        self._background = CancelToken()  # of what was asked in the background since the last wish
        self._reading_ahead = CancelToken()
        self._failure = ""  # the last one in the background
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._deliver_frame)
        self._used = 0.0  # seconds of the processor at the last frame
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

    def ask(
        self, conversation: Conversation, sampling: Sampling, prefix: str = "", chat: str = ""
    ) -> None:
        """Answer a conversation whose last message is the person's. Not while busy.

        The answer begins with `prefix`; `text_arrived` brings only what is new. `chat`: the key
        under which what is read of it is kept, the one of `suggest_title` as text; "" for none.
        Ends in `answer_finished` or `answer_failed`.
        """
        self._ask.emit(conversation, sampling, prefix, chat, self._begin())

    def read_ahead(self, ahead: Ahead) -> None:
        """Measure the next prompt, then have the engine read what is sure to come of it.

        `measured` and `read_ahead_to` tell of the latest wish only, which takes the place of the
        one before it. Does nothing while busy, and never makes busy: `load`, `ask` and `close`
        end it.
        """
        if not self.is_busy():
            self._reading_ahead.cancel()
            self._reading_ahead = CancelToken()
            self._read_ahead.emit(ahead, self._reading_ahead)

    def forget(self, chat: str) -> None:
        """Have everything removed that is kept of a chat. It waits for what is going on."""
        self._forget.emit(chat)

    def suggest_title(self, key: int, conversation: Conversation) -> None:
        """Ask the model for a title; ends in `title_suggested(key, title)` or in nothing.

        Does nothing while busy, and never makes busy: `load`, `ask` and `close` end it.
        """
        if not self.is_busy():
            self._suggest_title.emit(key, conversation, self._background)

    def cancel(self) -> None:
        """End what is going on, at once; its own signal tells when it has ended."""
        self._then = None
        if self._token is not None:
            self._token.cancel()

    def close(self) -> None:
        """End the thread and the model, waiting for both."""
        self.cancel()
        self._end_background()
        self._timer.stop()
        self._thread.quit()
        self._thread.wait()

    def _begin(self) -> CancelToken:
        assert self._token is None, "one request at a time"
        self._token = CancelToken()
        self._end_background()
        self._used = time.thread_time()
        self._timer.start(FRAME_MS)
        self.busy_changed.emit(True)
        return self._token

    def _end_background(self) -> None:
        self._background.cancel()
        self._reading_ahead.cancel()
        self._background, self._reading_ahead = CancelToken(), CancelToken()

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

    @Slot(object, object)
    def _on_read(self, token: CancelToken, event: Measured | Reading | Finished) -> None:
        if token is not self._reading_ahead or token.is_cancelled():
            return
        if isinstance(event, Measured):
            self.measured.emit(event.tokens, event.limit)
        elif isinstance(event, Reading):
            self.read_ahead_to.emit(event.done, event.total)
        else:
            self.read_ahead_to.emit(event.prompt_tokens, event.prompt_tokens)

    @Slot(object)
    def _log_failure(self, error: PychatbotError) -> None:
        # A template may put what the person is writing into its complaint.
        said = "" if isinstance(error, TemplateError) else f"{error} {error.detail}"
        failure = f"in the background: {type(error).__name__} {said}"
        if failure != self._failure:  # the same one comes with each word that is typed
            self._failure = failure
            logging.getLogger("pychatbot").info("%s", failure)

    @Slot()
    def _deliver_now(self) -> None:
        """The first word is waited for: it does not wait for the end of a frame."""
        if self._timer.isActive():
            self._deliver()

    @Slot()
    def _deliver_frame(self) -> None:
        used = time.thread_time()
        self._timer.setInterval(frame_ms(used - self._used))
        self._used = used
        self._deliver()

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
            elif isinstance(event, Needed):
                self.needed.emit(event)
            elif isinstance(event, Notice):
                self.noticed.emit(event.text)
            elif isinstance(event, Dropped):
                self.messages_dropped.emit(event.hidden_turns)
            elif isinstance(event, Outgrown):
                self.answer_outgrown.emit()
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
            self.reading.emit(event.done, event.total)

    def _tell_end(self, event: Finished | Loaded | LoadEnded | AnswerFailed) -> None:
        self._finish()
        if isinstance(event, Finished):
            self.answer_finished.emit(event)
        elif isinstance(event, Loaded):
            self.loaded.emit(event.info)
        elif isinstance(event, LoadEnded):
            self.load_ended.emit(event.error)
        else:
            self.answer_failed.emit(event.error, event.refused)


def frame_ms(cost: float) -> int:
    """How long the next frame is, after one that cost so many seconds of the processor."""
    return min(max(FRAME_MS, round(cost / _SHARE * 1000)), LONGEST_FRAME_MS)
