"""What does prompt lookup win where an answer repeats its prompt, and lose where it does not?

Random weights write nothing that repeats a prompt as a real answer does. So there are two ways. In
the window a model answers with a text of many words, which is in the question or not. And the
engine is led: it evaluates a model of half a billion weights and chooses as ever, but the token
that is then taken is the next one of a given text. Those texts are the project's own: prose and code
that just go on, code with an edit, a letter whose mistakes are corrected.
"""

import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import llama_cpp.llama_cpp as lib

from pychatbot_gui.engine.answers import Beginning
from pychatbot_gui.engine.engine import CancelToken, ModelSpec, Sampling
from pychatbot_gui.engine.llama import LlamaEngine
from pychatbot_gui.engine.lookup import Drafts, Lookup
from pychatbot_gui.engine.room import processor_cores
from pychatbot_gui.engine.sampler import Sampler
from pychatbot_gui.engine.writing import Writer
from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models
from tests.benchmarks.program import Program

_ROOT = Path(__file__).parents[2]
_READ = 900  # tokens of a prompt
_GREEDY = Sampling(temperature=0)
_FIRST_TOKEN = 1000  # of those that stand for words, none of them a control token
_LOSES_AT_MOST = 0.98
_MOST_RUNS = 3  # along a text, which takes long


class Topic(NamedTuple):
    """A text to be written after a prompt. `repeats`: whether most of it is in the prompt."""

    name: str
    prompt: str
    answer: str
    repeats: bool


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """In the window, then led along texts."""
    yield from _in_window(models, effort)
    yield from _led(models, effort)


def _in_window(models: Models, effort: Effort) -> Iterator[Figure]:
    words = models.copied
    questions = {"a copy of the question": f"Copy: {words}", "nothing repeats": "Please write."}
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in questions}
    drafted = dict.fromkeys(questions, 0)
    for _ in range(effort.runs):
        speeds: dict[bool, dict[str, float]] = {}
        for lookup in (True, False):
            settings = {"prompt_lookup": lookup, "n_threads": _threads(), "temperature": 0}
            with Program(settings=settings) as program:
                program.open_and_wait(models.copier)
                program.ask("Hello.")
                speeds[lookup] = {}
                for name, question in questions.items():
                    program.new_chat()
                    timed = program.timed(question)
                    speeds[lookup][name] = timed.end.reply_tokens / timed.end.writing_seconds
                    drafted[name] = timed.end.drafted_tokens if lookup else drafted[name]
        for name in questions:
            pairs[name].append((speeds[True][name], speeds[False][name]))
    for name, some in pairs.items():
        goal = 1.0 if drafted[name] else _LOSES_AT_MOST
        yield _figure(f"in the window, {name}", some, goal, f"{drafted[name]} drafted")


def _led(models: Models, effort: Effort) -> Iterator[Figure]:
    engine = LlamaEngine()
    spec = ModelSpec(str(models.half), n_threads=_threads(), plain_weights=_has_broken_kernels())
    engine.load(spec, lambda _: None, CancelToken())
    try:
        for topic in topics(effort.speed_tokens):
            runs = [
                [_write(engine, topic, lookup) for lookup in (True, False)]
                for _ in range(min(effort.runs, _MOST_RUNS))
            ]
            goal = 1.0 if topic.repeats else _LOSES_AT_MOST
            # The same each time: drafting looks at no clock.
            drafts = runs[0][0][1]
            note = f"{drafts.accepted} of {drafts.drafted} drafted tokens right"
            pairs = [(fast, slow) for (fast, _), (slow, _) in runs]
            yield _figure(topic.name, pairs, goal, note)
    finally:
        engine.close()


def _figure(name: str, pairs: list[tuple[float, float]], goal: float, note: str) -> Figure:
    """Tokens a second with and without: their ratio is the figure."""
    return Figure(
        f"speed with prompt lookup, {name}",
        statistics.median(fast / slow for fast, slow in pairs),
        "×",
        goal=goal,
        more_is_better=True,
        note=f"{note}; {statistics.median(slow for _, slow in pairs):.1f} tokens/s without",
    )


def _write(engine: LlamaEngine, topic: Topic, lookup: bool) -> tuple[float, Drafts]:
    """Tokens a second of a text, after its prompt was read."""
    loaded = engine._loaded
    assert loaded is not None
    numbers: dict[str, int] = {}
    prompt, answer = (_tokens(text, numbers) for text in (topic.prompt, topic.answer))
    loaded.cache.keep(prompt)
    for _ in loaded.cache.read(prompt):
        pass
    sampler = Sampler(lib, loaded.ctx, _GREEDY, loaded.vocabulary.size, loaded.piece, ())
    following = iter(answer)

    def choose(owed: bytes, row: int) -> int:
        sampler.choose(owed, row)
        return next(following)

    def is_clear(row: int) -> bool:
        sampler.is_clear(row)
        return True  # random weights are never sure of a text; a model that copies is

    began = time.perf_counter()
    drafts = Drafts(loaded, Lookup(loaded.tokens) if lookup else None, is_clear)
    writer = Writer(loaded, choose, (), len(answer), CancelToken(), Beginning(), drafts)
    for _ in writer.write():
        pass
    took = time.perf_counter() - began
    sampler.close()
    assert writer.tokens == answer
    return len(answer) / took, drafts


def topics(tokens: int) -> list[Topic]:
    """Prompts of at most `_READ` tokens, answers of at most `tokens`."""
    prose = _words(_ROOT / "README.md")
    code = _words(_ROOT / "pychatbot_gui" / "engine" / "gguf.py")
    edited = "".join(code[:_READ])
    edited = edited.replace("import re\n", "").replace("self._", "self.own_", 3)
    edited = re.sub(r"\n    def (\w+)\(self\)", r"\n    def \1_now(self)", edited, count=2)
    letter = "".join(prose[:_READ])
    return [
        Topic("prose that goes on", "".join(prose[:_READ]), "".join(prose[_READ:][:tokens]), False),
        Topic("code that goes on", "".join(code[:_READ]), "".join(code[_READ:][:tokens]), False),
        Topic(
            "edit this code",
            "".join(code[:_READ]),
            "".join(re.findall(_WORD, edited)[:tokens]),
            True,
        ),
        Topic("correct this letter", _with_mistakes(letter), "".join(prose[:_READ][:tokens]), True),
    ]


_WORD = re.compile(r" ?[^\W\d_]{1,8}|\d|\n+ *| +(?= )|.", re.DOTALL)


def _words(path: Path) -> list[str]:
    """A text in parts about as long as the tokens of a large vocabulary."""
    return _WORD.findall(path.read_text(encoding="utf-8"))


def _with_mistakes(text: str) -> str:
    """One letter in sixty is missing, doubled or another."""
    chosen = random.Random(0)
    wrong: Callable[[str], str]
    letters = list(text)
    for place in chosen.sample(range(len(letters)), len(letters) // 60):
        wrong = chosen.choice((lambda _: "", lambda letter: 2 * letter, lambda _: "e"))
        letters[place] = wrong(letters[place])
    return "".join(letters)


def _tokens(text: str, numbers: dict[str, int]) -> list[int]:
    return [numbers.setdefault(word, _FIRST_TOKEN + len(numbers)) for word in _WORD.findall(text)]


def _threads() -> int:
    """One core is left to the window."""
    return max(1, processor_cores() - 1)


def _has_broken_kernels() -> bool:
    """As in `bare_loop`: llama.cpp's AMX kernels crash on batches (ggml-org/llama.cpp#20824)."""
    return b"AMX_INT8 = 1" in lib.llama_print_system_info()
