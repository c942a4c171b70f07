"""A full context: what leaves, what it costs, and that the model then sees what it is said to see."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pychatbot_gui.core.chat import Conversation, Message, Role, without_oldest_turns
from pychatbot_gui.engine.engine import (
    CancelToken,
    Event,
    Reading,
    ReplyRequest,
    Sampling,
    Text,
)
from pychatbot_gui.engine.llama import LlamaEngine
from pychatbot_gui.engine.session import ChatSession
from tests.engine.kinds import BYTES, build_hybrid, build_plain, build_recurrent, build_sliding
from tests.engine.talk import finished, load, text_of

KINDS: dict[str, Callable[..., Path]] = {
    "plain": build_plain,
    "recurrent": build_recurrent,
    "hybrid": build_hybrid,
    "sliding": build_sliding,
}
N_CTX = 512
SHORT = Sampling(temperature=0, max_tokens=8)
ENDLESS = Sampling(temperature=0)
QUESTION = "What is it, and what is it for? "  # with its frame some 60 tokens


def model_of(kind: str, folder: Path) -> Path:
    path = folder / f"bytes-{kind}.gguf"
    return path if path.exists() else KINDS[kind](path, words=BYTES)


class Talk:
    """A conversation with one model; counts the tokens that are evaluated."""

    def __init__(self, model: Path, n_ctx: int = N_CTX, snapshots: Path | None = None) -> None:
        self.model = model
        self.engine = LlamaEngine(snapshots=snapshots)
        self.chat = ChatSession(self.engine)
        self.chat.chat, self.chat.conversation = "a", Conversation("Be kind.")
        self.evaluated = 0
        self.open(n_ctx)

    def open(self, n_ctx: int) -> None:
        load(self.engine, self.model, n_ctx=n_ctx)
        memory = self.loaded.cache.memory
        decode = memory.decode

        def counted(tokens: Sequence[int], *more: object) -> object:
            self.evaluated += len(tokens)
            return decode(tokens, *more)  # type: ignore[arg-type]

        memory.decode = counted  # type: ignore[method-assign, assignment]

    @property
    def loaded(self):  # type: ignore[no-untyped-def]
        assert self.engine._loaded is not None
        return self.engine._loaded

    @property
    def hidden(self) -> int:
        return self.chat.conversation.hidden_turns

    def ask(self, text: str, sampling: Sampling = SHORT) -> list[Event]:
        self.evaluated = 0
        return list(self.chat.ask(text, sampling, CancelToken()))

    def again(self, sampling: Sampling = SHORT, prefix: str = "") -> list[Event]:
        """Another answer to the last question, or more of the last answer."""
        self.evaluated = 0
        conversation = self.chat.conversation
        self.chat.conversation = replace(conversation, messages=conversation.messages[:-1])
        return list(self.chat.answer(sampling, CancelToken(), prefix))

    def ask_until(self, text: str, characters: int) -> list[Event]:
        """Stop an endless answer after so many characters."""
        token, seen, heard = CancelToken(), 0, []
        for event in self.chat.ask(text, ENDLESS, token):
            heard.append(event)
            if isinstance(event, Text):
                seen += len(event.piece)
            if seen >= characters:
                token.cancel()
        return heard

    def visible(self) -> list[int]:
        """The tokens of what the model is said to see, up to its last answer."""
        conversation = self.chat.conversation
        *before, answer = conversation.prompt()
        kept = without_oldest_turns(before, conversation.hidden_turns)
        prompts = self.loaded.prompts
        tokens = prompts._tokens(prompts._writer.write(kept))
        return [*tokens, *self.loaded.vocabulary.tokenize(answer.text, False, False)]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def talk(model_folder: Path, tmp_path: Path) -> Iterator[Callable[..., Talk]]:
    made: list[Talk] = []

    def start(kind: str, n_ctx: int = N_CTX, snapshots: bool = False) -> Talk:
        folder = tmp_path / "snapshots" if snapshots else None
        made.append(Talk(model_of(kind, model_folder), n_ctx, folder))
        return made[-1]

    yield start
    for one in made:
        one.engine.close()


def greedy(engine: LlamaEngine, tokens: Sequence[int], count: int) -> list[int]:
    """What a model goes on with that reads everything at once."""
    loaded = engine._loaded
    assert loaded is not None
    loaded.cache.clear()
    assert list(loaded.cache.read(tokens))[-1] == len(tokens)
    request = ReplyRequest(1, (), replace(ENDLESS, max_tokens=count))
    with loaded.writing(request, (), CancelToken(), loaded.begin("")) as (writer, _):
        list(writer.write())
    return writer.tokens


def fill(one: Talk) -> tuple[int, int]:
    """Talk until turns leave; tokens evaluated in a turn before that, and in that turn."""
    before, number = 0, 0
    while True:
        number += 1
        one.ask(f"{number}. {QUESTION}")
        if one.hidden:
            return before, one.evaluated
        before = one.evaluated


def test_turns_leave_in_one_large_step_and_it_costs_little(
    kind: str, talk: Callable[..., Talk]
) -> None:
    one = talk(kind)
    before, then = fill(one)
    assert one.loaded.tokens == one.visible()
    assert len(one.visible()) < N_CTX * 0.6
    if kind == "plain":
        assert then <= 1.5 * before, "the cache is shifted"
    else:
        assert then > 2 * before, "all is read again"
        said = one.loaded.tokens
        fresh = talk(kind)
        assert greedy(fresh.engine, said[:-8], 8) == said[-8:]
    hidden = one.hidden
    one.ask(QUESTION)
    assert one.hidden == hidden and one.evaluated <= before + 1
    assert one.loaded.tokens == one.visible()


def test_an_answer_goes_on_when_the_context_is_full(kind: str, talk: Callable[..., Talk]) -> None:
    one = talk(kind)
    one.ask(QUESTION * 2)
    one.ask(QUESTION * 2)
    heard = one.ask_until("Tell me all.", 700)
    readings = [e for e in heard if isinstance(e, Reading)]
    assert finished(heard).reason == "cancelled"
    assert len(text_of(heard)) >= 700
    assert [r.dropped for r in readings if r.skipped == 0][-1] == 4, "first the other turns leave"
    assert one.hidden == 2 and readings[-1].dropped == 4
    steps = sorted({r.skipped for r in readings if r.skipped})
    assert steps, "then the beginning of the answer"
    assert all(b - a > N_CTX // 8 for a, b in zip(steps, steps[1:], strict=False))
    assert finished(heard).context_tokens == len(one.loaded.tokens) < N_CTX
    conversation = one.chat.conversation
    known = one.loaded.answers.tokens(*2 * [conversation.messages[-1].text])
    visible = one.visible()
    start = len(visible) - len(known)
    whole = [*visible[:start], *known[steps[-1] :]]
    assert one.loaded.tokens in (whole, whole[:-1]), "the last one before a stop is not evaluated"
    if kind != "plain":
        fresh, last = talk(kind), readings[-1].total
        rest = one.loaded.tokens[last:]
        assert greedy(fresh.engine, one.loaded.tokens[:last], len(rest)) == rest


def test_what_comes_after_an_answer_that_outgrew_the_context(
    kind: str, talk: Callable[..., Talk]
) -> None:
    one = talk(kind)
    one.ask(QUESTION)
    cut = text_of(one.ask_until("Tell me all.", 700))
    more = one.again(prefix=cut)
    assert finished(more).reply_tokens == 8 and one.hidden == 1
    assert one.chat.conversation.messages[-1].text == cut + text_of(more)
    assert finished(more).prompt_tokens < N_CTX
    following = one.ask("And now?")
    assert one.hidden == 2, "the turn leaves whole"
    assert one.loaded.tokens == one.visible()
    assert finished(following).reply_tokens == 8
    del one.chat.conversation
    one.chat.conversation = Conversation("Be kind.", (Message(Role.USER, "Hi"),), 2)
    list(one.chat.answer(SHORT, CancelToken()))
    assert one.hidden == 0 and one.loaded.tokens == one.visible()


def test_the_longest_answer_counts_through_a_full_context(talk: Callable[..., Talk]) -> None:
    one = talk("plain", n_ctx=256)
    got = finished(one.ask("Hi", replace(ENDLESS, max_tokens=600)))
    assert (got.reason, got.reply_tokens) == ("length", 600)
    assert got.context_tokens < 256


def test_what_is_said_again_does_not_depend_on_when_room_was_made(
    talk: Callable[..., Talk],
) -> None:
    """The sampler goes on as if nothing had happened: what it forbids stays forbidden."""
    one = talk("plain", n_ctx=256)
    punished = Sampling(temperature=0, repeat_penalty=1.9, max_tokens=500)
    first = text_of(one.ask("Hi", punished))
    assert text_of(one.again(punished)) == first


def test_turns_that_left_come_back_when_they_fit_again(
    kind: str, talk: Callable[..., Talk]
) -> None:
    one = talk(kind)
    fill(one)
    out = one.hidden
    one.open(4 * N_CTX)
    got = one.ask(QUESTION)
    assert one.hidden == 0 and next(e for e in got if isinstance(e, Reading)).dropped == 0
    assert one.loaded.tokens == one.visible()
    one.open(N_CTX)
    one.ask(QUESTION)
    assert one.hidden >= out, "and leave again"
    assert one.loaded.tokens == one.visible()


def test_where_much_more_room_is_there_some_come_back(talk: Callable[..., Talk]) -> None:
    one = talk("plain")
    for _ in range(20):
        one.ask(QUESTION)
    out = one.hidden
    one.open(2 * N_CTX)
    one.ask(QUESTION)
    assert 0 < one.hidden < out
    now = one.hidden
    one.ask(QUESTION)
    assert one.hidden == now and one.evaluated < 100, "and the beginning is the same from then on"


def test_a_stop_before_anything_is_moved_costs_nothing_later(talk: Callable[..., Talk]) -> None:
    """The chat knows already that turns are out, the cache still holds them."""
    one = talk("plain")
    before = 0
    while not one.hidden:
        token = CancelToken()
        before = one.evaluated
        one.evaluated = 0
        for event in one.chat.ask(QUESTION, SHORT, token):
            if isinstance(event, Reading) and event.dropped:
                token.cancel()
    one.ask("What?")
    assert one.evaluated <= 1.5 * before
    assert one.loaded.tokens == one.visible()


def test_a_shifted_state_is_kept_as_any_other(talk: Callable[..., Talk]) -> None:
    one = talk("plain", snapshots=True)
    fill(one)
    one.chat.chat, kept = "b", one.chat.conversation
    one.chat.conversation = Conversation("Something else.")
    one.ask(QUESTION)
    assert one.loaded.tokens == one.visible()
    one.chat.chat, one.chat.conversation = "a", kept
    for restarted in (False, True):
        if restarted:
            one.engine.close()
            one.engine = one.chat.engine = LlamaEngine(snapshots=one.engine._folder._folder)  # type: ignore[union-attr]
            one.open(N_CTX)
        got = finished(one.ask(QUESTION))
        assert got.reused_tokens > got.prompt_tokens - 70
        assert one.loaded.tokens == one.visible()


def test_turns_leave_by_a_shift_right_after_a_restart(talk: Callable[..., Talk]) -> None:
    one = talk("plain", snapshots=True)
    while (
        one.loaded.prompts.fit(
            one.chat.conversation.with_message(Message(Role.USER, QUESTION)).prompt(), 8
        ).hidden
        == 0
    ):
        one.ask(QUESTION)
    before = one.evaluated
    one.engine.save()
    one.open(N_CTX)
    one.ask(QUESTION)
    assert one.hidden and one.evaluated <= 1.5 * before
    assert one.loaded.tokens == one.visible()


def test_after_an_edit_nothing_is_shifted(talk: Callable[..., Talk]) -> None:
    """What a person takes out of a message is not to be felt any more."""
    one = talk("plain", n_ctx=1024)
    one.ask("A secret at the beginning. " + QUESTION * 8)
    edited = Conversation("Be kind.", (Message(Role.USER, QUESTION * 8),))
    one.chat.conversation = edited
    got = list(one.chat.answer(SHORT, CancelToken()))
    assert finished(got).reused_tokens < 60
    assert one.loaded.tokens == one.visible()


steps = st.one_of(
    st.tuples(st.just("ask"), st.integers(1, 9)),
    st.tuples(st.just("again"), st.just(0)),
    st.tuples(st.just("edit"), st.integers(1, 9)),
    st.tuples(st.just("stop"), st.integers(1, 3)),
    st.tuples(st.just("delete"), st.integers(1, 3)),
)


@pytest.mark.parametrize("shifts", [True, False])
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(todo=st.lists(steps, min_size=6, max_size=12))
def test_the_model_sees_what_it_is_said_to_see(
    todo: list[tuple[str, int]], shifts: bool, model_folder: Path
) -> None:
    one = Talk(model_of("plain" if shifts else "sliding", model_folder))
    try:
        for step, size in todo:
            conversation = one.chat.conversation
            if step == "again" and conversation.messages:
                one.again()
            elif step == "edit" and conversation.messages:
                one.chat.conversation = replace(conversation, messages=conversation.messages[:-2])
                one.ask(f"{len(todo)}! " * size)
            elif step == "stop":
                one.ask_until("And? ", 20 * size)
            elif step == "delete":
                one.chat.conversation = replace(
                    conversation, messages=conversation.messages[2 * size :]
                )
                one.ask("Hm.")
            else:
                one.ask(QUESTION * size)
            visible = one.visible()
            assert one.loaded.tokens in (visible, visible[:-1])
            if not one.hidden:
                continue
            everything = one.loaded.prompts._count(one.chat.conversation.prompt()[:-1])
            assert everything > N_CTX - 128, "nothing is out without need"
    finally:
        one.engine.close()
