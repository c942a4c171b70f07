"""Every setting once: type, limits, label, help. File, dialog and command line follow from here.

The shipped defaults are in `configs/model_parameters.json`; the person's own file holds only what
they changed, and whatever else they wrote into it stays there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pychatbot_gui.core.errors import SettingsError
from pychatbot_gui.core.files import read_json, write_json
from pychatbot_gui.core.paths import shipped

N_CTX_STEP = 256

# The chat formats of llama-cpp-python that write every message into the prompt ("open-orca" and
# "saiga" lose some); "" is the model's own template. A test compares with the installed library.
CHAT_FORMATS = (
    "alpaca",
    "baichuan",
    "baichuan-2",
    "chatglm3",
    "chatml",
    "gemma",
    "intel",
    "llama-2",
    "llama-3",
    "mistral-instruct",
    "mistrallite",
    "oasst_llama",
    "openbuddy",
    "openchat",
    "phind",
    "pygmalion",
    "qwen",
    "redpajama-incite",
    "snoozy",
    "vicuna",
    "zephyr",
)

# Whether the model reads what the person has not sent yet; "mains": not on battery.
READ_AHEAD = ("on", "mains", "off")


@dataclass(frozen=True)
class SettingInfo:
    """What the dialog, the file and the documentation need to know of one setting."""

    label: str
    help: str
    group: str
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()  # what the dialog calls the choices; themselves where it is empty
    reload: bool = False  # a change needs the model loaded again
    shown: bool = True  # in the dialog; the others are for the file only
    special: str = ""  # how the dialog words the minimum, e.g. "Automatic"

    def word(self, choice: str) -> str:
        """What the dialog calls a choice."""
        words = dict(zip(self.choices, self.words, strict=False))
        return words.get(choice, choice) or self.special


def _setting(label: str, help: str, group: str, **more: Any) -> Any:
    return field(metadata={"info": SettingInfo(label, help, group, **more)})


@dataclass(frozen=True)
class Settings:
    """The settings, each with its `SettingInfo`. Built by `default_settings` or `load_settings`."""

    n_ctx: int = _setting(
        "Context length (n_ctx)",
        "How many tokens the model sees at once: the system prompt, the conversation and its "
        "answer together. More needs more memory.",
        "Model",
        minimum=256,
        maximum=1_048_576,
        step=N_CTX_STEP,
        reload=True,
    )
    mlock: bool = _setting(
        "Keep the model in memory (mlock)",
        "Stops the system from moving the model to disk. Needs the memory to be free and the "
        "system to allow it.",
        "Model",
        reload=True,
    )
    chat_format: str = _setting(
        "Chat format (chat_format)",
        "How messages are laid out for the model. Its own template is right nearly always; "
        "choose another when answers look garbled or never end.",
        "Model",
        choices=("", *CHAT_FORMATS),
        reload=True,
        special="From the model file",
    )
    verbose: bool = _setting(
        "Verbose log (verbose)",
        "Writes everything the model library says into the log window (View menu).",
        "Model",
        reload=True,
    )
    n_threads: int = _setting(
        "Threads (n_threads)",
        "Processor threads the model works with. Automatic is right unless other programs need "
        "the processor.",
        "Hardware",
        minimum=0,
        maximum=512,
        step=1,
        reload=True,
        special="Automatic",
    )
    n_gpu_layers: int = _setting(
        "GPU layers (n_gpu_layers)",
        "Layers of the model that run on the graphics card, if the model library was built for "
        "one. All means as many as there are.",
        "Hardware",
        minimum=-1,
        maximum=1000,
        step=1,
        reload=True,
        special="All",
    )
    snapshots: bool = _setting(
        "Remember what was read (snapshots)",
        "Keeps on disk what the model has read in each chat, so that going back to one starts at "
        "once. The files hold your conversations; they are deleted with the chat. Off deletes all.",
        "Hardware",
        reload=True,
    )
    snapshot_limit_mb: int = _setting(
        "Disk for snapshots (snapshot_limit_mb)",
        "At most so many megabytes; those not used for the longest time go first.",
        "Hardware",
        minimum=50,
        maximum=1_000_000,
        step=250,
        reload=True,
    )
    prompt_lookup: bool = _setting(
        "Draft what repeats (prompt_lookup)",
        "Where an answer repeats the conversation, as in edited code or a corrected letter, several "
        "tokens are tried at once, which is faster. What the model answers does not depend on it.",
        "Hardware",
        reload=True,
    )
    read_ahead: str = _setting(
        "Read ahead while you type (read_ahead)",
        "The model reads the chat and what you have written so far before you send it, so that its "
        "answer starts sooner. This also goes for what it reads again after an answer. Without it "
        "the tokens of your text are only counted.",
        "Hardware",
        choices=READ_AHEAD,
        words=("Always", "Not on battery", "Never"),
    )
    temperature: float = _setting(
        "Temperature",
        "0 always takes the likeliest word; higher values vary more.",
        "Answers",
        minimum=0.0,
        maximum=5.0,
        step=0.05,
    )
    top_k: int = _setting(
        "Top-k",
        "Only the k likeliest tokens are considered. 0 switches it off.",
        "Answers",
        minimum=0,
        maximum=1000,
        step=1,
        special="Off",
    )
    top_p: float = _setting(
        "Top-p",
        "Only the likeliest tokens that together reach this probability are considered. "
        "1 switches it off.",
        "Answers",
        minimum=0.0,
        maximum=1.0,
        step=0.01,
    )
    min_p: float = _setting(
        "Min-p",
        "Leaves out tokens less likely than this part of the likeliest one. 0 switches it off.",
        "Answers",
        minimum=0.0,
        maximum=1.0,
        step=0.01,
    )
    repeat_penalty: float = _setting(
        "Repeat penalty",
        "Makes words that were just used less likely. 1 switches it off.",
        "Answers",
        minimum=0.5,
        maximum=2.0,
        step=0.01,
    )
    max_tokens: int = _setting(
        "Longest answer (max_tokens)",
        "Ends an answer after this many tokens. No limit means until the model ends it.",
        "Answers",
        minimum=0,
        maximum=1_048_576,
        step=64,
        special="No limit",
    )
    seed: int = _setting(
        "Seed",
        "The same seed gives the same answer to the same conversation. Random takes a new one "
        "each time.",
        "Answers",
        minimum=-1,
        maximum=2_147_483_647,
        step=1,
        special="Random",
    )
    auto_title: bool = _setting(
        "Title chats with the model (auto_title)",
        "When it has nothing else to do, the model finds a short title for a new chat. Off keeps "
        "the first words of the chat.",
        "Answers",
    )
    isolate_model: bool = _setting(
        "Model in its own process (isolate_model)",
        "Keeps the window alive whatever a model file does. Off only for debugging.",
        "Model",
        reload=True,
        shown=False,
    )


def setting_names() -> tuple[str, ...]:
    """Every setting's key, in the order of the dialog."""
    return tuple(f.name for f in fields(Settings))


