import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QListWidget, QPushButton, QRadioButton
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.exchange.export import FORMATS
from pychatbot_gui.gui.dialogs.export_dialog import ExportDialog
from pychatbot_gui.gui.theme import DARK, LIGHT, apply_theme


def opened(qtbot: QtBot, title: str = "Rome", count: int = 3) -> tuple[ExportDialog, list[object]]:
    dialog = ExportDialog(title, count)
    qtbot.addWidget(dialog)
    chosen: list[object] = []
    dialog.chosen.connect(lambda *what: chosen.append(what))
    with qtbot.waitActive(dialog):
        dialog.show()
    return dialog, chosen


def child(dialog: ExportDialog, kind: type, name: str):
    found = dialog.findChild(kind, name)
    assert found is not None
    return found


def test_return_exports_this_conversation_as_markdown(qtbot: QtBot) -> None:
    dialog, chosen = opened(qtbot)
    formats = child(dialog, QListWidget, "exportFormats")
    assert formats.hasFocus()
    QTest.keyClick(formats, Qt.Key.Key_Return)
    assert chosen == [("markdown", False)]
    assert not dialog.isVisible()


def test_by_keyboard_to_all_as_json(qtbot: QtBot) -> None:
    dialog, chosen = opened(qtbot, count=1234)
    QTest.keyClick(child(dialog, QListWidget, "exportFormats"), Qt.Key.Key_End)
    child(dialog, QRadioButton, "exportThis").setFocus()
    QTest.keyClick(child(dialog, QRadioButton, "exportThis"), Qt.Key.Key_Down)
    assert child(dialog, QRadioButton, "exportAll").isChecked()
    assert "1,234" in child(dialog, QRadioButton, "exportAll").text()
    QTest.mouseClick(child(dialog, QPushButton, "exportButton"), Qt.MouseButton.LeftButton)
    assert chosen == [("json", True)]


def test_escape_exports_nothing(qtbot: QtBot) -> None:
    dialog, chosen = opened(qtbot)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert chosen == []
    assert not dialog.isVisible()


def test_a_double_click_chooses(qtbot: QtBot) -> None:
    dialog, chosen = opened(qtbot)
    formats = child(dialog, QListWidget, "exportFormats")
    place = formats.visualItemRect(formats.item(2)).center()
    QTest.mouseClick(formats.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(formats.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen == [("pdf", False)]


def test_every_format_has_a_name_and_a_line_about_it(qtbot: QtBot) -> None:
    dialog, _ = opened(qtbot)
    formats = child(dialog, QListWidget, "exportFormats")
    read = [
        str(formats.item(row).data(Qt.ItemDataRole.AccessibleTextRole))
        for row in range(formats.count())
    ]
    assert read == [f"{known.label}. {known.about}" for known in FORMATS]


@pytest.mark.parametrize(
    ("title", "count", "everything", "possible"),
    [("Rome", 1, False, True), ("", 2, True, True), ("", 0, True, False), ("Rome", 0, False, True)],
)
def test_what_there_is_to_export(
    qtbot: QtBot, title: str, count: int, everything: bool, possible: bool
) -> None:
    dialog, chosen = opened(qtbot, title, count)
    assert dialog.everything() is everything
    assert child(dialog, QPushButton, "exportButton").isEnabled() is possible
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert bool(chosen) is possible


def test_hostile_titles_are_short_plain_words(qtbot: QtBot) -> None:
    dialog, _ = opened(qtbot, "\u202e<b>&R\n" + "x" * 1_000_000)
    button = child(dialog, QRadioButton, "exportThis")
    assert "\u202e" not in button.text()
    assert "<b>&&R" in button.text()
    assert len(button.text()) < 100


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_formats_are_painted(qtbot: QtBot, qapp: QApplication, theme) -> None:
    before = qapp.styleSheet(), qapp.palette()
    try:
        apply_theme(qapp, theme)
        dialog, _ = opened(qtbot)
        formats = child(dialog, QListWidget, "exportFormats")
        image = formats.viewport().grab().toImage()
        rect = formats.visualItemRect(formats.item(1))
        colours = {
            image.pixelColor(x, y).name()
            for x in range(rect.left(), min(rect.right(), image.width()))
            for y in range(rect.top(), rect.bottom())
        }
        assert theme.text in colours
        assert theme.muted in colours
    finally:
        qapp.setStyleSheet(before[0])
        qapp.setPalette(before[1])
