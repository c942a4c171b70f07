import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.core import presets
from pychatbot_gui.core.errors import PychatbotError, SettingsError, StorageError
from pychatbot_gui.core.paths import shipped
from pychatbot_gui.core.presets import (
    LONGEST_NAME,
    LONGEST_SYSTEM,
    SAMPLERS,
    Preset,
    clean_name,
    delete_preset,
    free_name,
    load_presets,
    read_preset,
    restore_preset,
    save_preset,
    write_preset,
)
from pychatbot_gui.core.settings import parse

LETTERS = Preset(
    "Letters", "Write polite letters.\n", {"temperature": 0.3, "top_k": 5}, "/m/a.gguf"
)


def own(folder: Path) -> list[Preset]:
    found, notes = load_presets(folder)
    assert notes == []
    return [preset for preset in found if not preset.shipped]


def write(folder: Path, name: str, document: object) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


# -- shipped ones ---------------------------------------------------------------------------


def test_the_shipped_ones_are_sound_and_useful(tmp_path: Path) -> None:
    found, notes = load_presets(tmp_path / "none")
    assert notes == []
    assert 5 <= len(found) <= 7
    assert len({preset.name for preset in found}) == len(found)
    for preset in found:
        assert preset.shipped and preset.path is not None
        assert 100 < len(preset.system) < 1000
        assert preset.model == ""
        document = json.loads(preset.path.read_text(encoding="utf-8"))
        assert set(document) == {"name", "system", "sampling"}
        assert document["sampling"] == preset.sampling, "nothing unknown, nothing rounded"
        assert set(preset.sampling) <= set(SAMPLERS)
    assert not (tmp_path / "none").exists()


def test_a_shipped_one_that_is_damaged_is_named_and_left_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "good.json", {"name": "Good", "system": "x"})
    (tmp_path / "bad.json").write_text("{")
    monkeypatch.setattr(presets, "shipped_path", lambda *_: tmp_path)
    found, notes = load_presets(tmp_path / "own")
    assert [preset.name for preset in found] == ["Good"]
    assert len(notes) == 1 and "Install PyChatbot again" in notes[0]
    assert (tmp_path / "bad.json").exists()


def test_the_samplers_are_those_of_the_settings() -> None:
    names = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "max_tokens", "seed")
    assert names == SAMPLERS


# -- the person's own -----------------------------------------------------------------------


def test_a_preset_comes_back(tmp_path: Path) -> None:
    saved = save_preset(tmp_path / "presets", LETTERS)
    assert saved == replace(LETTERS, path=tmp_path / "presets" / "Letters.json")
    assert own(tmp_path / "presets") == [saved]
    changed = replace(saved, name="Notes", sampling={"seed": 7}, system="", model="")
    assert save_preset(tmp_path / "presets", changed) == changed
    assert own(tmp_path / "presets") == [changed]
    assert changed.path is not None
    assert changed.path.stat().st_mode & 0o077 == 0, "for the person alone"


def test_one_of_the_same_name_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    names = [preset.name for preset in load_presets(tmp_path)[0]]
    saved = save_preset(tmp_path, Preset(names[2], "Mine."))
    found, notes = load_presets(tmp_path)
    assert notes == []
    assert [preset.name for preset in found] == [*names[:2], *names[3:], names[2]]
    assert found[-1] == saved
    delete_preset(tmp_path, saved)
    assert [preset.name for preset in load_presets(tmp_path)[0]] == names


def test_a_changed_shipped_one_becomes_one_of_the_person(tmp_path: Path) -> None:
    first = load_presets(tmp_path)[0][0]
    assert first.path is not None
    before = first.path.read_bytes()
    saved = save_preset(tmp_path, replace(first, name="Mine", system="Other."))
    assert saved.path == tmp_path / "Mine.json"
    assert not saved.shipped
    assert first.path.read_bytes() == before


def test_what_else_is_in_the_file_stays(tmp_path: Path) -> None:
    document = {
        "name": "A",
        "system": "s" * (LONGEST_SYSTEM + 9),
        "sampling": {"temperature": 99, "mirostat": 2, "top_p": "0.5", "top_k": 4},
        "model": None,
        "colour": ["red"],
    }
    path = write(tmp_path, "a.json", document)
    found, notes = load_presets(tmp_path)
    assert found[-1].sampling == {"top_p": 0.5, "top_k": 4}
    assert len(notes) == 3 and all("“a.json”" in note for note in notes)
    assert any("“temperature” must be from 0 to 5" in note for note in notes)
    save_preset(tmp_path, replace(found[-1], sampling={"top_p": 0.5, "seed": 1}))
    kept = {"temperature": 99, "mirostat": 2, "top_p": "0.5", "seed": 1}
    assert json.loads(path.read_text()) == {**document, "sampling": kept}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("value", [-99, 1e99, float("nan"), "many", None, [1], {}, True])
