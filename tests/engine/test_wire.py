import pytest
from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.core.chat import Message, Role
from pychatbot_gui.engine import wire
from pychatbot_gui.engine.engine import (
    Finished,
    Loading,
    ModelInfo,
    ModelSpec,
    Notice,
    Reading,
    Rendering,
    ReplyRequest,
    Sampling,
    Text,
)

text = st.text(st.characters(exclude_categories=["Cs"]))
requests = st.builds(
    ReplyRequest,
    id=st.integers(),
    messages=st.lists(st.builds(Message, st.sampled_from(Role), text)).map(tuple),
    sampling=st.builds(Sampling, temperature=st.floats(0, 5)),
    prefix=text,
    chat=text,
)
frames = st.one_of(
    st.builds(wire.Load, st.integers(), st.builds(ModelSpec, path=text), text),
    st.builds(wire.Reply, st.integers(), requests),
    st.builds(wire.ReadAhead, st.integers(), requests),
    st.builds(wire.Forget, st.integers(), text),
    st.builds(wire.Close, st.integers()),
    st.builds(wire.Done, st.integers()),
    st.builds(Notice, st.integers(), text),
    st.builds(wire.Cancel, st.integers()),
    st.builds(
        wire.Loaded,
        st.integers(),
        st.builds(ModelInfo, path=text, notices=st.lists(text).map(tuple)),
    ),
    st.builds(wire.Failed, st.integers(), text, text, text),
    st.builds(Loading, st.integers(), st.floats(0, 1)),
    st.builds(Rendering, st.integers()),
    st.builds(Reading, st.integers(), st.integers(), st.integers(), st.integers()),
    st.builds(Text, st.integers(), text),
    st.builds(Finished, st.integers(), text),
)


@given(frames)
def test_every_frame_comes_back_equal(frame: wire.Frame) -> None:
    assert wire.decode(wire.encode(frame)) == frame


@given(st.binary())
def test_noise_is_a_wire_error(raw: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"frame": "Text"}',
        b'{"frame": "Text", "id": "1", "piece": "a"}',
        b'{"frame": "Text", "id": 1, "piece": 2}',
        b'{"frame": "Text", "id": 1, "piece": "a", "more": 1}',
        b'{"frame": "os.system", "id": 1}',
        b'{"frame": "Loading", "id": true, "fraction": 1}',
        b"[" * 100_000,
    ],
)
def test_a_frame_of_other_types_is_a_wire_error(raw: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(raw)
