import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from pychatbot_gui.core.errors import SettingsError, StorageError
from pychatbot_gui.core.paths import shipped
from pychatbot_gui.core.settings import (
    Settings,
    default_settings,
    from_overrides,
    info,
    load_settings,
    parse,
    reload_names,
    save_settings,
    setting_names,
)


def test_the_original_file_works_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "model_parameters.json"
    original = '{"n_ctx": 2048, "mlock": "True", "chat_format": "llama-3", "verbose": "False"}'
    file.write_text(original)
    settings, notes = load_settings(file)
    assert (settings.n_ctx, settings.mlock, settings.chat_format) == (2048, True, "llama-3")
    assert settings.verbose is False
    assert notes == []
    assert file.read_text() == original


def test_shipped_defaults_name_every_setting_and_no_other() -> None:
    document = json.loads(shipped("configs", "model_parameters.json").read_text())
    assert set(document) == set(setting_names())
    for name, value in document.items():
        assert type(value) is type(getattr(default_settings(), name)), name
        assert parse(name, value) == value


def test_every_setting_says_what_it_is() -> None:
    for field in fields(Settings):
        about = info(field.name)
        assert about.label and about.group
        assert about.help.endswith(".")
        if field.type in (int, float):
            assert about.minimum is not None and about.maximum is not None


@pytest.mark.parametrize("value", [-5, 0, 255, 2**40, "many", None, True, [1], 1e400, 300.5])
def test_an_unusable_context_length_leaves_the_default(tmp_path: Path, value: Any) -> None:
    file = tmp_path / "model_parameters.json"
    file.write_text(json.dumps({"n_ctx": value, "temperature": 0.5}))
    before = file.read_bytes()
    settings, notes = load_settings(file)
    assert settings.n_ctx == default_settings().n_ctx
    assert settings.temperature == 0.5
    assert len(notes) == 1 and "n_ctx" in notes[0] and "default" in notes[0]
    assert file.read_bytes() == before


def test_a_context_length_is_rounded_up_and_told(tmp_path: Path) -> None:
    file = tmp_path / "model_parameters.json"
    file.write_text('{"n_ctx": 1000}')
    settings, notes = load_settings(file)
    assert settings.n_ctx == 1024
    assert notes == ["n_ctx 1000 was rounded up to 1024."]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("chat_format", "no-such"),
        ("chat_format", 3),
        ("mlock", "perhaps"),
        ("verbose", 2),
        ("temperature", -1),
        ("temperature", "nan"),
        ("top_p", 1.5),
        ("seed", 2**40),
    ],
)
def test_other_unusable_values_are_refused_with_a_sentence(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"“{name}”.*not|“{name}” does not know"):
        parse(name, value)


def test_a_damaged_file_is_set_aside_and_told(tmp_path: Path) -> None:
    file = tmp_path / "model_parameters.json"
    for content in (b'{"n_ctx": 20', b"\xff\xfe\x00", b"[1, 2]", b"", b"[" * 100_000):
        file.write_bytes(content)
        settings, notes = load_settings(file)
        assert settings == default_settings()
        assert len(notes) == 1 and "set aside" in notes[0]
        assert not file.exists()
    kept = sorted(p.read_bytes() for p in tmp_path.glob("*.damaged-*"))
    assert kept == sorted([b'{"n_ctx": 20', b"\xff\xfe\x00", b"[1, 2]", b"", b"[" * 100_000])


def test_saving_keeps_what_the_person_wrote_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "model_parameters.json"
    file.write_text('{"n_ctx": "2048", "my own note": "keep me", "temperature": "hot"}')
    settings, _ = load_settings(file)
    save_settings(file, replace(settings, mlock=True), settings)
    assert json.loads(file.read_text()) == {
        "n_ctx": "2048",
        "my own note": "keep me",
        "temperature": "hot",
        "mlock": True,
    }


def test_a_read_only_folder_and_a_full_disk_leave_the_old_file(tmp_path: Path) -> None:
    settings = default_settings()
    changed = replace(settings, n_ctx=512)
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    with pytest.raises(StorageError, match="cannot be (saved|read)"):
        save_settings(blocked / "model_parameters.json", changed, settings)
    # /dev/full is a disk without a free byte.
    with pytest.raises(StorageError):
        save_settings(Path("/dev/full/model_parameters.json"), changed, settings)


def test_what_needs_the_model_loaded_again() -> None:
    settings = default_settings()
    assert reload_names(settings, replace(settings, temperature=0.1, seed=3)) == ()
    assert reload_names(settings, replace(settings, n_ctx=512, mlock=True)) == ("n_ctx", "mlock")


def test_titles_by_the_model_are_on_until_somebody_switches_them_off(tmp_path: Path) -> None:
    assert default_settings().auto_title is True
    file = tmp_path / "model_parameters.json"
    file.write_text('{"auto_title": "False"}')
    assert load_settings(file)[0].auto_title is False
    assert info("auto_title").group == "Answers" and info("auto_title").shown


def test_command_line_values() -> None:
    changed = from_overrides(default_settings(), {"seed": "7", "temperature": "0"})
    assert (changed.seed, changed.temperature) == (7, 0.0)
    with pytest.raises(SettingsError):
        from_overrides(default_settings(), {"seed": "x"})
