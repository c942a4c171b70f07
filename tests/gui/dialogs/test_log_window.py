"""The log window on real files that grow, shrink, vanish and hold anything."""

import os
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from pychatbot_gui.gui.dialogs.log_window import (
    LONGEST_LINE,
    MOST_BEHIND,
    MOST_LINES,
    LogReader,
    LogWindow,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.log"


@pytest.fixture
def window(path: Path, qtbot: QtBot) -> LogWindow:
    window = LogWindow(path)
    qtbot.addWidget(window)
    return window


def view(window: LogWindow) -> QPlainTextEdit:
    found = window.findChild(QPlainTextEdit, "logView")
    assert found is not None
    return found


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def read_all(window: LogWindow, times: int = 20) -> None:
    for _ in range(times):
        window.refresh()


def test_grows_while_visible(window: LogWindow, path: Path, qtbot: QtBot) -> None:
    add(path, b"first\n")
    window.show()
    assert window.text() == "first\n"
    add(path, b"second\n")
    qtbot.waitUntil(lambda: window.text() == "first\nsecond\n")


def test_does_not_read_while_hidden(window: LogWindow, path: Path) -> None:
    timer = window.findChild(QTimer)
    assert timer is not None
    assert not timer.isActive()
    window.show()
    assert timer.isActive()
    window.hide()
    assert not timer.isActive()
    add(path, b"later\n")
    window.show()
    assert window.text() == "later\n"


def test_missing_then_there(window: LogWindow, path: Path, qtbot: QtBot) -> None:
    window.show()
    assert window.text() == ""
    add(path, b"now\n")
    qtbot.waitUntil(lambda: window.text() == "now\n")


def test_truncated(window: LogWindow, path: Path) -> None:
    add(path, b"old old old\n")
    window.refresh()
    path.write_bytes(b"new\n")
    window.refresh()
    assert window.text() == "new\n"


def test_truncated_and_grown_past_the_old_size(window: LogWindow, path: Path) -> None:
    add(path, b"old\n")
    window.refresh()
    path.write_bytes(b"another beginning\n")
    window.refresh()
    assert window.text() == "another beginning\n"


def test_replaced(window: LogWindow, path: Path) -> None:
    add(path, b"old\n")
    window.refresh()
    other = path.with_suffix(".new")
    other.write_bytes(b"old\nmore\n")
    other.replace(path)
    window.refresh()
    assert window.text() == "old\nmore\n"


def test_deleted_and_written_again(window: LogWindow, path: Path) -> None:
    add(path, b"old\n")
    window.refresh()
    path.unlink()
    window.refresh()
    assert window.text() == "old\n"
    add(path, b"new\n")
    window.refresh()
    assert window.text() == "new\n"


def test_a_character_in_two_pieces(path: Path) -> None:
    reader = LogReader(path)
    data = "😀 done\r\n".encode()
    add(path, data[:2])
    assert reader.read() == ("", True)
    add(path, data[2:-1])
    assert reader.read() == ("😀 done", False)
    add(path, data[-1:])
    assert reader.read() == ("\n", False)


def test_bytes_that_are_not_text(window: LogWindow, path: Path) -> None:
    add(path, b"a\xff\x00b\x1b[31m\n\xed\xa0\x80\n")
    window.refresh()
    assert window.text().startswith("a\ufffd⟨NUL⟩b⟨ESC⟩[31m\n\ufffd")


def test_keeps_the_last_lines(window: LogWindow, path: Path) -> None:
    add(path, b"".join(b"%d\n" % number for number in range(MOST_LINES + 500)))
    read_all(window)
    lines = window.text().split("\n")
    assert len(lines) == MOST_LINES
    assert lines[-2] == str(MOST_LINES + 499)


def test_a_huge_file_is_read_from_near_its_end(window: LogWindow, path: Path) -> None:
    line = b"x" * 79 + b"\n"
    add(path, line * (MOST_BEHIND // len(line) * 3) + b"end\n")
    window.refresh()
    read_all(window)
    assert window.text().endswith("\nend\n")
    assert window.text().startswith("...\nxxx")


def test_an_enormous_line_is_broken(window: LogWindow, path: Path) -> None:
    add(path, b"y" * 100_000)
    window.refresh()
    add(path, b"y" * 100_000 + b"\nend\n")
    window.refresh()
    lines = window.text().split("\n")
    assert max(map(len, lines)) == LONGEST_LINE
    assert window.text().count("y") == 200_000
    assert lines[-2] == "end"


def test_follows_the_end_only_from_the_end(window: LogWindow, path: Path) -> None:
    add(path, b"line\n" * 300)
    window.show()
    bar = view(window).verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    add(path, b"line\n" * 50)
    window.refresh()
    assert bar.value() == bar.maximum()
    bar.setValue(100)
    add(path, b"line\n" * 50)
    window.refresh()
    assert bar.value() == 100


def test_the_reader_keeps_the_place_when_old_lines_go(window: LogWindow, path: Path) -> None:
    add(path, b"".join(b"%d\n" % number for number in range(MOST_LINES - 1)))
    window.show()
    read_all(window)
    bar = view(window).verticalScrollBar()
    bar.setValue(2_000)
    assert view(window).firstVisibleBlock().text() == "2000"
    add(path, b"more\n" * 300)
    window.refresh()
    assert view(window).firstVisibleBlock().text() == "2000"


def test_selection_survives_new_lines(window: LogWindow, path: Path) -> None:
    add(path, b"select me\n")
    window.refresh()
    cursor = view(window).textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.Start)
    cursor.movePosition(QTextCursor.MoveOperation.EndOfLine, QTextCursor.MoveMode.KeepAnchor)
    view(window).setTextCursor(cursor)
    add(path, b"more\n")
    window.refresh()
    assert view(window).textCursor().selectedText() == "select me"


def test_copy_all(window: LogWindow, path: Path) -> None:
    add(path, b"one\ntwo\n")
    window.refresh()
    copy = window.findChild(QPushButton, "copyLogButton")
    assert copy is not None
    copy.click()
    assert QGuiApplication.clipboard().text() == "one\ntwo\n"


def test_a_folder_or_pipe_in_its_place(window: LogWindow, path: Path) -> None:
    path.mkdir()
    window.refresh()
    assert window.text() == ""
    path.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        window.refresh()
        assert window.text() == ""
