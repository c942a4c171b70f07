"""What answers: the Engine protocol, its requests and its events, as plain values.

Nothing here knows llama.cpp, a process or Qt, so that a remote server can be an Engine too.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pychatbot_gui.core.chat import Message
from pychatbot_gui.core.guide import is_guide
from pychatbot_gui.core.memory import ModelMemory
from pychatbot_gui.core.settings import Settings


@dataclass(frozen=True)
class ModelSpec:
    """Which model to load and how. `n_ctx` in tokens, a multiple of 256; 0 threads = automatic.

    `plain_weights`: do without weights rearranged for this processor, which is slower.
    `snapshots`: keep on disk what was read in each chat, at most `snapshot_limit_mb` (10^6 bytes).
    `prompt_lookup`: try several tokens at once where an answer repeats what was there before.
    """

    path: str
    n_ctx: int = 4096
    mlock: bool = False
    chat_format: str = ""
    verbose: bool = False
    n_threads: int = 0
    n_gpu_layers: int = -1
    plain_weights: bool = False
    snapshots: bool = True
    snapshot_limit_mb: int = 2000
    prompt_lookup: bool = True


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. `seed` -1 = a new one each time; `max_tokens` 0 = no limit."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    max_tokens: int = 0
    seed: int = -1


@dataclass(frozen=True)
class ModelInfo:
    """A loaded model. `size` in bytes; `notices` are sentences for the person.

    `memory`: what it needs for any context length; empty where that is not known.
    """

    path: str
    name: str
    size: int
    parameters: int
    n_ctx: int
    n_ctx_train: int
    notices: tuple[str, ...] = ()
    memory: ModelMemory = ModelMemory()


@dataclass(frozen=True)
class ReplyRequest:
    """Messages to be answered: a system message or none, then user and assistant messages.

    All of them are given, also those that no longer fit: the engine leaves the oldest turns out,
    and says so (`Reading`). `hidden_turns`: so many it left out the last time. `prefix`: the answer
    begins with this text; the events bring only what follows it. `chat`: a key of the
    conversation, under which what was read of it is kept; "" for none. `only_measure`: to be read
    ahead in name only: its tokens are counted.
    """

    id: int
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    prefix: str = ""
    chat: str = ""
    hidden_turns: int = 0
    only_measure: bool = False


@dataclass(frozen=True)
class Loading:
    """The model is being loaded; `fraction` from 0 to 1."""

    id: int
    fraction: float


@dataclass(frozen=True)
class Needed:
    """What the model that is being loaded will take, for `n_ctx` tokens, of `free` bytes."""

    id: int
    memory: ModelMemory
    n_ctx: int
    free: int


@dataclass(frozen=True)
class Rendering:
    """The chat template is being rendered. The next event says that it came to an end."""

    id: int


@dataclass(frozen=True)
class Reading:
    """`done` of `total` tokens are read, before an answer or, where the context is full, in it.

    `dropped`: so many of the oldest messages did not fit. `skipped`: so many tokens of the answer's
    own beginning did not.
    """

    id: int
    done: int
    total: int
    dropped: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Measured:
    """The prompt would take `tokens` if it were sent now; `limit` of them fit beside the answer.

    Where oldest turns would have to leave, what is left of it is counted. More than `limit` mean
    that it would be refused.
    """

    id: int
    tokens: int
    limit: int


@dataclass(frozen=True)
class Notice:
    """A sentence for the person about something that does not keep the model from answering."""

    id: int
    text: str


@dataclass(frozen=True)
class Text:
    """A piece of the answer, never a broken character."""

    id: int
    piece: str


@dataclass(frozen=True)
class Finished:
    """The answer is over.

    `reason`: "stop" (the model ended it), "length" (max_tokens), "context" (n_ctx is full, and no
    room can be made) or "cancelled". Token counts: the whole prompt, the part of it that was not
    read again, the answer; what was drafted of it, and what of that was right; `context_tokens`:
    all that the context then holds. Times in seconds.
    """

    id: int
    reason: str
    prompt_tokens: int = 0
    reused_tokens: int = 0
    reply_tokens: int = 0
    reading_seconds: float = 0.0
    writing_seconds: float = 0.0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    context_tokens: int = 0

    @property
    def tokens_per_second(self) -> float:
        """Speed of writing; 0 where there was nothing to measure."""
        return self.reply_tokens / self.writing_seconds if self.writing_seconds > 0 else 0.0


Event = Loading | Needed | Rendering | Measured | Reading | Notice | Text | Finished


class CancelToken:
    """Says to one load or one reply, from any thread, that the person ended it."""

    def __init__(self) -> None:
        self._cancelled = False
        # Re-entrant, because a signal handler (Ctrl-C) may cancel in the middle of `on_cancel`.
        self._lock = threading.RLock()
        self._callback: Callable[[], None] | None = None

    def cancel(self) -> None:
        """End it. A second call does nothing."""
        with self._lock:
            self._cancelled = True
            callback, self._callback = self._callback, None
            if callback is not None:
                callback()

    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def on_cancel(self, callback: Callable[[], None] | None) -> None:
        """Have `callback` called at `cancel`, in its thread, at once if that was before.

        It must be quick and must not raise. None takes it away: after that it is not running.
        """
        with self._lock:
            self._callback = callback
            if callback is not None and self._cancelled:
                self._callback = None
                callback()


class Engine(Protocol):
    """One model at a time, driven by one thread; only a `CancelToken` is for other threads."""

    def load(
        self,
        spec: ModelSpec,
        on_progress: Callable[[float], None],
        token: CancelToken,
        on_need: Callable[[Needed], None] = lambda _: None,
    ) -> ModelInfo:
        """Load a model in place of the one there is; progress from 0 to 1.

        `on_need` is called before the load, and again where it is tried in another way; not where
        nothing is known, as for a graphics card.
        Raises `ModelFileError`, `OutOfMemory`, `TemplateError`, `ModelDied`; `Cancelled` when the
        token ended it. After any of these no model is loaded.
        """
        ...

    def reply(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
        """Answer; the last event is `Finished`, also after a cancel.

        Raises `ContextOverflow`, `TemplateError`, `ModelDied`; the next reply works.
        """
        ...

    def read_ahead(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
        """Measure the next prompt and read what is sure to come of it, without answering.

        `request.messages` end with the model's answer, or with what the person is still writing.
        `Measured` comes before anything is read; the last event is `Finished`. There are none where
        no model is there, and none is loaded. A cancel ends it and keeps what was read.
        Raises as `reply` does, though nobody need be told; the next reply works.
        """
        ...

    def forget(self, chat: str) -> None:
        """Remove everything that is kept of a chat, with this model and any other."""
        ...

    def close(self) -> None:
        """Give everything back. The engine cannot be used afterwards; a second call is harmless."""
        ...


def model_spec(path: str, settings: Settings) -> ModelSpec:
    """The part of the settings that concerns loading."""
    return ModelSpec(
        path=path,
        n_ctx=settings.n_ctx,
        mlock=settings.mlock,
        chat_format=settings.chat_format,
        verbose=settings.verbose,
        n_threads=settings.n_threads,
        n_gpu_layers=settings.n_gpu_layers,
        # Nothing is won with a model as small as the guide, and it must start everywhere.
        plain_weights=is_guide(path),
        snapshots=settings.snapshots,
        snapshot_limit_mb=settings.snapshot_limit_mb,
        prompt_lookup=settings.prompt_lookup and not is_guide(path),
    )


def sampling(settings: Settings) -> Sampling:
    """The part of the settings that concerns answering."""
    return Sampling(
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        min_p=settings.min_p,
        repeat_penalty=settings.repeat_penalty,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
    )
