"""Real PDF files, read back as far as a test can without a library for it."""

import re
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.errors import Cancelled, StorageError
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.gui.export_pdf import write_pdf
from tests.core.exchange.trees import ANSWER, talk


def pages(data: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", data))


def streams(data: bytes) -> list[bytes]:
    found = []
    for match in re.finditer(rb"stream\r?\n", data):
        try:
            found.append(zlib.decompressobj().decompress(data[match.end() :]))
        except zlib.error:
            found.append(data[match.end() : data.find(b"endstream", match.end())])
    return found


def letters(data: bytes) -> set[str]:
    """Every letter that can be searched for and copied, from the tables of the fonts."""
    found: set[str] = set()
    for stream in streams(data):
        if b"beginbfrange" not in stream and b"beginbfchar" not in stream:
            continue
        for code in re.findall(rb"<([0-9a-fA-F]{4})>", stream):
            found.add(chr(int(code, 16)))
    return found


def make(path: Path, chat: SavedChat) -> bytes:
    write_pdf(chat, path)
    data = path.read_bytes()
    assert data.startswith(b"%PDF")
    assert list(path.parent.iterdir()) == [path]
    return data


def latin(text: str) -> str:
    """Only what the fonts of every machine have."""
    return "".join(char for char in text if ord(char) < 0x250)


def test_all_that_is_said_can_be_searched(tmp_path: Path, qtbot: QtBot) -> None:
    chat = talk("Question?", latin(ANSWER), title="Größe", system="Jolly quux 8")
    data = make(tmp_path / "x.pdf", chat)
    assert set("Größe Jolly quux 8 Question? alert(1)".replace(" ", "")) <= letters(data)
    assert pages(data) == 1
    assert b"/URI (https://example.org/a?b=1&c=2)" in data
    assert b"javascript" not in data
    assert b"tracker.example" not in data.replace(b"http://tracker.example/x.png", b"", 1)


def test_long_ones_have_many_pages_and_report_them(tmp_path: Path, qtbot: QtBot) -> None:
    chat = talk(*["Question", latin(ANSWER)] * 60)
    seen: list[tuple[int, int]] = []
    write_pdf(chat, tmp_path / "x.pdf", lambda done, total: seen.append((done, total)))
    assert 20 < pages((tmp_path / "x.pdf").read_bytes()) < 80
    assert seen == sorted(seen)
    assert len(seen) > 240
    assert seen[-1][0] == seen[-1][1]
    assert len({total for _, total in seen}) == 1


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9])
def test_a_stop_leaves_nothing(tmp_path: Path, qtbot: QtBot, share: float) -> None:
    seen = [0.0]
    (tmp_path / "x.pdf").write_text("old")
    with pytest.raises(Cancelled):
        write_pdf(
            talk(*["a", "b"] * 30),
            tmp_path / "x.pdf",
            lambda done, total: seen.append(done / total),
            lambda: seen[-1] >= share,
        )
    assert seen[-1] < share + 0.1
    assert (tmp_path / "x.pdf").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_in_a_thread_of_its_own(tmp_path: Path, qtbot: QtBot) -> None:
    chat = talk(*["Question", latin(ANSWER)] * 5)

    class Worker(QThread):
        def run(self) -> None:
            write_pdf(chat, tmp_path / "x.pdf")

    worker = Worker()
    with qtbot.waitSignal(worker.finished, timeout=30_000):
        worker.start()
    assert worker.wait(5_000)
    assert pages((tmp_path / "x.pdf").read_bytes()) > 1


@pytest.mark.parametrize(
    "text",
    [
        "x" * 300_000,
        "```\n" + "x" * 300_000 + "\n```",
        "word " * 30_000,
        "> " * 300 + "deep",
        "- " * 300 + "deep",
        "\x00\x1b\u202e\ud83d",
        "| a |\n|---|\n" + "| b |\n" * 300,
        "",
        "\n\n",
        "---",
        "![x](file:///dev/zero) ![y](http://127.0.0.1:9/x.png)",
    ],
    ids=range(11),
)
def test_hostile_messages(tmp_path: Path, qtbot: QtBot, text: str) -> None:
    data = make(tmp_path / "x.pdf", talk(text, text))
    assert pages(data) >= 1
    assert b"/Subtype /Image" not in data


def test_nothing_to_say(tmp_path: Path, qtbot: QtBot) -> None:
    assert pages(make(tmp_path / "x.pdf", SavedChat(1))) == 1


def test_a_name_never_stands_alone_at_the_foot_of_a_page(tmp_path: Path, qtbot: QtBot) -> None:
    """Line by line a name moves down a page: before it would stand alone, the page is broken."""
    broken = 0
    for lines in range(36, 60):
        chat = talk("\n".join(["line"] * lines), "Answer " * 30)
        without = replace(chat, head=1)
        if pages(make(tmp_path / "x.pdf", without)) == 1:
            data = make(tmp_path / "x.pdf", chat)
            shown = [stream for stream in streams(data) if b" Tf" in stream]
            assert len(shown) == pages(data) <= 2
            if pages(data) == 2:
                # Several lines, the name one of them, and not only the rest of the answer.
                assert shown[1].count(b" Tf") > 1
                broken += 1
    assert broken


def test_a_folder_that_is_not_there(tmp_path: Path, qtbot: QtBot) -> None:
    with pytest.raises(StorageError, match=r"x\.pdf"):
        write_pdf(talk("a"), tmp_path / "missing" / "x.pdf")
