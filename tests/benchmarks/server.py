"""The reference over HTTP: `python -m llama_cpp.server`, started on a free port of this machine.

`python -m tests.benchmarks.server …` is that server, without what crashes on some processors.
"""

import http.client
import importlib.util
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from tests.benchmarks.references import ENVIRONMENT, Wish, Written

SERVER = "llama_cpp.server"
NOT_INSTALLED = (
    f"{SERVER}: not installed, not measured; it is the extra “server” of llama-cpp-python"
)
_PARTS = ("fastapi", "uvicorn", "sse_starlette", "starlette_context", "pydantic_settings", "yaml")
_HOST = "127.0.0.1"
_START_S = 120.0
_ANSWER_S = 600.0


def is_installed() -> bool:
    """Whether what the server needs besides the library is there."""
    return all(importlib.util.find_spec(part) is not None for part in _PARTS)


class Server:
    """A server with one model. Use it in a `with` block; `module` is what is run."""

    name = SERVER

    def __init__(
        self, model: Path, n_ctx: int, threads: int, module: str = "tests.benchmarks.server"
    ) -> None:
        self._port = _free_port()
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        options = {
            "model": model,
            "n_ctx": n_ctx,
            "n_threads": threads,
            "n_threads_batch": threads,
            # Its default keeps the logits of every token of the prompt, which is slower.
            "logits_all": False,
            "verbose": False,
            "host": _HOST,
            "port": self._port,
        }
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env={**ENVIRONMENT, **os.environ},
        )

    def __enter__(self) -> "Server":
        try:
            self._wait_until_it_listens()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def write(self, wish: Wish) -> Written:
        """See `Reference`. One token a chunk is taken for granted."""
        body = {
            "messages": [{"role": role, "content": text} for role, text in wish.messages],
            "temperature": 0,
            "repeat_penalty": 1.0,
            "max_tokens": wish.tokens,
            "stream": True,
        }
        moments: list[float] = []
        pieces: list[str] = []
        began = time.perf_counter()
        connection = http.client.HTTPConnection(_HOST, self._port, timeout=_ANSWER_S)
        try:
            connection.request(
                "POST",
                "/v1/chat/completions",
                json.dumps(body),
                {"Content-Type": "application/json"},
            )
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                raise RuntimeError(f"{SERVER} said {response.status}: {response.read()[:500]!r}")
            for line in response:
                if piece := _text_in(line):
                    moments.append(time.perf_counter())
                    pieces.append(piece)
        finally:
            connection.close()
        if len(moments) < 2:
            raise RuntimeError(f"{SERVER} wrote nothing")
        writing = moments[-1] - moments[0]
        return Written(moments[0] - began, writing, len(moments), "".join(pieces))

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"{SERVER} ended: {self._said()}")
            connection = http.client.HTTPConnection(_HOST, self._port, timeout=5)
            try:
                connection.request("GET", "/v1/models")
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
            except OSError:
                time.sleep(0.1)
            finally:
                connection.close()
        raise RuntimeError(f"{SERVER} did not answer in {_START_S:g} s: {self._said()}")

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read()[-1000:]


def _text_in(line: bytes) -> str:
    """The text that a line of the stream brings: `data: {"choices": [{"delta": {"content": …`."""
    name, _, data = line.strip().partition(b":")
    if name != b"data" or data.strip() in (b"", b"[DONE]"):
        return ""
    choices = json.loads(data).get("choices") or [{}]
    return choices[0].get("delta", {}).get("content") or ""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((_HOST, 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    from tests.benchmarks.chat_call import without_what_crashes

    without_what_crashes()
    runpy.run_module(SERVER, run_name="__main__", alter_sys=True)
