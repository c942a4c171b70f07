"""A model process whose load does not go on after its first step, where it is to be verbose.

A load of a tiny model may be over before the test has heard of its first step.
"""

import signal
import sys
from collections.abc import Callable
from typing import Any

from pychatbot_gui.engine import llama, model_host
from pychatbot_gui.engine.engine import CancelToken


class LastingLoad(llama._Loaded):
    def open(self, on_progress: Callable[[float], None], token: CancelToken) -> None:
        def tell_and_wait(fraction: float) -> None:
            on_progress(fraction)
            if self.spec.verbose:
                signal.pause()

        super().open(tell_and_wait, token)


if __name__ == "__main__":
    replaced: Any = llama
    replaced._Loaded = LastingLoad
    model_host.main(sys.argv[1:])
