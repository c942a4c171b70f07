"""The settings dialog, built from what `core/settings.py` says about each setting."""

from dataclasses import replace

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from pychatbot_gui.core.memory import ModelMemory, crowding, need_sentence, shortage
from pychatbot_gui.core.settings import (
    Settings,
    default_settings,
    info,
    reload_names,
    setting_names,
)
from pychatbot_gui.gui.dialogs.dialog_layout import lay_out, scrolled
from pychatbot_gui.gui.dialogs.setting_field import SettingField
from pychatbot_gui.gui.plain_text import PlainLabel


class SettingsDialog(QDialog):
    """Edits a copy of the settings. `applied` carries the whole of them, on OK and on Apply.

    `memory`: what the open model needs, of `free` bytes; None where that is not known.
    """

    applied = Signal(Settings)

    def __init__(
        self,
        settings: Settings,
        model_loaded: bool,
        parent: QWidget | None = None,
        memory: ModelMemory | None = None,
        free: int = 0,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("settingsDialog")
        self.setWindowTitle("Settings")
        self._before = settings
        self._model_loaded = model_loaded
        self._memory, self._free = memory or ModelMemory(), free
        default = default_settings()
        self._fields = [
            SettingField(name, getattr(settings, name), getattr(default, name))
            for name in setting_names()
            if info(name).shown
        ]
        self._note = PlainLabel("", "warning")
        self._note.setObjectName("reloadNote")
        self._buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok
            | QDialogButtonBox.StandardButton.Apply
            | QDialogButtonBox.StandardButton.Cancel
            | QDialogButtonBox.StandardButton.RestoreDefaults
        )
        self._build()
        self._connect()
        self._refresh()

    def result_settings(self) -> Settings:
        """The settings as they stand in the dialog. A field with a problem keeps its old value."""
        values = {field.name: field.value() for field in self._fields if not field.problem()}
        return replace(self._before, **values)

    def field(self, name: str) -> SettingField:
        """The field of one setting. Raises KeyError where it is not in the dialog."""
        return {field.name: field for field in self._fields}[name]

    def go_to(self, name: str) -> None:
        """Show a setting and let the person type there. Raises KeyError as `field` does."""
        field = self.field(name)
        field.setFocus()
        # As large as it will be, so that it is known what is in view.
        self.ensurePolished()
        for layout in (self.layout(), self._area.widget().layout()):
            layout.activate()
        self._area.ensureWidgetVisible(field)

    def restore_defaults(self) -> None:
        """Put the shipped default into every field. Nothing is applied yet."""
        for field in self._fields:
            field.reset()

    def apply(self) -> None:
        """Emit `applied` and go on from there."""
        for field in self._fields:
            field.finish()
        self._before = self.result_settings()
        self._refresh()
        self.applied.emit(self._before)

    def accept(self) -> None:
        """OK: apply and close."""
        self.apply()
        super().accept()

    def sizeHint(self) -> QSize:
        """Tall enough for a good part of the fields, never taller than the screen."""
        return QSize(600, 700).boundedTo(self.screen().availableSize() - QSize(40, 60))

    def _build(self) -> None:
        contents = QWidget()
        column = QVBoxLayout(contents)
        column.setContentsMargins(24, 12, 24, 20)
        column.setSpacing(16)
        group = ""
        for field in self._fields:
            if info(field.name).group != group:
                group = info(field.name).group
                column.addSpacing(6)
                column.addWidget(_heading(group))
            column.addWidget(field)
        column.addStretch(1)
        foot = QVBoxLayout()
        foot.addWidget(self._note)
        foot.addWidget(self._buttons)
        self._area = scrolled(contents, "All settings")
        lay_out(self, self._area, foot)
        self.setMinimumSize(440, 320)
        # Without a size of its own a dialog takes two thirds of the screen at most.
        self.resize(self.sizeHint())

    def _connect(self) -> None:
        buttons = QDialogButtonBox.StandardButton
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self._buttons.button(buttons.Apply).clicked.connect(self.apply)
        self._buttons.button(buttons.RestoreDefaults).clicked.connect(self.restore_defaults)
        for field in self._fields:
            field.changed.connect(self._refresh)

    def _refresh(self) -> None:
        after = self.result_settings()
        names = reload_names(self._before, after) if self._model_loaded else ()
        self._note.setText(f"Changing {_listed(names)} loads the model again." if names else "")
        self._note.setVisible(bool(names))
        self._show_memory(after.n_ctx, after.mlock)
        sound = not any(field.problem() for field in self._fields)
        buttons = QDialogButtonBox.StandardButton
        self._buttons.button(buttons.Ok).setEnabled(sound)
        self._buttons.button(buttons.Apply).setEnabled(sound and after != self._before)

    def _show_memory(self, n_ctx: int, locked: bool) -> None:
        if not self._memory:
            return
        problem = shortage(self._memory, n_ctx, self._free, locked) or crowding(
            self._memory, n_ctx, self._free
        )
        text = problem or need_sentence(self._memory.need(n_ctx), self._free)
        self.field("n_ctx").set_remark(text, warning=bool(problem))


def _heading(text: str) -> QLabel:
    label = PlainLabel(text)
    label.setProperty("heading", "group")
    return label


def _listed(names: tuple[str, ...]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
