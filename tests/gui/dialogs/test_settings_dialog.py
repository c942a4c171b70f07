"""The settings dialog: every field from the metadata, only valid values out."""

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QDoubleSpinBox,
    QLabel,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.memory import ModelMemory, need_sentence
from pychatbot_gui.core.settings import Settings, default_settings, info, setting_names
from pychatbot_gui.gui.dialogs.setting_field import limits, shown
from pychatbot_gui.gui.dialogs.settings_dialog import SettingsDialog

SHOWN = [name for name in setting_names() if info(name).shown]
CHANGED = replace(
    default_settings(),
    n_ctx=8192,
    mlock=True,
    chat_format="chatml",
    verbose=True,
    n_threads=3,
    n_gpu_layers=7,
    snapshots=False,
    snapshot_limit_mb=300,
    prompt_lookup=False,
    read_ahead="off",
    temperature=0.123,
    top_k=0,
    top_p=0.5,
    min_p=0.25,
    repeat_penalty=1.05,
    max_tokens=100,
    seed=42,
    isolate_model=False,
    auto_title=False,
)


def open_dialog(qtbot: QtBot, settings: Settings, model_loaded: bool = True) -> SettingsDialog:
    dialog = SettingsDialog(settings, model_loaded)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


@pytest.fixture
def dialog(qtbot: QtBot) -> SettingsDialog:
    return open_dialog(qtbot, default_settings())


def control(dialog: SettingsDialog, name: str, kind: Any) -> Any:
    found = dialog.findChild(kind, f"{name}Field")
    assert found is not None
    return found


def reset(dialog: SettingsDialog, name: str) -> QToolButton:
    found = dialog.findChild(QToolButton, f"{name}Reset")
    assert found is not None
    return found


def button(dialog: SettingsDialog, which: QDialogButtonBox.StandardButton) -> QPushButton:
    box = dialog.findChild(QDialogButtonBox)
    assert box is not None
    return box.button(which)


def note(dialog: SettingsDialog) -> str:
    label = dialog.findChild(QLabel, "reloadNote")
    assert label is not None
    return label.text() if label.isVisible() else ""


@pytest.mark.parametrize("settings", [default_settings(), CHANGED], ids=["default", "changed"])
def test_nothing_changes_by_itself(qtbot: QtBot, settings: Settings) -> None:
    dialog = open_dialog(qtbot, settings)
    assert dialog.result_settings() == settings
    assert note(dialog) == ""


def test_first_fields_and_help(dialog: SettingsDialog) -> None:
    assert SHOWN[:4] == ["n_ctx", "mlock", "chat_format", "verbose"]
    tops = [dialog.field(name).mapTo(dialog, QPoint(0, 0)).y() for name in SHOWN]
    assert tops == sorted(tops)
    texts = {label.text() for label in dialog.findChildren(QLabel)}
    for name in SHOWN:
        about = info(name)
        widget = control(dialog, name, QWidget)
        assert widget.accessibleName() == about.label
        assert about.help in widget.accessibleDescription()
        assert any(about.help in text for text in texts)
    with pytest.raises(KeyError):
        dialog.field("isolate_model")


@pytest.mark.parametrize("name", SHOWN)
def test_reset_goes_back_to_the_default(qtbot: QtBot, name: str) -> None:
    dialog = open_dialog(qtbot, CHANGED)
    assert reset(dialog, name).isEnabled()
    reset(dialog, name).click()
    default = getattr(default_settings(), name)
    assert dialog.result_settings() == replace(CHANGED, **{name: default})
    assert not reset(dialog, name).isEnabled()


def test_restore_defaults_keeps_what_is_not_shown(qtbot: QtBot) -> None:
    dialog = open_dialog(qtbot, CHANGED)
    button(dialog, QDialogButtonBox.StandardButton.RestoreDefaults).click()
    assert dialog.result_settings() == replace(default_settings(), isolate_model=False)


def test_the_note_on_loading_again(dialog: SettingsDialog) -> None:
    control(dialog, "temperature", QDoubleSpinBox).setValue(0.3)
    assert note(dialog) == ""
    control(dialog, "n_ctx", QSpinBox).setValue(8192)
    assert note(dialog) == "Changing n_ctx loads the model again."
    control(dialog, "mlock", QCheckBox).setChecked(True)
    assert note(dialog) == "Changing n_ctx and mlock loads the model again."
    control(dialog, "verbose", QCheckBox).setChecked(True)
    assert note(dialog) == "Changing n_ctx, mlock and verbose loads the model again."
    reset(dialog, "n_ctx").click()
    assert note(dialog) == "Changing mlock and verbose loads the model again."


