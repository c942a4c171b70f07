from pathlib import Path

import pytest

from pychatbot_gui.core.paths import shipped, user_paths


def test_one_folder_for_everything(home: Path) -> None:
    paths = user_paths()
    assert paths.config == home / "config"
    assert paths.data == home / "data"
    assert paths.cache == home / "cache"
    assert paths.logs == home / "logs"
    assert not home.exists(), "asking where makes nothing"


def test_the_usual_folders_of_the_system(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.delenv("PYCHATBOT_HOME")
    for folder in (user_paths().config, user_paths().data, user_paths().logs):
        assert "pychatbot" in folder.parts or "pychatbot" in str(folder)


def test_what_is_shipped_is_there() -> None:
    assert shipped("configs", "model_parameters.json").is_file()
