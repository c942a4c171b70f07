"""From messages to the text of a prompt: chat templates, safely rendered.

The template comes from the model file, so it is a stranger's program: it runs in Jinja's
immutable sandbox with numbers and strings kept small. What takes for ever all the same is ended
with the process it runs in (`model_process`).
"""

import datetime
import json
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pychatbot_gui.core.chat import Message, Role
from pychatbot_gui.core.errors import TemplateError

# What llama.cpp itself falls back on for a file without a template.
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_LARGEST_NUMBER = 10**18
_LONGEST_TEXT = 50_000_000
_HINT = "Choose a chat format in the settings instead of the model's own template."


@dataclass(frozen=True)
class Prompt:
    """A rendered prompt in segments, and the strings that end an answer besides the model's own.

    A segment is (text, is_control): special tokens are recognised in it only where `is_control`
    is true. `has_bos`: the text itself begins with the beginning-of-sequence token.
    """

    segments: tuple[tuple[str, bool], ...]
    stop: tuple[str, ...] = ()
    has_bos: bool = False


class Refused(Exception):
    """The template called `raise_exception`: it does not take this conversation."""


Formatter = Callable[[list[dict[str, str]]], tuple[str, tuple[str, ...], bool]]


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox that also refuses numbers and texts of astronomic size."""

    intercepted_binops = frozenset(("**", "*"))

    def call_binop(
        self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any
    ) -> Any:
        if operator == "**" and _size(left) > 1 and _size(right) > 64:
            raise SecurityError("a power of astronomic size")
        if operator == "*" and _size(left) * _size(right) > _LARGEST_NUMBER * 10**3:
            raise SecurityError("a product of astronomic size")
        if operator == "*" and _length(left) * _size(right) + _length(right) * _size(left) > (
            _LONGEST_TEXT
        ):
            raise SecurityError("a text of astronomic size")
        return super().call_binop(context, operator, left, right)


def jinja_formatter(source: str, bos: str, eos: str) -> Formatter:
    """A formatter from a template's source. Raises `TemplateError` where it is not valid Jinja."""
    environment = _Sandbox(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _now
    try:
        template = environment.from_string(source)
    except (jinja2.TemplateError, RecursionError, ValueError, SyntaxError) as error:
        raise TemplateError(f"The model's chat template is broken. {_HINT}", repr(error)) from error

    def render(messages: list[dict[str, str]]) -> tuple[str, tuple[str, ...], bool]:
        text = template.render(
            messages=messages, add_generation_prompt=True, bos_token=bos, eos_token=eos
        )
        return text, (), bool(bos) and text.startswith(bos)

    return render


class PromptWriter:
    """Writes the prompt of a conversation with one formatter.

    `control_tokens`: the texts that the model's vocabulary reads as control. Where a person or a
    model wrote one of them inside a message it stays text.
    """

    def __init__(self, formatter: Formatter, control_tokens: Iterable[str]) -> None:
        self._formatter = formatter
        texts = sorted({t for t in control_tokens if t}, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, texts))) if texts else None
        self._takes_system = True

    def probe(self) -> str:
        """Try the template once; returns a notice for the person ("" for none).

        A template that refuses a system message, or leaves it out without a word, gets the system
        prompt in front of the first message of the person. Raises `TemplateError`.
        """
        question = Message(Role.USER, "Hello")
        trace = uuid.uuid4().hex  # a template may write the rest of it in another way
        try:
            prompt = self._render((Message(Role.SYSTEM, f"Be brief. {trace}"), question))
            self._takes_system = any(trace in text for text, _ in prompt.segments)
        except Refused:
            self._takes_system = False
        if self._takes_system:
            return ""
        try:
            self._render((question,))
        except Refused as error:
            raise TemplateError(
                f"The model's chat template refuses every conversation (“{error}”). {_HINT}"
            ) from error
        return (
            "This model takes no system prompt of its own: yours is put in front of your first "
            "message."
        )

    def write(self, messages: Sequence[Message]) -> Prompt:
        """The prompt that asks for the next answer. Raises `TemplateError`."""
        if not self._takes_system:
            messages = _system_in_first_message(messages)
        try:
            return self._render(messages)
        except Refused as error:
            raise TemplateError(
                f"The model's chat template refuses this conversation (“{error}”). {_HINT}"
            ) from error

    def _render(self, messages: Sequence[Message]) -> Prompt:
        marks: dict[str, str] = {}
        nonce = uuid.uuid4().hex

        def mark(match: re.Match[str]) -> str:
            key = f"@{nonce}-{len(marks)}@"
            marks[key] = match.group()
            return key

        plain = [
            {
                "role": m.role.value,
                "content": self._control.sub(mark, m.text) if self._control else m.text,
            }
            for m in messages
        ]
        try:
            text, stop, has_bos = self._formatter(plain)
        except Refused:
            raise
        except SecurityError as error:
            raise TemplateError(
                f"The model's chat template does something that is not allowed. {_HINT}",
                repr(error),
            ) from error
        except MemoryError as error:
            raise TemplateError(
                f"The model's chat template needs too much memory. {_HINT}"
            ) from error
        except Exception as error:  # a template can fail in any way that Python can
            raise TemplateError(
                f"The model's chat template fails on this conversation. {_HINT}", repr(error)
            ) from error
        parts = re.split(f"(@{nonce}-[0-9]+@)", text)
        segments = ((marks.get(p, p), p not in marks) for p in parts if p)
        return Prompt(tuple(segments), stop, has_bos)


def _system_in_first_message(messages: Sequence[Message]) -> tuple[Message, ...]:
    if not messages or messages[0].role is not Role.SYSTEM:
        return tuple(messages)
    system, rest = messages[0].text, list(messages[1:])
    if rest and rest[0].role is Role.USER:
        rest[0] = Message(Role.USER, f"{system}\n\n{rest[0].text}")
    return tuple(rest)


def _raise_exception(message: object) -> None:
    raise Refused(str(message))


def _to_json(value: object, indent: int | None = None, **_: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _now(pattern: str) -> str:
    return datetime.datetime.now().strftime(pattern)


def _size(value: object) -> int:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(min(abs(value), 10**30))
    return 0


def _length(value: object) -> int:
    return len(value) if isinstance(value, (str, list, tuple)) else 0