def info(name: str) -> SettingInfo:
    """What is known of one setting. Raises KeyError for a name that is none."""
    found: SettingInfo = Settings.__dataclass_fields__[name].metadata["info"]
    return found


def setting_type(name: str) -> type:
    """`int`, `float`, `bool` or `str`."""
    found = Settings.__dataclass_fields__[name].type
    assert isinstance(found, type)
    return found


def default_settings() -> Settings:
    """The shipped defaults. Raises `SettingsError` where the program's own file is damaged."""
    path = shipped("configs", "model_parameters.json")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Settings(**{name: parse(name, document[name]) for name in setting_names()})
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(
            f"The program's own “{path}” is missing or damaged. Install PyChatbot again.",
            repr(error),
        ) from error


def parse(name: str, value: object) -> Any:
    """A setting's value from JSON, or from text: "True" and "2048" are taken for what they mean.

    n_ctx is rounded up to a multiple of 256, because the library's native and Python sizes differ
    otherwise. Raises `SettingsError` with a sentence that names the limits.
    """
    kind = setting_type(name)
    about = info(name)
    if kind is str:
        return _choice(name, value, about)
    if kind is bool:
        return _truth(name, value)
    return _number(name, value, kind, about)


def load_settings(path: Path) -> tuple[Settings, list[str]]:
    """The person's settings over the shipped defaults, and sentences about what was not usable.

    A value that cannot be used leaves the default in its place; the file is not touched. Raises
    `StorageError` where the file cannot be read at all.
    """
    settings = default_settings()
    document, problem = read_json(path)
    notes = [problem] if problem else []
    for name in setting_names():
        if name in document:
            try:
                value = parse(name, document[name])
                settings = replace(settings, **{name: value})
                if name == "n_ctx" and str(value) != str(document[name]):
                    notes.append(f"n_ctx {document[name]} was rounded up to {value}.")
            except SettingsError as error:
                notes.append(f"{error} The default ({_show(getattr(settings, name))}) is used.")
    return settings, notes


def save_settings(path: Path, settings: Settings, before: Settings) -> None:
    """Write what changed since `before`; everything else in the person's file stays as it is.

    Raises `StorageError`, with the old file untouched.
    """
    document, _ = read_json(path)
    for name in setting_names():
        value = getattr(settings, name)
        if value != getattr(before, name):
            document[name] = value
    write_json(path, document)


def reload_names(before: Settings, after: Settings) -> tuple[str, ...]:
    """The changed settings that take effect only when the model is loaded again."""
    return tuple(
        n for n in setting_names() if info(n).reload and getattr(before, n) != getattr(after, n)
    )


def _choice(name: str, value: object, about: SettingInfo) -> str:
    if value is None and (not about.choices or "" in about.choices):
        return ""
    if not isinstance(value, str) or (about.choices and value not in about.choices):
        known = ", ".join(choice for choice in about.choices if choice)
        raise SettingsError(f"The setting “{name}” does not know {_show(value)}. Known: {known}.")
    return value


def _truth(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise SettingsError(f"The setting “{name}” must be true or false, not {_show(value)}.")


def _number(name: str, value: object, kind: type, about: SettingInfo) -> int | float:
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        number: int | float = float(value)
        if kind is int:
            if number != int(number):
                raise ValueError
            number = int(number)
    except (ValueError, OverflowError):
        wanted = "a whole number" if kind is int else "a number"
        raise SettingsError(f"The setting “{name}” must be {wanted}, not {_show(value)}.") from None
    assert about.minimum is not None and about.maximum is not None
    if not about.minimum <= number <= about.maximum:
        raise SettingsError(
            f"The setting “{name}” must be from {about.minimum:g} to {about.maximum:.10g}, "
            f"not {_show(value)}."
        )
    if name == "n_ctx":
        number = -(-int(number) // N_CTX_STEP) * N_CTX_STEP
    return number


def _show(value: object) -> str:
    text = str(value) if not isinstance(value, str) else f"“{value}”"
    return text if len(text) <= 60 else text[:57] + "…"


def from_overrides(settings: Settings, overrides: Mapping[str, object]) -> Settings:
    """Settings with command-line values in place. Raises `SettingsError`."""
    return replace(settings, **{name: parse(name, value) for name, value in overrides.items()})
