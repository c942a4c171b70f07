"""What is lost when the whole program is killed while it streams: `kill -9` at random moments.

The program is one of its own, on one home for all kills, with an engine that streams numbered
pieces (losses_child.py). It tells what its store has committed and when each piece was seen. After
a kill the database is opened as the next start does it: it must be sound, have every committed
message and a beginning of the answer without a gap. How old the first piece was that is missing
is the loss.
"""

import contextlib
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pychatbot_gui.core.history import SavedChat, SavedMessage
from pychatbot_gui.store.chats import open_store
from tests.benchmarks.effort import QUICK, Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.losses_child import PIECES, piece
from tests.benchmarks.models import Models

GOAL_MS = 500.0
KILLS = 100
LONGEST_S = 2.5  # from the first piece that is seen to the kill
_PATIENCE_S = 30.0
_NUMBER = re.compile(r"(\d{7}) ")


@dataclass
class Told:
    """What a program said before it was killed, and when that was (monotonic nanoseconds).

    `questions`: (chat, question, answer); `seen`: (number of a piece, nanoseconds).
    """

    questions: list[tuple[int, int, int]] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    seen: list[tuple[int, int]] = field(default_factory=list)
    killed: int = 0

    def take(self, line: str) -> None:
        """Note one line; the kill may have torn the last one."""
        with contextlib.suppress(ValueError):
            kind, *numbers = line.split()
            values = tuple(map(int, numbers))
            if kind == "Q" and len(values) == 3:
                self.questions.append(values)
            elif kind == "F" and len(values) == 1:
                self.finished += values
            elif kind == "S" and len(values) == 2:
                self.seen.append(values)

    def loss_ms(self, saved: int) -> float:
        """How long before the kill the first piece was seen that is not saved; 0 for none."""
        return max(((self.killed - at) / 1e6 for last, at in self.seen if last > saved), default=0)


@dataclass
class Found:
    """What one kill cost. `faults`: what should not be, in words."""

    loss_ms: float
    faults: list[str]


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """The worst and the middle loss, and after how many kills everything committed was there."""
    kills = KILLS // 10 if effort.trials <= QUICK.trials else KILLS
    with tempfile.TemporaryDirectory(prefix="benchmark-losses-") as folder:
        found = list(kill_often(Path(folder), kills))
    losses = sorted(one.loss_ms for one in found)
    faulty = [one.faults[0] for one in found if one.faults]
    yield Figure(
        "kill -9 while it streams, worst loss of the answer", losses[-1], "ms", goal=GOAL_MS
    )
    yield Figure("… median", losses[len(losses) // 2], "ms", goal=GOAL_MS)
    yield Figure(
        "… database sound, nothing committed missing",
        len(found) - len(faulty),
        f"of {kills}",
        goal=kills,
        more_is_better=True,
        note=f"{len(faulty)} not: {faulty[0]}" if faulty else "",
    )


def kill_often(folder: Path, kills: int, seed: int = 9) -> Iterator[Found]:
    """Start, kill and look, so many times on one home in `folder`."""
    chance, home, former = random.Random(seed), folder / "home", set[int]()
    for _ in range(kills):
        told = kill_once(home, chance.uniform(0.0, LONGEST_S))
        yield look(home / "data" / "conversations.db", told, former)
        former |= {answer for _, _, answer in told.questions}


def kill_once(home: Path, seconds: float) -> Told:
    """Run the program on that home, kill it so long after the first piece was seen."""
    told = Told()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.losses_child"],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        cwd=Path(__file__).resolve().parent.parent.parent,
        env={**os.environ, "PYCHATBOT_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"},
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                told.take(line)
                if told.seen:
                    break
            time.sleep(seconds)
        finally:
            told.killed = time.monotonic_ns()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for line in process.stdout:
            told.take(line)
    if not told.seen:
        raise RuntimeError("the program ended before it answered")
    return told


def look(database: Path, told: Told, former: set[int]) -> Found:
    """Open what a killed program left, as the next start does; `former`: answers of those before."""
    faults: list[str] = []
    with contextlib.closing(sqlite3.connect(database)) as raw:
        (sound,) = raw.execute("PRAGMA integrity_check").fetchone()
        if sound != "ok":
            faults.append(f"integrity_check: {sound}")
        for table in ("message_words", "title_words"):
            raw.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
        raw.rollback()
    store, notes = open_store(database)
    faults += notes
    with contextlib.closing(store):
        cut = store.mark_crashed()
        chats = {chat: store.chat(chat) for chat in store.chat_ids()}
        if cut > 1:
            faults.append(f"{cut} answers were being written at once")
    messages = {m.id: m for chat in chats.values() for m in chat.messages}
    faults += [f"answer {answer} of a former program is gone" for answer in former - set(messages)]
    for chat, question, answer in told.questions:
        faults += _faults_of(chats.get(chat), question, answer, answer in told.finished)
    saved = [number for _, _, a in told.questions for number in _numbers(messages.get(a))]
    # The program numbers its pieces from one: what is saved must be all up to the last of them.
    if saved != list(range(1, len(saved) + 1)):
        faults.append("there is a gap in the answers")
    return Found(told.loss_ms(len(saved)), faults)


def _numbers(answer: SavedMessage | None) -> list[int]:
    return [int(number) for number in _NUMBER.findall(answer.text)] if answer else []


def _faults_of(chat: SavedChat | None, question: int, answer: int, is_whole: bool) -> list[str]:
    if chat is None:
        return [f"the chat of question {question} is missing"]
    asked, answered = chat.by_id.get(question), chat.by_id.get(answer)
    if asked is None or answered is None or not asked.text.startswith("Question "):
        return [f"question {question} or its answer {answer} is missing"]
    numbers = _numbers(answered)
    faults = []
    if answered.text != "".join(map(piece, numbers)):
        faults.append(f"answer {answer} has other text than was written")
    if is_whole and (answered.ended, len(numbers)) != ("stop", PIECES):
        faults.append(f"answer {answer} was finished, but is {answered.ended}, {len(numbers)}")
    if answered.ended not in ("stop", "crash"):
        faults.append(f"answer {answer} is marked as {answered.ended}")
    return faults
