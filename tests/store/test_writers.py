"""Answers that a crash cut off, and programs killed in the middle of writing."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from pychatbot_gui.store import writers
from pychatbot_gui.store.chats import ChatStore, NewAnswer, NewQuestion, open_memory, open_store
from tests.store.conftest import exchange

KILLS = 100


def test_this_process_lives() -> None:
    name = writers.this_process()
    assert name.split()[0] == str(os.getpid())
    assert writers.is_alive(name)


def test_the_dead_and_those_of_the_same_number() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = writers.process_name(child.pid)
    assert writers.is_alive(name)
    child.communicate()
    assert not writers.is_alive(name)
    pid, *rest = writers.this_process().split()
    assert not writers.is_alive(" ".join([pid, "1", *rest[1:]]))
    for nonsense in ("", "x", "1 2 3 4", f"{pid}", f"{pid} x", "-1 0", "99999999999999999999 1"):
        assert not writers.is_alive(nonsense)


@pytest.mark.skipif(
    sys.platform != "linux", reason="what is killed is listed until it is waited for"
)
def test_one_that_was_killed_is_dead_before_its_parent_has_asked() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        name = writers.process_name(child.pid)
        os.kill(child.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not writers.is_alive(name)


def test_elsewhere_the_start_time_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers.sys, "platform", "other")
    pid, started = writers.this_process().split()
    assert writers.is_alive(f"{pid} {started}")
    assert writers.is_alive(f"{pid} {float(started) + 1}")
    assert not writers.is_alive(f"{pid} {float(started) + 100}")
    assert writers.process_name(999_999_999) == ""


def test_only_what_nobody_writes_is_closed(store: ChatStore, path: Path) -> None:
    chat, _, mine = store.add_exchange(0, NewQuestion("Mine"), NewAnswer())
    _, _, dead = store.add_exchange(0, NewQuestion("Of a dead one"), NewAnswer())
    _, _, lost = store.add_exchange(0, NewQuestion("Of nobody known"), NewAnswer())
    for answer in (mine, dead, lost):
        store.append_text(answer, "some words")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE writers SET process = '1 0 long-ago' WHERE message = ?", (dead,))
        raw.execute("DELETE FROM writers WHERE message = ?", (lost,))
        raw.commit()
    assert store.mark_crashed() == 2
    assert store.mark_crashed() == 0
    assert {hit.message for hit in store.search("some words")} == {dead, lost}
    store.append_text(mine, " more")
    store.finish_answer(mine, "", "stop")
    assert store.chat(chat).by_id[mine].text == "some words more"
    closed = store.chat(chat + 1).by_id[dead]
    assert (closed.text, closed.ended, closed.is_cut) == ("some words", "crash", True)


def test_the_cost_of_a_piece_does_not_grow(store: ChatStore) -> None:
    """Counted in pages written, not in time: the same for a short and for a long answer."""
    _, _, answer = store.add_exchange(0, NewQuestion("Q"), NewAnswer())
    connection = store._database.connection

    def pages_of_a_piece() -> int:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.append_text(answer, "x" * 100)
        return int(connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])

    first = pages_of_a_piece()
    store.append_text(answer, "y" * 1_000_000)
    for _ in range(300):
        store.append_text(answer, "z" * 100)
    assert pages_of_a_piece() <= first + 3


class Killed:
    """What the writers said that they had saved, one killed after the other."""

    def __init__(self, path: Path) -> None:
        self._helper = subprocess.Popen(
            [sys.executable, "-m", "tests.store.writing_child", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        self.pieces: dict[int, int] = {}
        self.finished: set[int] = set()
        self.chats: set[int] = set()

    def one_more(self, delay: float) -> None:
        """Start a writer and kill it that many seconds after it has begun to write."""
        assert self._helper.stdin
        assert self._helper.stdout
        self._helper.stdin.write(b"go\n")
        self._helper.stdin.flush()
        timer = None
        for line in self._helper.stdout:
            what, *numbers = line.split()
            if what == b"DEAD":
                break
            if what == b"CHILD":
                pid = int(numbers[0])
            elif timer is None:
                timer = threading.Timer(delay, os.kill, (pid, signal.SIGKILL))
                timer.start()
            if what == b"Q":
                self.chats.add(int(numbers[0]))
                self.pieces[int(numbers[2])] = 0
            elif what == b"P":
                self.pieces[int(numbers[0])] = int(numbers[1]) + 1
            elif what == b"F":
                self.finished.add(int(numbers[0]))
        assert timer
        timer.join()

    def end(self) -> None:
        self._helper.communicate()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing can be forked here")
def test_killed_a_hundred_times_at_random_moments(path: Path) -> None:
    rng = random.Random()
    open_store(path)[0].close()
    killed = Killed(path)
    try:
        for number in range(KILLS):
            killed.one_more(rng.uniform(0, 0.03))
            with closing(sqlite3.connect(path)) as raw:
                whole = number % 10 == 9 and raw.execute("PRAGMA integrity_check").fetchall()
                assert whole in (False, [("ok",)])
                assert raw.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    finally:
        killed.end()
    with closing(open_store(path)[0]) as store:
        assert store.mark_crashed() >= KILLS // 2
        assert killed.chats <= set(store.chat_ids())
        answers = {m.id: m for chat in store.chat_ids() for m in store.chat(chat).messages}
        for answer, pieces in killed.pieces.items():
            assert answers[answer].text.split()[:pieces] == [str(i) for i in range(pieces)]
            assert answers[answer].ended in ("crash", "stop")
        assert all(answers[answer].text.endswith("end") for answer in killed.finished)
        assert {answers[answer].ended for answer in killed.finished} == {"stop"}
        # Every other one was cut off, so the test has killed in the middle of something.
        assert len(killed.pieces) > len(killed.finished)


def test_in_memory_too() -> None:
    with closing(open_memory()) as store:
        exchange(store)
        assert store.mark_crashed() == 0
