"""The model library's own log: a file for the log window, and the last lines for a reason."""

import re
from collections import deque
from typing import TextIO

from pychatbot_gui.core.errors import ModelFileError, OutOfMemory, PychatbotError

_WARN, _ERROR, _CONTINUED = 3, 4, 5  # ggml_log_level
_NOISE = re.compile(r"^[\w:~ ]*?(llama_model_load(_from_file\w*)?|llama_\w+|gguf_\w+|common_\w+): ")
_NO_MEMORY = ("failed to allocate", "unable to allocate", "out of memory")


class ModelLog:
    """Keeps what the library says. It never holds the text of a conversation.

    Writes warnings and errors to `stream` (stderr in the model process, None for nowhere); under
    `verbose` everything.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._verbose = False
        self._level = 0
        self._lines: deque[tuple[int, str]] = deque(maxlen=40)

    def begin(self, verbose: bool) -> None:
        """A new model is being loaded."""
        self._verbose = verbose
        self._lines.clear()

    def write(self, level: int, text: str) -> None:
        """One piece of the log, as the library gives it: often a whole line."""
        if level != _CONTINUED:
            self._level = level
        if self._verbose or self._level in (_WARN, _ERROR):
            if self._level in (_WARN, _ERROR):
                self._lines.append((self._level, text.strip()))
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()

    def tail(self) -> str:
        """The last warnings and errors."""
        return "\n".join(line for _, line in self._lines if line)

    def last_error(self) -> str:
        """The last error that says more than that loading failed, less the function names."""
        errors = [line for level, line in self._lines if level == _ERROR and line]
        telling = [e for e in errors if not e.endswith("failed to load model")] or errors
        if not telling:
            return ""
        return _NOISE.sub("", _NOISE.sub("", telling[-1])).removeprefix("error loading model: ")

    def load_error(self, name: str, architecture: str) -> PychatbotError:
        """What to tell the person about a model that the library did not load."""
        tail = self.tail()
        if "unknown model architecture" in tail:
            return ModelFileError(
                f"“{name}” is of a kind (“{architecture}”) that this version of the model library "
                "does not know. A newer PyChatbot may; or choose another model.",
                tail,
            )
        if any(words in tail for words in _NO_MEMORY):
            return OutOfMemory(
                f"“{name}” does not fit into the memory that is free. Close other programs or "
                "choose a smaller model.",
                tail,
            )
        reason = self.last_error()
        return ModelFileError(
            f"“{name}” cannot be loaded: the file is damaged or of an unsupported kind"
            f"{f' ({reason})' if reason else ''}. Download it again or choose another.",
            tail,
        )
