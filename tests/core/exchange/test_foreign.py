from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.core.exchange.foreign import (
    Losses,
    arranged,
    number_of,
    time_of,
    title_of,
    uid_of,
)
from pychatbot_gui.core.history import SavedMessage
from tests.core.exchange.trees import A, U


@given(st.lists(st.tuples(st.integers(0, 8), st.floats(0, 100)), max_size=8), st.booleans())
def test_any_parents_become_a_tree(parents: list[tuple[int, float]], by_time: bool) -> None:
    messages = [
        SavedMessage(number, parent, U if number % 2 else A, "", created)
        for number, (parent, created) in enumerate(parents, 1)
    ]
    done = arranged(messages, Losses(), by_time)
    assert sorted(m.id for m in done) == [m.id for m in messages]
    seen = {0}
    for message in done:
        assert message.parent in seen
        seen.add(message.id)


def test_by_time_where_the_tree_allows_it() -> None:
    messages = [
        SavedMessage(1, 3, U, "", 5.0),
        SavedMessage(2, 0, U, "", 9.0),
        SavedMessage(3, 0, U, "", 7.0),
        SavedMessage(4, 3, U, "", 0.0),
    ]
    losses = Losses()
    assert [m.id for m in arranged(messages, losses, by_time=True)] == [3, 1, 4, 2]
    assert losses.sentence() == ""


def test_times_of_all_kinds() -> None:
    losses = Losses()
    for value in (
        1.5e9,
        1.5e12,
        1_500_000_000,
        "2017-07-14T02:40:00Z",
        "2017-07-14T02:40:00+00:00",
    ):
        assert time_of(value, losses) == 1.5e9
    assert time_of(None, losses) == time_of("", losses) == time_of(0, losses) == 0
    assert losses.sentence() == ""
    for bad in (-1, float("nan"), float("inf"), 10**400, "soon", [1], True, 1e30):
        assert time_of(bad, losses) == 0
    assert losses.counts["time"] == 8


def test_numbers_titles_uids() -> None:
    losses = Losses()
    assert [number_of(v, losses) for v in (None, 1, 1.5, "1", float("nan"), 10**400)] == [
        0, 1, 1.5, 0, 0, 0,
    ]  # fmt: skip
    assert losses.sentence() == "left out: 3 values that make no sense"
    assert title_of(" a\n b ", losses) == "a b"
    assert title_of(["a"], losses) == ""
    assert uid_of("a", "b") == uid_of("a", "b") != uid_of("b", "a")
    assert len(uid_of("x", {"a": 1})) == 32
