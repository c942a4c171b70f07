"""Whether the machine runs on its battery: what only saves time is then left undone."""

import time
from collections.abc import Callable
from typing import Any

_ASK_EVERY = 5.0  # seconds


class Power:
    """Asks the system, at most every few seconds: some take a while to say."""

    def __init__(
        self,
        battery: Callable[[], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`battery` as `psutil.sensors_battery`, which some systems do not have."""
        self._battery = battery or _system_battery
        self._clock = clock
        self._asked: float | None = None
        self._on_battery = False

    def on_battery(self) -> bool:
        """False also where there is no battery, or nobody knows."""
        now = self._clock()
        if self._asked is None or now - self._asked >= _ASK_EVERY:
            self._asked, self._on_battery = now, self._look()
        return self._on_battery

    def _look(self) -> bool:
        try:
            battery = self._battery()
        except Exception:  # drivers say odd things, and this is no reason not to chat
            return False
        return battery is not None and battery.power_plugged is False


def _system_battery() -> Any:
    import psutil  # a window that starts does not wait for it

    return getattr(psutil, "sensors_battery", lambda: None)()
