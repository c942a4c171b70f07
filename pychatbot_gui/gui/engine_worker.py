"""What lives in the worker thread: the only owner of the engine, and what it puts into the queue."""

import queue
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal, Slot

from pychatbot_gui.core.chat import Conversation
from pychatbot_gui.core.errors import Cancelled, PychatbotError
from pychatbot_gui.engine.engine import (
    CancelToken,
    Engine,
    Finished,
    Loading,
    Measured,
    ModelInfo,
    ModelSpec,
    Needed,
    Notice,
    Reading,
    Rendering,
    Sampling,
    Text,
)
from pychatbot_gui.engine.session import Ahead, ChatSession, was_refused


@dataclass(frozen=True)
class Loaded:
    """The model is there."""

    info: ModelInfo


@dataclass(frozen=True)
class LoadEnded:
    """No model is there."""

    error: PychatbotError | None  # None: the person ended it


@dataclass(frozen=True)
class AnswerFailed:
    """The answer broke off, or its question was refused."""

    error: PychatbotError
    refused: bool


@dataclass(frozen=True)
class Dropped:
    """So many of the oldest turns left the model's sight."""

    hidden_turns: int


@dataclass(frozen=True)
class Outgrown:
    """The beginning of the answer left the model's sight."""


Outgoing = (
    Loading
    | Needed
    | Reading
    | Notice
    | Text
    | Finished
    | Dropped
    | Outgrown
    | Loaded
    | LoadEnded
    | AnswerFailed
)


class EngineWorker(QObject):
    """Lives in the worker thread. Its slots block while the engine works."""

    title_found = Signal(object, str)  # the key it was asked under, the title
    background_failed = Signal(object)  # PychatbotError
    read = Signal(object, object)  # CancelToken of what is read ahead, an event of it
    began_to_write = Signal()  # the first text of an answer is there

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        out: "queue.SimpleQueue[Outgoing]",
        on_battery: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._make_engine = make_engine
        self._chat: ChatSession | None = None
        self._out = out
        self._on_battery = on_battery

    @Slot()
    def start(self) -> None:
        """Make the engine, in the thread that will drive it."""
        self._chat = ChatSession(self._make_engine())

    @Slot(object, object)
    def load(self, spec: ModelSpec, token: CancelToken) -> None:
        """Load a model in place of the one there is."""
        assert self._chat is not None
        try:
            info = self._chat.engine.load(
                spec, lambda f: self._out.put(Loading(0, f)), token, self._out.put
            )
            self._out.put(Loaded(info))
        except Cancelled:
            self._out.put(LoadEnded(None))
        except Exception as error:  # a bug must not end the thread
            self._out.put(LoadEnded(told(error)))

    @Slot(object, object, object, object, object)
    def ask(
        self,
        conversation: Conversation,
        sampling: Sampling,
        prefix: str,
        key: str,
        token: CancelToken,
    ) -> None:
        """Answer a conversation."""
        chat = self._chat
        assert chat is not None
        chat.conversation, chat.chat = conversation, key
        hidden, outgrown, silent = conversation.hidden_turns, False, True
        try:
            for event in chat.answer(sampling, token, prefix):
                if chat.conversation.hidden_turns != hidden:
                    hidden = chat.conversation.hidden_turns
                    self._out.put(Dropped(hidden))
                if isinstance(event, Reading) and event.skipped and not outgrown:
                    outgrown = True
                    self._out.put(Outgrown())
                if not isinstance(event, Rendering | Needed | Measured):
                    self._out.put(event)
                if silent and isinstance(event, Text):
                    silent = False
                    self.began_to_write.emit()
        except Exception as error:  # a bug must not end the thread
            self._out.put(AnswerFailed(told(error), was_refused(error)))

    @Slot(object, object, object)
    def suggest_title(self, key: int, conversation: Conversation, token: CancelToken) -> None:
        """Find a title, unless something else is wished meanwhile."""
        assert self._chat is not None
        if token.is_cancelled():
            return
        try:
            title = self._chat.title(conversation, token, str(key))
        except Exception as error:  # nobody waits for a title, so nobody is told
            self.background_failed.emit(told(error))
            return
        if title and not token.is_cancelled():
            self.title_found.emit(key, title)

    @Slot(object, object)
    def read_ahead(self, ahead: Ahead, token: CancelToken) -> None:
        """Measure the next prompt, and read what is sure to come of it."""
        chat = self._chat
        assert chat is not None
        if token.is_cancelled():
            return
        only_measure = ahead.when == "off" or (ahead.when == "mains" and self._on_battery())
        try:
            for event in chat.read_ahead(ahead, token, only_measure):
                if isinstance(event, (Measured, Reading, Finished)):
                    self.read.emit(token, event)
        except Exception as error:  # nobody waits for this: the next message will tell
            self.background_failed.emit(told(error))

    @Slot(object)
    def forget(self, key: str) -> None:
        """A chat was deleted for good."""
        assert self._chat is not None
        try:
            self._chat.engine.forget(key)
        except Exception as error:  # a bug must not end the thread
            self.background_failed.emit(told(error))

    @Slot()
    def close(self) -> None:
        """Give the model back."""
        if self._chat is not None:
            self._chat.engine.close()


def told(error: Exception) -> PychatbotError:
    """The error as it is told: one of ours as it is, a bug with its traceback for the log."""
    if isinstance(error, PychatbotError):
        return error
    return PychatbotError(
        f"Something unexpected went wrong ({type(error).__name__}). The log has the details.",
        "".join(traceback.format_exception(error)),
    )
