import pytest
from PySide6.QtCore import QObject

from pychatbot_gui.gui.chat.text_zoom import STEPS, TextZoom


@pytest.fixture
def zoom(qapp):
    owner = QObject()
    yield TextZoom(owner)
    owner.deleteLater()


def test_steps_stop_at_both_ends(zoom: TextZoom):
    zoom.step(1)
    assert zoom.value == pytest.approx(1.1)
    zoom.step(99)
    assert zoom.value == STEPS[-1]
    zoom.step(-99)
    assert zoom.value == STEPS[0]
    zoom.set(9.0)
    assert zoom.value == STEPS[-1]


def test_a_change_is_told_once(qtbot, zoom: TextZoom):
    with qtbot.waitSignal(zoom.changed) as caught:
        zoom.set(1.5)
    assert caught.args == [1.5]
    with qtbot.assertNotEmitted(zoom.changed):
        zoom.set(1.5)


def test_small_turns_of_a_touch_pad_add_up(zoom: TextZoom):
    for _ in range(3):
        zoom.turn(30)
        assert zoom.value == 1.0
    zoom.turn(30)
    assert zoom.value == pytest.approx(1.1)
    zoom.turn(-120)
    assert zoom.value == 1.0


def test_every_action_has_a_key(zoom: TextZoom):
    assert all(action.shortcuts() for action in zoom.actions)
    zoom.actions[0].trigger()
    zoom.actions[0].trigger()
    zoom.actions[1].trigger()
    assert zoom.value == pytest.approx(1.1)
    zoom.actions[2].trigger()
    assert zoom.value == 1.0