def test_a_bad_sampler_is_named_and_the_rest_is_used(
    tmp_path: Path, name: str, value: object
) -> None:
    write(tmp_path, "a.json", {"name": "A", "system": "S", "sampling": {name: value}})
    found, notes = load_presets(tmp_path)
    assert found[-1] == Preset("A", "S", path=tmp_path / "a.json")
    assert len(notes) == 1 and f"“{name}”" in notes[0] and "settings' value is used" in notes[0]


@pytest.mark.parametrize(
    "document", [{"name": 5}, {"name": ""}, {"name": " \n"}, {"name": None, "system": 3}, {}]
)
def test_without_a_name_the_file_gives_one(tmp_path: Path, document: dict[str, Any]) -> None:
    write(tmp_path, "my letters.json", document)
    assert load_presets(tmp_path)[0][-1].name == "my letters"


def test_a_sampling_that_is_none_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a.json", {"name": "A", "sampling": [1]})
    found, notes = load_presets(tmp_path)
    assert found[-1].sampling == {}
    assert len(notes) == 1 and "“sampling”" in notes[0]
    save_preset(tmp_path, found[-1])
    assert json.loads((tmp_path / "a.json").read_text())["sampling"] == [1]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 99_999, b'{"a": 1'])
def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    save_preset(tmp_path, LETTERS)
    found, notes = load_presets(tmp_path)
    assert found[-1].name == "Letters"
    assert len(notes) == 1 and "“a.json” was damaged" in notes[0]
    (aside,) = tmp_path.glob("a.json.damaged-*")
    assert aside.read_bytes() == content
    assert load_presets(tmp_path)[1] == [], "said once"


def test_what_is_no_preset_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.json").write_text("{")
    os.mkfifo(tmp_path / "pipe.json")
    assert own(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 4


def test_a_file_that_cannot_be_read_is_said_and_the_others_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_preset(tmp_path, LETTERS)
    write(tmp_path, "a.json", {"name": "A"})
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "a.json":
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    found, notes = load_presets(tmp_path)
    assert found[-1].name == "Letters"
    assert len(notes) == 1 and "permission denied" in notes[0]


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "presets").write_text("")
    found, notes = load_presets(tmp_path / "presets")
    assert all(preset.shipped for preset in found) and found
    assert len(notes) == 1 and "cannot be read" in notes[0]
    with pytest.raises(StorageError):
        save_preset(tmp_path / "presets", LETTERS)


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as stream:
        stream.truncate(9 << 20)
    found, notes = load_presets(tmp_path)
    assert all(preset.shipped for preset in found)
    assert len(notes) == 1 and "too large" in notes[0]


def test_two_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for file in ("a.json", "b.json", "c.json"):
        write(tmp_path, file, {"name": "Same", "system": file})
    found, notes = load_presets(tmp_path)
    assert [p.name for p in found if not p.shipped] == ["Same", "Same (2)", "Same (3)"]
    assert len(notes) == 2 and "“b.json”" in notes[0]


# -- names ----------------------------------------------------------------------------------

NAMES = [
    "a/b\\c:d*e?f\"g<h>i|j",
    "../../etc/passwd",
    "..",
    ".",
    ".hidden",
    "CON",
    "con",
    "nul",
    "Com1",
    "lpt9",
    "trailing. ",
    "tab\there\x00\x1b[31m",
    "\u202eevil",
    "\ud800",
    "日本語",
    "é",
    "e\u0301",
    "E\u0301",
    "ß",
    "SS",
    "Straße",
    "STRASSE",
    "😀" * 300,
    "x" * 1_000_000,
    "x" * 999_999 + "y",
    "Tutor",
    "tutor",
    "TUTOR",
]  # fmt: skip


def test_any_name_gets_a_file_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    saved = [save_preset(folder, Preset(name, f"{i}")) for i, name in enumerate(NAMES)]
    files = [path.name for path in folder.iterdir()]
    assert len(files) == len(NAMES)
    assert len({name.casefold() for name in files}) == len(NAMES)
    reserved = {"con", "prn", "aux", "nul", "com1", "lpt9"}
    for preset in saved:
        assert preset.path is not None
        stem = preset.path.stem
        assert preset.path.parent == folder
        assert stem.casefold() not in reserved
        assert stem[0] not in " ." and stem[-1] not in " ." and stem.isprintable()
        assert not set(stem) & set('<>:"/\\|?*')
        assert len(preset.path.name.encode()) <= 200
    found, _ = load_presets(folder)
    mine = [preset for preset in found if not preset.shipped]
    assert sorted(preset.system for preset in mine) == sorted(str(i) for i in range(len(NAMES)))
    assert len({preset.name for preset in found}) == len(found)
    assert {"Tutor", "tutor", "TUTOR"} <= {preset.name for preset in mine}


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_a_name_is_one_short_line(text: str) -> None:
    name = clean_name(text)
    assert clean_name(name) == name
    assert len(name) <= LONGEST_NAME
    assert name.splitlines() in ([name], []) or not name.strip()
    name.encode()


def test_a_free_name_is_not_taken_and_not_too_long() -> None:
    assert free_name("A", ["a"]) == "A"
    assert free_name("A", ["A", "A (2)"]) == "A (3)"
    long = "x" * LONGEST_NAME
    assert free_name(long, [long]) == long[:-4] + " (2)"


# -- saving that fails ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        replace(LETTERS, name=" \n "),
        replace(LETTERS, sampling={"temperature": 99}),
        replace(LETTERS, system="x" * (LONGEST_SYSTEM + 1)),
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, bad: Preset) -> None:
    with pytest.raises(SettingsError):
        save_preset(tmp_path, bad)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = save_preset(tmp_path, LETTERS)

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for preset in (replace(saved, system="other"), Preset("New")):
        with pytest.raises(StorageError, match="no space left"):
            save_preset(tmp_path, preset)
    monkeypatch.undo()
    assert own(tmp_path) == [saved]


