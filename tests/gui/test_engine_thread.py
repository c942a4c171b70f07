import threading
import time
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.errors import ContextOverflow, ModelFileError
from pychatbot_gui.engine.engine import ModelSpec, Sampling
from pychatbot_gui.gui.engine_thread import EngineThread
from tests.engines import FakeEngine


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def thread(engine: FakeEngine, qtbot: QtBot) -> Iterator[EngineThread]:
    made = EngineThread(lambda: engine)
    yield made
    made.close()
    assert engine.closed


def test_a_load_tells_progress_and_ends(thread: EngineThread, qtbot: QtBot) -> None:
    told: list[float] = []
    busy: list[bool] = []
    thread.loading.connect(told.append)
    thread.busy_changed.connect(busy.append)
    with qtbot.waitSignal(thread.loaded) as loaded:
        thread.load(ModelSpec("m.gguf"))
        assert thread.is_busy()
    assert loaded.args is not None and loaded.args[0].name == "Fake"
    assert told[-1] == 1.0
    assert busy == [True, False]


def test_signals_come_in_the_main_thread_and_the_engine_works_in_another(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    told: list[int] = []
    worked: list[int] = []
    thread.text_arrived.connect(lambda text: told.append(threading.get_ident()))
    engine.answers = [["a", lambda: worked.append(threading.get_ident())]]
    with qtbot.waitSignal(thread.answer_finished):
        thread.ask("hi", Sampling())
    assert told == [threading.get_ident()]
    assert worked and worked != told


def test_a_thousand_pieces_come_in_few_frames_and_whole(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    frames: list[str] = []
    thread.text_arrived.connect(frames.append)
    pieces = [f"{i} " for i in range(1000)]
    engine.answers = [list(pieces)]
    with qtbot.waitSignal(thread.answer_finished):
        thread.ask("hi", Sampling())
    assert "".join(frames) == "".join(pieces)
    assert len(frames) < 50


def test_a_piece_is_shown_while_the_next_one_takes_long(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    go_on = threading.Event()
    engine.answers = [["first", lambda: bool(go_on.wait(10)) and None, "second"]]
    with qtbot.waitSignal(thread.text_arrived) as arrived:
        thread.ask("hi", Sampling())
    assert arrived.args == ["first"]
    with qtbot.waitSignal(thread.answer_finished):
        go_on.set()


def test_cancel_reaches_a_working_engine(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    engine.answers = [["x", lambda: time.sleep(0.001)] * 10_000]
    with qtbot.waitSignal(thread.text_arrived):
        thread.ask("hi", Sampling())
    with qtbot.waitSignal(thread.answer_finished, timeout=2000) as finished:
        thread.cancel()
    assert finished.args is not None and finished.args[0].reason == "cancelled"
    assert not thread.is_busy()


def test_errors_are_told_and_the_thread_lives(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    engine.load_error = ModelFileError("no good")
    with qtbot.waitSignal(thread.load_ended) as ended:
        thread.load(ModelSpec("m.gguf"))
    assert ended.args is not None and str(ended.args[0]) == "no good"
    engine.answers = [[ContextOverflow("long")], [ZeroDivisionError("a bug")], ["fine"]]
    with qtbot.waitSignal(thread.answer_failed) as failed:
        thread.ask("hi", Sampling())
    assert failed.args is not None and failed.args[1] is True
    with qtbot.waitSignal(thread.answer_failed) as failed:
        thread.ask("hi", Sampling())
    assert failed.args is not None and failed.args[1] is False
    assert "unexpected" in str(failed.args[0]) and "ZeroDivisionError" in failed.args[0].detail
    with qtbot.waitSignal(thread.answer_finished):
        thread.ask("hi", Sampling())


def test_closing_while_busy_ends_everything(engine: FakeEngine, qtbot: QtBot) -> None:
    thread = EngineThread(lambda: engine)
    engine.answers = [["x", lambda: time.sleep(0.001)] * 100_000]
    with qtbot.waitSignal(thread.text_arrived):
        thread.ask("hi", Sampling())
    thread.close()
    assert engine.closed


def test_what_waits_for_the_engine_comes_next_without_a_gap(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    busy: list[bool] = []
    done: list[str] = []
    thread.busy_changed.connect(busy.append)
    engine.answers = [["x", lambda: time.sleep(0.001)] * 10_000, ["second"]]
    with qtbot.waitSignal(thread.text_arrived):
        thread.ask("hi", Sampling())
    thread.when_free(lambda: done.append("never: the next wish takes its place"))
    thread.when_free(lambda: thread.ask("again", Sampling()))
    assert thread.is_busy()
    with qtbot.waitSignals([thread.answer_finished, thread.answer_finished]):
        pass
    qtbot.waitUntil(lambda: not thread.is_busy())
    assert done == []
    assert busy == [True, True, False]
    thread.when_free(lambda: done.append("now"))
    assert done == ["now"]
