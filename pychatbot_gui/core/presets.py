"""Presets: named system prompts with samplers and perhaps a model, a JSON file each.

Those that come with the program lie in `configs/presets/` and are only read; the person's own
lie beside the settings. Which samplers there are, and their limits, `core/settings.py` knows.
"""

import json
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pychatbot_gui.core.chat import clean_text
from pychatbot_gui.core.errors import PychatbotError, SettingsError, StorageError
from pychatbot_gui.core.files import read_json, reason, write_json
from pychatbot_gui.core.paths import shipped as shipped_path
from pychatbot_gui.core.settings import info, parse, setting_names, setting_type

SAMPLERS: tuple[str, ...] = tuple(
    name
    for name in setting_names()
    if info(name).group == "Answers" and setting_type(name) in (int, float)
)
"""The settings that a preset may set."""

LONGEST_NAME = 200
LONGEST_SYSTEM = 100_000
_LARGEST_FILE = 8 << 20  # bytes; a preset has a few hundred
# In UTF-8 at most 160 bytes, so that the temporary name of an atomic write still fits into 255.
_LONGEST_STEM = 40
_WINDOWS_DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"
}


@dataclass(frozen=True)
class Preset:
    """A way to be answered. `sampling` holds some of `SAMPLERS`; the rest is as in the settings.

    `model`: path of the model it wants, "" for whichever is open. `path`: its file, None for one
    that was not saved yet. Names may differ by case alone.
    """

    name: str
    system: str = ""
    sampling: Mapping[str, float] = field(default_factory=dict)
    model: str = ""
    shipped: bool = False
    path: Path | None = None


def load_presets(folder: Path) -> tuple[tuple[Preset, ...], list[str]]:
    """All presets, shipped ones first, each part by name; and sentences about what was unusable.

    One in `folder` takes the place of a shipped one of the same name. Two of the person's with
    one name are told apart by a number. A damaged file is set aside, never deleted.
    """
    notes: list[str] = []
    own: dict[str, Preset] = {}
    for path in _preset_files(folder, notes):
        preset = _of_person(path, notes)
        if preset is not None:
            name = free_name(preset.name, own)
            if name != preset.name:
                notes.append(
                    f"Two of your presets are called “{preset.name}”; the one in “{path.name}” "
                    f"is shown as “{name}”."
                )
            own[name] = replace(preset, name=name)
    listed = [p for p in _of_program(notes) if p.name not in own]
    return (*sorted(listed, key=_order), *sorted(own.values(), key=_order)), notes


def save_preset(folder: Path, preset: Preset) -> Preset:
    """Write one of the person's presets; returns it as it lies there, with its path.

    Over its own file where it has one in `folder`, keeping whatever else is in that file;
    otherwise into a new file, never over another. Raises `StorageError` with the old file
    untouched, `SettingsError` for a value outside its limits.
    """
    preset = _sound(preset)
    path = preset.path
    if path is None or path.parent != folder:
        path = _free_file(folder, preset.name)
    document, _ = read_json(path)
    write_json(path, _merged(document, preset))
    return replace(preset, shipped=False, path=path)


def delete_preset(folder: Path, preset: Preset) -> Preset:
    """Move a preset's file into `folder/deleted`; returns it as it lies there.

    `restore_preset` brings it back. Raises `StorageError`; a shipped one cannot be deleted.
    """
    if preset.shipped or preset.path is None:
        raise StorageError(f"The preset “{preset.name}” comes with the program and stays.")
    return _moved(preset, folder / "deleted")


def restore_preset(folder: Path, deleted: Preset) -> Preset:
    """Bring back what `delete_preset` returned; returns it as it lies there. `StorageError`."""
    return _moved(deleted, folder)


def write_preset(path: Path, preset: Preset) -> None:
    """Write a preset as one file to give away. Raises `StorageError`, `SettingsError`."""
    # Without the model: its path holds for this computer only and may tell the person's name.
    write_json(path, _merged({}, replace(_sound(preset), model="")))


