"""The guide: the tiny model inside the program, for the first minute and for its questions."""

from dataclasses import replace
from pathlib import Path

from pychatbot_gui.core.paths import shipped
from pychatbot_gui.core.settings import Settings

GUIDE_NAME = "Guide (built in)"
GUIDE_N_CTX = 1024

# What the empty chat offers to be clicked.
QUESTIONS = (
    "How do I open a model?",
    "Where do I find models?",
    "Which quantization should I take?",
    "Is this private?",
)


_GUIDE = shipped("resources", "guide", "guide.gguf")


def guide_path() -> Path:
    """Where the guide's file is; it may be missing or damaged like any file."""
    return _GUIDE


def is_guide(path: str) -> bool:
    """Whether a model file is the guide."""
    return bool(path) and Path(path) == guide_path()


def last_or_guide(last: str) -> tuple[str, bool]:
    """The model to begin with, that of the last time or the guide; and whether the last is gone.

    `last` "": there was none. One that may not be looked at counts as gone.
    """
    try:
        is_there = bool(last) and Path(last).exists()
    except OSError:
        is_there = False
    return (last if is_there else str(guide_path())), bool(last) and not is_there


def for_model(path: str, settings: Settings) -> Settings:
    """The settings a model works with: the person's own, or for the guide those it was made for.

    The guide was trained for one context length, its own template and the likeliest word.
    """
    if not is_guide(path):
        return settings
    return replace(
        settings,
        n_ctx=GUIDE_N_CTX,
        n_threads=1,  # more only wait for each other in a model as small
        mlock=False,
        chat_format="",
        temperature=0.0,
        repeat_penalty=1.0,
        max_tokens=200,
    )
