"""The presets dialog, with real files behind it as the program has them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.errors import PychatbotError
from pychatbot_gui.core.presets import (
    SAMPLERS,
    Preset,
    delete_preset,
    load_presets,
    restore_preset,
    save_preset,
)
from pychatbot_gui.core.settings import default_settings, info
from pychatbot_gui.gui.dialogs.presets_dialog import PresetsDialog

SETTINGS = replace(default_settings(), temperature=0.7, seed=5)
LETTERS = Preset("Letters", "Write polite letters.", {"temperature": 0.3}, "/m/small.gguf")
NOTES = Preset("Notes", "Take notes.")


class Desk:
    """A person at the dialog, and the program behind it that keeps the files."""

    def __init__(self, folder: Path, qtbot: QtBot) -> None:
        self.folder = folder
        self.qtbot = qtbot
        self.saves = 0
        self.exported: list[Preset] = []
        self._deleted: list[Preset] = []
        self.dialog = PresetsDialog(load_presets(folder)[0], SETTINGS)
        qtbot.addWidget(self.dialog)
        self.dialog.saved.connect(self._save)
        self.dialog.deleted.connect(self._delete)
        self.dialog.restored.connect(self._restore)
        self.dialog.export_wanted.connect(self.exported.append)
        with qtbot.waitActive(self.dialog):
            self.dialog.show()

    def part(self, kind: Any, name: str) -> Any:
        found = self.dialog.findChild(kind, name)
        assert found is not None, name
        return found

    @property
    def name(self) -> QLineEdit:
        return self.part(QLineEdit, "presetNameEdit")

    @property
    def system(self) -> QPlainTextEdit:
        return self.part(QPlainTextEdit, "presetSystemEdit")

    def own(self) -> dict[str, Preset]:
        """The person's presets as they lie on the disk."""
        return {p.name: p for p in load_presets(self.folder)[0] if not p.shipped}

    def names(self) -> list[str]:
        """The lines of the list."""
        shown = self.part(QListWidget, "presetList")
        return [shown.item(row).text() for row in range(shown.count())]

    def selected(self) -> str:
        return self.part(QListWidget, "presetList").currentItem().text()

    def press(self, word: str) -> None:
        button = self.part(QPushButton, f"preset{word}Button")
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def click(self, name: str) -> None:
        """Click a line of the list."""
        shown = self.part(QListWidget, "presetList")
        (item,) = shown.findItems(name, Qt.MatchFlag.MatchExactly)
        where = shown.visualItemRect(item).center()
        QTest.mouseClick(shown.viewport(), Qt.MouseButton.LeftButton, pos=where)
        self.qtbot.waitUntil(lambda: self.name.text() == name)

    def type_over(self, edit: QWidget, text: str) -> None:
        edit.setFocus()
        QTest.keyClick(edit, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(edit, text)

    def wait(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition)

    def status(self) -> str:
        return self.part(QLabel, "presetStatus").text()

    def _save(self, before: Preset | None, after: Preset) -> None:
        self.saves += 1
        self._done(lambda: save_preset(self.folder, after))

    def _delete(self, preset: Preset) -> None:
        self._done(lambda: self._deleted.append(delete_preset(self.folder, preset)))

    def _restore(self, preset: Preset) -> None:
        self._done(lambda: restore_preset(self.folder, self._deleted[-1]))
        if preset.name in self.own():
            self._deleted.pop()

    def _done(self, action: Callable[[], object]) -> None:
        try:
            action()
        except PychatbotError as error:
            self.dialog.show_problem(str(error))
        else:
            presets, notes = load_presets(self.folder)
            self.dialog.set_presets(presets)
            for note in notes:
                self.dialog.show_problem(note)


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "presets"
    save_preset(folder, LETTERS)
    save_preset(folder, NOTES)
    desk = Desk(folder, qtbot)
    yield desk
    desk.dialog.blockSignals(True)
    desk.dialog.hide()


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


def test_a_number_being_typed_is_saved_when_the_dialog_closes(desk: Desk) -> None:
    desk.dialog.select("Letters")
    desk.type_over(desk.part(QDoubleSpinBox, "temperatureField"), "1.25")
    desk.dialog.close()
    assert desk.own()["Letters"].sampling == {"temperature": 1.25}


def test_samplers_are_ticked_and_unticked(desk: Desk) -> None:
    desk.dialog.select("Letters")
    temperature = desk.part(QDoubleSpinBox, "temperatureField")
    seed = desk.part(QSpinBox, "seedField")
    assert (temperature.value(), temperature.isEnabled()) == (0.3, True)
    assert (seed.value(), seed.isEnabled()) == (5, False), "as in the settings"
    desk.part(QCheckBox, "seedOwn").click()
    assert seed.isEnabled() and seed.hasFocus()
    QTest.keyClicks(seed, "42")
    desk.part(QCheckBox, "temperatureOwn").click()
    desk.wait(lambda: desk.own()["Letters"].sampling == {"seed": 42})
    assert (temperature.value(), temperature.isEnabled()) == (0.7, False)
    for name in SAMPLERS:
        control = desk.part(QWidget, f"{name}Field")
        assert control.accessibleName() == info(name).label
        assert info(name).help in control.accessibleDescription()


def test_the_arrows_of_a_number_do_not_write_at_each_step(desk: Desk) -> None:
    desk.dialog.select("Letters")
    temperature = desk.part(QDoubleSpinBox, "temperatureField")
    temperature.setFocus()
    for _ in range(5):
        temperature.stepUp()
    desk.system.setFocus()
    desk.wait(lambda: desk.own()["Letters"].sampling == {"temperature": 0.55})
    assert desk.saves == 1


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


def test_the_model_is_chosen_and_cleared(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.dialog.select("Notes")
    label = desk.part(QLabel, "presetModelLabel")
    clear = desk.part(QPushButton, "presetModelClear")
    assert label.text() == "Whichever is open" and not clear.isVisible()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/m/other.gguf", ""))
    desk.part(QPushButton, "presetModelChoose").click()
    desk.wait(lambda: desk.own()["Notes"].model == "/m/other.gguf")
    assert label.text() == "other.gguf" and label.toolTip() == "/m/other.gguf"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    desk.part(QPushButton, "presetModelChoose").click()
    assert label.text() == "other.gguf"
    clear.click()
    desk.wait(lambda: desk.own()["Notes"].model == "")


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


def test_texts_that_the_edits_cannot_show_stay_as_they_are(qtbot: QtBot, tmp_path: Path) -> None:
    odd = Preset(
        "odd \x01 \u202e<b>\x00" + "😀" * 180,
        "a\r\nb\u2029c\x00\u00a0d",
        {"temperature": 0.123456789},
    )
    save_preset(tmp_path, odd)
    desk = Desk(tmp_path, qtbot)
    desk.dialog.select(odd.name)
    assert desk.names()[-1].startswith("odd ⟨SOH⟩ ⟨U+202E⟩<b>⟨NUL⟩😀")
    assert len(desk.names()[-1]) <= 60
    desk.part(QCheckBox, "seedOwn").click()
    desk.dialog.close()
    (kept,) = desk.own().values()
    assert (kept.name, kept.system) == (odd.name, odd.system)
    assert kept.sampling == {"temperature": 0.123456789, "seed": 5}


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
