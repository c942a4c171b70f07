"""A model process that crashes in the library unless the weights are used as they are.

What a processor does that names instructions it does not have, which no test can ask for.
"""

import os
import signal
import sys
from typing import Any

from pychatbot_gui.engine import llama, model_host


class CrashingLoad(llama._Loaded):
    def warm_up(self) -> None:
        if not self.spec.plain_weights:
            os.kill(os.getpid(), signal.SIGSEGV)
        super().warm_up()


if __name__ == "__main__":
    replaced: Any = llama
    replaced._Loaded = CrashingLoad
    model_host.main(sys.argv[1:])
