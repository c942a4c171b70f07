"""The presets dialog, with real files behind it as the program has them."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QCheckBox,
    QLineEdit,
    QListWidget,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.presets import SAMPLERS, Preset, load_presets, save_preset
from pychatbot_gui.gui.dialogs.presets_dialog import PresetsDialog
from tests.gui.dialogs.desk import LETTERS, NOTES, SETTINGS, Desk


def break_disk(desk: Desk) -> None:
    """From now on nothing can be written: where the folder was there is a file."""
    desk.folder.rename(desk.folder.with_name("away"))
    desk.folder.write_text("")


def mend_disk(desk: Desk) -> None:
    desk.folder.unlink()
    desk.folder.with_name("away").rename(desk.folder)


def test_it_shows_all_and_changes_nothing(desk: Desk) -> None:
    names = desk.names()
    assert names[0] == "With the program" and names[-3:] == ["Your own", "Letters", "Notes"]
    for name in names:
        if name not in ("With the program", "Your own"):
            desk.click(name)
    desk.dialog.close()
    assert not desk.dialog.isVisible()
    assert desk.saves == 0


def test_a_shipped_one_can_only_be_looked_at_and_copied(desk: Desk) -> None:
    desk.dialog.select("Tutor")
    assert "patient tutor" in desk.system.toPlainText()
    QTest.keyClicks(desk.system, "x")
    QTest.keyClicks(desk.name, "x")
    assert desk.name.text() == "Tutor" and "x" not in desk.system.toPlainText()[:3]
    for name in SAMPLERS:
        assert not desk.part(QCheckBox, f"{name}Own").isEnabled()
        assert not desk.part(QWidget, f"{name}Field").isEnabled()
    assert not desk.part(QPushButton, "presetModelChoose").isVisible()
    assert not desk.part(QPushButton, "presetDeleteButton").isEnabled()
    desk.part(QPushButton, "presetCopyButton").click()
    assert desk.selected() == "Tutor copy"
    assert not desk.part(QPushButton, "presetCopyButton").isVisible()
    shipped = next(p for p in load_presets(desk.folder)[0] if p.name == "Tutor")
    copy = desk.own()["Tutor copy"]
    assert (copy.system, copy.sampling) == (shipped.system, shipped.sampling)
    assert desk.name.hasFocus() and desk.name.selectedText() == "Tutor copy"
    QTest.keyClicks(desk.name, "Mine")
    QTest.keyClick(desk.name, Qt.Key.Key_Return)
    desk.wait(lambda: "Mine" in desk.own())
    assert desk.dialog.isVisible(), "Return in the name closes nothing"


def test_a_change_is_saved_when_the_keyboard_leaves_it(desk: Desk) -> None:
    desk.dialog.select("Notes")
    desk.type_over(desk.system, "Short notes.")
    assert desk.saves == 0
    QTest.keyClick(desk.system, Qt.Key.Key_Tab)
    desk.wait(lambda: desk.own()["Notes"].system == "Short notes.")
    assert desk.saves == 1


def test_a_change_is_saved_when_another_is_clicked(desk: Desk) -> None:
    """Also where the new name sorts the lines anew under the click."""
    desk.dialog.select("Notes")
    desk.type_over(desk.name, "A first one")
    desk.click("Letters")
    assert desk.selected() == "Letters"
    assert desk.system.toPlainText() == LETTERS.system
    assert set(desk.own()) == {"A first one", "Letters"}
    assert desk.names()[-2:] == ["A first one", "Letters"]


def test_a_change_is_saved_when_the_dialog_closes(desk: Desk) -> None:
    desk.dialog.select("Notes")
    desk.type_over(desk.system, "Last words.")
    QTest.keyClick(desk.system, Qt.Key.Key_Escape)
    assert not desk.dialog.isVisible()
    assert desk.own()["Notes"].system == "Last words."


def test_typing_goes_on_while_a_change_is_saved(desk: Desk) -> None:
    desk.dialog.select("Notes")
    desk.type_over(desk.name, "Memos")
    desk.system.setFocus()
    QTest.keyClicks(desk.system, "Hello")
    desk.wait(lambda: "Memos" in desk.own())
    QTest.keyClicks(desk.system, " you. ")
    assert desk.system.toPlainText() == "Hello you. Take notes."
    assert desk.selected() == "Memos"


def test_what_is_being_typed_outlasts_another_list(desk: Desk) -> None:
    desk.dialog.select("Notes")
    desk.type_over(desk.system, "Half a sent")
    save_preset(desk.folder, Preset("Another"))
    desk.dialog.set_presets(load_presets(desk.folder)[0])
    assert "Another" in desk.names() and desk.selected() == "Notes"
    assert desk.system.toPlainText() == "Half a sent"
    desk.dialog.close()
    assert desk.own()["Notes"].system == "Half a sent"


def test_new_ones_have_names_of_their_own(desk: Desk) -> None:
    desk.press("New")
    assert desk.selected() == "New preset" and desk.name.selectedText() == "New preset"
    desk.press("New")
    assert desk.selected() == "New preset (2)"
    desk.press("Duplicate")
    assert {"New preset", "New preset (2)", "New preset (2) copy"} <= set(desk.own())


def test_a_name_that_is_taken_gets_a_number_and_says_so(desk: Desk) -> None:
    desk.dialog.select("Notes")
    desk.type_over(desk.name, "Letters")
    desk.system.setFocus()
    desk.wait(lambda: set(desk.own()) == {"Letters", "Letters (2)"})
    assert desk.name.text() == "Letters (2)"
    assert "already" in desk.status()
    assert desk.own()["Letters"].system == LETTERS.system


def test_an_empty_name_leaves_the_former_one(desk: Desk) -> None:
    desk.dialog.select("Notes")
    desk.name.setFocus()
    desk.name.selectAll()
    QTest.keyClick(desk.name, Qt.Key.Key_Delete)
    desk.click("Letters")
    assert set(desk.own()) == {"Letters", "Notes"}


def test_delete_and_undo(desk: Desk) -> None:
    undo = desk.part(QPushButton, "presetUndoButton")
    assert not undo.isVisible()
    desk.dialog.select("Letters")
    before = desk.own()["Letters"]
    desk.press("Delete")
    assert set(desk.own()) == {"Notes"} and desk.selected() == "Notes"
    assert desk.status() == "“Letters” was deleted." and undo.isVisible()
    desk.press("Delete")
    assert desk.own() == {}
    desk.press("Undo")
    assert set(desk.own()) == {"Notes"} and desk.selected() == "Notes"
    desk.press("Undo")
    assert desk.own()["Letters"] == before
    assert desk.selected() == "Letters" and not undo.isVisible()


def test_undo_tells_two_of_one_name_apart(desk: Desk) -> None:
    for system in ("first", "second"):
        desk.press("New")
        desk.type_over(desk.system, system)
        desk.press("Delete")
    desk.press("Undo")
    assert desk.own()["New preset"].system == "second"
    desk.press("Delete")
    desk.press("Undo")
    desk.type_over(desk.name, "Second")
    desk.press("Undo")
    assert {n: p.system for n, p in desk.own().items() if n not in ("Letters", "Notes")} == {
        "Second": "second",
        "New preset": "first",
    }


def test_a_problem_found_on_the_way_stays_on_the_screen(desk: Desk) -> None:
    (desk.folder / "broken.json").write_text("{")
    desk.press("New")
    assert desk.selected() == "New preset"
    assert "“broken.json” was damaged" in desk.status()
    desk.press("Delete")
    assert desk.status() == "“New preset” was deleted."


def test_the_backspace_key_deletes_nothing(desk: Desk) -> None:
    desk.click("Notes")
    for key in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete):
        QTest.keyClick(desk.part(QListWidget, "presetList"), key)
    assert set(desk.own()) == {"Letters", "Notes"}


def test_export_tells_what_is_on_the_screen(desk: Desk) -> None:
    desk.dialog.select("Notes")
    desk.type_over(desk.system, "New words.")
    desk.press("Export")
    assert [preset.system for preset in desk.exported] == ["New words."]
    assert desk.own()["Notes"].system == "New words."
    with desk.qtbot.waitSignal(desk.dialog.import_wanted):
        desk.press("Import")


@pytest.mark.parametrize("leave", ["close", "click", "new"])
def test_what_cannot_be_saved_is_not_lost(desk: Desk, leave: str) -> None:
    desk.dialog.select("Notes")
    desk.type_over(desk.system, "Precious.")
    break_disk(desk)
    if leave == "close":
        desk.dialog.close()
    elif leave == "click":
        shown = desk.part(QListWidget, "presetList")
        (item,) = shown.findItems("Letters", Qt.MatchFlag.MatchExactly)
        where = shown.visualItemRect(item).center()
        QTest.mouseClick(shown.viewport(), Qt.MouseButton.LeftButton, pos=where)
        desk.wait(lambda: desk.saves > 0 and desk.selected() == "Notes")
    else:
        desk.press("New")
    assert desk.dialog.isVisible()
    assert desk.status()
    assert desk.system.toPlainText() == "Precious."
    mend_disk(desk)
    if leave == "close":
        desk.part(QMessageBox, "discardQuestion").reject()
    desk.dialog.close()
    assert not desk.dialog.isVisible()
    assert desk.own()["Notes"].system == "Precious."


def test_what_cannot_be_saved_can_be_thrown_away_on_purpose(desk: Desk) -> None:
    desk.dialog.select("Notes")
    desk.type_over(desk.system, "Not so precious.")
    break_disk(desk)
    desk.dialog.close()
    box = desk.part(QMessageBox, "discardQuestion")
    box.button(QMessageBox.StandardButton.Discard).click()
    assert not desk.dialog.isVisible()


def test_a_delete_that_fails_leaves_it_there(desk: Desk) -> None:
    desk.dialog.select("Notes")
    (desk.folder / "deleted").write_text("in the way")
    desk.press("Delete")
    assert desk.selected() == "Notes" and "cannot be moved" in desk.status()
    assert not desk.part(QPushButton, "presetUndoButton").isVisible()


def test_without_any_preset_it_is_empty_and_works(qtbot: QtBot) -> None:
    dialog = PresetsDialog([], SETTINGS)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.findChild(QPlainTextEdit, "presetSystemEdit").isVisible()
    for word in ("Duplicate", "Delete", "Export"):
        assert not dialog.findChild(QPushButton, f"preset{word}Button").isEnabled()
    dialog.select("none")
    dialog.set_presets([NOTES])
    assert dialog.findChild(QLineEdit, "presetNameEdit").text() == "Notes"
    dialog.close()


def test_everything_is_reached_by_keyboard_and_has_a_name(desk: Desk) -> None:
    desk.dialog.select("Notes")
    for kind in (QPushButton, QCheckBox, QLineEdit, QPlainTextEdit, QListWidget):
        for widget in desk.dialog.findChildren(kind):
            if widget.isVisible() and widget.objectName() != "qt_spinbox_lineedit":
                assert widget.accessibleName(), widget.objectName()
                assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus, widget.objectName()
