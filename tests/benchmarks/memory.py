"""What a model takes of the memory: beside the estimate, beside the bare library, and afterwards."""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from pychatbot_gui.engine.engine import Needed
from pychatbot_gui.engine.room import processor_cores
from tests.benchmarks.effort import QUICK, Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models
from tests.benchmarks.program import Program, long_message
from tests.engine import kinds

_PROMPT_WORDS = 1850  # some 2,000 tokens
_ANSWER_TOKENS = 48
_OTHER_CHATS = 3
_ROUNDS = 20
_N_CTX = 4096


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """The need and the bare library on a model of the usual kind; then many loads in turn."""
    is_quick = effort.trials <= QUICK.trials
    real = (models.middle, "100 MB model") if is_quick else (models.half, "0.5B in Q4_0")
    yield from _beside_the_library(*real)
    with tempfile.TemporaryDirectory(prefix="benchmark-memory-") as folder:
        window = kinds.build_sliding(Path(folder) / "sliding.gguf", n_embd=512)
        yield from _beside_the_library(window, "60 MB model with a sliding window")
        yield from _given_back(models, Path(folder))


def _beside_the_library(model: Path, name: str) -> Iterator[Figure]:
    """One long question in the program and in a bare process; then a few other chats."""
    told: list[Needed] = []
    text = long_message(_PROMPT_WORDS)
    with Program("--temperature", "0", "--max-tokens", str(_ANSWER_TOKENS)) as program:
        program.engine.needed.connect(told.append)
        program.open_and_wait(model)
        program.new_chat()
        program.ask(text)
        tokens = program.answered().prompt_tokens
        ours = _resident(program)
        for chat in range(_OTHER_CHATS):
            program.new_chat()
            program.ask(f"{chat}: {text}")
        later = _resident(program)
    need = told[-1].memory.need(_N_CTX)
    bare = _bare(model, text, copies=need.copies > 0)
    megabyte = 10**6
    yield Figure(
        f"the estimate against what is used, {name}",
        abs(need.total / ours - 1) * 100,
        "%",
        goal=10,
        note=f"{need.total / megabyte:,.0f} MB told, {ours / megabyte:,.0f} used, "
        f"{tokens:,} tokens read",
    )
    for after, used in (("", ours), (f", and {_OTHER_CHATS} other chats", later)):
        yield Figure(
            f"model process against the bare library, {name}{after}",
            used / bare,
            "×",
            goal=1.1,
            note=f"{used / megabyte:,.0f} against {bare / megabyte:,.0f} MB",
        )


def _given_back(models: Models, folder: Path) -> Iterator[Figure]:
    """Models of several kinds, loaded and talked with in turn."""
    paths = [
        models.small,
        kinds.build_recurrent(folder / "recurrent.gguf"),
        kinds.build_hybrid(folder / "hybrid.gguf"),
        models.middle,
    ]
    sizes = []
    with Program("--temperature", "0", "--max-tokens", "16") as program:
        for turn in range(_ROUNDS + 1):
            program.open_and_wait(paths[turn % len(paths)])
            program.ask("Hello, please write.")
            program.new_chat()
            sizes.append(psutil.Process().memory_info().rss)
        children = len(psutil.Process().children(recursive=True))
    first, last = sizes[1], statistics.median(sizes[-3:])
    yield Figure(
        f"the window's process after {_ROUNDS} more loads against the first",
        last / first,
        "×",
        goal=1.05,
        note=f"{first / 10**6:,.1f} and {last / 10**6:,.1f} MB",
    )
    yield Figure("model processes then", children, "", goal=1)


def _resident(program: Program) -> int:
    process = program.model_process()
    if process is None:
        raise RuntimeError("the model process is gone")
    size: int = process.memory_info().rss
    return size


def _bare(model: Path, text: str, copies: bool) -> int:
    prompt = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    numbers = [_N_CTX, processor_cores(), _ANSWER_TOKENS, int(copies)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.bare_memory", str(model), *map(str, numbers)],
        input=prompt.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return int(done.stdout)
