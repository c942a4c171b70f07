"""One setting in the dialog: its control, its help, and the way back to the default."""

from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from pychatbot_gui.core import settings
from pychatbot_gui.core.errors import SettingsError
from pychatbot_gui.core.settings import SettingInfo
from pychatbot_gui.gui.plain_text import PlainLabel

DECIMALS = 6


class NumberBox(QDoubleSpinBox):
    """A decimal number without the zeros that fill it up."""

    def textFromValue(self, value: float) -> str:
        """0.8, not 0.800000."""
        text = super().textFromValue(value)
        point = self.locale().decimalPoint()
        return text.rstrip("0").rstrip(point) if point in text else text


class WholeBox(QSpinBox):
    """A whole number; with `step` above 1 the arrows stop at its multiples."""

    def stepBy(self, steps: int) -> None:
        """From 1000 in steps of 256: up to 1024, down to 768."""
        step, value = self.singleStep(), self.value()
        rest = value % step
        if rest and value > self.minimum():
            # The way to the next multiple counts as the first step.
            value = value - rest + step if steps > 0 else value - rest
            steps -= 1 if steps > 0 else -1
        self.setValue(max(self.minimum(), min(value + steps * step, self.maximum())))


class SettingField(QWidget):
    """Label, control, help and reset button of the setting `name`."""

    changed = Signal()

    def __init__(self, name: str, value: Any, default: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = name
        self._info = settings.info(name)
        self._default = default
        self._control = _control(name, self._info)
        self._control.setObjectName(f"{name}Field")
        self.setFocusProxy(self._control)
        self._problem = PlainLabel("", "danger")
        self._problem.hide()
        self._remark = PlainLabel("", "muted")
        self._remark.setObjectName(f"{name}Remark")
        self._remark.hide()
        self._reset = QToolButton()
        self._given: Any = None
        self._shown: Any = None
        self._build()
        self.set_value(value)
        self._connect()
        self._on_changed()

    def value(self) -> Any:
        """The value as `Settings` holds it. Raises `SettingsError` where there is a problem."""
        raw = self._raw()
        # A value that the control can only show rounded is kept until the person changes it.
        return self._given if raw == self._shown else settings.parse(self.name, raw)

    def set_value(self, value: Any) -> None:
        """Show `value`, a valid one."""
        control = self._control
        if isinstance(control, QCheckBox):
            control.setChecked(value)
        elif isinstance(control, QComboBox):
            control.setCurrentIndex(control.findData(value))
        elif isinstance(control, QLineEdit):
            control.setText(value)
        else:
            control.setValue(value)
        self._given, self._shown = value, self._raw()

    def reset(self) -> None:
        """Go back to the default."""
        self.set_value(self._default)
        self._on_changed()

    def finish(self) -> None:
        """Take what is still being typed."""
        if isinstance(self._control, (QSpinBox, QDoubleSpinBox)):
            self._control.interpretText()
        self._round()

    def problem(self) -> str:
        """What is wrong with the value, "" when nothing is."""
        try:
            self.value()
        except SettingsError as error:
            return str(error)
        return ""

    def set_remark(self, text: str, warning: bool = False) -> None:
        """Say below the help what the value would mean; "" for nothing."""
        self._remark.setText(text)
        self._remark.setVisible(bool(text))
        tone = "warning" if warning else "muted"
        if self._remark.property("tone") != tone:
            self._remark.setProperty("tone", tone)
            self._remark.style().unpolish(self._remark)
            self._remark.style().polish(self._remark)
        self._control.setAccessibleDescription(f"{self._help} {text}".strip())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The wheel scrolls the dialog; it changes only the field that has the focus."""
        if event.type() == QEvent.Type.Wheel and not self._control.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _build(self) -> None:
        about = self._info
        help_text = f"{about.help} {limits(about)}".strip()
        self._control.setAccessibleName(about.label)
        self._help = help_text
        self._control.setAccessibleDescription(help_text)
        self._control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._control.installEventFilter(self)
        self._reset.setObjectName(f"{self.name}Reset")
        self._reset.setText("↺")
        self._reset.setProperty("reset", True)
        self._reset.setToolTip(f"Reset to the default ({shown(self.name, self._default)})")
        self._reset.setAccessibleName(f"Reset {about.label} to the default")
        row = QHBoxLayout()
        row.setSpacing(8)
        if isinstance(self._control, QCheckBox):
            row.addWidget(self._control)
            row.addStretch(1)
        else:
            label = PlainLabel(about.label)
            label.setBuddy(self._control)
            self._control.setFixedWidth(190)
            row.addWidget(label, 1)
            row.addWidget(self._control)
        row.addWidget(self._reset)
        help_label = PlainLabel(help_text, "muted")
        below = QVBoxLayout()
        # So that the lines end before the column of the reset buttons.
        below.setContentsMargins(0, 0, 44, 0)
        below.setSpacing(2)
        below.addWidget(help_label)
        below.addWidget(self._problem)
        below.addWidget(self._remark)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(row)
        column.addLayout(below)

    def _connect(self) -> None:
        control = self._control
        if isinstance(control, QCheckBox):
            control.toggled.connect(self._on_changed)
        elif isinstance(control, QComboBox):
            control.currentIndexChanged.connect(self._on_changed)
        elif isinstance(control, QLineEdit):
            control.textChanged.connect(self._on_changed)
        else:
            control.valueChanged.connect(self._on_changed)
            control.editingFinished.connect(self._round)
        self._reset.clicked.connect(self.reset)

    def _raw(self) -> Any:
        control = self._control
        if isinstance(control, QCheckBox):
            return control.isChecked()
        if isinstance(control, QComboBox):
            return control.currentData()
        if isinstance(control, QLineEdit):
            return control.text()
        return control.value() if isinstance(control, QSpinBox) else round(control.value(), 6)

    def _round(self) -> None:
        control = self._control
        if isinstance(control, QSpinBox) and control.value() != self.value():
            control.setValue(self.value())

    def _on_changed(self) -> None:
        problem = self.problem()
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        if self._control.property("invalid") != bool(problem):
            self._control.setProperty("invalid", bool(problem))
            self._control.style().unpolish(self._control)
            self._control.style().polish(self._control)
        self._reset.setEnabled(bool(problem) or self.value() != self._default)
        self.changed.emit()


def limits(about: SettingInfo) -> str:
    """The limits as a sentence, "" for a setting without."""
    if about.minimum is None or about.maximum is None:
        return ""
    most = _number(about.maximum)
    if about.special:
        sentence = f"{about.special}, or {_number(about.minimum + 1)} to {most}"
    else:
        sentence = f"From {_number(about.minimum)} to {most}"
    if about.step is not None and about.minimum == about.step > 1:
        sentence += f", in steps of {_number(about.step)}"
    return sentence + "."


def shown(name: str, value: Any) -> str:
    """A value as the dialog words it: "On", "Automatic", "2,048"."""
    about = settings.info(name)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return about.word(value)
    return about.special if about.special and value == about.minimum else _number(value)


def _number(value: float) -> str:
    return f"{value:,.{DECIMALS}f}".rstrip("0").rstrip(".")


def _control(
    name: str, about: SettingInfo
) -> QCheckBox | QComboBox | QLineEdit | QSpinBox | QDoubleSpinBox:
    kind = settings.setting_type(name)
    if kind is bool:
        return QCheckBox(about.label)
    if kind is str and about.choices:
        box = QComboBox()
        for choice in about.choices:
            box.addItem(about.word(choice), choice)
        return box
    if kind is str:
        return QLineEdit()
    assert about.minimum is not None
    assert about.maximum is not None
    number: QSpinBox | QDoubleSpinBox
    if kind is int:
        number = WholeBox()
        number.setRange(int(about.minimum), int(about.maximum))
        number.setSingleStep(int(about.step or 1))
    else:
        number = NumberBox()
        number.setDecimals(DECIMALS)
        number.setRange(about.minimum, about.maximum)
        number.setSingleStep(about.step or 0.1)
    number.setGroupSeparatorShown(kind is int and name != "seed")
    number.setSpecialValueText(about.special)
    # A style sheet with buttons of its own loses the padding on the left.
    number.lineEdit().setTextMargins(8, 0, 0, 0)
    return number