def read_preset(path: Path) -> tuple[Preset, list[str]]:
    """A preset from a file that was given away, and sentences about what was left out of it.

    The file is not touched, and the preset has no path yet. Raises `StorageError` where the file
    cannot be read, `SettingsError` where it is no preset.
    """
    document = _read(path)
    if not isinstance(document.get("system", document.get("sampling")), (str, dict)):
        raise SettingsError(
            f"“{path.name}” is not a preset: it has neither a system prompt nor samplers."
        )
    preset, problems = _parsed(document)
    if preset.model:
        # A file from elsewhere does not decide which file is opened here.
        problems.append("It names a model file; choose one of yours in its place.")
    name = preset.name or clean_name(path.stem) or "Preset"
    notes = [f"In “{path.name}”: {problem}" for problem in problems]
    return replace(preset, name=name, model=""), notes


def clean_name(text: str) -> str:
    """A name as presets have it: one line of at most `LONGEST_NAME` characters, perhaps empty."""
    return " ".join(clean_text(text[: 50 * LONGEST_NAME]).split())[:LONGEST_NAME].rstrip()


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it where it is taken: “Tutor (2)”."""
    found, number = name, 1
    while found in taken:
        number += 1
        end = f" ({number})"
        found = name[: LONGEST_NAME - len(end)] + end
    return found


def _order(preset: Preset) -> tuple[str, str]:
    return preset.name.casefold(), preset.name


# -- what lies in a file --------------------------------------------------------------------


def _parsed(document: Mapping[str, Any]) -> tuple[Preset, list[str]]:
    """A preset (its name may be "") from a JSON object, and sentences about unusable values."""
    problems: list[str] = []
    texts = {key: _text(document, key, problems) for key in ("name", "system", "model")}
    if len(texts["system"]) > LONGEST_SYSTEM:
        texts["system"] = texts["system"][:LONGEST_SYSTEM]
        problems.append(
            f"Its system prompt is longer than {LONGEST_SYSTEM:,} characters; the end is left out."
        )
    inside = document.get("sampling", {})
    if not isinstance(inside, dict):
        problems.append("Its “sampling” is not a JSON object; the settings' values are used.")
        inside = {}
    sampling: dict[str, float] = {}
    for name in SAMPLERS:
        if name in inside:
            try:
                sampling[name] = parse(name, inside[name])
            except SettingsError as error:
                problems.append(f"{error} The settings' value is used.")
    name = clean_name(texts["name"])
    return Preset(name, clean_text(texts["system"]), sampling, texts["model"]), problems


def _text(document: Mapping[str, Any], key: str, problems: list[str]) -> str:
    value = document.get(key, "")
    if isinstance(value, str):
        return value
    problems.append(f"Its “{key}” is not a text; it is left out.")
    return ""


def _merged(document: dict[str, Any], preset: Preset) -> dict[str, Any]:
    """The document with what changed in the preset; anything else in it stays as it was."""
    before, _ = _parsed(document)
    result = dict(document)
    for key in ("name", "system", "model"):
        value = getattr(preset, key)
        if value != getattr(before, key) or (key == "system" and not document):
            result[key] = value
    inside = document.get("sampling")
    samplers = dict(inside) if isinstance(inside, dict) else {}
    for name in SAMPLERS:
        if preset.sampling.get(name) != before.sampling.get(name):
            samplers.pop(name, None)
            if name in preset.sampling:
                samplers[name] = preset.sampling[name]
    if samplers or isinstance(inside, dict):
        result["sampling"] = samplers
    return result


def _sound(preset: Preset) -> Preset:
    """The preset with everything inside the limits. Raises `SettingsError`."""
    name = clean_name(preset.name)
    if not name:
        raise SettingsError("A preset needs a name.")
    given = preset.sampling
    sampling = {n: parse(n, given[n]) for n in SAMPLERS if n in given}
    system = clean_text(preset.system)
    if len(system) > LONGEST_SYSTEM:
        raise SettingsError(
            f"The system prompt of “{name}” has {len(system):,} characters; a preset keeps at "
            f"most {LONGEST_SYSTEM:,}. Shorten it."
        )
    return replace(preset, name=name, system=system, sampling=sampling)


# -- files ----------------------------------------------------------------------------------


def _preset_files(folder: Path, notes: list[str]) -> Iterator[Path]:
    try:
        found = sorted(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        notes.append(f"The presets in “{folder}” cannot be read: {reason(error)}.")
        return
    for path in found:
        if path.suffix.lower() == ".json" and not path.name.startswith(".") and path.is_file():
            yield path


def _of_person(path: Path, notes: list[str]) -> Preset | None:
    """A preset of the person's, None where there is nothing to use."""
    try:
        _check_size(path)
        document, problem = read_json(path)
    except StorageError as error:
        notes.append(str(error))
        return None
    if problem:
        notes.append(
            f"The preset file “{path.name}” was damaged. It was set aside in “{path.parent}”, with "
            "“damaged” in its name."
        )
        return None
    preset, problems = _parsed(document)
    notes += [f"In the preset “{path.name}”: {problem}" for problem in problems]
    return replace(preset, name=preset.name or clean_name(path.stem) or "Preset", path=path)


