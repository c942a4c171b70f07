"""The presets: looked at, made, changed, given away."""

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from pychatbot_gui.core.presets import Preset, free_name
from pychatbot_gui.core.settings import Settings
from pychatbot_gui.gui.dialogs.dialog_layout import lay_out, scrolled
from pychatbot_gui.gui.dialogs.preset_form import PresetForm
from pychatbot_gui.gui.plain_text import PlainLabel
from pychatbot_gui.gui.preset_box import description
from pychatbot_gui.gui.visible_text import visible

_NAME = Qt.ItemDataRole.UserRole
_LIST_WIDTH = 250
_LONGEST_IN_SENTENCE = 60


class PresetsDialog(QDialog):
    """Shows the presets and says what the person did with them; it knows no files.

    A change is told as soon as the keyboard leaves it. Whoever hears one of `saved`, `deleted`
    and `restored` answers before returning: with `set_presets` when it is done, with
    `show_problem` when it is not; the dialog then keeps what was typed.
    """

    saved = Signal(object, object)  # the former Preset or None for a new one, the Preset
    deleted = Signal(object)  # Preset
    restored = Signal(object)  # a Preset that was `deleted` before
    import_wanted = Signal()
    export_wanted = Signal(object)  # Preset

    def __init__(
        self, presets: Sequence[Preset], settings: Settings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("presetsDialog")
        self.setWindowTitle("Presets")
        self._presets: tuple[Preset, ...] = ()
        self._answered = False  # `set_presets` was called since the last signal
        self._problem_told = False  # and `show_problem`
        self._current: Preset | None = None
        self._wanted = ""  # name of the preset that the next `set_presets` shows
        self._undo: list[Preset] = []
        self._list = QListWidget()
        self._form = PresetForm(settings)
        self._status = PlainLabel()
        self._buttons = self._make_buttons()
        # What the person did is settled after the click or key that did it: saving may sort the
        # list anew, and a click must not end on another line than it began.
        self._settling = QTimer(self, singleShot=True, interval=0)
        self._build()
        self._connect()
        self.set_presets(presets)
        self._say("")

    def set_presets(self, presets: Sequence[Preset]) -> None:
        """Show these, shipped ones first; the selection stays, what is being typed too."""
        row = self._list.currentRow()
        self._answered = True
        self._presets = tuple(sorted(presets, key=lambda preset: not preset.shipped))
        self._list.blockSignals(True)
        self._fill_list()
        found = self._named(self._wanted) or self._near(row)
        self._list.setCurrentItem(self._item(found.name) if found else None)
        self._list.blockSignals(False)
        self._show(found)

    def select(self, name: str) -> None:
        """Show the preset of this name, where there is one."""
        if self._store() and (found := self._named(name)) is not None:
            self._list.setCurrentItem(self._item(name))
            self._show(found)

    def show_problem(self, sentence: str) -> None:
        """Say what could not be done, or what else was found to be wrong."""
        self._problem_told = True
        self._show_status(sentence, "danger")

    def reject(self) -> None:
        """Close; a change that cannot be saved is not thrown away without a question."""
        self._settling.stop()
        if self._store():
            super().reject()
        else:
            self._ask_to_discard()

    def sizeHint(self) -> QSize:
        """Room for a whole preset, never larger than the screen."""
        return QSize(860, 760).boundedTo(self.screen().availableSize() - QSize(40, 60))

    # -- what the person does ---------------------------------------------------------------

    def _settle(self) -> None:
        """Save what was changed, then show what was selected."""
        item = self._list.currentItem()
        target = item.data(_NAME) if item else ""
        if self._current is None or target == self._current.name:
            self._store()
        elif self._store():
            self.select(target)
        else:
            self._list.blockSignals(True)
            self._list.setCurrentItem(self._item(self._current.name))
            self._list.blockSignals(False)

    def _store(self) -> bool:
        """Tell of a change; whether nothing is left unsaved."""
        before = self._current
        if before is None or before.shipped:
            return True
        after = self._form.preset()
        if after == before:
            return True
        others = [p.name for p in self._presets if p.name != before.name]
        name = free_name(after.name, others)
        self._expect_answer(name)
        self.saved.emit(before, replace(after, name=name))
        if not self._answered:
            self._wanted = before.name
            return False
        taken = name != after.name
        self._say(
            f"There was a “{_short(after.name)}” already: a number was added." if taken else ""
        )
        return True

    def _expect_answer(self, wanted: str) -> None:
        """Before a signal: nothing is done yet; `wanted` is the preset to be shown when it is."""
        self._answered = self._problem_told = False
        self._wanted = wanted

    def _add(self, preset: Preset) -> None:
        """Make a new preset, its name ready to be typed over."""
        former = self._wanted
        self._expect_answer(preset.name)
        self.saved.emit(None, preset)
        if self._answered:
            self._say("")
            self._form.edit_name()
        else:
            self._wanted = former

    def _new(self) -> None:
        if self._store():
            self._add(Preset(free_name("New preset", self._names())))

    def _duplicate(self) -> None:
        if self._store() and (current := self._current) is not None:
            name = free_name(f"{current.name[:180]} copy", self._names())
            self._add(replace(current, name=name, shipped=False, path=None))

    def _delete(self) -> None:
        # A change that cannot be saved does not keep a preset from being deleted.
        self._store()
        if (current := self._current) is None or current.shipped:
            return
        self._expect_answer(current.name)
        self.deleted.emit(current)
        if self._answered:
            self._undo.append(current)
            self._say(f"“{_short(current.name)}” was deleted.")

    def _undo_delete(self) -> None:
        if not self._store() or not self._undo:
            return
        preset, former = self._undo[-1], self._wanted
        self._expect_answer(preset.name)
        self.restored.emit(preset)
        if self._answered:
            self._undo.pop()
            self._say(f"“{_short(preset.name)}” is back.")
        else:
            self._wanted = former

    def _export(self) -> None:
        if self._store() and self._current is not None:
            self.export_wanted.emit(self._current)

    def _import(self) -> None:
        if self._store():
            self.import_wanted.emit()

    def _ask_to_discard(self) -> None:
        box = QMessageBox(self)
        box.setObjectName("discardQuestion")
        box.setWindowTitle("Presets")
        box.setIcon(QMessageBox.Icon.Warning)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText("The last change could not be saved. Close all the same and lose it?")
        box.setInformativeText(self._status.text())
        box.setStandardButtons(
            QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel
        )
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.button(QMessageBox.StandardButton.Discard).clicked.connect(self._discard)
        box.open()

    def _discard(self) -> None:
        if self._current is not None:
            self._form.set_preset(self._current)
        self.reject()

    # -- what is shown ----------------------------------------------------------------------

    def _show(self, preset: Preset | None) -> None:
        former, self._current = self._current, preset
        self._wanted = preset.name if preset else ""
        self._form.setVisible(preset is not None)
        # Where the form shows this already it is left alone: somebody may be typing in it.
        if preset is not None and (former is None or preset != former):
            typed = self._form.preset()
            self._form.take(preset) if _alike(typed, preset) else self._form.set_preset(preset)
        self._buttons["Delete"].setEnabled(preset is not None and not preset.shipped)
        for name in ("Duplicate", "Export"):
            self._buttons[name].setEnabled(preset is not None)

    def _say(self, sentence: str) -> None:
        """What was done; a problem that was told meanwhile is more important."""
        self._buttons["Undo"].setVisible(bool(self._undo))
        if not self._problem_told:
            self._show_status(sentence, "muted")

    def _show_status(self, sentence: str, tone: str) -> None:
        self._status.setText(visible(sentence))
        self._status.setProperty("tone", tone)
        self._status.style().unpolish(self._status)
        self._status.style().polish(self._status)

    def _fill_list(self) -> None:
        self._list.clear()
        for shipped, heading in ((True, "With the program"), (False, "Your own")):
            part = [preset for preset in self._presets if preset.shipped is shipped]
            if part:
                self._list.addItem(_heading(heading))
            for preset in part:
                item = QListWidgetItem(_short(preset.name))
                item.setData(_NAME, preset.name)
                item.setToolTip(description(preset))
                self._list.addItem(item)

    def _names(self) -> list[str]:
        return [preset.name for preset in self._presets]

    def _named(self, name: str) -> Preset | None:
        return next((preset for preset in self._presets if preset.name == name), None)

    def _item(self, name: str) -> QListWidgetItem:
        items = (self._list.item(row) for row in range(self._list.count()))
        return next(item for item in items if item.data(_NAME) == name)

    def _near(self, row: int) -> Preset | None:
        """The preset in this row of the list, or else the one closest above or below."""
        rows = [r for r in range(self._list.count()) if self._list.item(r).data(_NAME) is not None]
        if not rows:
            return None
        closest = min(rows, key=lambda r: abs(r - row))
        return self._named(self._list.item(closest).data(_NAME))

    # -- making -----------------------------------------------------------------------------

    def _make_buttons(self) -> dict[str, QPushButton]:
        buttons = {}
        for text, tip in (
            ("&New", "Make an empty preset"),
            ("&Duplicate", "Make a copy of this preset"),
            ("D&elete", "Delete this preset; it can be brought back"),
            ("&Import…", "Take a preset from a file"),
            ("E&xport…", "Write this preset to a file, to keep or to give away"),
            ("&Undo", "Bring back the preset that was deleted last"),
            ("Close", "Close; everything is saved"),
        ):
            word = text.replace("&", "").rstrip("…")
            button = QPushButton(text)
            button.setObjectName(f"preset{word}Button")
            button.setAccessibleName(f"{word}: {tip}" if word != "Close" else word)
            button.setToolTip(tip)
            button.setAutoDefault(False)
            buttons[word] = button
        return buttons

    def _connect(self) -> None:
        self._settling.timeout.connect(self._settle)
        self._list.currentItemChanged.connect(lambda *_: self._settling.start())
        self._form.left.connect(self._settling.start)
        self._form.copy_wanted.connect(self._duplicate)
        for word, slot in (
            ("New", self._new),
            ("Duplicate", self._duplicate),
            ("Delete", self._delete),
            ("Import", self._import),
            ("Export", self._export),
            ("Undo", self._undo_delete),
            ("Close", self.reject),
        ):
            self._buttons[word].clicked.connect(slot)

    def _build(self) -> None:
        self._list.setObjectName("presetList")
        self._list.setAccessibleName("Presets")
        self._list.setUniformItemSizes(False)
        self._list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._status.setObjectName("presetStatus")
        self._status.setAccessibleName("What happened last")
        grid = QGridLayout()
        grid.setContentsMargins(12, 8, 12, 12)
        grid.setSpacing(6)
        for place, word in enumerate(("New", "Duplicate", "Import", "Export")):
            grid.addWidget(self._buttons[word], place // 2, place % 2)
        grid.addWidget(self._buttons["Delete"], 2, 0, 1, 2)
        side = QVBoxLayout()
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(0)
        side.addWidget(self._list, 1)
        side.addLayout(grid)
        panel = QFrame()
        panel.setObjectName("presetSide")
        panel.setFixedWidth(_LIST_WIDTH)
        panel.setLayout(side)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(panel)
        middle.addWidget(scrolled(self._form, "The preset"), 1)
        foot = QHBoxLayout()
        foot.addWidget(self._status, 1)
        foot.addWidget(self._buttons["Undo"])
        foot.addWidget(self._buttons["Close"])
        lay_out(self, middle, foot)
        self.setMinimumSize(700, 420)
        self.resize(self.sizeHint())


def _alike(one: Preset, other: Preset) -> bool:
    """Whether they differ in nothing that the form shows."""
    return replace(one, path=other.path) == other


def _heading(text: str) -> QListWidgetItem:
    item = QListWidgetItem(text)
    item.setFlags(Qt.ItemFlag.NoItemFlags)
    return item


def _short(name: str) -> str:
    text = visible(name)
    most = _LONGEST_IN_SENTENCE
    return text if len(text) <= most else text[: most - 1] + "…"
