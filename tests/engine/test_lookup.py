"""What is drafted, what that may cost, and that no answer depends on it."""

import itertools
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.core.guide import guide_path
from pychatbot_gui.core.settings import default_settings
from pychatbot_gui.engine.answers import Beginning
from pychatbot_gui.engine.engine import (
    CancelToken,
    Engine,
    Finished,
    ReplyRequest,
    Sampling,
    Text,
    model_spec,
)
from pychatbot_gui.engine.llama import LlamaEngine
from pychatbot_gui.engine.lookup import MOST, Drafts, Lookup
from pychatbot_gui.engine.memory import OUTPUTS
from pychatbot_gui.engine.writing import Writer
from tests.engine.kinds import build_hybrid, build_plain, build_recurrent, build_sliding
from tests.engine.talk import assistant, events, finished, load, text_of, user
from tests.models import build_scripted_model

WORDS = "Dear friend I am happy to hear that your garden grows so well this summer and hope we meet"


def follow(text: Sequence[int], prompt: Sequence[int]) -> tuple[list[int], list[int]]:
    """Write `text` after `prompt`: how long each draft was, and how much of it was right."""
    lookup = Lookup(prompt)
    sizes, rights, at = [], [], 0
    while at < len(text):
        lookup.add(text[at])
        at += 1
        draft = lookup.draft(len(text) - at - 1)
        right = 0
        while right < len(draft) and text[at : at + 1] == draft[right : right + 1]:
            lookup.add(text[at])
            at, right = at + 1, right + 1
        if draft:
            lookup.judge(len(draft), right)
        sizes.append(len(draft))
        rights.append(right)
    return sizes, rights


def cost(sizes: Sequence[int], each: float = 0.5) -> float:
    """Of a text, in tokens written one by one."""
    return sum(1 + each * size for size in sizes)


# -- what is drafted ------------------------------------------------------------------------


def test_nothing_is_drafted_of_a_text_that_repeats_nothing() -> None:
    assert follow(range(100, 400), range(100))[0] == [0] * 300


def test_what_followed_the_latest_same_tokens_is_drafted() -> None:
    lookup = Lookup([1, 2, 3, 7, 7, 1, 2, 3, 8, 9, 5])
    drafts = []
    for token in (1, 2, 3):
        lookup.add(token)
        drafts.append(lookup.draft(99))
    assert drafts == [[], [], [8, 9, 5]]
    assert lookup.draft(2) == [], "less than that is not worth its while"


@pytest.mark.parametrize("most", [0, -1])
def test_where_there_is_no_room_nothing_is_drafted(most: int) -> None:
    lookup = Lookup([*range(20), 0, 1])
    lookup.add(2)
    assert lookup.draft(most) == []


def test_a_copy_is_drafted_in_ever_longer_parts() -> None:
    text = list(range(300))
    sizes, rights = follow(text, text)
    assert rights == sizes, "every draft is right"
    assert max(sizes) == MOST < OUTPUTS
    assert {size % 4 for size in sizes if size} == {3}, "batches of whole fours"
    assert len(sizes) < len(text) / 8


def test_after_an_edit_the_copy_goes_on() -> None:
    text = list(range(400))
    edited = [*text[:200], 1000, 1001, *text[203:]]
    sizes, _ = follow(edited, text)
    assert len(sizes) < len(edited) / 6


def test_an_answer_that_repeats_itself_is_drafted() -> None:
    sizes, _ = follow(list(range(20)) * 10, [])
    assert len(sizes) < 60


def test_a_longer_part_must_be_the_same_after_drafts_that_failed() -> None:
    # The same three tokens, and every time something else follows.
    text = [t for i in range(100) for t in (1, 2, 3, 100 + i, 300 + i, 500 + i)]
    sizes, rights = follow(text, [])
    assert sum(rights) == 0
    assert 0 < sum(sizes) <= 3


@given(st.integers(0, 10**6), st.integers(2, 8), st.integers(20, 600))
def test_drafts_that_fail_cost_a_small_part_of_any_text(seed: int, kinds: int, size: int) -> None:
    """Few kinds of tokens in any order: much is the same as before, and nothing follows from it."""
    chosen = random.Random(seed)
    text = [chosen.randrange(kinds) for _ in range(size)]
    sizes, _ = follow(text, [chosen.randrange(kinds) for _ in range(200)])
    assert cost(sizes) <= 1.01 * size + 1.5


