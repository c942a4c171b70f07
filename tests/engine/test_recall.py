"""Whatever was kept and taken back, the answers are those of a process that reads everything."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pychatbot_gui.core.chat import Message
from pychatbot_gui.core.context import too_long
from pychatbot_gui.core.errors import ContextOverflow
from pychatbot_gui.engine.cache import BATCH
from pychatbot_gui.engine.engine import (
    CancelToken,
    Event,
    Finished,
    Measured,
    Reading,
    ReplyRequest,
    Sampling,
)
from pychatbot_gui.engine.llama import LlamaEngine
from tests.engine.kinds import (
    BYTES,
    THINKING,
    build_hybrid,
    build_plain,
    build_recurrent,
    build_sliding,
)
from tests.engine.talk import assistant, events, finished, load, read_ahead, system, text_of, user

KINDS: dict[str, Callable[..., Path]] = {
    "plain": build_plain,
    "recurrent": build_recurrent,
    "hybrid": build_hybrid,
    "sliding": build_sliding,
}
N_CTX = 2048  # more than the cache of a sliding window
SHORT = Sampling(temperature=0, max_tokens=8)
LONG = user("This is a long question about everything, " * 20)  # some 840 tokens, two batches


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest, model_folder: Path) -> Path:
    """A model that can write ASCII only, whose texts are tokens in one way only."""
    path = model_folder / f"bytes-{request.param}.gguf"
    return path if path.exists() else KINDS[request.param](path, words=BYTES)


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Callable[[], LlamaEngine]]:
    """Makes engines that keep their snapshots in one folder."""
    made: list[LlamaEngine] = []

    def make() -> LlamaEngine:
        made.append(LlamaEngine(snapshots=tmp_path / "snapshots"))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def fresh_answer(model: Path, messages: list[Message], prefix: str = "") -> str:
    engine = LlamaEngine()
    try:
        load(engine, model, n_ctx=N_CTX)
        return text_of(events(engine, *messages, sampling=SHORT, prefix=prefix))
    finally:
        engine.close()


def test_only_what_is_new_is_read(kind: Path, engines: Callable[[], LlamaEngine]) -> None:
    """The next turn, an edit, a new answer; the same after another chat and after a restart."""
    engine = engines()
    load(engine, kind, n_ctx=N_CTX)

    def ask(*messages: Message, chat: str = "a") -> Finished:
        got = events(engine, *messages, sampling=SHORT, chat=chat)
        assert text_of(got) == fresh_answer(kind, list(messages))
        return finished(got)

    first = events(engine, LONG, sampling=SHORT, chat="a")
    all_of_first = finished(first).prompt_tokens + finished(first).reply_tokens
    history = (LONG, assistant(text_of(first)))
    second = ask(*history, user("And this?"))
    assert second.reused_tokens == all_of_first
    again = ask(*history, user("And this?"))
    assert again.reused_tokens == again.prompt_tokens - 1, "one token, for its logits"
    edited = ask(*history, user("Or that?"))
    assert edited.reused_tokens >= all_of_first, "up to where the message begins"
    assert edited.reused_tokens < edited.prompt_tokens - 10
    ask(user("Something else."), chat="b")
    back = ask(*history, user("Or that?"))
    assert back.reused_tokens >= all_of_first
    ask(user("Something else."), chat="b")
    engine.close()
    engine = engines()
    load(engine, kind, n_ctx=N_CTX)
    restarted = ask(*history, user("Or that?"))
    assert restarted.reused_tokens >= all_of_first
    assert restarted.reused_tokens == restarted.prompt_tokens - 1
    ask(user("Anything."), chat="")
    assert ask(*history, user("A third one.")).reused_tokens >= all_of_first


def test_what_was_read_before_a_stop_is_kept(
    kind: Path, engines: Callable[[], LlamaEngine]
) -> None:
    engine = engines()
    load(engine, kind, n_ctx=N_CTX)
    token = CancelToken()
    for event in engine.reply(ReplyRequest(1, (LONG,), SHORT, chat="a"), token):
        if isinstance(event, Reading) and event.done > 500:
            token.cancel()
    got = events(engine, LONG, sampling=SHORT, chat="a")
    assert finished(got).reused_tokens >= 500
    assert text_of(got) == fresh_answer(kind, [LONG])


def test_a_stop_inside_a_batch_loses_this_batch_only(
    kind: Path, engines: Callable[[], LlamaEngine]
) -> None:
    engine = engines()
    load(engine, kind, n_ctx=N_CTX)
    assert engine._loaded is not None
    cache = engine._loaded.cache
    token = CancelToken()
    for event in engine.reply(ReplyRequest(1, (LONG,), SHORT, chat="a"), token):
        if isinstance(event, Reading) and event.done > 500:
            # As if the stop came when the library works on the next batch already.
            engine._abort()
            assert list(cache.read(engine._loaded.prompts.fit((LONG,), 8)[1])) == []
            token.cancel()
    got = events(engine, LONG, sampling=SHORT, chat="a")
    assert finished(got).reused_tokens >= 500
    assert text_of(got) == fresh_answer(kind, [LONG])


def test_the_next_turn_is_read_ahead(kind: Path, engines: Callable[[], LlamaEngine]) -> None:
    """With a template that changes the past, up to where the person's message will begin."""
    changed = kind.with_name(f"thinking-{kind.name}")
    if not changed.exists():
        KINDS[kind.stem.removeprefix("bytes-")](changed, words=BYTES, template=THINKING)
    engine = engines()
    load(engine, changed, n_ctx=N_CTX)
    answer = text_of(events(engine, LONG, sampling=SHORT, chat="a")) + "e and more "
    ahead = finished(read_ahead(engine, LONG, assistant(answer), chat="a"))
    assert 800 < ahead.reused_tokens < ahead.prompt_tokens
    again = finished(read_ahead(engine, LONG, assistant(answer), chat="a"))
    assert again.reused_tokens == again.prompt_tokens == ahead.prompt_tokens
    messages = [LONG, assistant(answer), user("What is the matter with it?")]
    draft = finished(read_ahead(engine, *messages[:2], user("What is the ma"), chat="a"))
    assert draft.prompt_tokens == ahead.prompt_tokens + len("What is the")
    assert draft.reused_tokens == ahead.prompt_tokens
    got = events(engine, *messages, sampling=SHORT, chat="a")
    assert finished(got).reused_tokens == draft.prompt_tokens
    assert text_of(got) == fresh_answer(changed, messages)


