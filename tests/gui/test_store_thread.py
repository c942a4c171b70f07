"""The store in its own thread: order, errors, and an end that loses nothing."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.errors import Cancelled, StorageError
from pychatbot_gui.gui.store_thread import StoreThread
from pychatbot_gui.store.chats import ChatStore, NewAnswer, NewQuestion, open_store
from tests.stores import saved


@pytest.fixture
def thread(database: Path, qtbot: QtBot) -> StoreThread:
    return StoreThread(lambda: open_store(database))


def test_work_is_done_in_order_in_another_thread(thread: StoreThread, qtbot: QtBot) -> None:
    main, seen, told = threading.get_ident(), [], []
    for number in range(20):
        thread.do(
            lambda _, n=number: (seen.append(n), threading.get_ident())[1],
            lambda ident: told.append((ident, threading.get_ident())),
        )
    qtbot.waitUntil(lambda: len(told) == 20)
    thread.close()
    assert seen == list(range(20))
    assert {where for where, _ in told} != {main}
    assert {where for _, where in told} == {main}


def test_an_error_goes_to_who_asked_or_to_everybody(thread: StoreThread, qtbot: QtBot) -> None:
    def full(_: ChatStore) -> None:
        raise StorageError("The disk is full.")

    def bug(_: ChatStore) -> None:
        raise KeyError("surprise")

    def stopped(_: ChatStore) -> None:
        raise Cancelled

    mine, all_of_them = [], []
    thread.failed.connect(all_of_them.append)
    thread.do(full, None, mine.append)
    thread.do(stopped, None, mine.append)
    thread.do(full)
    thread.do(bug)
    qtbot.waitUntil(lambda: len(all_of_them) == 2)
    thread.close()
    assert [str(e) for e in mine] == ["The disk is full."]
    assert str(all_of_them[0]) == "The disk is full."
    assert "KeyError" in str(all_of_them[1]) and "surprise" in all_of_them[1].detail


def test_what_waits_at_the_end_is_still_done(thread: StoreThread, database: Path) -> None:
    for number in range(5):
        thread.do(lambda s, n=number: s.add_exchange(0, NewQuestion(f"Q{n}"), NewAnswer()))
    thread.close()
    assert len(saved(database)) == 5


def test_a_second_thread_reads_while_the_first_is_held_up(
    thread: StoreThread, qtbot: QtBot, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    reader = thread.another()
    thread.do(lambda s: s.add_exchange(0, NewQuestion("Hello"), NewAnswer()))
    go_on, is_held = threading.Event(), threading.Event()
    thread.do(lambda _: (is_held.set(), go_on.wait(20)))
    wait_until(is_held.is_set)
    found: list[int] = []
    reader.do(ChatStore.latest_chat, found.append)
    qtbot.waitUntil(lambda: bool(found))
    assert found[0] > 0
    go_on.set()
    reader.close()
    thread.close()


def test_a_store_that_cannot_be_opened_by_a_bug_is_told(qtbot: QtBot) -> None:
    def never() -> tuple[ChatStore, list[str]]:
        raise StorageError("not this time")

    thread = StoreThread(never)
    second = thread.another()
    told: list[Exception] = []
    thread.do(ChatStore.latest_chat, None, told.append)
    second.do(ChatStore.latest_chat, None, told.append)
    qtbot.waitUntil(lambda: len(told) == 2)
    assert all("not this time" in str(error) for error in told)
    second.close()
    thread.close()