def _of_program(notes: list[str]) -> list[Preset]:
    presets = []
    for path in _preset_files(shipped_path("configs", "presets"), notes):
        try:
            preset, problems = _parsed(_read(path))
        except PychatbotError:
            preset, problems = Preset(""), ["It is damaged."]
        if problems or not preset.name:
            notes.append(f"The program's own “{path}” is damaged. Install PyChatbot again.")
        if preset.name:
            presets.append(replace(preset, shipped=True, path=path))
    return presets


def _read(path: Path) -> dict[str, Any]:
    """The JSON object in a file that is not ours to set aside."""
    try:
        if not path.is_file():
            raise StorageError(f"“{path}” is not a file.")
        _check_size(path)
        document = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise StorageError(f"“{path}” cannot be read: {reason(error)}.", repr(error)) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"“{path.name}” is not a preset: {error}.") from error
    if not isinstance(document, dict):
        raise SettingsError(f"“{path.name}” is not a preset: it is not a JSON object.")
    return document


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise StorageError(f"“{path}” cannot be read: {reason(error)}.", repr(error)) from error
    if size > _LARGEST_FILE:
        raise StorageError(f"“{path}” is too large for a preset ({size / 1e6:,.0f} MB).")


def _moved(preset: Preset, folder: Path) -> Preset:
    assert preset.path is not None
    target = _free_file(folder, preset.name)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        preset.path.rename(target)
    except OSError as error:
        raise StorageError(
            f"The preset “{preset.name}” cannot be moved to “{folder}”: {reason(error)}.",
            repr(error),
        ) from error
    return replace(preset, path=target)


def _free_file(folder: Path, name: str) -> Path:
    """A file of `folder` that is not there yet, also where names differ by case alone."""
    try:
        taken = {_key(path.name) for path in folder.iterdir()}
    except OSError:
        taken = set()  # whoever writes there will tell what is wrong
    stem = _stem(name)
    found, number = f"{stem}.json", 1
    while _key(found) in taken:
        number += 1
        found = f"{stem}-{number}.json"
    return folder / found


def _stem(name: str) -> str:
    """A file name that every system takes, as like the preset's name as may be."""
    text = unicodedata.normalize("NFC", name[:LONGEST_NAME])
    safe = "".join(c if c.isalnum() or c in " -_" else "_" for c in text)
    stem = safe[:_LONGEST_STEM].strip() or "preset"
    return f"{stem}_" if stem.casefold() in _WINDOWS_DEVICES else stem


def _key(file_name: str) -> str:
    return unicodedata.normalize("NFC", file_name).casefold()
