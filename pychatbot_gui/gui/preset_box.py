"""The choice of a preset, beside the system prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QMenu,
    QSizePolicy,
    QWidget,
)

from pychatbot_gui.gui.visible_text import visible

if TYPE_CHECKING:
    from pychatbot_gui.core.presets import Preset

_NO_PRESET = "No preset"
_EDIT = "Edit presets…"
_TIP_OF_NONE = "The system prompt as you write it, samplers as in the settings."
_TIP_OF_GONE = "The preset was renamed or deleted. Its values stay."
_LONGEST = 48
_TIP_WIDTH = 68  # characters
_NARROWEST, _WIDEST = 120, 260  # pixels
_EDGES = 48  # pixels beside the text: paddings and arrow
# Keys that would change the choice of a closed box, and with it the chat, without a look at it.
_MOVES = {
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
}


class PresetBox(QComboBox):
    """Shows the preset of the chat and offers the others.

    `chosen` carries the name of the one that the person picked, "" for none; picking the present
    one again counts. `edit_wanted`: they want to see and change the presets.
    """

    chosen = Signal(str)
    edit_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("presetBox")
        self.setAccessibleName("Preset")
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._menu = QMenu(self)
        self._menu.setObjectName("presetMenu")
        self._menu.setAccessibleName("Presets")
        self._menu.setToolTipsVisible(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._presets: tuple[Preset, ...] = ()
        self._current = ""
        self._changed = False
        self._menu.triggered.connect(lambda action: self.activated.emit(action.data()))
        self.activated.connect(self._on_activated)
        self._rebuild()

    def set_presets(self, presets: Sequence[Preset]) -> None:
        """Offer these, shipped ones first; the choice stays as it is."""
        self._presets = tuple(sorted(presets, key=lambda preset: not preset.shipped))
        self._rebuild()

    def set_current(self, name: str) -> None:
        """Show the preset of this name, unchanged; "" for none. Emits nothing."""
        self._current, self._changed = name, False
        self._rebuild()

    def current(self) -> str:
        """The name of the preset that is shown, "" for none."""
        return self._current

    def set_changed(self, changed: bool) -> None:
        """Whether the chat's system prompt is no longer that of the preset."""
        if changed != self._changed:
            self._changed = changed
            self._rebuild()

    def sizeHint(self) -> QSize:
        """Room for what is shown, up to a limit."""
        width = self.fontMetrics().horizontalAdvance("".join(self._shown_parts())) + _EDGES
        return QSize(max(_NARROWEST, min(width, _WIDEST)), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """The name gives way."""
        return QSize(_NARROWEST, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Say what the box is for, and shorten the name rather than what is said about it."""
        if not self._current:
            super().paintEvent(event)
            return
        # Python takes 9 ms to learn the styles, and the first paint waits for that.
        from PySide6.QtWidgets import QStyle, QStyleOptionComboBox, QStylePainter

        before, name, after = self._shown_parts()
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        metrics = self.fontMetrics()
        room = field.width() - metrics.horizontalAdvance(before + after) - 6
        name = metrics.elidedText(name, Qt.TextElideMode.ElideRight, max(room, 0))
        option.currentText = f"{before}{name}{after}"
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def showPopup(self) -> None:
        """A menu below the box: the list of a combo box would cover it and cut the names."""
        self._menu.clear()
        for row in range(self.count()):
            if self.itemData(row) is None and not self.itemText(row):
                self._menu.addSeparator()
                continue
            action = self._menu.addAction(self.itemText(row).replace("&", "&&"))
            action.setToolTip(self._tip(row))
            action.setData(row)
            action.setCheckable(self.itemData(row) is not None)
            action.setChecked(row == self.currentIndex())
            if row == self.currentIndex():
                self._menu.setActiveAction(action)
        right = self.mapToGlobal(self.rect().bottomRight()).x()
        below = self.mapToGlobal(self.rect().bottomLeft()) + QPoint(0, 2)
        below.setX(right - max(self._menu.sizeHint().width(), self.width()) + 1)
        self._menu.setMinimumWidth(self.width())
        self._menu.popup(below)

    def hidePopup(self) -> None:
        """Close the menu."""
        self._menu.close()
        super().hidePopup()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel changes nothing: it was meant for what is below."""
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys that would change the choice of the closed box open it, so that it is seen first."""
        if event.key() in _MOVES:
            self.showPopup()
        elif event.text().strip().isprintable() and event.text().strip():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _on_activated(self, index: int) -> None:
        name = self.itemData(index)
        if name is not None and (not name or name in self._names()):
            self._current, self._changed = name, False
            self._rebuild()
            self.chosen.emit(name)
            return
        self._rebuild()  # neither the way to the dialog nor a preset that is gone is a choice
        if name is None:
            self.edit_wanted.emit()

    def _shown_parts(self) -> tuple[str, str, str]:
        """What stands before the name, the name, what stands behind it."""
        if not self._current:
            return "", _NO_PRESET, ""
        return "Preset: ", _short(self._current), self._state()

    def _state(self) -> str:
        if self._presets and self._current not in self._names():  # until then it is not known
            return " (gone)"
        return " (changed)" if self._changed else ""

    def _names(self) -> set[str]:
        return {preset.name for preset in self._presets}

    def _rebuild(self) -> None:
        self.clear()
        self.addItem(_NO_PRESET, "")
        if self._current and self._current not in self._names():
            self.addItem(_short(self._current) + self._state(), self._current)
        for shipped in (True, False):
            part = [preset for preset in self._presets if preset.shipped is shipped]
            if part:
                self.insertSeparator(self.count())
            for preset in part:
                end = self._state() if preset.name == self._current else ""
                self.addItem(_short(preset.name) + end, preset.name)
        self.insertSeparator(self.count())
        self.addItem(_EDIT, None)
        index = next(i for i in range(self.count()) if self.itemData(i) == self._current)
        self.setCurrentIndex(index)
        self.updateGeometry()
        tip = self._tip(index)
        if self._current and self._changed:
            tip = f"The system prompt was changed since the preset was chosen.\n\n{tip}"
        self.setToolTip(tip)
        self.setAccessibleDescription(tip)

    def _tip(self, row: int) -> str:
        name = self.itemData(row)
        if not name:
            return "" if name is None else _TIP_OF_NONE
        preset = next((preset for preset in self._presets if preset.name == name), None)
        return _TIP_OF_GONE if preset is None else description(preset)


def description(preset: Preset) -> str:
    """What a preset sets, in a few lines of plain text that no tool tip takes for HTML."""
    import textwrap

    from pychatbot_gui.core import settings
    from pychatbot_gui.core.presets import SAMPLERS
    from pychatbot_gui.gui.setting_text import shown

    beginning = " ".join(preset.system[:2000].split())
    prompt = textwrap.shorten(beginning, 4 * _TIP_WIDTH, placeholder=" …") or "No system prompt."
    values = [
        f"{settings.info(name).label.split(' (')[0]} {shown(name, preset.sampling[name]).lower()}"
        for name in SAMPLERS
        if name in preset.sampling
    ]
    lines = textwrap.wrap(visible(prompt), _TIP_WIDTH)
    lines += ["", *textwrap.wrap(" · ".join(values) or "Samplers as in the settings", _TIP_WIDTH)]
    if preset.model:
        model = preset.model.replace("\\", "/").rpartition("/")[2]
        lines.append(f"Model {_short(model)}")
    return "\n".join(lines).replace("<", "‹")


def _short(name: str) -> str:
    text = visible(" ".join(name[:2000].split()))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
