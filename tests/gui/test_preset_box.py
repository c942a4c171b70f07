from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.presets import Preset
from pychatbot_gui.gui.preset_box import PresetBox, description

# The offscreen platform says this of every menu.
pytestmark = pytest.mark.qt_log_ignore("grabbing the keyboard", extend=True)

TUTOR = Preset("Tutor", "Teach.", {"temperature": 0.6, "max_tokens": 0}, shipped=True)
LETTERS = Preset("Letters", "Write.", {"seed": 42}, "/models/small.gguf", path=Path("l.json"))
HOSTILE = Preset("<b>R&D</b>\u202e" + "x" * 100, "<img src='file:///dev/zero'>\x1b[2J")


class Heard:
    """What a box said."""

    def __init__(self, box: PresetBox) -> None:
        self.chosen: list[str] = []
        self.edits = 0
        box.chosen.connect(self.chosen.append)
        box.edit_wanted.connect(self._count)

    def _count(self) -> None:
        self.edits += 1


@pytest.fixture
def box(qtbot: QtBot) -> Iterator[PresetBox]:
    box = PresetBox()
    qtbot.addWidget(box)
    box.set_presets([LETTERS, TUTOR])
    box.show()
    yield box
    box.hidePopup()


@pytest.fixture
def heard(box: PresetBox) -> Heard:
    return Heard(box)


def texts(box: PresetBox) -> list[str]:
    return [box.itemText(row) for row in range(box.count())]


def menu(box: PresetBox) -> QMenu:
    found = box.findChild(QMenu, "presetMenu")
    assert isinstance(found, QMenu)
    return found


def pick(box: PresetBox, text: str) -> None:
    box.showPopup()
    (action,) = [action for action in menu(box).actions() if action.text() == text]
    action.trigger()
    box.hidePopup()


def test_the_name_of_the_last_time_is_not_called_gone_before_it_is_known(qtbot: QtBot) -> None:
    box = PresetBox()
    qtbot.addWidget(box)
    box.set_current("Helper")
    assert box.currentText() == "Helper"
    box.set_presets([Preset("Other")])
    assert box.currentText() == "Helper (gone)"


def test_it_offers_none_shipped_own_and_the_way_to_the_dialog(box: PresetBox) -> None:
    assert texts(box) == ["No preset", "", "Tutor", "", "Letters", "", "Edit presets…"]
    assert box.objectName() == "presetBox" and box.accessibleName() == "Preset"
    box.showPopup()
    shown = [action.text() for action in menu(box).actions() if not action.isSeparator()]
    assert shown == ["No preset", "Tutor", "Letters", "Edit presets…"]
    assert [a.text() for a in menu(box).actions() if a.isChecked()] == ["No preset"]


def test_a_choice_is_told_once_and_shown(box: PresetBox, heard: Heard) -> None:
    pick(box, "Letters")
    assert heard.chosen == ["Letters"] and box.currentText() == "Letters"
    pick(box, "Letters")
    assert heard.chosen == ["Letters", "Letters"], "once more, to have its values again"
    pick(box, "No preset")
    assert heard.chosen[-1] == "" and box.current() == ""
    assert heard.edits == 0


def test_the_way_to_the_dialog_is_no_choice(box: PresetBox, heard: Heard) -> None:
    box.set_current("Tutor")
    pick(box, "Edit presets…")
    assert (heard.chosen, heard.edits) == ([], 1)
    assert box.currentText() == "Tutor"


def test_what_the_program_sets_is_not_told(box: PresetBox, heard: Heard) -> None:
    box.set_current("Tutor")
    box.set_changed(True)
    box.set_presets([])
    box.set_current("")
    assert heard.chosen == []


def test_a_changed_prompt_is_marked_until_the_next_choice(box: PresetBox) -> None:
    box.set_current("Tutor")
    box.set_changed(True)
    assert box.currentText() == "Tutor (changed)"
    assert "was changed" in box.toolTip()
    box.set_changed(False)
    assert box.currentText() == "Tutor"
    box.set_changed(True)
    pick(box, "Tutor (changed)")
    assert box.currentText() == "Tutor"
    box.set_changed(True)
    box.set_current("Letters")
    assert box.currentText() == "Letters"


def test_without_a_preset_nothing_can_be_changed(box: PresetBox) -> None:
    box.set_changed(True)
    assert box.currentText() == "No preset"
    assert "was changed" not in box.toolTip()


def test_one_that_is_gone_is_still_named(box: PresetBox, heard: Heard) -> None:
    box.set_current("Letters")
    box.set_presets([TUTOR])
    assert box.currentText() == "Letters (gone)"
    pick(box, "Letters (gone)")
    assert heard.chosen == [] and box.current() == "Letters"
    box.set_presets([TUTOR, LETTERS])
    assert box.currentText() == "Letters"
    box.set_presets([TUTOR])
    pick(box, "Tutor")
    assert "Letters (gone)" not in texts(box)


def test_the_wheel_changes_nothing(box: PresetBox, heard: Heard) -> None:
    box.setFocus()
    where = QPointF(box.rect().center())
    event = QWheelEvent(
        where,
        where,
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, event)
    assert heard.chosen == [] and box.current() == ""
    assert not event.isAccepted(), "what lies behind may scroll"


@pytest.mark.parametrize("key", [Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Space, Qt.Key.Key_End])
def test_keys_open_the_menu_and_choose_there(box: PresetBox, heard: Heard, key: Qt.Key) -> None:
    box.setFocus()
    QTest.keyClick(box, key)
    assert heard.chosen == []
    assert menu(box).isVisible()
    QTest.keyClick(menu(box), Qt.Key.Key_Down)
    QTest.keyClick(menu(box), Qt.Key.Key_Return)
    assert heard.chosen == ["Tutor"]


def test_letters_change_nothing(box: PresetBox, heard: Heard) -> None:
    box.setFocus()
    QTest.keyClicks(box, "lt")
    assert heard.chosen == [] and box.currentText() == "No preset"


def test_the_tip_says_what_it_sets(box: PresetBox) -> None:
    box.set_current("Letters")
    assert "Write." in box.toolTip()
    assert "Seed 42" in box.toolTip()
    assert "small.gguf" in box.toolTip() and "/models" not in box.toolTip()
    assert box.accessibleDescription() == box.toolTip()
    assert "Temperature 0.6 · Longest answer no limit" in description(TUTOR)
    assert "No system prompt." in description(Preset("x"))
    assert "Samplers as in the settings" in description(Preset("x"))


def test_hostile_text_is_shown_as_it_is(box: PresetBox) -> None:
    box.set_presets([HOSTILE])
    box.set_current(HOSTILE.name)
    assert box.currentText().startswith("<b>R&D</b>⟨U+202E⟩xx")
    assert len(box.currentText()) <= 48
    assert "<" not in box.toolTip() and "\x1b" not in box.toolTip()
    box.showPopup()
    (action,) = [action for action in menu(box).actions() if action.isChecked()]
    assert action.text().startswith("<b>R&&D</b>")
    assert max(map(len, box.toolTip().splitlines())) <= 70


def test_a_very_long_name_takes_little_room(box: PresetBox) -> None:
    box.set_current("x" * 1_000_000)
    assert box.sizeHint().width() <= 260
    assert box.currentText().endswith("(gone)")
    assert box.minimumSizeHint().width() <= 120
