"""The program's model process, which also notes its own cost of each token: see `own_time`.

Writes the marks of an answer to the file that the variable `OWN_TIME` of the environment names.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import llama_cpp.llama_cpp as lib

from pychatbot_gui.engine import model_host
from pychatbot_gui.engine.engine import CancelToken, Event, Finished, ReplyRequest
from pychatbot_gui.engine.llama import LlamaEngine
from tests.benchmarks.own_time import OwnTime

OWN_TIME = "BENCHMARK_OWN_TIME"


class _TimedEngine(LlamaEngine):
    def reply(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
        own.start(True)
        for event in super().reply(request, token):
            if isinstance(event, Finished):
                marks = json.dumps(own.marks)
                Path(os.environ[OWN_TIME]).write_text(marks, encoding="ascii")
            yield event


if __name__ == "__main__":
    own = OwnTime(lib)
    model_host.LlamaEngine = _TimedEngine  # type: ignore[attr-defined, misc]
    model_host.main(sys.argv[1:])
