import json
from pathlib import Path

from pychatbot_gui.core.state import (
    RECENT_LIMIT,
    RememberedState,
    load_state,
    save_state,
    with_recent,
)


def test_state_comes_back(tmp_path: Path) -> None:
    state = RememberedState(
        "m.gguf", ("m.gguf",), "/models", draft="unsent\ntext", system_prompt="Be kind.", chat=7
    )
    save_state(tmp_path / "s.json", state)
    assert load_state(tmp_path / "s.json") == (state, "")


def test_values_of_another_type_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_text(
        json.dumps({"draft": 3, "recent_models": ["a", 1], "model": "m", "x": [], "chat": "1"})
    )
    assert load_state(file) == (RememberedState(model="m", recent_models=("a",)), "")


def test_recent_models_are_newest_first_and_few() -> None:
    recent: tuple[str, ...] = ()
    for i in range(20):
        recent = with_recent(recent, f"{i}.gguf")
    assert len(recent) == RECENT_LIMIT
    assert with_recent(recent, "15.gguf")[:2] == ("15.gguf", "19.gguf")
    assert len(set(with_recent(recent, "15.gguf"))) == RECENT_LIMIT
