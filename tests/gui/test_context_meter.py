"""The context meter: numbers, levels, and what a screen reader is told."""

import pytest
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QProgressBar
from pytestqt.qtbot import QtBot

from pychatbot_gui.gui.context_meter import ContextMeter


@pytest.fixture
def meter(qtbot: QtBot) -> ContextMeter:
    meter = ContextMeter()
    qtbot.addWidget(meter)
    return meter


def bar(meter: ContextMeter) -> QProgressBar:
    found = meter.findChild(QProgressBar)
    assert found is not None
    return found


def test_numbers(meter: ContextMeter) -> None:
    meter.set_usage(1204, 2048)
    assert meter.text() == "1,204 / 2,048 tokens"
    assert bar(meter).value() == 1204
    assert bar(meter).maximum() == 2048
    assert not bar(meter).isHidden()
    assert "1,204" in meter.accessibleName()
    assert "59 %" in meter.accessibleDescription()
    assert "token is" in meter.toolTip()


def test_value_for_screen_readers(meter: ContextMeter) -> None:
    meter.set_usage(300, 1000)
    interface = QAccessible.queryAccessibleInterface(bar(meter)).valueInterface()
    assert interface.currentValue() == 300
    assert interface.maximumValue() == 1000


@pytest.mark.parametrize(
    ("used", "level"),
    [(0, "calm"), (749, "calm"), (750, "near"), (899, "near"), (900, "full"), (5000, "full")],
)
def test_levels(meter: ContextMeter, used: int, level: str) -> None:
    meter.set_usage(used, 1000)
    assert meter.level() == level
    assert bar(meter).property("level") == level
    assert bar(meter).value() == min(used, 1000)


def test_level_falls_again(meter: ContextMeter) -> None:
    meter.set_usage(950, 1000)
    meter.set_usage(10, 1000)
    assert meter.level() == "calm"


@pytest.mark.parametrize("total", [0, -1])
def test_no_model(meter: ContextMeter, total: int) -> None:
    meter.set_usage(10, 100)
    meter.set_usage(10, total)
    assert meter.text() == ""
    assert bar(meter).isHidden()
    assert meter.accessibleDescription() == "No model is loaded."


def test_numbers_do_not_move_the_bar(meter: ContextMeter) -> None:
    meter.set_usage(1, 32768)
    narrow = meter.sizeHint().width()
    meter.set_usage(32768, 32768)
    assert meter.sizeHint().width() == narrow
