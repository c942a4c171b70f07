"""One preset to be looked at or changed: name, system prompt, samplers, model."""

from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from pychatbot_gui.core.presets import LONGEST_NAME, SAMPLERS, Preset, clean_name
from pychatbot_gui.core.settings import Settings
from pychatbot_gui.gui.dialogs.setting_field import SettingField
from pychatbot_gui.gui.plain_text import ElidedLabel, PlainLabel
from pychatbot_gui.gui.setting_text import limits
from pychatbot_gui.gui.visible_text import visible

_ANY_MODEL = "Whichever is open"


class SamplerField(SettingField):
    """A sampler in one line: ticked, the preset sets it; else it shows the settings' value."""

    decided = Signal()

    def __init__(self, name: str, of_settings: float, parent: QWidget | None = None) -> None:
        super().__init__(name, of_settings, of_settings, parent)
        self._of_settings = of_settings

    def given(self) -> float | None:
        """What the preset sets, None where the settings' value holds."""
        return self.value() if self._own.isChecked() else None

    def set_given(self, value: float | None) -> None:
        """Show a valid value of the preset, or None for that of the settings."""
        self._own.setChecked(value is not None)
        self.set_value(self._of_settings if value is None else value)
        self._refresh()

    def set_read_only(self, read_only: bool) -> None:
        """Only to be looked at."""
        self._own.setEnabled(not read_only)
        self._refresh()

    def _build(self) -> None:
        about = self._info
        help_text = f"{about.help} {limits(about)}".strip()
        self._own = QCheckBox(about.label.split(" (")[0])
        self._own.setObjectName(f"{self.name}Own")
        self._own.setAccessibleName(f"{about.label}: set by this preset")
        self._own.setAccessibleDescription(help_text)
        self._note = PlainLabel("as in the settings", "muted")
        self._note.setWordWrap(False)
        self._control.setAccessibleName(about.label)
        self._control.setAccessibleDescription(help_text)
        self._control.installEventFilter(self)
        self._control.setFixedWidth(130)
        for widget in (self._own, self._control, self._note):
            widget.setToolTip(help_text)
        # Unticking is the way back here.
        self._reset.setParent(self)
        self._reset.hide()
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self._own)
        row.addStretch(1)
        row.addWidget(self._note)
        row.addWidget(self._control)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self._problem)

    def _connect(self) -> None:
        super()._connect()
        assert isinstance(self._control, (QSpinBox, QDoubleSpinBox))
        self._control.editingFinished.connect(self.decided)
        self._own.toggled.connect(self._refresh)
        self._own.clicked.connect(self._on_ticked)

    def _on_ticked(self, own: bool) -> None:
        if own:
            self._control.setFocus()
            self._control.selectAll()
        else:
            self.set_value(self._of_settings)
        self.decided.emit()

    def _refresh(self) -> None:
        own = self._own.isChecked()
        self._note.setVisible(not own)
        self._control.setEnabled(own and self._own.isEnabled())


