"""Every shortcut gives the tokens of the slow way, whatever is done in whatever order."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pychatbot_gui.core.guide import guide_path
from tests.engine.kinds import (
    BYTES,
    THINKING,
    build_hybrid,
    build_plain,
    build_recurrent,
    build_sliding,
)
from tests.engine.walk import Truth, Walk

# More of them for a long search: SHORTCUT_EXAMPLES=500 python -m pytest tests/engine/test_shortcuts.py
EXAMPLES = int(os.environ.get("SHORTCUT_EXAMPLES", "0"))
N_CTX = 2048  # more than the cache of a sliding window; three long messages do not fit

LONG = "This is a long question about everything, " * 20  # some 840 tokens, two batches
texts = st.sampled_from(
    ["What is it?", "Yes.", "A much longer question, " * 5, LONG, " é 😀 <|im_end|> ", "What is"]
)
drafts = st.sampled_from(["", "What is", "What is it? And", "A much longer", LONG])
# Mostly never; then while it reads, or while it writes.
looks = st.one_of(st.just(0), st.integers(0, 8))
steps = st.one_of(
    st.tuples(st.just("send"), texts, looks, st.booleans()),
    st.tuples(st.just("send"), texts, st.just(0), st.just(False)),
    st.tuples(st.just("edit"), texts, st.integers(1, 3)),
    st.tuples(st.just("read_ahead"), drafts, looks, st.booleans()),
    st.tuples(st.just("read_ahead"), drafts, looks, st.booleans(), st.integers(1, 3)),
    st.tuples(st.sampled_from(["go_on", "title"]), looks, st.booleans()),
    st.tuples(st.just("switch"), st.sampled_from(["a", "b", ""])),
    st.tuples(st.just("system"), st.sampled_from(["", "Be brief."])),
    st.tuples(st.sampled_from(["regenerate", "save", "restart", "crash", "forget"])),
)
ways = st.lists(steps, min_size=6, max_size=14)


def walk_along(truth: Truth, way: list[tuple[object, ...]], folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as home:
        walk = Walk(truth, Path(home) / "snapshots")
        try:
            for name, *arguments in way:
                getattr(walk, str(name))(*arguments)
            walk.send("The end?")
            walk.assert_state_is_true()
        finally:
            walk.close()


KINDS: dict[str, Callable[[Path], Path]] = {
    "plain": lambda path: build_plain(path, words=BYTES),
    "recurrent": lambda path: build_recurrent(path, words=BYTES),
    "hybrid": lambda path: build_hybrid(path, words=BYTES),
    "sliding": lambda path: build_sliding(path, words=BYTES),
    # What the model wrote reads as other tokens, and a template that changes the past.
    "words": build_plain,
    "thinking": lambda path: build_hybrid(path, template=THINKING),
    "guide": lambda _: guide_path(),
}


@pytest.fixture(scope="module", params=KINDS)
def truth(request: pytest.FixtureRequest, model_folder: Path) -> Truth:
    path = KINDS[request.param](model_folder / f"walk-{request.param}.gguf")
    return Truth(path, N_CTX, knows=request.param in ("words", "thinking", "guide"))


@pytest.mark.timeout(0 if EXAMPLES else 120)
@settings(
    max_examples=EXAMPLES or 8,
    deadline=None,
    derandomize=not EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# Two first words of the last answer are as likely as each other.
@example([("send", text) for text in ["What is it?", "Yes."] * 2] + [("edit", "What is it?", 1)])
# A stop in the middle of a batch.
@example([("send", LONG, 1, True), ("read_ahead", LONG, 2, True)])
@example([("send", "What is it?"), ("send", " é 😀 <|im_end|> "), ("restart",), ("go_on",)])
@given(ways)
def test_any_way_through_conversations_gives_the_answers_of_a_fresh_process(
    truth: Truth, tmp_path: Path, way: list[tuple[object, ...]]
) -> None:
    walk_along(truth, way, tmp_path)