def measured(some: list[Event]) -> Measured:
    return next(event for event in some if isinstance(event, Measured))


@pytest.mark.parametrize("length", [1, 300, 700, 3000, 40_000])
def test_what_is_measured_is_what_is_sent(
    kind: Path, engines: Callable[[], LlamaEngine], length: int
) -> None:
    """Also where turns leave; where the message alone is too long, what its refusal says."""
    engine = engines()
    load(engine, kind, n_ctx=N_CTX)
    history = (system("Be kind."), LONG, assistant("Yes."), LONG, assistant("No."))
    draft = user("And what of this one? " * (length // 22 + 1))
    told = measured(read_ahead(engine, *history, draft, chat="a", sampling=SHORT))
    if told.tokens <= told.limit:
        got = events(engine, *history, draft, chat="a", sampling=SHORT)
        assert finished(got).prompt_tokens == told.tokens
    else:
        with pytest.raises(ContextOverflow) as refused:
            events(engine, *history, draft, chat="a", sampling=SHORT)
        assert str(refused.value) == str(too_long(told.tokens, told.limit, N_CTX))


def test_to_measure_reads_nothing(kind: Path, engines: Callable[[], LlamaEngine]) -> None:
    engine = engines()
    load(engine, kind, n_ctx=N_CTX)
    only = read_ahead(engine, LONG, chat="a", only_measure=True)
    assert measured(only).tokens > 800
    assert not [event for event in only if isinstance(event, Reading)]
    assert finished(events(engine, LONG, chat="a", sampling=SHORT)).reused_tokens == 0


def test_a_cancel_keeps_what_was_read_ahead(kind: Path, engines: Callable[[], LlamaEngine]) -> None:
    engine = engines()
    load(engine, kind, n_ctx=N_CTX)
    token, done = CancelToken(), 0
    for event in engine.read_ahead(ReplyRequest(1, (LONG,), SHORT), token):
        if isinstance(event, Reading) and event.done > 300 and not token.is_cancelled():
            done = event.done
            token.cancel()
        if isinstance(event, Finished):
            assert event.reason == "cancelled"
    assert done <= 300 + BATCH
    got = events(engine, LONG, chat="a", sampling=SHORT)
    assert finished(got).reused_tokens == done, "sent under a name, read before it had one"
    assert text_of(got) == fresh_answer(kind, [LONG])


def test_what_is_only_tried_leaves_the_chat_as_it_was(
    kind: Path, engines: Callable[[], LlamaEngine]
) -> None:
    """A text with which turns would leave, and an edit far above: both are given up again."""
    engine = engines()
    load(engine, kind, n_ctx=N_CTX)
    first = text_of(events(engine, LONG, sampling=SHORT, chat="a"))
    history = (LONG, assistant(first))
    whole = finished(read_ahead(engine, *history, chat="a")).prompt_tokens
    read_ahead(engine, *history, user(LONG.text + "And more. " * 30), chat="a", sampling=SHORT)
    assert finished(read_ahead(engine, *history, chat="a")).reused_tokens >= whole - 1
    read_ahead(engine, user("Something else altogether."), chat="")
    # A few tokens more are not worth another snapshot.
    assert finished(read_ahead(engine, *history, chat="a")).reused_tokens >= whole - 32
    got = events(engine, *history, user("And this?"), sampling=SHORT, chat="a")
    assert finished(got).reused_tokens >= whole - 1
    assert text_of(got) == fresh_answer(kind, [*history, user("And this?")])


def test_a_title_in_between_costs_nothing(kind: Path, engines: Callable[[], LlamaEngine]) -> None:
    engine = engines()
    load(engine, kind, n_ctx=N_CTX)
    first = events(engine, LONG, sampling=SHORT, chat="a")
    more = events(engine, LONG, sampling=SHORT, chat="a", prefix=text_of(first))
    assert finished(more).reused_tokens >= finished(more).prompt_tokens - 1
    history = (LONG, assistant(text_of(first) + text_of(more)))
    events(engine, *history, user("Give this a title."), sampling=SHORT, chat="a")
    second = finished(events(engine, *history, user("And this?"), sampling=SHORT, chat="a"))
    assert second.reused_tokens >= finished(more).prompt_tokens + finished(more).reply_tokens


def test_the_tokens_are_those_that_were_written(
    engines: Callable[[], LlamaEngine], model_folder: Path
) -> None:
    """Also where their text would be cut into others, and after a restart."""
    path = build_plain(model_folder / "words.gguf")
    engine = engines()
    load(engine, path, n_ctx=1024)
    messages: list[Message] = []
    read = 0
    for question in ("One?", "Two?", "Three?", "Four?"):
        messages.append(user(question))
        got = events(engine, *messages, sampling=Sampling(temperature=0, max_tokens=30), chat="a")
        assert finished(got).reused_tokens == read
        read = finished(got).prompt_tokens + finished(got).reply_tokens
        messages.append(assistant(text_of(got)))
        assert engine._loaded is not None
        written = engine._loaded.tokens[finished(got).prompt_tokens :]
        if question == "One?":
            assert engine._loaded.vocabulary.tokenize(text_of(got), False, False) != written
        if question == "Two?":
            engine.close()
            engine = engines()
            load(engine, path, n_ctx=1024)


def test_a_cut_answer_goes_on_after_a_restart(
    kind: Path, engines: Callable[[], LlamaEngine]
) -> None:
    """The state is that after its last token, but what comes next is not in it."""
    engine = engines()
    load(engine, kind, n_ctx=N_CTX)
    cut = text_of(events(engine, LONG, sampling=SHORT, chat="a"))
    engine.close()
    engine = engines()
    load(engine, kind, n_ctx=N_CTX)
    went_on = events(engine, LONG, sampling=SHORT, chat="a", prefix=cut)
    assert finished(went_on).reused_tokens >= 800
    assert text_of(went_on) == fresh_answer(kind, [LONG], cut)


def test_another_chat_does_not_begin_with_what_was_shifted(
    engines: Callable[[], LlamaEngine], model_folder: Path
) -> None:
    """Not even where it begins with the same messages, and not after a restart."""
    path = build_plain(model_folder / "shifted.gguf", words=BYTES)
    engine = engines()
    load(engine, path, n_ctx=N_CTX)
    kept = user("This is what is left of the conversation. " * 12)
    answer = text_of(events(engine, LONG, sampling=SHORT, chat="a"))
    messages = [LONG, assistant(answer), kept]
    messages.append(assistant(text_of(events(engine, *messages, sampling=SHORT, chat="a"))))
    more = user("Something more about it. " * 25)
    got = events(engine, *messages, more, sampling=SHORT, chat="a")
    assert any(isinstance(e, Reading) and e.dropped == 2 for e in got)
    assert finished(got).reused_tokens > 400
    assert engine._loaded is not None and engine._loaded.cache.shifted is not None
    other = (*messages[2:], more)
    assert text_of(events(engine, *other, sampling=SHORT, chat="b")) == fresh_answer(
        path, list(other)
    )
    engine.forget("b")
    engine.close()
    engine = engines()
    load(engine, path, n_ctx=N_CTX)
    again = events(engine, *messages, more, sampling=SHORT, chat="a")
    assert text_of(again) == text_of(got), "in its own chat it is found again"
    assert finished(again).reused_tokens > finished(again).prompt_tokens - 10
    assert text_of(events(engine, *other, sampling=SHORT, chat="c")) == fresh_answer(
        path, list(other)
    )
