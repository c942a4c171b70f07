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
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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
_LAST_WORD = re.compile(r"\s*\S*\Z")
_HINT = "Choose a chat format in the settings instead of the model's own template."


class Segment(NamedTuple):
    """A part of a prompt. Special tokens are recognised in it only where `is_control` is true.

    `answer`: the whole text of the answer that this is, or is the beginning of; "" where it is none.
    """

    text: str
    is_control: bool
    answer: str = ""


@dataclass(frozen=True)
class Prompt:
    """A rendered prompt in segments, and the strings that end an answer besides the model's own.

    `has_bos`: the text itself begins with the beginning-of-sequence token.
    """

    segments: tuple[Segment, ...]
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


def _is_not(_: str) -> bool:
    return False


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
            self._takes_system = any(trace in part.text for part in prompt.segments)
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

    def write(
        self, messages: Sequence[Message], is_known: Callable[[str], bool] = _is_not
    ) -> Prompt:
        """The prompt that asks for the next answer. Raises `TemplateError`.

        `is_known`: whether this answer of the model is to be a segment of its own.
        """
        if not self._takes_system:
            messages = _system_in_first_message(messages)
        try:
            return self._render(messages, is_known)
        except Refused as error:
            raise TemplateError(
                f"The model's chat template refuses this conversation (“{error}”). {_HINT}"
            ) from error

    def write_ahead(
        self, messages: Sequence[Message], is_known: Callable[[str], bool] = _is_not
    ) -> Prompt:
        """The beginning of the next prompt, as far as it is sure. Raises `TemplateError`.

        Where the last message is the person's, they are still writing it: its last word is left
        out. Otherwise the prompt ends where the person's next message begins.
        """
        end = uuid.uuid4().hex
        if messages and messages[-1].role is Role.USER:
            begun = _LAST_WORD.sub("", messages[-1].text)
            messages = (*messages[:-1], Message(Role.USER, begun + end))
        else:
            messages = (*messages, Message(Role.USER, end))
        prompt = self.write(messages, is_known)
        sure: list[Segment] = []
        for segment in prompt.segments:
            text, found, _ = segment.text.partition(end)
            if found:
                return replace(prompt, segments=(*sure, segment._replace(text=text)))
            sure.append(segment)
        return replace(prompt, segments=())

    def _render(
        self, messages: Sequence[Message], is_known: Callable[[str], bool] = _is_not
    ) -> Prompt:
        marks: dict[str, str] = {}
        nonce = uuid.uuid4().hex

        def mark(match: re.Match[str]) -> str:
            key = f"@{nonce}-{len(marks)}@"
            marks[key] = match.group()
            return key

        def unmark(text: str) -> str:
            return re.sub(f"@{nonce}-[0-9]+@", lambda m: marks.get(m.group(), m.group()), text)

        plain = [self._control.sub(mark, m.text) if self._control else m.text for m in messages]
        text, stop, has_bos = self._format(messages, plain)
        answers = {
            str(i): m.text
            for i, m in enumerate(messages)
            if m.role is Role.ASSISTANT and m.text.strip() and is_known(m.text)
        }
        if answers:
            text = self._framed(messages, plain, answers, nonce, text)
        segments: list[Segment] = []
        # Text and, in every third place, an answer after its number.
        parts = re.split(f"(?s)@{nonce}-b([0-9]+)@(.*?)@{nonce}-e\\1@", text)
        for i, part in enumerate(parts):
            if i % 3 == 2:
                segments.append(Segment(unmark(part), False, answers[parts[i - 1]]))
            elif i % 3 == 0:
                part = re.sub(f"@{nonce}-[be][0-9]+@", "", part)
                pieces = re.split(f"(@{nonce}-[0-9]+@)", part)
                segments += [Segment(marks.get(p, p), p not in marks) for p in pieces if p]
        return Prompt(tuple(_with_their_spaces(segments)), stop, has_bos)

    def _framed(
        self,
        messages: Sequence[Message],
        plain: list[str],
        answers: dict[str, str],
        nonce: str,
        without: str,
    ) -> str:
        """The prompt with a frame around each answer; `without`, where frames change what it says.

        Templates look into answers: they trim them, and leave out what the model thought.
        """
        framed = list(plain)
        for place in answers:
            text = plain[int(place)]
            core = text.strip()
            inside = f"@{nonce}-b{place}@{core}@{nonce}-e{place}@"
            framed[int(place)] = text.replace(core, inside, 1)
        frames = re.compile(f"@{nonce}-[be][0-9]+@")
        try:
            written = self._format(messages, framed)[0]
        except (Refused, TemplateError):
            return without
        return written if frames.sub("", written) == without else without

    def _format(
        self, messages: Sequence[Message], texts: Sequence[str]
    ) -> tuple[str, tuple[str, ...], bool]:
        plain = [{"role": m.role.value, "content": t} for m, t in zip(messages, texts, strict=True)]
        try:
            return self._formatter(plain)
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


def _with_their_spaces(segments: list[Segment]) -> list[Segment]:
    """Answers with the white space at their ends, where the template left it or wrote it itself."""
    for i, segment in enumerate(segments):
        answer = segment.answer
        if not answer:
            continue
        lead = answer[: len(answer) - len(answer.lstrip())]
        trail = answer[len(answer.rstrip()) :]
        if i and lead and not segments[i - 1].answer and segments[i - 1].text.endswith(lead):
            before = segments[i - 1]
            segments[i - 1] = before._replace(text=before.text.removesuffix(lead))
            segments[i] = segment._replace(text=lead + segment.text)
        after = segments[i + 1] if i + 1 < len(segments) else None
        if trail and after and not after.answer and after.text.startswith(trail):
            segments[i + 1] = after._replace(text=after.text.removeprefix(trail))
            segments[i] = segments[i]._replace(text=segments[i].text + trail)
    return [segment for segment in segments if segment.text]


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
