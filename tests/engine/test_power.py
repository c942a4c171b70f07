"""On battery or not: asked rarely, and never a reason to fail."""

from typing import NamedTuple

import pytest

from pychatbot_gui.engine.power import Power


class Battery(NamedTuple):
    power_plugged: bool | None


@pytest.mark.parametrize(
    ("battery", "expected"),
    [(None, False), (Battery(True), False), (Battery(None), False), (Battery(False), True)],
)
def test_what_the_system_says(battery: Battery | None, expected: bool) -> None:
    assert Power(lambda: battery).on_battery() is expected


def test_a_system_that_cannot_say_is_not_on_battery() -> None:
    def fails() -> None:
        raise OSError("no such file")

    assert Power(fails).on_battery() is False
    assert Power().on_battery() in (True, False), "whatever this machine is"


def test_it_is_asked_every_few_seconds_at_most() -> None:
    now = 100.0
    said = [Battery(False), Battery(True)]
    power = Power(lambda: said.pop(0), lambda: now)
    assert [power.on_battery() for _ in range(3)] == [True] * 3
    now += 4
    assert power.on_battery()
    now += 2
    assert not power.on_battery()
