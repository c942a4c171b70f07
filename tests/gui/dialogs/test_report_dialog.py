from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from pychatbot_gui.gui.dialogs.report_dialog import ReportDialog


def opened(qtbot: QtBot, *sentences: str, summary: str = "3 imported.") -> ReportDialog:
    dialog = ReportDialog("Import", summary, sentences)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def listed(dialog: ReportDialog) -> QPlainTextEdit:
    found = dialog.findChild(QPlainTextEdit, "reportList")
    assert found is not None
    return found


def test_to_read_and_to_copy(qtbot: QtBot) -> None:
    dialog = opened(qtbot, "One: 2 images.", "Two: damaged.")
    assert dialog.text() == "3 imported.\n\nOne: 2 images.\nTwo: damaged."
    assert listed(dialog).isReadOnly()
    button = dialog.findChild(QPushButton, "copyReport")
    assert button is not None
    button.click()
    assert QGuiApplication.clipboard().text() == dialog.text()
    QGuiApplication.clipboard().clear()


def test_return_and_escape_close_it(qtbot: QtBot) -> None:
    for key in Qt.Key.Key_Return, Qt.Key.Key_Escape:
        dialog = opened(qtbot, "One")
        QTest.keyClick(dialog, key)
        assert not dialog.isVisible()


def test_nothing_to_list(qtbot: QtBot) -> None:
    dialog = opened(qtbot)
    assert not listed(dialog).isVisible()
    assert dialog.text() == "3 imported."


def test_hostile_sentences(qtbot: QtBot) -> None:
    dialog = opened(qtbot, "\u202e<b>a\nb</b>\x1b" + "x" * 1_000_000, summary="<i>\u202e")
    assert "\u202e" not in dialog.text()
    assert len(dialog.text()) < 2_000
    assert listed(dialog).document().blockCount() == 1
    assert dialog.text().startswith("<i>")


def test_a_thousand_sentences(qtbot: QtBot) -> None:
    dialog = opened(qtbot, *(f"Entry {n}" for n in range(1001)))
    assert listed(dialog).document().blockCount() == 1001