# -- delete and restore ---------------------------------------------------------------------


def test_a_deleted_one_can_be_brought_back(tmp_path: Path) -> None:
    saved = save_preset(tmp_path, LETTERS)
    assert saved.path is not None
    saved.path.write_text(saved.path.read_text().replace("{", '{"mine": 1,', 1))
    content = saved.path.read_bytes()
    deleted = delete_preset(tmp_path, saved)
    assert deleted.path == tmp_path / "deleted" / "Letters.json"
    assert own(tmp_path) == []
    again = save_preset(tmp_path, replace(LETTERS, system="another"))
    assert again.path == saved.path
    deleted_again = delete_preset(tmp_path, again)
    assert deleted_again.path == tmp_path / "deleted" / "Letters-2.json", "nothing is overwritten"
    assert restore_preset(tmp_path, deleted) == saved
    assert saved.path.read_bytes() == content
    back = restore_preset(tmp_path, deleted_again)
    assert back.path == tmp_path / "Letters-2.json"
    assert not list((tmp_path / "deleted").iterdir())


def test_a_delete_that_fails_says_so(tmp_path: Path) -> None:
    shipped_one = load_presets(tmp_path)[0][0]
    with pytest.raises(StorageError, match="comes with the program"):
        delete_preset(tmp_path, shipped_one)
    saved = save_preset(tmp_path, LETTERS)
    (tmp_path / "deleted").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be moved"):
        delete_preset(tmp_path, saved)
    assert own(tmp_path) == [saved]


# -- export and import ----------------------------------------------------------------------


def test_export_then_import_gives_the_same_but_no_model(tmp_path: Path) -> None:
    file = tmp_path / "given away.json"
    write_preset(file, LETTERS)
    assert "a.gguf" not in file.read_text()
    assert read_preset(file) == (replace(LETTERS, model=""), [])
    everything = Preset("All", "é 😀\r\n\t", {n: parse(n, 1) for n in SAMPLERS})
    write_preset(file, everything)
    assert read_preset(file) == (everything, [])


def test_every_shipped_one_can_be_given_away(tmp_path: Path) -> None:
    for preset in load_presets(tmp_path)[0]:
        write_preset(tmp_path / "x", preset)
        assert read_preset(tmp_path / "x") == (replace(preset, shipped=False, path=None), [])


def test_an_import_says_what_it_left_out(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "theirs.json",
        {"name": "Theirs", "system": "S", "sampling": {"seed": "x"}, "model": "/etc/passwd"},
    )
    preset, notes = read_preset(file)
    assert preset == Preset("Theirs", "S")
    assert len(notes) == 2 and all("“theirs.json”" in note for note in notes)
    assert "seed" in notes[0] and "model" in notes[1]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"system": 3}', b'"x"', b"GGUF\xff", b"[" * 99_999]
)
def test_what_is_no_preset_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="“a.json” is not a preset"):
        read_preset(file)
    assert file.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none.json", tmp_path, tmp_path / "pipe"):
        with pytest.raises(PychatbotError):
            read_preset(path)


def test_the_folder_of_the_shipped_ones_is_found() -> None:
    assert shipped("configs", "presets").is_dir()
