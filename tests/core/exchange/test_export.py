import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pychatbot_gui.core.errors import Cancelled, StorageError
from pychatbot_gui.core.exchange.export import FORMATS, chunks, document, file_name, write_chunks
from pychatbot_gui.core.history import SavedChat
from tests.core.exchange.trees import ANSWER, talk


@pytest.mark.parametrize("name", ["markdown", "html", "text", "json"])
def test_a_chunk_for_each_message(name: str) -> None:
    few, many = talk("a", "b"), talk(*["a", "b"] * 20)
    assert len(list(chunks(many, name))) - len(list(chunks(few, name))) == 38
    for text in ("a", ANSWER.splitlines()[-1]):
        assert text in "".join(chunks(talk("q", text), name))


def test_an_empty_conversation_can_be_written() -> None:
    for name in ("markdown", "html", "text", "json"):
        assert "Untitled" in "".join(chunks(SavedChat(1), name)) or name == "json"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Rome", "Rome.md"),
        ('a/b\\c:d*e?f"g<h>i|j', "a b c d e f g h i j.md"),
        ("..", "Conversation.md"),
        ("", "Conversation.md"),
        ("../../etc/passwd", "etc passwd.md"),
        ("CON", "Conversation CON.md"),
        ("aux.c", "Conversation aux.c.md"),
        ("com1", "Conversation com1.md"),
        ("-rf ~", "rf.md"),
        ("name.  ", "name.md"),
        ("a\u202egnp.exe\x00\n\tb", "agnp.exe b.md"),
        ("Übung 你好", "Übung 你好.md"),
    ],
)
def test_file_names_are_safe_everywhere(title: str, name: str) -> None:
    assert file_name(SavedChat(1, title=title), "markdown") == name


def test_long_titles_make_short_names() -> None:
    for char in "a", "你", "😀":
        name = file_name(SavedChat(1, title=char * 1_000_000), "html")
        assert len(name.encode()) < 200
        assert name.endswith(".html")


def test_names_of_formats() -> None:
    assert [f.name for f in FORMATS] == ["markdown", "html", "pdf", "text", "json"]
    assert [f.name for f in FORMATS if f.one_file] == ["json"]
    with pytest.raises(KeyError):
        chunks(talk("a"), "docx")


# -- writing ----------------------------------------------------------------------------------


def test_written_whole_with_progress(tmp_path: Path) -> None:
    path, seen = tmp_path / "Übung 😀.txt", []
    write_chunks(path, ["a\n", "é😀\r\n", "c"], seen.append)
    assert path.read_bytes() == "a\né😀\r\nc".encode()
    assert seen == [1, 2, 3]
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_character_does_not_stop_the_export(tmp_path: Path) -> None:
    write_chunks(tmp_path / "x", ["\ud83d"])
    assert (tmp_path / "x").read_text() == "?"


def test_a_stop_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    seen: list[int] = []
    with pytest.raises(Cancelled):
        write_chunks(path, ["new"] * 5, seen.append, lambda: len(seen) == 3)
    assert path.read_text() == "old"
    assert seen == [1, 2, 3]
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    def broken() -> Iterator[str]:
        yield "new"
        raise StorageError("The conversation cannot be read.")

    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(StorageError, match="conversation"):
        write_chunks(path, broken())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_chunks(tmp_path / "link", ["new"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize("where", ["missing/x.txt", "folder", "fifo", "file/x.txt"])
def test_what_cannot_be_written_is_said(tmp_path: Path, where: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StorageError, match=r"“.*”.*\."):
        write_chunks(tmp_path / where, ["a"])
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(StorageError, match="no space left"):
        write_chunks(path, ["new"])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_all_conversations_are_read_one_by_one(tmp_path: Path) -> None:
    read = []

    def chats() -> Iterator[SavedChat]:
        for number in range(3):
            read.append(number)
            yield replace(talk("a", "b"), uid=str(number))

    parts = document(chats(), 3)
    next(parts)
    assert read == []
    next(parts)
    assert read == [0]
    write_chunks(tmp_path / "all.json", parts)
    assert read == [0, 1, 2]
