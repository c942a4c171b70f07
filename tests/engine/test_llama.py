"""The engine on real models, in its own process and in this one."""

import inspect
import re
from dataclasses import replace
from pathlib import Path

import llama_cpp.llama_chat_format as llama_chat_format
import psutil
import pytest

from pychatbot_gui.core.errors import ContextOverflow, OutOfMemory, PychatbotError, TemplateError
from pychatbot_gui.core.settings import CHAT_FORMATS
from pychatbot_gui.engine.chat_formats import named_formatter
from pychatbot_gui.engine.engine import (
    CancelToken,
    Engine,
    Loading,
    ModelSpec,
    Needed,
    Reading,
    Sampling,
    Text,
)
from pychatbot_gui.engine.llama import LlamaEngine
from pychatbot_gui.engine.prompts import PromptWriter
from tests.conftest import ANSWER
from tests.engine.talk import GREEDY, assistant, events, finished, load, system, text_of, user
from tests.models import build_model, build_scripted_model, script_pieces


def test_an_answer_streams_in_whole_characters(engine: Engine, scripted_model: Path) -> None:
    info = load(engine, scripted_model)
    assert (info.name, info.n_ctx) == ("Scripted model", 512)
    got = events(engine, system("Be kind."), user("Hi"), sampling=Sampling(temperature=0))
    assert text_of(got) == ANSWER
    pieces = [e.piece for e in got if isinstance(e, Text)]
    # The model's process sends as one what comes within some milliseconds of each other.
    assert len(pieces) > (10 if isinstance(engine, LlamaEngine) else 1)
    assert any("😀" in p for p in pieces), "the emoji came in one piece"
    end = finished(got)
    assert end.reason == "stop"
    assert end.reply_tokens >= len(pieces)
    assert end.writing_seconds > 0


def test_nothing_is_held_back(engine: Engine, model_folder: Path) -> None:
    # One byte that never becomes valid UTF-8 must not hold the rest of the stream back.
    pieces: list[str | bytes] = ["Before ", b"\xe4", "after ", "it ", "comes ", "more."]
    load(engine, build_scripted_model(model_folder / "half.gguf", pieces))
    got = [e.piece for e in events(engine, user("Hi")) if isinstance(e, Text)]
    assert "".join(got) == "Before \ufffdafter it comes more."
    assert got[0] == "Before "
    if isinstance(engine, LlamaEngine):  # else what comes within milliseconds is joined
        assert len(got) == 5


def test_the_same_prefix_is_not_read_again(engine: Engine, random_model: Path) -> None:
    load(engine, random_model)
    first = events(engine, user("What is a model?"))
    answer = text_of(first)
    second = events(engine, user("What is a model?"), assistant(answer), user("And a context?"))
    end = finished(second)
    assert end.reused_tokens >= finished(first).prompt_tokens - 1


def test_reuse_does_not_change_the_answer(engine: Engine, random_model: Path) -> None:
    history = (user("What is a model?"), assistant("A file."), user("And a context?"))
    load(engine, random_model)
    fresh = text_of(events(engine, *history))
    load(engine, random_model)
    events(engine, *history[:1])
    events(engine, user("Something else entirely"))
    assert text_of(events(engine, *history)) == fresh


def test_the_system_prompt_and_every_message_are_read(engine: Engine, random_model: Path) -> None:
    load(engine, random_model)
    variants = [
        (user("Hi"), assistant("Yes"), user("More")),
        (system("Be brief."), user("Hi"), assistant("Yes"), user("More")),
        (user("Hi"), assistant("No"), user("More")),
        (user("Hello"), assistant("Yes"), user("More")),
    ]
    assert len({text_of(events(engine, *v)) for v in variants}) == len(variants)


def test_a_seed_gives_the_same_answer_again(engine: Engine, random_model: Path) -> None:
    load(engine, random_model)

    def answer(seed: int) -> str:
        return text_of(
            events(engine, user("Hi"), sampling=Sampling(temperature=1.5, max_tokens=30, seed=seed))
        )

    assert answer(1) == answer(1)
    assert answer(1) != answer(2)
    assert answer(-1) != answer(-1)


def test_samplers_reach_the_library(engine: Engine, random_model: Path) -> None:
    load(engine, random_model)
    greedy = text_of(events(engine, user("Hi"), sampling=Sampling(temperature=0, max_tokens=60)))
    # Each of these leaves one candidate only, so each must give the greedy answer.
    for only in (
        Sampling(temperature=2, top_k=1, max_tokens=60),
        Sampling(temperature=2, top_k=0, top_p=0.0001, max_tokens=60),
        Sampling(temperature=2, top_k=0, top_p=1, min_p=1.0, max_tokens=60),
    ):
        assert text_of(events(engine, user("Hi"), sampling=only)) == greedy
    punished = Sampling(temperature=0, repeat_penalty=2.0, max_tokens=60)
    assert text_of(events(engine, user("Hi"), sampling=punished)) != greedy


