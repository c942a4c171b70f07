"""A server that speaks like `llama_cpp.server` and knows one answer; for the tests of its client.

`python -m tests.small_server --port N …`; with `--n_ctx 1` it refuses every question, with
`--n_ctx 0` it ends at once.
"""

import argparse
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

WORDS = ("Hello", " you", " there", "!")


class _Handler(BaseHTTPRequestHandler):
    refuses = False

    def do_GET(self) -> None:
        self._answer(200, b"{}")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.refuses:
            self._answer(500, b'{"error": "the model has had enough"}')
            return
        deltas: list[dict[str, str]] = [{"role": "assistant"}]
        deltas += [{"content": word} for word in WORDS[: body["max_tokens"]]]
        chunks = [json.dumps({"choices": [{"delta": delta}]}) for delta in [*deltas, {}]]
        lines = "".join(f"data: {chunk}\r\n\r\n" for chunk in [*chunks, "[DONE]"])
        self._answer(200, f": ping\r\n\r\n{lines}".encode())

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--n_ctx", type=int)
    given, _ = parser.parse_known_args()
    if given.n_ctx == 0:
        sys.exit("a context of nothing")
    _Handler.refuses = given.n_ctx == 1
    HTTPServer(("127.0.0.1", given.port), _Handler).serve_forever()


if __name__ == "__main__":
    main()
