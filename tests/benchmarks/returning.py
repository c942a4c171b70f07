"""Coming back to a chat: how long until the first token, and how much is read again?

cold ─▶ another chat ─▶ back in the same run ─▶ restart ─▶ back ─▶ restart, snapshot not cached ─▶ back
"""

import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pychatbot_gui.core.paths import user_paths
from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models
from tests.benchmarks.program import Program, Timed, long_message

WORDS = 3000
GOAL = 0.03  # of the cold time
_SHORT = ("--temperature", "0", "--max-tokens", "16")
_SETTINGS = {"auto_title": False, "n_ctx": 4096}
_LEFT = 0.05  # of what a template changes, the part that may be left to read after Send
_REREAD_S = 10.0  # much less than it takes to read such an answer


class _Returns(NamedTuple):
    """Seconds to the first token."""

    cold: float
    same_run: float
    restarted: float
    from_disk: float
    usual: float  # of a turn of the same chat, the model not having done anything else
    tokens: int  # of the prompt that was read cold
    second_turn: tuple[int, int]  # tokens of the second turn: read, new


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """The goals are for the full run: with the small model of a quick one, all is over at once."""
    model, name = (models.small, "2M") if effort.quick else (models.half, "0.5B")
    runs = [_return(model, run) for run in range(effort.runs)]
    cold = statistics.median(run.cold for run in runs)
    usual = statistics.median(run.usual for run in runs)
    what = {
        "same_run": f"back in a chat of {runs[0].tokens:,} tokens, same run",
        "restarted": "… after a restart of the program",
        "from_disk": "… and with the snapshot read from the disk",
    }
    for key, title in what.items():
        seconds = [getattr(run, key) for run in runs]
        yield Figure(
            f"{title}: first token, {name}",
            statistics.median(seconds) * 1000,
            "ms",
            reference=cold * 1000,
            reference_name="cold",
            goal=None if effort.quick else GOAL,
            goal_of_ratio=True,
            pairs=statistics.median(s / run.cold for s, run in zip(seconds, runs, strict=True)),
            note=f"median of {len(runs)}; a next turn in the same chat: {usual * 1000:,.0f} ms",
        )
    read, new = max((run.second_turn for run in runs), key=lambda turn: turn[0] - turn[1])
    yield Figure(
        "second turn: tokens read",
        read,
        "tokens",
        reference=new,
        reference_name="new ones",
        goal=new,
    )
    yield from _thinking(models)


def _return(model: Path, run: int) -> _Returns:
    with tempfile.TemporaryDirectory(prefix="benchmark-home-") as folder:
        home = Path(folder)
        with Program(*_SHORT, home=home, settings=_SETTINGS) as program:
            program.open_and_wait(model)
            program.ask("Hello")  # what a first answer costs once is not of the cold time
            program.new_chat()
            cold = program.timed(f"{run}: {long_message(WORDS)}")
            second = program.timed("And what else?")
            program.new_chat()
            program.ask("Something else, and nothing of it is known.")
            chat = program.chats()[1]
            program.show_chat(chat)
            same_run = program.timed("Where were we?")
        restarted = _restarted(home, model, chat, "And now?")
        _drop_from_cache()
        from_disk = _restarted(home, model, chat, "And then?")
    before = cold.end.prompt_tokens + cold.end.reply_tokens
    turn = second.end
    return _Returns(
        cold.first,
        same_run.first,
        restarted.first,
        from_disk.first,
        second.first,
        cold.end.prompt_tokens,
        (turn.prompt_tokens - turn.reused_tokens, turn.prompt_tokens - before),
    )


def _restarted(home: Path, model: Path, chat: int, text: str) -> Timed:
    with Program(*_SHORT, home=home, settings=_SETTINGS) as program:
        program.open_and_wait(model)
        program.show_chat(chat)
        return program.timed(text)


def _drop_from_cache() -> None:
    """As after a restart of the computer: the snapshots have to come from the disk again.

    The system is asked to; the model's own file stays where it is.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    for path in user_paths().snapshots.glob("*.kv"):
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _thinking(models: Models) -> Iterator[Figure]:
    """A template that leaves out what the model thought in its earlier answers."""
    with Program("--temperature", "0", settings={**_SETTINGS, "n_ctx": 8192}) as program:
        program.open_and_wait(models.thinking)
        first = program.timed("Think about it, please.").end
        program.live(_REREAD_S)
        turn = program.timed("And what else?")
        changed = turn.end.prompt_tokens - first.prompt_tokens
        yield Figure(
            "next turn, the template leaves out a thought: tokens read after Send",
            turn.end.prompt_tokens - turn.end.reused_tokens,
            "tokens",
            reference=changed,
            reference_name="changed",
            goal=changed * _LEFT,
            note=f"first token after {turn.first * 1000:,.0f} ms",
        )
