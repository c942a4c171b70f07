from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.engine.stops import StopText

small = st.text("ab<>", max_size=12)


@given(st.lists(small), st.lists(st.text("ab<>", min_size=1, max_size=4), max_size=3))
def test_everything_up_to_the_first_stop_comes_through(pieces: list[str], stops: list[str]) -> None:
    whole = "".join(pieces)
    scanner = StopText(stops)
    shown = "".join(scanner.feed(p) for p in pieces) + scanner.rest()
    found = [i for i in (whole.find(s) for s in stops) if i >= 0]
    assert scanner.found == bool(found)
    if not found:
        assert shown == whole
    else:
        # The stream cannot know of a longer stop that begins earlier and ends later.
        assert whole.startswith(shown)
        assert any(whole.startswith(s, len(shown)) for s in stops)


def test_only_a_possible_beginning_is_held_back() -> None:
    scanner = StopText(["<end>"])
    assert scanner.feed("hello <e") == "hello "
    assert scanner.feed("x") == "<ex"
    assert scanner.feed("<end>more") == ""
    assert scanner.found


def test_without_stops_nothing_is_held_back() -> None:
    assert StopText([]).feed("<") == "<"
