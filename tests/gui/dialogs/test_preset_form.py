"""The fields of a preset: numbers, samplers, the model, texts of any kind."""

from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QPushButton,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.presets import SAMPLERS, Preset, save_preset
from pychatbot_gui.core.settings import info
from tests.gui.dialogs.desk import Desk


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
