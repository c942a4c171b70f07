from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton
from pytestqt.qtbot import QtBot

from pychatbot_gui.gui.dialogs.progress_dialog import ProgressDialog


@pytest.fixture
def dialog(qtbot: QtBot) -> Iterator[ProgressDialog]:
    dialog = ProgressDialog("Exporting 340 conversations")
    qtbot.addWidget(dialog)
    yield dialog
    dialog.finish()


def count(dialog: ProgressDialog) -> str:
    found = dialog.findChild(QLabel, "progressCount")
    assert found is not None
    return found.text()


def bar(dialog: ProgressDialog) -> QProgressBar:
    found = dialog.findChild(QProgressBar, "progressBar")
    assert found is not None
    return found


def stops(dialog: ProgressDialog) -> list[bool]:
    seen: list[bool] = []
    dialog.stopped.connect(lambda: seen.append(True))
    return seen


def test_says_how_far_it_is(dialog: ProgressDialog) -> None:
    dialog.set_progress(120, 3400)
    assert count(dialog) == "120 of 3,400"
    assert bar(dialog).value() == 35
    dialog.set_progress(8 * 1024**3, 8 * 1024**3, "8 GB")
    assert count(dialog) == "8 GB"
    assert bar(dialog).value() == bar(dialog).maximum()
    dialog.set_progress(5, 0)
    assert count(dialog) == "5"
    assert bar(dialog).maximum() == 0


def test_does_not_wait_and_does_not_block(dialog: ProgressDialog) -> None:
    dialog.show()
    assert dialog.isVisible()
    assert not dialog.isModal()


@pytest.mark.parametrize("way", ["button", "escape", "close"])
def test_stops_once_and_stays_until_the_work_has_ended(dialog: ProgressDialog, way: str) -> None:
    seen = stops(dialog)
    dialog.show()
    for _ in range(2):
        if way == "button":
            button = dialog.findChild(QPushButton, "stopProgress")
            assert button is not None
            button.click()
        elif way == "escape":
            QTest.keyClick(dialog, Qt.Key.Key_Escape)
        else:
            dialog.close()
    assert seen == [True]
    assert dialog.isVisible()
    dialog.set_progress(5, 10)
    assert count(dialog) == "Stopping…"
    dialog.finish()
    assert not dialog.isVisible()


def test_what_is_quickly_done_shows_no_window(dialog: ProgressDialog, qtbot: QtBot) -> None:
    seen = stops(dialog)
    dialog.show_later()
    assert not dialog.isVisible()
    dialog.finish()
    other = ProgressDialog("Other")
    qtbot.addWidget(other)
    other.show_later()
    qtbot.waitUntil(other.isVisible)
    other.finish()
    assert not dialog.isVisible()
    assert seen == []
