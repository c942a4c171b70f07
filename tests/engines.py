"""A fake engine on the real protocol, for what no real model does on demand."""

from collections.abc import Callable, Iterator
from typing import Any

from pychatbot_gui.core.chat import Conversation, Message, Role, user_message
from pychatbot_gui.engine.engine import (
    CancelToken,
    Event,
    Finished,
    Measured,
    ModelInfo,
    ModelSpec,
    Needed,
    Reading,
    ReplyRequest,
    Sampling,
    Text,
)
from pychatbot_gui.engine.session import Ahead

HI = Conversation("Be kind.", (user_message("hi"),))
DONE = HI.with_message(Message(Role.ASSISTANT, "Hello."))


def ahead(draft: str = "", **more: Any) -> Ahead:
    """What is sure to come after `DONE`."""
    return Ahead(DONE, draft, Sampling(), **{"chat": "7", **more})


def _letters(request: ReplyRequest) -> tuple[int, int]:
    return sum(len(message.text) for message in request.messages), 10_000


class FakeEngine:
    """Answers with what was put into `answers`, in order; an exception there is raised.

    An answer is a list of pieces; a callable among them is called when its turn comes.
    `history` holds every request; `read` those to read ahead, in which `while_reading` is called
    after `measures` has given the tokens and their limit.
    """

    def __init__(self) -> None:
        self.answers: list[list[str | Reading | Callable[[], None] | Exception]] = []
        self.history: list[ReplyRequest] = []
        self.load_error: Exception | None = None
        self.dropped = 0
        self.closed = False
        self.read: list[ReplyRequest] = []
        self.need: Needed | None = None
        self.forgotten: list[str] = []
        self.while_reading: Callable[[CancelToken], None] = lambda token: None
        self.measures: Callable[[ReplyRequest], tuple[int, int]] = _letters

    def load(
        self,
        spec: ModelSpec,
        on_progress: Callable[[float], None],
        token: CancelToken,
        on_need: Callable[[Needed], None] = lambda _: None,
    ) -> ModelInfo:
        if self.load_error is not None:
            raise self.load_error
        if self.need is not None:
            on_need(self.need)
        on_progress(0.5)
        on_progress(1.0)
        return ModelInfo(spec.path, "Fake", 1, 1, spec.n_ctx, spec.n_ctx)

    def reply(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
        self.history.append(request)
        dropped, self.dropped = self.dropped, 0
        yield Reading(request.id, 1, 1, dropped)
        for piece in self.answers.pop(0):
            if isinstance(piece, Exception):
                raise piece
            if callable(piece):
                piece()
            elif isinstance(piece, Reading):  # room is made in the middle of the answer
                yield piece
            else:
                yield Text(request.id, piece)
            if token.is_cancelled():
                yield Finished(request.id, "cancelled")
                return
        yield Finished(request.id, "stop", reply_tokens=1, writing_seconds=1.0)

    def read_ahead(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
        self.read.append(request)
        yield Measured(request.id, *self.measures(request))
        self.while_reading(token)
        yield Finished(request.id, "cancelled" if token.is_cancelled() else "stop")

    def forget(self, chat: str) -> None:
        self.forgotten.append(chat)

    def close(self) -> None:
        self.closed = True
