"""The context meter: numbers, levels, and what a screen reader is told."""

import pytest
from PySide6.QtGui import QAccessible, QColor
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


def test_what_is_read_ahead_is_told_where_it_takes_long(meter: ContextMeter) -> None:
    meter.set_usage(2100, 4096)
    meter.set_reading(100, 2090)
    assert meter.reading() == "Reading ahead: 100 of 2,090"
    assert "read 100" in meter.accessibleDescription()
    meter.set_usage(2110, 4096)
    assert meter.reading(), "the next word is typed: no flicker"
    meter.set_reading(2000, 2100)
    assert meter.reading() == "Reading ahead: 2,000 of 2,100", "to its end"
    meter.set_reading(2100, 2100)
    assert meter.reading() == ""
    meter.set_reading(2100, 2110)
    assert meter.reading() == "", "nobody could read that"
    meter.set_reading(0, 3000)
    meter.set_reading(0, 0)
    assert meter.reading() == "" and "read 0" not in meter.accessibleDescription()


def test_what_is_not_read_yet_is_paler(meter: ContextMeter) -> None:
    def colours() -> list[QColor]:
        image = bar(meter).grab().toImage()
        y = image.height() // 2
        return [image.pixelColor(image.width() * x // 8, y) for x in (1, 3, 7)]

    meter.resize(400, 30)
    meter.set_usage(500, 1000)
    begin, middle, end = colours()
    assert begin == middle != end
    meter.set_reading(250, 490)
    paler = colours()
    assert paler[0] == begin and paler[2] == end
    assert paler[1] not in (begin, end)
    meter.set_reading(490, 490)
    assert colours() == [begin, middle, end]


def test_a_message_too_long_is_said_so(meter: ContextMeter) -> None:
    meter.set_usage(700, 1000)
    meter.set_usage(800, 1000, fits=False)
    assert meter.level() == "full"
    assert meter.reading() == "Too long to be sent"
    assert "shorten it" in meter.accessibleDescription()
    meter.set_usage(700, 1000)
    assert meter.level() == "calm" and meter.reading() == ""
    assert "shorten it" not in meter.accessibleDescription()
