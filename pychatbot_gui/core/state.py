"""What the program remembers between two starts that is not a setting."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pychatbot_gui.core.files import read_json, write_json

RECENT_LIMIT = 8


@dataclass(frozen=True)
class RememberedState:
    """Recent models (newest first), the folder of the last one, the unsent text, the window.

    `model`: the model open last, "" for none. `chat`: the id of the conversation that is shown, 0
    for a new one; `draft` is its unsent text, `new_draft` that of the new one while another is
    shown, and `new_system` its system prompt where it was changed. `system_prompt` and `preset` are
    for the next new one. `geometry`, `split`: base64 of
    Qt's own format.
    """

    model: str = ""
    recent_models: tuple[str, ...] = ()
    folder: str = ""
    export_folder: str = ""
    draft: str = ""
    system_prompt: str = ""
    preset: str = ""
    geometry: str = ""
    split: str = ""
    chat: int = 0
    new_draft: str = ""
    new_system: str = ""


def with_recent(recent: tuple[str, ...], path: str) -> tuple[str, ...]:
    """The list with `path` in front, each once, at most `RECENT_LIMIT`."""
    return (path, *(p for p in recent if p != path))[:RECENT_LIMIT]


def unsent_text(state: RememberedState, comes_back: bool) -> str:
    """The unsent text of what a start shows; `comes_back`: that is what was shown at the end."""
    return state.draft if comes_back or not state.chat else state.new_draft


def load_state(path: Path) -> tuple[RememberedState, str]:
    """The remembered state, and a sentence about what was wrong with the file ("" for nothing).

    A value of another type than expected is left out. Raises `StorageError`.
    """
    document, problem = read_json(path)
    values: dict[str, Any] = {}
    for field in fields(RememberedState):
        value = document.get(field.name)
        if field.name == "recent_models" and isinstance(value, list):
            values[field.name] = tuple(v for v in value if isinstance(v, str))[:RECENT_LIMIT]
        elif type(value) is type(field.default):
            values[field.name] = value
    return RememberedState(**values), problem


def save_state(path: Path, state: RememberedState, durable: bool = True) -> None:
    """Write the state atomically; see `write_json`. Raises `StorageError`."""
    write_json(path, asdict(state), durable)