class PresetForm(QWidget):
    """Shows a preset and gives it back as it was changed.

    `left` says that something was decided or that the keyboard moved on: a moment to save.
    """

    left = Signal()
    copy_wanted = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("presetForm")
        self._preset = Preset("")
        self._model = ""
        self._shown = ""  # the system prompt as the edit gave it back
        self._shipped_note, copy = _shipped_note()
        copy.clicked.connect(self.copy_wanted)
        self._name = QLineEdit()
        self._name.setObjectName("presetNameEdit")
        self._name.setAccessibleName("Name of the preset")
        self._name.setMaxLength(
            2 * LONGEST_NAME
        )  # counted in UTF-16; `clean_name` has the last word
        self._system = QPlainTextEdit()
        self._system.setObjectName("presetSystemEdit")
        self._system.setAccessibleName("System prompt of the preset")
        self._system.setPlaceholderText("How the model should behave; may stay empty")
        self._system.setTabChangesFocus(True)
        self._samplers = [SamplerField(name, getattr(settings, name)) for name in SAMPLERS]
        self._model_label = ElidedLabel(_ANY_MODEL)
        self._model_label.setObjectName("presetModelLabel")
        self._choose = _button("C&hoose…", "presetModelChoose", "Choose a model for the preset")
        self._clear = _button("C&lear", "presetModelClear", "Use whichever model is open")
        self._lay_out()
        self._connect()

    def preset(self) -> Preset:
        """The preset as it stands here; an empty name leaves the former one."""
        system = self._system.toPlainText()
        sampling = {field.name: field.given() for field in self._samplers}
        return replace(
            self._preset,
            name=clean_name(self._name.text()) or self._preset.name,
            # The edit shows some characters only changed: what nobody touched stays as it was.
            system=self._preset.system if system == self._shown else system,
            sampling={name: value for name, value in sampling.items() if value is not None},
            model=self._model,
        )

    def set_preset(self, preset: Preset) -> None:
        """Show a preset, a shipped one only to be looked at."""
        self._preset = preset
        self._name.setText(preset.name)
        self._name.setCursorPosition(0)
        self._system.setPlainText(preset.system)
        self._shown = self._system.toPlainText()
        for field in self._samplers:
            field.set_given(preset.sampling.get(field.name))
            field.set_read_only(preset.shipped)
        self._set_model(preset.model)
        self._shipped_note.setVisible(preset.shipped)
        for edit in (self._name, self._system):
            edit.setReadOnly(preset.shipped)
            edit.style().unpolish(edit)  # so that the style sheet sees it
            edit.style().polish(edit)
        self._choose.setVisible(not preset.shipped)

    def take(self, preset: Preset) -> None:
        """What is shown is this preset now; the edits are left as they are."""
        self._preset = preset
        self._shown = self._system.toPlainText()

    def edit_name(self) -> None:
        """Give the keyboard to the name, so that another can be typed over it."""
        self._name.setFocus()
        self._name.selectAll()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The keyboard leaves one of the edits."""
        if event.type() == QEvent.Type.FocusOut:
            self.left.emit()
        return super().eventFilter(watched, event)

    def _set_model(self, model: str) -> None:
        self._model = model
        name = model.replace("\\", "/").rpartition("/")[2] or model
        self._model_label.setText(visible(name) or _ANY_MODEL)
        self._model_label.setToolTip(visible(model).replace("<", "‹"))
        self._model_label.setAccessibleName(f"Model of the preset: {visible(name) or _ANY_MODEL}")
        self._model_label.update()
        self._clear.setVisible(bool(model) and not self._preset.shipped)

    def _pick_model(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Choose a model for this preset", self._model, "Models (*.gguf);;All files (*)"
        )
        if path:
            self._decide_model(path)

    def _decide_model(self, model: str) -> None:
        self._set_model(model)
        self.left.emit()

    def _connect(self) -> None:
        for edit in (self._name, self._system):
            edit.installEventFilter(self)
        self._name.returnPressed.connect(self.left)
        for field in self._samplers:
            field.decided.connect(self.left)
        self._choose.clicked.connect(self._pick_model)
        self._clear.clicked.connect(lambda: self._decide_model(""))

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 20)
        column.setSpacing(6)
        column.addWidget(self._shipped_note)
        column.addSpacing(4)
        self._system.setMinimumHeight(self._system.fontMetrics().lineSpacing() * 7 + 20)
        for text, edit, stretch in (("&Name", self._name, 0), ("S&ystem prompt", self._system, 1)):
            label = PlainLabel(text)
            label.setBuddy(edit)
            column.addWidget(label)
            column.addWidget(edit, stretch)
            column.addSpacing(8)
        heading = PlainLabel("Samplers")
        heading.setProperty("heading", "group")
        column.addWidget(heading)
        column.addWidget(
            PlainLabel("Tick what this preset sets; the rest stays as in the settings.", "muted")
        )
        for field in self._samplers:
            column.addWidget(field)
        column.addSpacing(8)
        heading = PlainLabel("Model")
        heading.setProperty("heading", "group")
        column.addWidget(heading)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._model_label, 1)
        row.addWidget(self._choose)
        row.addWidget(self._clear)
        column.addLayout(row)


def _shipped_note() -> tuple[QFrame, QPushButton]:
    note = QFrame()
    note.setObjectName("shippedNote")
    text = PlainLabel("This preset comes with the program.")
    copy = _button("Make a &copy to change it", "presetCopyButton", "")
    row = QHBoxLayout(note)
    row.setContentsMargins(12, 7, 7, 7)
    row.addWidget(text, 1)
    row.addWidget(copy)
    return note, copy


def _button(text: str, name: str, accessible: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAutoDefault(False)
    button.setAccessibleName(accessible or text.replace("&", ""))
    return button
