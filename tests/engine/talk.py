"""Short words for what the engine tests do all the time."""

import itertools
from pathlib import Path
from typing import Any

from pychatbot_gui.core.chat import Message, Role
from pychatbot_gui.engine.engine import (
    CancelToken,
    Engine,
    Event,
    Finished,
    ModelInfo,
    ModelSpec,
    ReplyRequest,
    Sampling,
    Text,
)

GREEDY = Sampling(temperature=0, max_tokens=40)
_ids = itertools.count(1000)


def user(text: str) -> Message:
    return Message(Role.USER, text)


def assistant(text: str) -> Message:
    return Message(Role.ASSISTANT, text)


def system(text: str) -> Message:
    return Message(Role.SYSTEM, text)


def load(engine: Engine, path: Path, **more: Any) -> ModelInfo:
    return engine.load(
        ModelSpec(str(path), **{"n_ctx": 512, **more}), lambda fraction: None, CancelToken()
    )


def events(
    engine: Engine,
    *messages: Message,
    sampling: Sampling = GREEDY,
    token: CancelToken | None = None,
    prefix: str = "",
    chat: str = "",
) -> list[Event]:
    request = ReplyRequest(next(_ids), messages, sampling, prefix, chat)
    return list(engine.reply(request, token or CancelToken()))


def read_ahead(
    engine: Engine,
    *messages: Message,
    chat: str = "",
    token: CancelToken | None = None,
    sampling: Sampling = GREEDY,
    only_measure: bool = False,
) -> list[Event]:
    request = ReplyRequest(next(_ids), messages, sampling, chat=chat, only_measure=only_measure)
    return list(engine.read_ahead(request, token or CancelToken()))


def text_of(some: list[Event]) -> str:
    return "".join(e.piece for e in some if isinstance(e, Text))


def finished(some: list[Event]) -> Finished:
    last = some[-1]
    assert isinstance(last, Finished)
    return last
