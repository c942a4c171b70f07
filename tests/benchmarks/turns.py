"""How long until the first token? Of a long prompt, cold, and of the next turn of that chat."""

import contextlib
import statistics
from collections.abc import Iterator

from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models
from tests.benchmarks.program import Program, long_message
from tests.benchmarks.references import BARE, CHAT_CALL, Child, Reference, Wish
from tests.benchmarks.server import NOT_INSTALLED, Server, is_installed
from tests.benchmarks.speed import ALIKE, N_CTX, processor_cores

_WORDS = 930  # with the line ends 1,000 tokens
_ANSWER = 32  # tokens
_NEXT = "Please go on."
_READS_S = 0.5  # seconds a person looks at an answer, at the least


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """Window and references in turn; each run is a new chat about something else."""
    model = models.small if effort.quick else models.half
    cores = processor_cores()
    settings = {**ALIKE, "n_threads": cores, "n_ctx": N_CTX}
    arguments = ("--temperature", "0", "--max-tokens", str(_ANSWER))
    with contextlib.ExitStack() as open_ones:
        others: list[Reference] = [
            open_ones.enter_context(Child(kind, model, N_CTX, cores)) for kind in (CHAT_CALL, BARE)
        ]
        if is_installed():
            others.append(open_ones.enter_context(Server(model, N_CTX, cores)))
        program = open_ones.enter_context(Program(*arguments, settings=settings))
        program.open_and_wait(model)
        ours: list[tuple[float, float]] = []
        theirs: dict[str, list[tuple[float, float]]] = {one.name: [] for one in others}
        for number in range(effort.runs + 1):
            question = f"{number} {long_message(_WORDS)}"
            own = _in_window(program, question)
            of_others = {one.name: _of(one, question) for one in others}
            if number:  # the first one warms up
                ours.append(own)
                for name, times in of_others.items():
                    theirs[name].append(times)
    for place, which in enumerate(("1,000 tokens, cold", "the next turn")):
        for other, runs in theirs.items():
            if other == BARE and place == 1:
                continue  # it keeps nothing
            yield Figure(
                f"first token, {which}",
                1000 * statistics.median(run[place] for run in ours),
                "ms",
                1000 * statistics.median(run[place] for run in runs),
                other,
                note=f"median of {len(ours)}",
            )
        if not is_installed():
            yield Figure(f"first token, {which}", None, "ms", None, NOT_INSTALLED)


def _in_window(program: Program, question: str) -> tuple[float, float]:
    program.new_chat()
    cold = program.timed(question).first
    program.live(_READS_S)
    return cold, program.timed(_NEXT).first


def _of(reference: Reference, question: str) -> tuple[float, float]:
    messages = [("user", question)]
    cold = reference.write(Wish(messages, _ANSWER))
    if reference.name == BARE:
        return cold.first, 0.0
    messages += [("assistant", cold.text), ("user", _NEXT)]
    return cold.first, reference.write(Wish(messages, _ANSWER)).first
