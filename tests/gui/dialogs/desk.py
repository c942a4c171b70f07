"""The dialog of the presets as a person meets it, and the files behind it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QListWidget, QPlainTextEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.errors import PychatbotError
from pychatbot_gui.core.presets import (
    Preset,
    delete_preset,
    load_presets,
    restore_preset,
    save_preset,
)
from pychatbot_gui.core.settings import default_settings
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
