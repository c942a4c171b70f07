import errno
import os
from pathlib import Path

import pytest

from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.core.files import read_json, write_json


def test_a_document_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "down" / "a.json"
    write_json(file, {"text": "déjà 😀", "n": 1})
    assert read_json(file) == ({"text": "déjà 😀", "n": 1}, "")
    assert [p.name for p in file.parent.iterdir()] == ["a.json"]
    assert file.stat().st_mode & 0o077 == 0, "for the person alone"


def test_a_file_name_that_is_not_unicode_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_json(file, {"model": "/m/\udcff.gguf", "draft": "ü"})
    assert read_json(file) == ({"model": "/m/\udcff.gguf", "draft": "ü"}, "")


def test_a_missing_file_is_empty(tmp_path: Path) -> None:
    assert read_json(tmp_path / "none.json") == ({}, "")


def test_a_file_written_by_windows_notepad_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b'\xef\xbb\xbf{"n": 1}\r\n')
    assert read_json(file) == ({"n": 1}, "")


@pytest.mark.parametrize("when", ["fsync", "replace"])
def test_a_disk_that_fills_up_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    file = tmp_path / "a.json"
    write_json(file, {"old": True})

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if when == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError, match="cannot be saved: no space left"):
        write_json(file, {"new": True})
    monkeypatch.undo()
    assert read_json(file) == ({"old": True}, "")
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_on_the_way_the_disk_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_json(tmp_path / "a.json", {"n": 1}, durable=False)
    assert synced == []
    write_json(tmp_path / "a.json", {"n": 2})
    assert len(synced) == 1


def test_a_folder_in_its_place_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        read_json(tmp_path)


def test_two_damaged_files_in_one_second_are_both_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    for i in range(3):
        file.write_text(f"broken {i}")
        _, problem = read_json(file)
        assert "set aside" in problem
    assert sorted(p.read_text() for p in tmp_path.iterdir()) == [f"broken {i}" for i in range(3)]