# -- how drafts are evaluated ---------------------------------------------------------------


class Model:
    """A cache, and a next token that every token before and the number of the draw decide."""

    def __init__(self, tokens: Sequence[int], kinds: int, seed: int, n_ctx: int) -> None:
        self.n_ctx = n_ctx
        self.tokens = list(tokens)
        self.alone: list[bool] = []  # of each token in the cache: whether evaluated alone
        self.evaluations = 0
        self.draws = 0
        self._kinds = kinds
        self._seed = seed
        self._rows = 1

    def piece(self, token: int) -> bytes:
        return b"%c" % (97 + token)

    def ends_answer(self, token: int) -> bool:
        return token == 0

    def evaluate(self, tokens: list[int]) -> bool:
        assert len(self.tokens) + len(tokens) < self.n_ctx
        self.tokens += tokens
        self.evaluations += 1
        self._rows = len(tokens)
        return True

    def cut(self, length: int) -> None:
        assert length < len(self.tokens), "nothing to cut"
        del self.tokens[length:]
        self._rows = 0

    def make_room(self) -> None:
        """The context is full: as after a shift, the last token has logits."""
        assert len(self.tokens) + 1 == self.n_ctx
        del self.tokens[5 : self.n_ctx // 2]
        self._rows = 1

    def choose(self, owed: bytes, row: int) -> int:
        """Mostly what came two tokens before in the past: a text that repeats itself in parts."""
        assert not owed
        assert -row <= self._rows, "no such row"
        self.draws += 1
        past = self.tokens[: len(self.tokens) + 1 + row if row < -1 else None]
        chosen = random.Random(f"{past[-8:]} {self._seed} {self.draws % 7}")
        if len(past) > 12 and chosen.random() < 0.9:
            return past[-9]
        return chosen.randrange(self._kinds)


def answer(
    lookup: bool, prompt: Sequence[int], kinds: int, seed: int, clear: int = 1, **more: object
) -> tuple[object, ...]:
    """All that can be seen of an answer. `clear`: every so many choices are not clear; 1: all."""
    n_ctx, stop, most = more.get("n_ctx", 500), more.get("stop", ()), more.get("most", 0)
    token, asked = CancelToken(), itertools.count(1)
    assert isinstance(n_ctx, int) and isinstance(stop, tuple) and isinstance(most, int)
    model = Model(prompt, kinds, seed, n_ctx)
    drafts = Drafts(
        model, Lookup(prompt) if lookup else None, lambda _: clear < 2 or next(asked) % clear > 0
    )
    writer = Writer(model, model.choose, stop, most, token, Beginning(), drafts)
    pieces = []
    for piece in writer.write():
        pieces.append(piece)
        if piece is None and len(pieces) < 300:
            model.make_room()
        if len(pieces) == more.get("cancel"):
            token.cancel()
        if len(pieces) == more.get("leave"):
            break
    drafts.end()
    return pieces, writer.reason, writer.count, writer.tokens, model.tokens, model.draws


@given(
    st.integers(0, 10**6),
    st.sampled_from([3, 6, 20]),
    st.integers(0, 120),
    st.sampled_from([1, 2, 5]),
    st.fixed_dictionaries(
        {},
        optional={
            "n_ctx": st.integers(125, 200),
            "stop": st.sampled_from([("bcb",), ("bb", "cdc"), ("e",)]),
            "most": st.integers(1, 150),
            "cancel": st.integers(1, 100),
            "leave": st.integers(1, 100),
        },
    ),
)
def test_an_answer_does_not_depend_on_drafts(
    seed: int, kinds: int, length: int, clear: int, more: dict[str, object]
) -> None:
    chosen = random.Random(seed)
    some = [chosen.randrange(1, kinds) for _ in range(max(1, length // 3))]
    prompt = (some * 3)[: max(1, length)]
    slow = answer(False, prompt, kinds, seed, **more)
    assert answer(True, prompt, kinds, seed, clear, **more) == slow


def test_drafted_tokens_save_evaluations() -> None:
    prompt = list(range(1, 9)) * 4
    model = Model(prompt, 20, 3, 500)
    drafts = Drafts(model, Lookup(prompt))
    writer = Writer(model, model.choose, (), 200, CancelToken(), Beginning(), drafts)
    count = len("".join(writer.write()))
    assert 0 < drafts.accepted < drafts.drafted
    # One token of each evaluation is not drafted, and those that were refused are none.
    assert count == model.evaluations + drafts.accepted


# -- real models ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def copying_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes `WORDS`, one token a word."""
    words = WORDS.split()
    pieces = [words[0], *(f" {word}" for word in words[1:])]
    return build_scripted_model(tmp_path_factory.mktemp("models") / "copying.gguf", pieces)


def answers(
    path: Path, lookup: bool, sampling: Sampling, *texts: str
) -> list[tuple[str, Finished]]:
    """Of one model to messages of one conversation."""
    engine = LlamaEngine()
    load(engine, path, n_ctx=1024, n_threads=1, prompt_lookup=lookup)
    said, made = [], []
    for text in texts:
        said.append(user(text))
        some = events(engine, *said, sampling=sampling)
        made.append((text_of(some), finished(some)))
        said.append(assistant(text_of(some)))
    engine.close()
    return made


def test_a_copy_is_drafted_and_the_same(engine: Engine, copying_model: Path) -> None:
    ends = {}
    for lookup in (False, True):
        load(engine, copying_model, prompt_lookup=lookup)
        some = events(engine, user(f"Please copy: {WORDS}"))
        assert text_of(some) == WORDS
        ends[lookup] = finished(some)
    assert (ends[False].drafted_tokens, ends[False].accepted_tokens) == (0, 0)
    assert ends[True].accepted_tokens == ends[True].drafted_tokens > 8
    assert ends[True].reply_tokens == ends[False].reply_tokens == len(WORDS.split())
    # The cache holds what it would hold without drafts: nothing is read again.
    again = events(engine, user(f"Please copy: {WORDS}"), assistant(WORDS), user("Thank you."))
    assert finished(again).reused_tokens > ends[True].prompt_tokens + 10


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=0, max_tokens=300),
        Sampling(temperature=0, max_tokens=300, repeat_penalty=1.05),
        Sampling(temperature=0.2, max_tokens=300, seed=5),
    ],
    ids=["greedy", "greedy with a repeat penalty", "seeded"],
)
def test_real_answers_are_the_same(tmp_path: Path, sampling: Sampling) -> None:
    path = build_plain(tmp_path / "plain.gguf")
    texts = ("one two three one two three", "the same again: one two three four")
    slow = answers(path, False, sampling, *texts)
    fast = answers(path, True, sampling, *texts)
    assert [text for text, _ in fast] == [text for text, _ in slow]
    if not sampling.repeat_penalty > 1:
        assert sum(end.drafted_tokens for _, end in fast) > 0


@pytest.mark.parametrize("build", [build_recurrent, build_hybrid, build_sliding])
def test_a_model_that_cannot_be_cut_drafts_nothing(
    build: Callable[[Path], Path], tmp_path: Path
) -> None:
    text = "one two three " * 20
    ((_, end),) = answers(build(tmp_path / "model.gguf"), True, Sampling(max_tokens=60), text)
    assert end.drafted_tokens == 0


def test_what_repeats_can_be_stopped_at_any_moment(engine: Engine, endless_model: Path) -> None:
    load(engine, endless_model, n_ctx=2048, prompt_lookup=True)
    token = CancelToken()
    timer = threading.Timer(0.2, token.cancel)
    request = ReplyRequest(7, (user("Go on."),), Sampling(temperature=0))
    some = []
    for event in engine.reply(request, token):
        some.append(event)
        if isinstance(event, Text) and not timer.is_alive() and timer.ident is None:
            timer.start()
    timer.join()
    assert finished(some).reason == "cancelled"
    again = events(engine, user("Go on."), assistant(text_of(some)), user("And?"))
    assert text_of(again).startswith("Over and over again")


def test_a_draft_ends_where_the_context_and_the_longest_answer_do(
    engine: Engine, endless_model: Path
) -> None:
    text = "Over and over again it says the very same thing until somebody stops it. " * 9
    load(engine, endless_model, prompt_lookup=True)
    for most in (1, 2, 17, 100):
        end = finished(events(engine, user(text), sampling=Sampling(0, max_tokens=most)))
        assert (end.reason, end.reply_tokens) == ("length", most)
    assert end.accepted_tokens > 50


def test_the_guide_drafts_nothing() -> None:
    settings = default_settings()
    assert not model_spec(str(guide_path()), settings).prompt_lookup
    assert model_spec("other.gguf", settings).prompt_lookup == settings.prompt_lookup