def test_no_note_without_a_model(qtbot: QtBot) -> None:
    dialog = open_dialog(qtbot, default_settings(), model_loaded=False)
    control(dialog, "mlock", QCheckBox).setChecked(True)
    assert note(dialog) == ""


def test_apply_then_ok(dialog: SettingsDialog) -> None:
    applied: list[Settings] = []
    dialog.applied.connect(applied.append)
    apply = button(dialog, QDialogButtonBox.StandardButton.Apply)
    assert not apply.isEnabled()
    control(dialog, "mlock", QCheckBox).setChecked(True)
    apply.click()
    assert applied == [replace(default_settings(), mlock=True)]
    assert dialog.isVisible()
    assert not apply.isEnabled()
    assert note(dialog) == ""
    control(dialog, "chat_format", QComboBox).setCurrentText("zephyr")
    button(dialog, QDialogButtonBox.StandardButton.Ok).click()
    assert applied[-1] == replace(default_settings(), mlock=True, chat_format="zephyr")
    assert not dialog.isVisible()


def test_cancel_applies_nothing(dialog: SettingsDialog) -> None:
    applied: list[Settings] = []
    dialog.applied.connect(applied.append)
    control(dialog, "mlock", QCheckBox).setChecked(True)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert applied == []
    assert not dialog.isVisible()


@pytest.mark.parametrize("name", ["n_ctx", "auto_title"])
def test_a_setting_can_be_gone_to(dialog: SettingsDialog, name: str) -> None:
    dialog.resize(440, 320)
    dialog.go_to(name)
    field = dialog.field(name)
    assert dialog.focusWidget() is field.focusProxy()
    area = dialog.findChild(QScrollArea)
    assert area is not None
    top = field.mapTo(area.viewport(), QPoint()).y()
    assert 0 <= top <= area.viewport().height() - field.height()


def test_n_ctx_goes_in_steps(dialog: SettingsDialog) -> None:
    box = control(dialog, "n_ctx", QSpinBox)
    box.setValue(2048)
    box.stepUp()
    assert box.value() == 2304
    box.setValue(1000)
    box.stepUp()
    assert box.value() == 1024
    box.setValue(1000)
    box.stepDown()
    assert box.value() == 768
    box.setValue(256)
    box.stepDown()
    assert box.value() == 256


def test_typed_n_ctx_is_rounded_up(dialog: SettingsDialog) -> None:
    box = control(dialog, "n_ctx", QSpinBox)
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "1000")
    assert dialog.result_settings().n_ctx == 1024
    QTest.keyClick(box, Qt.Key.Key_Tab)
    box.editingFinished.emit()
    assert box.value() == 1024


@pytest.mark.parametrize("typed", ["99999999", "-5", "abc", "", "1", "0"])
def test_nothing_typed_is_invalid(dialog: SettingsDialog, typed: str) -> None:
    applied: list[Settings] = []
    dialog.applied.connect(applied.append)
    for name in SHOWN:
        box = dialog.findChild(QWidget, f"{name}Field")
        if isinstance(box, (QSpinBox, QDoubleSpinBox)):
            box.selectAll()
            QTest.keyClicks(box, typed)
    dialog.accept()
    for name in SHOWN:
        about, value = info(name), getattr(applied[0], name)
        if about.minimum is not None and about.maximum is not None:
            assert about.minimum <= value <= about.maximum
    assert applied[0].n_ctx % 256 == 0


def test_a_value_finer_than_the_field_is_kept(qtbot: QtBot) -> None:
    settings = replace(default_settings(), temperature=0.12345678901)
    dialog = open_dialog(qtbot, settings)
    control(dialog, "mlock", QCheckBox).setChecked(True)
    assert dialog.result_settings().temperature == 0.12345678901
    control(dialog, "temperature", QDoubleSpinBox).setValue(0.5)
    assert dialog.result_settings().temperature == 0.5


