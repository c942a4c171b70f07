"""The use cases of presets: choose one for a chat, make and change them, share one as a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from pychatbot_gui.core.errors import PychatbotError
from pychatbot_gui.core.presets import (
    Preset,
    delete_preset,
    free_name,
    load_presets,
    read_preset,
    restore_preset,
    save_preset,
    write_preset,
)
from pychatbot_gui.core.settings import Settings
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.use_cases.chats import Chats
from pychatbot_gui.gui.use_cases.opening import ModelOpening

if TYPE_CHECKING:
    from pychatbot_gui.gui.dialogs.presets_dialog import PresetsDialog


class Presetting(QObject):
    """The presets there are, and the one of the chat that is shown."""

    used = Signal()  # the chat that is shown has another preset

    def __init__(
        self,
        window: MainWindow,
        chats: Chats,
        opening: ModelOpening,
        notices: Notices,
        folder: Path,
        settings: Callable[[], Settings],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._chats = chats
        self._opening = opening
        self._notices = notices
        self._folder = folder
        self._settings = settings
        self._presets: dict[str, Preset] = {}
        self._dialog: PresetsDialog | None = None
        self._deleted: list[Preset] = []  # the dialog brings the latest back first
        self._box = window.system_prompt.preset_box
        self._box.chosen.connect(self.choose)
        self._box.edit_wanted.connect(self.edit)
        window.presets_action.triggered.connect(self.edit)
        window.system_prompt.edited.connect(self._show_changed)
        chats.shown_changed.connect(self._show)

    def load(self) -> list[str]:
        """Read all presets; returns sentences about those that cannot be used."""
        presets, notes = load_presets(self._folder)
        self._presets = {preset.name: preset for preset in presets}
        self._box.set_presets(presets)
        if self._dialog is not None:
            self._dialog.set_presets(presets)
        self._show()
        return notes

    def sampling(self, name: str) -> dict[str, float]:
        """The sampler values of a preset; none where it is not there."""
        preset = self._presets.get(name)
        return dict(preset.sampling) if preset is not None else {}

    @Slot(str)
    def choose(self, name: str) -> None:
        """Use a preset for the chat that is shown, from its next answer on; "" for none."""
        preset = self._presets.get(name)
        if name and preset is None:
            return
        before, written = self._chats.shown, self._window.system_prompt.text()
        by_hand = written.strip() and not self._is_of(before.preset, written)
        system = preset.system if preset is not None else ""
        self._use(name, system, dict(preset.sampling) if preset is not None else {})
        if by_hand and written != system:
            visit = self._chats.visit

            def put_back() -> None:
                if self._chats.visit == visit:
                    self._use(before.preset, written, dict(before.sampling))

            self._notices.info("The system prompt you wrote was replaced.", "Undo", put_back)
        if preset is not None and preset.model and preset.model != self._opening.path:
            self._open_model(preset)
        self._window.prompt_box.setFocus()

    def _use(self, name: str, system: str, sampling: dict[str, float]) -> None:
        shown = self._chats.shown
        self._chats.shown = replace(shown, preset=name, sampling=sampling)
        if shown.id:
            self._chats.save_preset(shown.id, name, sampling)
        self._window.system_prompt.set_text(system)
        self._chats.save_system()
        self._chats.remember_shown()
        self._show()
        self.used.emit()

    def _is_of(self, name: str, system: str) -> bool:
        """Whether this is the system prompt of that preset; the edit has its own line ends."""
        preset = self._presets.get(name)
        return _as_edited(preset.system if preset is not None else "") == _as_edited(system)

    def _open_model(self, preset: Preset) -> None:
        if Path(preset.model).exists():
            self._opening.open(preset.model)
        else:
            self._notices.warning(
                f"The model of this preset, “{preset.model}”, is not there. The present one goes on.",
                "Edit presets…",
                self.edit,
            )

    @Slot()
    def _show(self) -> None:
        self._box.set_current(self._chats.shown.preset)
        self._show_changed()

    @Slot()
    def _show_changed(self) -> None:
        name, text = self._chats.shown.preset, self._window.system_prompt.text()
        self._box.set_changed(name in self._presets and not self._is_of(name, text))

    # -- making and changing them -----------------------------------------------------------

    @Slot()
    def edit(self) -> None:
        """Show all presets, to be changed."""
        from pychatbot_gui.gui.dialogs.presets_dialog import PresetsDialog

        dialog = PresetsDialog(tuple(self._presets.values()), self._settings(), self._window)
        dialog.saved.connect(self._save)
        dialog.deleted.connect(self._delete)
        dialog.restored.connect(self._restore)
        dialog.import_wanted.connect(self._import)
        dialog.export_wanted.connect(self._export)
        if self._chats.shown.preset in self._presets:
            dialog.select(self._chats.shown.preset)
        self._dialog = dialog
        dialog.exec()
        self._dialog = None
        dialog.deleteLater()

    def _try(self, work: Callable[[], object]) -> bool:
        """Do something with files; what is wrong with them is told in the dialog."""
        try:
            work()
        except PychatbotError as error:
            if self._dialog is not None:
                self._dialog.show_problem(str(error))
            return False
        for note in self.load():
            if self._dialog is not None:
                self._dialog.show_problem(note)
        return True

    @Slot(object, object)
    def _save(self, old: Preset | None, new: Preset) -> None:
        shown, text = self._chats.shown, self._window.system_prompt.text()
        in_use = old is not None and shown.preset == old.name
        by_hand = old is not None and not self._is_of(old.name, text)
        if self._try(lambda: save_preset(self._folder, new)) and in_use:
            self._use(new.name, text if by_hand else new.system, dict(new.sampling))

    @Slot(object)
    def _delete(self, preset: Preset) -> None:
        def work() -> None:
            self._deleted.append(delete_preset(self._folder, preset))

        self._try(work)

    @Slot(object)
    def _restore(self, _: Preset) -> None:
        if self._deleted and self._try(lambda: restore_preset(self._folder, self._deleted[-1])):
            self._deleted.pop()

    @Slot()
    def _import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self._dialog, "Import a preset", str(Path.home()), "Presets (*.json);;All files (*)"
        )
        notes: list[str] = []

        def work() -> None:
            preset, found = read_preset(Path(path))
            notes.extend(found)
            name = free_name(preset.name, self._presets)
            saved = save_preset(self._folder, replace(preset, name=name, path=None))
            self.load()
            if self._dialog is not None:
                self._dialog.select(saved.name)

        if path:
            self._try(work)
            for note in notes:
                if self._dialog is not None:
                    self._dialog.show_problem(note)

    @Slot(object)
    def _export(self, preset: Preset) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self._dialog,
            "Export the preset",
            str(Path.home() / f"{preset.name.replace('/', '-')}.json"),
            "Presets (*.json)",
        )
        if path:
            self._try(lambda: write_preset(Path(path), preset))


def _as_edited(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
