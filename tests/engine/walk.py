"""A random walk through conversations with one engine, and the truth that it is compared with.

The truth is what a fresh engine answers that has read nothing before and keeps nothing.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pychatbot_gui.core.chat import Conversation, Role, turn_starts, user_message
from pychatbot_gui.core.errors import PychatbotError
from pychatbot_gui.engine import llama
from pychatbot_gui.engine.answers import Known
from pychatbot_gui.engine.cache import common_beginning
from pychatbot_gui.engine.engine import (
    CancelToken,
    Event,
    Finished,
    Reading,
    ReplyRequest,
    Sampling,
    Text,
)
from pychatbot_gui.engine.llama import LlamaEngine
from pychatbot_gui.engine.session import Ahead, ChatSession
from tests.engine.talk import load

SHORT = Sampling(temperature=0, max_tokens=8)
_PRECISION = 0.02  # of a logit; they are spread by about 1


class StoppedAt(CancelToken):
    """Cancelled when it is looked at for the `looks`-th time; 0 for never.

    `late`: right after that, so that the library is in the middle of its work.
    """

    def __init__(self, looks: int, late: bool) -> None:
        super().__init__()
        self._looks = looks
        self._late = late

    def is_cancelled(self) -> bool:
        self._looks -= 1
        if self._looks == 0:
            self.cancel()
            return not self._late
        return super().is_cancelled()


@dataclass(frozen=True)
class Answer:
    """`text`, or the error in its place. `dropped`: so many messages the model did not see.

    `tokens`: what the engine then holds.
    """

    text: str
    dropped: int = 0
    error: str = ""
    tokens: tuple[int, ...] = ()

    @staticmethod
    def of(events: Iterable[Event]) -> "Answer":
        pieces, dropped = [], 0
        try:
            for event in events:
                if isinstance(event, Text):
                    pieces.append(event.piece)
                elif isinstance(event, Reading):
                    dropped = event.dropped
        except PychatbotError as error:
            return Answer("".join(pieces), dropped, f"{type(error).__name__}: {error}")
        return Answer("".join(pieces), dropped)


class Truth:
    """Answers of fresh engines with one model, remembered.

    `knows`: whether they are given the tokens of former answers, which is nothing but another way
    to write the same prompt. Not needed where every text is tokens in one way only.
    """

    def __init__(self, model: Path, n_ctx: int, knows: bool) -> None:
        self.model, self.n_ctx, self.knows = model, n_ctx, knows
        self._answers: dict[object, Answer] = {}

    def answer(self, request: ReplyRequest, known: tuple[Known, ...]) -> Answer:
        key = (request.messages, request.hidden_turns, request.prefix, known)
        if key not in self._answers:
            self._answers[key] = self._ask(request, known)
        return self._answers[key]

    def _ask(self, request: ReplyRequest, known: tuple[Known, ...]) -> Answer:
        with Fresh(self.model, self.n_ctx) as engine:
            loaded_of(engine).answers.add_known(known)
            answer = Answer.of(engine.reply(replace(request, chat=""), CancelToken()))
            return replace(answer, tokens=tuple(loaded_of(engine).tokens))

    def logits(self, tokens: list[int]) -> NDArray[np.float32]:
        with Fresh(self.model, self.n_ctx) as engine:
            return logits_after(engine, tokens)


class Fresh:
    """An engine that is closed again."""

    def __init__(self, model: Path, n_ctx: int) -> None:
        self._engine = LlamaEngine()
        load(self._engine, model, n_ctx=n_ctx, prompt_lookup=False)

    def __enter__(self) -> LlamaEngine:
        return self._engine

    def __exit__(self, *_: object) -> None:
        self._engine.close()


def loaded_of(engine: LlamaEngine) -> Any:
    assert engine._loaded is not None
    return engine._loaded


def logits_after(engine: LlamaEngine, tokens: list[int]) -> NDArray[np.float32]:
    """What the model makes of these tokens, whatever of them it has read already."""
    loaded = loaded_of(engine)
    loaded.cache.keep(tokens)
    for _ in loaded.cache.read(tokens):
        pass
    values = llama.lib.llama_get_logits_ith(loaded.ctx, -1)
    return np.ctypeslib.as_array(values, (loaded.vocabulary.size,)).copy()


@dataclass
class Walk:
    """Conversations with one engine, each under its key. Every answer is compared with the truth."""

    truth: Truth
    folder: Path
    chats: dict[str, Conversation] = field(default_factory=dict)
    now: str = "a"

    def __post_init__(self) -> None:
        self._start()

    def close(self) -> None:
        self.engine.close()

    @property
    def conversation(self) -> Conversation:
        return self.chats.setdefault(self.now, Conversation("Be kind."))

    # -- steps ------------------------------------------------------------------------------

    def send(self, text: str, looks: int = 0, late: bool = False) -> None:
        """`looks`, `late`: when it is stopped, see `StoppedAt`."""
        asked = self.conversation.with_message(user_message(text))
        self._answer(asked, StoppedAt(looks, late))

    def edit(self, text: str, back: int) -> None:
        """Another message in place of one of the last `back` ones."""
        starts = turn_starts(self.conversation.messages)
        if starts:
            kept = self.conversation.messages[: starts[-min(back, len(starts))]]
            self.chats[self.now] = replace(self.conversation, messages=kept)
            self.send(text)

    def regenerate(self) -> None:
        messages = self.conversation.messages
        if messages and messages[-1].role is Role.ASSISTANT:
            self._answer(replace(self.conversation, messages=messages[:-1]))

    def go_on(self, looks: int = 0, late: bool = False) -> None:
        messages = self.conversation.messages
        if messages and messages[-1].role is Role.ASSISTANT:
            rest = replace(self.conversation, messages=messages[:-1])
            self._answer(rest, StoppedAt(looks, late), messages[-1].text)

    def read_ahead(self, draft: str, looks: int = 0, late: bool = False, back: int = 0) -> None:
        """What is written of the next message; "" after an answer.

        `back`: in place of one of the last messages, under no name, because it may be given up.
        """
        conversation, name = self.conversation, self.now
        starts = turn_starts(conversation.messages)
        if back and starts:
            kept = conversation.messages[: starts[-min(back, len(starts))]]
            conversation, name = replace(conversation, messages=kept), ""
        ahead = Ahead(conversation, draft, SHORT, name)
        with contextlib.suppress(PychatbotError):  # nobody is told, until it is sent
            for _ in self.session.read_ahead(ahead, StoppedAt(looks, late)):
                pass

    def title(self, looks: int = 0, late: bool = False) -> None:
        messages = self.conversation.messages
        if messages and messages[-1].role is Role.ASSISTANT:
            self.session.title(self.conversation, StoppedAt(looks, late), self.now)

    def system(self, text: str) -> None:
        self.chats[self.now] = self.conversation.with_system(text)

    def switch(self, chat: str) -> None:
        self.now = chat

    def save(self) -> None:
        self.engine.save()

    def restart(self) -> None:
        self.engine.close()
        self._start()

    def crash(self) -> None:
        """The model process is killed: what was not saved is lost."""
        loaded, self.engine._loaded = loaded_of(self.engine), None
        loaded.close()
        self.engine.close()
        self._start()

    def forget(self) -> None:
        """No other chat ever gets the key of one that was deleted."""
        self.engine.forget(self.now)
        self.chats.pop(self.now, None)
        self.now += "+"

    # -- what must hold ---------------------------------------------------------------------

    def assert_state_is_true(self) -> None:
        """What the engine holds is what a fresh one has that read the same tokens at once."""
        tokens = list(loaded_of(self.engine).tokens)
        if not tokens or len(tokens) + 2 > self.truth.n_ctx or self._was_shifted():
            return
        longer = [*tokens, tokens[0]]
        difference = logits_after(self.engine, longer) - self.truth.logits(longer)
        assert np.abs(difference).max() < _PRECISION

    def _was_shifted(self) -> bool:
        """Whether the cache was moved when the context was full: answers may then differ.

        The messages that the model sees may not.
        """
        return loaded_of(self.engine).cache.shifted is not None

    def _compare(self, got: Answer, true: Answer, stopped: bool) -> None:
        assert got.error == ("" if stopped else true.error)
        if got.text == (true.text[: len(got.text)] if stopped else true.text):
            return
        # Two words may be as likely as each other. Then it depends on how the library cut what it
        # read into batches which of them comes, also in a fresh process.
        ours = tuple(loaded_of(self.engine).tokens)
        same = common_beginning(ours, true.tokens)
        logits = self.truth.logits(list(true.tokens[:same]))
        chosen = logits[ours[same]] if same < len(ours) else np.sort(logits)[-2]
        assert logits.max() - chosen < _PRECISION, f"{got.text!r} is not {true.text!r}"

    def _start(self) -> None:
        self.engine = LlamaEngine(snapshots=self.folder)
        load(self.engine, self.truth.model, n_ctx=self.truth.n_ctx)
        self.session = ChatSession(self.engine)

    def _known(self) -> tuple[Known, ...]:
        loaded = loaded_of(self.engine)
        loaded.recall.remember(self.now)  # as the engine itself does it at first
        answers = loaded.answers._tokens
        return tuple((digest, tuple(tokens)) for digest, tokens in answers.items())

    def _answer(
        self, asked: Conversation, token: CancelToken | None = None, prefix: str = ""
    ) -> None:
        known = self._known() if self.truth.knows else ()
        session, token = self.session, token or CancelToken()
        session.conversation, session.chat = asked, self.now
        said: list[Event] = []

        def heard() -> Iterable[Event]:
            for event in session.answer(SHORT, token, prefix):
                said.append(event)
                yield event

        got = Answer.of(heard())
        request = ReplyRequest(0, asked.prompt(), SHORT, prefix, hidden_turns=asked.hidden_turns)
        true = self.truth.answer(request, known)
        assert got.dropped == true.dropped
        if not self._was_shifted():
            stopped = any(isinstance(e, Finished) and e.reason == "cancelled" for e in said)
            self._compare(got, true, stopped)
        if not got.error:
            self.chats[self.now] = session.conversation
