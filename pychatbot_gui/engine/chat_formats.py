"""The chat formats that llama-cpp-python has of its own, as formatters."""

import inspect
from typing import Any

from pychatbot_gui.core.errors import TemplateError
from pychatbot_gui.core.settings import CHAT_FORMATS
from pychatbot_gui.engine.prompts import Formatter


def named_formatter(name: str, chat_formats: Any) -> Formatter:
    """One of the library's own chat formats. Raises `TemplateError` for an unknown name.

    `chat_formats`: its module of them.
    """
    registry = chat_formats.LlamaChatCompletionHandlerRegistry()
    if name not in CHAT_FORMATS:
        raise TemplateError(f"The chat format “{name}” is not known. Choose one in the settings.")
    handler = registry.get_chat_completion_handler_by_name(name)
    # The library wraps the formatter in a function that also answers; only the former is wanted.
    formatter = inspect.getclosurevars(handler).nonlocals["chat_formatter"]

    def write(messages: list[dict[str, str]]) -> tuple[str, tuple[str, ...], bool]:
        result = formatter(messages=messages)
        stop = [result.stop] if isinstance(result.stop, str) else (result.stop or [])
        return result.prompt, tuple(stop), bool(result.added_special)

    return write