def test_special_values_have_words(dialog: SettingsDialog) -> None:
    box = control(dialog, "n_threads", QSpinBox)
    box.setValue(0)
    assert box.text() == "Automatic"
    assert control(dialog, "chat_format", QComboBox).itemText(0) == "From the model file"
    assert shown("mlock", True) == "on"
    assert shown("seed", -1) == "Random"
    assert shown("n_ctx", 2048) == "2,048"
    assert limits(info("n_ctx")) == "From 256 to 1,048,576, in steps of 256."
    assert limits(info("n_threads")) == "Automatic, or 1 to 512."
    assert limits(info("mlock")) == ""


def test_decimals_are_short(dialog: SettingsDialog) -> None:
    box = control(dialog, "temperature", QDoubleSpinBox)
    for value, text in ((0.8, "0.8"), (1.0, "1"), (0.0, "0"), (0.125, "0.125")):
        box.setValue(value)
        assert box.text().replace(",", ".") == text


def test_the_wheel_scrolls_and_changes_nothing(dialog: SettingsDialog) -> None:
    box = control(dialog, "n_ctx", QSpinBox)
    before = box.value()
    dialog.setFocus()
    wheel = QWheelEvent(
        QPointF(5, 5),
        QPointF(box.mapToGlobal(QPoint(5, 5))),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, wheel)
    assert box.value() == before


def test_every_field_is_reached_with_the_keyboard(dialog: SettingsDialog) -> None:
    dialog.activateWindow()
    reached = set()
    first = control(dialog, "n_ctx", QSpinBox)
    first.setFocus()
    for _ in range(60):
        focused = dialog.focusWidget()
        assert focused is not None
        reached.add(focused.objectName())
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    assert {f"{name}Field" for name in SHOWN} <= reached


def test_usable_on_a_small_screen(dialog: SettingsDialog) -> None:
    assert dialog.minimumSizeHint().height() <= 600
    dialog.resize(dialog.minimumSize())
    area = dialog.findChild(QScrollArea)
    assert area is not None
    assert area.horizontalScrollBar().maximum() == 0
    ok = button(dialog, QDialogButtonBox.StandardButton.Ok)
    assert dialog.rect().contains(ok.mapTo(dialog, ok.rect().bottomRight()))


MEMORY = ModelMemory(weights=4 * 10**9, token=131_072, row=262_144, program=10**8)


def remark(dialog: SettingsDialog) -> QLabel:
    label = dialog.findChild(QLabel, "n_ctxRemark")
    assert isinstance(label, QLabel)
    return label


def open_with_memory(qtbot: QtBot, free: int) -> SettingsDialog:
    dialog = SettingsDialog(default_settings(), True, None, MEMORY, free)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def test_memory_follows_the_context_length_as_it_is_edited(qtbot: QtBot) -> None:
    dialog = open_with_memory(qtbot, 8 * 10**9)
    box = dialog.findChild(QSpinBox, "n_ctxField")
    assert isinstance(box, QSpinBox)
    assert remark(dialog).text() == need_sentence(MEMORY.need(4096), 8 * 10**9)
    assert remark(dialog).property("tone") == "muted"
    box.setValue(8192)
    assert remark(dialog).text() == need_sentence(MEMORY.need(8192), 8 * 10**9)
    assert remark(dialog).text() in box.accessibleDescription()


def test_a_context_that_will_not_fit_is_warned_of_and_not_refused(qtbot: QtBot) -> None:
    dialog = open_with_memory(qtbot, 8 * 10**9)
    dialog.field("n_ctx").set_value(262_144)
    largest = MEMORY.largest_n_ctx(8 * 10**9)
    assert f"{largest:,} or less" in remark(dialog).text()
    assert remark(dialog).property("tone") == "warning"
    assert button(dialog, QDialogButtonBox.StandardButton.Ok).isEnabled()
    dialog.field("n_ctx").reset()
    assert remark(dialog).property("tone") == "muted"


def test_locked_weights_count(qtbot: QtBot) -> None:
    dialog = open_with_memory(qtbot, 3 * 10**9)
    assert "very slow" in remark(dialog).text()
    box = dialog.findChild(QCheckBox, "mlockField")
    assert isinstance(box, QCheckBox)
    box.setChecked(True)
    assert "smaller model" in remark(dialog).text()


def test_nothing_is_said_of_an_unknown_need(dialog: SettingsDialog) -> None:
    assert not remark(dialog).isVisible()
