"""The models that the benchmarks run, built when they are first asked for."""

from functools import cached_property
from pathlib import Path

from tests.benchmarks.shapes import HALF_BILLION, TWO_MILLION, build_shape
from tests.models import (
    CHATML,
    build_large_model,
    build_scripted_model,
    markdown_answer,
    script_pieces,
)

SLOW_WORD = "slow"
ANSWER_TOKENS = 2000
# Some 25 seconds in Python, of which the program allows ten.
_SLOW_TEMPLATE = (
    "{% if '"
    + SLOW_WORD
    + "' in messages[-1]['content'] %}{% for a in range(20000) %}{% for b in range(20000) %}"
    "{% endfor %}{% endfor %}{% endif %}" + CHATML
)


# As templates of models that think: what they thought before the last question is left out.
_FORGETS_THOUGHTS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}"
    "{{ m.content.split('</think>')[-1] | trim }}{% else %}{{ m.content }}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Models:
    """Paths of the models, all in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def small(self) -> Path:
        """2 million random weights in Q4_0, for quick runs. Writes until it is stopped."""
        return build_shape(self._folder / "random-2m.gguf", TWO_MILLION)

    @cached_property
    def half(self) -> Path:
        """Half a billion random weights in Q4_0. Writes until it is stopped."""
        return build_shape(self._folder / "random-0.5b.gguf", HALF_BILLION)

    @cached_property
    def large(self) -> Path:
        """300 MB of random weights."""
        return build_large_model(self._folder / "large.gguf", 300)

    @cached_property
    def middle(self) -> Path:
        """100 MB of random weights."""
        return build_large_model(self._folder / "middle.gguf", 100)

    @cached_property
    def answer(self) -> str:
        """What `fast` and `steady` answer: Markdown of every kind."""
        return markdown_answer(ANSWER_TOKENS)

    @cached_property
    def answer_ends(self) -> list[int]:
        """How many characters of `answer` are there after each token, whole characters only."""
        ends, raw = [], b""
        for piece in script_pieces(self.answer):
            raw += piece
            ends.append(len(raw.decode("utf-8", errors="ignore")))
        return ends

    @cached_property
    def fast(self) -> Path:
        """Writes `answer` as fast as the library can: a thousand tokens a second or more."""
        return build_scripted_model(self._folder / "fast.gguf", self.answer)

    @cached_property
    def steady(self) -> Path:
        """Writes `answer` at the pace of a small real model, on all cores."""
        return build_scripted_model(
            self._folder / "steady.gguf", self.answer, n_layers=12, n_embd=512
        )

    @cached_property
    def endless(self) -> Path:
        """Writes until it is stopped."""
        text = "Over and over again it says the very same thing until somebody stops it. "
        return build_scripted_model(
            self._folder / "endless.gguf", text, repeat=True, n_layers=6, n_embd=256
        )

    @cached_property
    def slow_template(self) -> Path:
        """Its chat template does not end where the message has `SLOW_WORD` in it."""
        return build_scripted_model(
            self._folder / "slow.gguf", "It was rendered in the end.", template=_SLOW_TEMPLATE
        )

    @cached_property
    def thinking(self) -> Path:
        """Thinks for some 500 tokens, then answers with 1,500; forgets what it thought."""
        at = self.answer.index("\n\n", len(self.answer) // 4)
        text = f"<think>{self.answer[:at]}</think>{self.answer[at:]}"
        return build_scripted_model(
            self._folder / "thinking.gguf",
            text,
            n_layers=6,
            n_embd=256,
            template=_FORGETS_THOUGHTS,
        )
