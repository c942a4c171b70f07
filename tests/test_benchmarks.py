"""The measurements measure: figures and their goals, the references, the models in real shapes."""

import time
from pathlib import Path

import pytest

from tests.benchmarks.figures import Figure, figures_of, report, table
from tests.benchmarks.own_time import OwnTime
from tests.benchmarks.references import BARE, CHAT_CALL, Child, Wish, in_turn
from tests.benchmarks.server import SERVER, Server
from tests.benchmarks.shapes import HALF_BILLION, TWO_MILLION, build_shape
from tests.small_server import WORDS

QUESTION = [("user", "Hello")]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shape(tmp_path_factory.mktemp("shapes") / "small.gguf", TWO_MILLION)


def test_a_goal_for_the_value_and_one_for_the_ratio() -> None:
    assert Figure("gap", 14.0, "ms", 8.0, "idle", goal=50.0).met is True
    assert Figure("gap", 51.0, "ms", 8.0, "idle", goal=50.0).met is False
    slow = Figure("speed", 90.0, "/s", 100.0, "bare", 0.95, more_is_better=True, goal_of_ratio=True)
    assert (slow.ratio, slow.met) == (0.9, False)
    pairs = Figure("speed", 90.0, "/s", 100.0, "bare", 0.95, True, goal_of_ratio=True, pairs=0.96)
    assert (pairs.ratio, pairs.met) == (0.96, True)
    assert Figure("plain", 3.0, "ms").met is None


def test_what_is_not_measured_is_said_and_meets_nothing() -> None:
    absent = Figure("speed", None, "tokens/s", None, "a server: not installed", goal=1.0)
    assert (absent.ratio, absent.met) == (None, None)
    assert "not measured" in table([absent])
    assert "a server: not installed" in table([absent])


def test_figures_come_back_from_their_report() -> None:
    figures = [
        Figure("one", 1.5, "ms", 2.0, "other", 3.0, note="median of 3"),
        Figure("two", None, "×", goal=0.9, goal_of_ratio=True),
    ]
    document = report(figures)
    assert figures_of(document) == figures
    assert document["figures"][0]["ratio"] == 0.75  # type: ignore[index]


def test_measures_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []

    def measure(name: str) -> float:
        order.append(name)
        return float(len(order))

    runs = list(in_turn(2, lambda: measure("ours"), lambda: measure("bare")))
    assert order == ["ours", "bare"] * 3
    assert runs == [(3.0, 4.0), (5.0, 6.0)]


def test_the_shapes_have_their_size(small: Path) -> None:
    assert TWO_MILLION.parameters == pytest.approx(2e6, rel=0.05)
    assert HALF_BILLION.parameters == pytest.approx(0.5e9, rel=0.05)
    assert small.stat().st_size > TWO_MILLION.parameters * 18 / 32


def test_the_chat_call_writes_text_and_notes_its_own_cost(small: Path) -> None:
    with Child(CHAT_CALL, small, 512, 1) as child:
        plain = child.write(Wish(QUESTION, 24))
        timed = child.write(Wish(QUESTION, 24, timed=True))
    assert plain.tokens == timed.tokens == 24
    assert plain.text == timed.text
    assert len(set(plain.text.split())) > 3, "text that goes round in circles shows nothing"
    assert not plain.marks
    assert timed.marks == sorted(timed.marks)
    assert len(timed.marks) >= 23
    assert 0 < plain.first < plain.first + plain.writing


def test_the_bare_loop_writes_as_much_as_it_is_asked(small: Path) -> None:
    with Child(BARE, small, 512, 1) as child:
        written = child.write(Wish(QUESTION, 24))
        assert written.tokens == 24
        assert written.tokens_per_second == pytest.approx(23 / written.writing)


def test_a_reference_that_cannot_load_says_so(tmp_path: Path) -> None:
    missing = tmp_path / "none.gguf"
    with Child(BARE, missing, 512, 1) as child, pytest.raises(RuntimeError, match=f"{BARE} ended"):
        child.write(Wish(QUESTION, 4))


def test_own_time_leaves_out_what_the_library_does() -> None:
    library = Library()
    own = OwnTime(library)
    own.start(True)
    for _ in range(3):
        library.llama_decode(None, Batch())
        library.llama_sampler_sample(None)
    assert own.evaluated == 3
    assert len(own.marks) == 3
    assert own.marks[-1] - own.marks[0] < 2 * Library.SECONDS
    own.start(False)
    library.llama_decode(None, Batch())
    assert (own.evaluated, own.marks) == (1, [])


def test_the_server_is_started_asked_and_ended(small: Path) -> None:
    with Server(small, 512, 1, "tests.small_server") as server:
        written = server.write(Wish(QUESTION, 3))
        assert written.text == "".join(WORDS[:3])
        assert written.tokens == 3
        with pytest.raises(RuntimeError, match="wrote nothing"):
            server.write(Wish(QUESTION, 1))


def test_what_a_server_says_against_it_is_told(small: Path) -> None:
    refused = pytest.raises(RuntimeError, match="500.*had enough")
    with Server(small, 1, 1, "tests.small_server") as server, refused:
        server.write(Wish(QUESTION, 3))
    with pytest.raises(RuntimeError, match=f"{SERVER} ended: a context of nothing"):
        Server(small, 0, 1, "tests.small_server").__enter__()


class Batch:
    n_tokens = 1


class Library:
    """Works for a while in each call."""

    SECONDS = 0.02

    def llama_decode(self, *_: object) -> int:
        return self._work()

    def llama_sampler_sample(self, *_: object) -> int:
        return self._work()

    def _work(self) -> int:
        until = time.thread_time() + self.SECONDS
        while time.thread_time() < until:
            pass
        return 0
