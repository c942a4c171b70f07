"""The models that the benchmarks run, built when they are first asked for."""

from collections.abc import Callable
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
from tests.vocabularies import invented_words

SLOW_WORD = "slow"
ANSWER_TOKENS = 2000
COPIED_WORDS = 500
LONG_ANSWER = 8400
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
    """Paths of the models, all in one folder. What is there already is not built again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def small(self) -> Path:
        """2 million random weights in Q4_0, for quick runs. Writes until it is stopped."""
        return self._built("random-2m", lambda path: build_shape(path, TWO_MILLION))

    @property
    def half(self) -> Path:
        """Half a billion random weights in Q4_0. Writes until it is stopped."""
        return self._built("random-0.5b", lambda path: build_shape(path, HALF_BILLION))

    @property
    def large(self) -> Path:
        """300 MB of random weights."""
        return self._built("large", lambda path: build_large_model(path, 300))

    @property
    def middle(self) -> Path:
        """100 MB of random weights."""
        return self._built("middle", lambda path: build_large_model(path, 100))

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

    @property
    def fast(self) -> Path:
        """Writes `answer` as fast as the library can: a thousand tokens a second or more."""
        return self._built("fast", lambda path: build_scripted_model(path, self.answer))

    @property
    def steady(self) -> Path:
        """Writes `answer` at the pace of a small real model, on all cores."""
        return self._built(
            "steady",
            lambda path: build_scripted_model(path, self.answer, n_layers=12, n_embd=512),
        )

    @property
    def lasting(self) -> Path:
        """Writes a Markdown answer of `LONG_ANSWER` tokens, several times as fast as `steady`."""

        def build(path: Path) -> Path:
            text = markdown_answer(LONG_ANSWER)
            return build_scripted_model(path, text, n_layers=4, n_embd=256, n_ctx_train=16384)

        return self._built("lasting", build)

    @property
    def endless(self) -> Path:
        """Writes until it is stopped."""
        text = "Over and over again it says the very same thing until somebody stops it. "
        return self._built(
            "endless",
            lambda path: build_scripted_model(path, text, repeat=True, n_layers=6, n_embd=256),
        )

    @cached_property
    def copied(self) -> str:
        """What `copier` answers: many words, none of them twice."""
        return " ".join(dict.fromkeys(invented_words(COPIED_WORDS)))

    @property
    def copier(self) -> Path:
        """Writes `copied`, a word a token, at the pace of a small real model."""
        first, *words = self.copied.split()
        pieces = [first, *(f" {word}" for word in words)]
        return self._built(
            "copier", lambda path: build_scripted_model(path, pieces, n_layers=12, n_embd=512)
        )

    @property
    def slow_template(self) -> Path:
        """Its chat template does not end where the message has `SLOW_WORD` in it."""
        text = "It was rendered in the end."
        return self._built(
            "slow", lambda path: build_scripted_model(path, text, template=_SLOW_TEMPLATE)
        )

    @property
    def thinking(self) -> Path:
        """Thinks for some 500 tokens, then answers with 1,500; forgets what it thought."""
        at = self.answer.index("\n\n", len(self.answer) // 4)
        text = f"<think>{self.answer[:at]}</think>{self.answer[at:]}"
        return self._built(
            "thinking",
            lambda path: build_scripted_model(
                path, text, n_layers=6, n_embd=256, template=_FORGETS_THOUGHTS
            ),
        )

    def _built(self, name: str, build: Callable[[Path], Path]) -> Path:
        path = self._folder / f"{name}.gguf"
        if not path.exists():
            build(self._folder / f"{name}.part").replace(path)
        return path