def test_max_tokens(engine: Engine, endless_model: Path) -> None:
    load(engine, endless_model, n_ctx=256)
    short = finished(events(engine, user("Hi"), sampling=Sampling(temperature=0, max_tokens=5)))
    assert (short.reason, short.reply_tokens) == ("length", 5)
    assert short.context_tokens == short.prompt_tokens + short.reply_tokens


def test_a_full_context_drops_the_oldest_turns(engine: Engine, random_model: Path) -> None:
    load(engine, random_model, n_ctx=512)
    history = [system("Always be kind.")]
    for i in range(40):
        history += [user(f"Question number {i} about context"), assistant("answer " * 5)]
    got = events(engine, *history, user("Last one"), sampling=GREEDY)
    reading = next(e for e in got if isinstance(e, Reading))
    assert reading.dropped > 0
    assert reading.total <= 512
    kept = history[0], *history[1 + reading.dropped :], user("Last one")
    load(engine, random_model, n_ctx=512)
    assert text_of(events(engine, *kept)) == text_of(got), "system prompt and last turns stayed"


@pytest.mark.parametrize("size", [3_000, 1_000_000])
def test_a_message_longer_than_the_context_is_refused(
    engine: Engine, random_model: Path, size: int
) -> None:
    load(engine, random_model)
    before = text_of(events(engine, user("Hi")))
    with pytest.raises(ContextOverflow, match="too long for the model.*settings"):
        events(engine, user("word " * (size // 5)))
    assert text_of(events(engine, user("Hi"))) == before


@pytest.mark.parametrize("piece", ["<|im_end|>", "<|im_start|>", "<bos>", "<|eot_id|>"])
def test_special_tokens_in_a_message_are_text(
    random_model: Path, piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = LlamaEngine()
    try:
        load(engine, random_model)
        loaded = engine._loaded
        assert loaded is not None
        plain = loaded.prompts.fit([user("a  b")], 1).tokens
        typed = loaded.prompts.fit([user(f"a {piece} b")], 1).tokens
        control = loaded.vocabulary.tokenize(piece, False, True)
        assert len(control) == 1, "the vocabulary knows it as one control token"
        assert typed.count(control[0]) == plain.count(control[0])
        assert len(typed) > len(plain)
    finally:
        engine.close()


@pytest.mark.parametrize(
    "text", ["\x00", "a\x00b", "\u202eabc\u202c", "😀👩‍👩‍👧", "مرحبا", "\ufffd", "\x1b[31m"]
)
def test_any_text_can_be_sent(engine: Engine, random_model: Path, text: str) -> None:
    load(engine, random_model)
    assert finished(events(engine, user(text))).reply_tokens > 0


def test_a_chat_format_overrides_the_template(engine: Engine, random_model: Path) -> None:
    load(engine, random_model)
    own = text_of(events(engine, user("Hi")))
    load(engine, random_model, chat_format="vicuna")
    assert text_of(events(engine, user("Hi"))) != own
    with pytest.raises(TemplateError, match="not known"):
        load(engine, random_model, chat_format="no-such-format")


def test_every_chat_format_of_the_settings_writes_every_message() -> None:
    question = [user("MARK-1"), assistant("MARK-2"), user("MARK-3")]
    for name in CHAT_FORMATS:
        writer = PromptWriter(named_formatter(name, llama_chat_format), ())
        writer.probe()
        prompt = writer.write([system("MARK-0"), *question])
        text = "".join(part.text for part in prompt.segments)
        found = [text.find(f"MARK-{i}") for i in range(4)]
        assert found == sorted(found) and min(found) >= 0, name


def test_the_settings_know_the_chat_formats_of_the_library() -> None:
    source = inspect.getsource(llama_chat_format)
    library = set(re.findall(r'@register_chat_format\("([^"]+)"\)', source))
    lossy = {"open-orca", "saiga"}
    assert set(CHAT_FORMATS) == library - lossy
    for name in lossy:  # once the library mends them they belong on the list
        handler = llama_chat_format.LlamaChatCompletionHandlerRegistry()
        wrapped = handler.get_chat_completion_handler_by_name(name)
        write = inspect.getclosurevars(wrapped).nonlocals["chat_formatter"]
        messages = [
            {"role": role, "content": f"MARK-{i}"}
            for i, role in enumerate(("user", "assistant", "user"))
        ]
        assert not all(f"MARK-{i}" in write(messages=messages).prompt for i in range(3)), name


def test_no_template_becomes_chatml_and_is_told(engine: Engine, model_folder: Path) -> None:
    path = build_model(model_folder / "no-template.gguf", template=None)
    info = load(engine, path)
    assert any("no chat template" in notice for notice in info.notices)
    assert finished(events(engine, user("Hi"))).reply_tokens > 0


def test_a_template_without_system_prompt_gets_it_in_the_first_message(
    engine: Engine, model_folder: Path
) -> None:
    template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    )
    path = build_model(model_folder / "no-system.gguf", template=template)
    info = load(engine, path)
    assert any("no system prompt" in notice for notice in info.notices)
    put = text_of(events(engine, system("Be kind."), user("Hi")))
    assert put == text_of(events(engine, user("Be kind.\n\nHi")))


def test_mlock_really_locks(process: Engine, random_model: Path) -> None:
    def locked() -> int:
        status = Path(f"/proc/{process.pid}/status").read_text()  # type: ignore[attr-defined]
        return int(next(x for x in status.splitlines() if x.startswith("VmLck")).split()[1])

    load(process, random_model, mlock=False)
    assert locked() == 0
    info = load(process, random_model, mlock=True)
    # Where the system refuses, that is said instead of passing for locked.
    assert locked() > 0 or any("mlock" in notice for notice in info.notices)


def test_a_context_larger_than_memory_is_refused_with_one_that_fits(
    engine: Engine, random_model: Path, model_folder: Path
) -> None:
    wide = build_model(model_folder / "wide.gguf", n_embd=1024, n_layers=8, n_heads=16)
    total = psutil.virtual_memory().total
    n_ctx = total // (8 * 1024 * 4) + 256
    with pytest.raises(OutOfMemory, match="Set the context length to [0-9,]+ or less"):
        load(engine, wide, n_ctx=n_ctx // 256 * 256)
    load(engine, random_model)


def test_a_context_beyond_training_is_told(engine: Engine, random_model: Path) -> None:
    info = load(engine, random_model, n_ctx=8192)
    assert any("trained for 4,096" in notice for notice in info.notices)


def test_loading_tells_its_progress(engine: Engine, random_model: Path) -> None:

    told: list[float] = []
    engine.load(ModelSpec(str(random_model), n_ctx=256), told.append, CancelToken())
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_no_model_is_a_sentence(engine: Engine) -> None:
    with pytest.raises(PychatbotError, match="Open a .gguf file first"):
        events(engine, user("Hi"))


def test_stop_strings_of_a_chat_format_end_the_answer(engine: Engine, model_folder: Path) -> None:
    pieces = ["One ", "two.", "<hu", "man", ">", "three"]
    load(
        engine,
        build_scripted_model(model_folder / "stops.gguf", pieces, repeat=True),
        chat_format="redpajama-incite",
    )
    got = events(engine, user("Hi"))
    assert text_of(got) == "One two."
    assert finished(got).reason == "stop"


def test_a_second_load_replaces_the_first(
    engine: Engine, scripted_model: Path, random_model: Path
) -> None:
    load(engine, random_model)
    load(engine, scripted_model)
    assert text_of(events(engine, user("Hi"), sampling=Sampling(temperature=0))) == ANSWER
    assert not any(isinstance(e, Loading) for e in events(engine, user("Hi")))


# -- continued answers ----------------------------------------------------------------------


def test_a_cut_answer_goes_on_where_it_was_and_nothing_is_read_again(
    engine: Engine, random_model: Path
) -> None:
    load(engine, random_model)
    question = user("What is a model?")
    penalty = Sampling(temperature=0, repeat_penalty=1.5, max_tokens=60)
    whole = text_of(events(engine, question, sampling=penalty))
    for cut_at in (1, 7, 30):
        load(engine, random_model)
        cut = events(engine, question, sampling=replace(penalty, max_tokens=cut_at))
        rest = replace(penalty, max_tokens=60 - cut_at)
        went_on = events(engine, question, sampling=rest, prefix=text_of(cut))
        assert text_of(cut) + text_of(went_on) == whole
        end = finished(went_on)
        assert end.prompt_tokens == finished(cut).prompt_tokens + cut_at
        assert end.reused_tokens == end.prompt_tokens - 1, "one token, for its logits"


def test_a_cut_anywhere_goes_on_cleanly(engine: Engine, scripted_model: Path) -> None:
    """Also in the middle of a word and of a character, before and after a space."""
    load(engine, scripted_model)
    for cut_at in range(1, len(script_pieces(ANSWER))):
        cut = text_of(events(engine, user("Hi"), sampling=replace(GREEDY, max_tokens=cut_at)))
        assert ANSWER.startswith(cut)
        went_on = events(engine, user("Hi"), sampling=Sampling(temperature=0), prefix=cut)
        assert cut + text_of(went_on) == ANSWER
        assert finished(went_on).reason == "stop"


def test_an_answer_is_continued_after_another_and_after_a_restart(
    engine: Engine, scripted_model: Path
) -> None:
    forgets = Sampling(temperature=0)
    prefix = ANSWER[: ANSWER.index("scripted")]
    for again in range(2):
        if not again:
            load(engine, scripted_model)
        got = text_of(events(engine, user("Hi"), sampling=forgets, prefix=prefix))
        assert prefix + got == ANSWER


@pytest.mark.parametrize("vocab", ["byte-bpe", "spm"])
@pytest.mark.parametrize(
    "prefix", ["A mod", "A model ", "A\n", "😀", " ", "a <|im_end|> b", "\x00"]
)
def test_any_text_can_be_continued_without_its_tokens(
    engine: Engine, model_folder: Path, vocab: str, prefix: str
) -> None:
    path = model_folder / f"{vocab}.gguf"
    if not path.exists():
        build_model(path, vocab=vocab)
    load(engine, path)
    went_on = events(engine, user("Hi"), prefix=prefix)
    assert finished(went_on).reply_tokens == GREEDY.max_tokens
    again = text_of(events(engine, user("Hi"), prefix=prefix))  # now its tokens are known
    assert again.startswith(text_of(went_on))
    assert text_of(events(engine, user("Hi"))) != text_of(went_on)


@pytest.mark.parametrize("vocab", ["byte-bpe", "spm"])
def test_the_tokens_of_a_prefix_are_its_text(
    random_model: Path, model_folder: Path, vocab: str
) -> None:
    path = model_folder / f"tokens-{vocab}.gguf"
    engine = LlamaEngine()
    try:
        load(engine, build_model(path, vocab=vocab))
        loaded = engine._loaded
        assert loaded is not None
        for text in ("model", " model", "a <|im_end|> b", "\n\nmodel\n", "é😀 "):
            beginning = loaded.begin(text)
            written = b"".join(map(loaded.piece, beginning.tokens)) + beginning.owed
            assert written == text.encode(), "special tokens in it are text, and no space is added"
    finally:
        engine.close()


def test_a_continued_answer_counts_for_what_fits(engine: Engine, endless_model: Path) -> None:
    load(engine, endless_model, n_ctx=512)
    history = [user("Hello"), assistant("context " * 95)] * 3
    cut = events(engine, *history, user("Hi"), sampling=replace(GREEDY, max_tokens=150))
    went_on = events(engine, *history, user("Hi"), sampling=GREEDY, prefix=text_of(cut))
    dropped = [e.dropped for e in went_on if isinstance(e, Reading)]
    assert dropped[-1] > 0
    assert finished(went_on).reason == "length", "the oldest turns made room"
    went_on = events(engine, user("Hi"), sampling=GREEDY, prefix="many words " * 400)
    assert finished(went_on).reason == "length", "its own beginning made room"
    assert all(e.skipped > 0 for e in went_on if isinstance(e, Reading))
    with pytest.raises(ContextOverflow, match="answer cannot go on.*larger context length"):
        events(engine, user("Hi " * 600), sampling=GREEDY, prefix="many words " * 400)
    assert finished(events(engine, user("Hi"))).reply_tokens == 40


def test_an_answer_that_filled_most_of_the_context_goes_on(
    engine: Engine, endless_model: Path
) -> None:
    load(engine, endless_model, n_ctx=256)
    cut = events(engine, user("Hi"), sampling=Sampling(temperature=0, max_tokens=210))
    rest = Sampling(temperature=0, max_tokens=100)
    went_on = events(engine, user("Hi"), sampling=rest, prefix=text_of(cut))
    assert finished(went_on).reply_tokens == 100
    said = "Over and over again it says the very same thing until somebody stops it. "
    assert text_of(cut) + text_of(went_on) in said * 40, "nothing is lost and nothing said twice"
    assert finished(went_on).reused_tokens == finished(went_on).prompt_tokens - 1


def test_what_a_model_needs_is_told_before_its_load(engine: Engine, random_model: Path) -> None:
    told: list[Needed | float] = []
    info = engine.load(
        ModelSpec(str(random_model), n_ctx=512), told.append, CancelToken(), told.append
    )
    first = told[0]
    assert isinstance(first, Needed)
    assert (first.memory, first.n_ctx) == (info.memory, 512)
    assert first.memory.weights < random_model.stat().st_size < 2 * first.memory.weights
    assert 0 < first.free <= psutil.virtual_memory().total
