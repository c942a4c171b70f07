"""Wishes and signals of the thread: who is busy, who waits, what ends what, when it is shown."""

import threading
import time
from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from pychatbot_gui.engine.engine import CancelToken, ModelSpec, Sampling
from pychatbot_gui.gui.engine_thread import FRAME_MS, LONGEST_FRAME_MS, EngineThread, frame_ms
from tests.engines import DONE, HI, FakeEngine, ahead


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
        thread.ask(HI, Sampling())
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
        thread.ask(HI, Sampling())
    assert "".join(frames) == "".join(pieces)
    assert len(frames) < 50


def test_a_piece_is_shown_while_the_next_one_takes_long(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    go_on = threading.Event()
    engine.answers = [["first", lambda: bool(go_on.wait(10)) and None, "second"]]
    with qtbot.waitSignal(thread.text_arrived) as arrived:
        thread.ask(HI, Sampling())
    assert arrived.args == ["first"]
    with qtbot.waitSignal(thread.answer_finished):
        go_on.set()


def test_the_first_word_does_not_wait_for_the_end_of_a_frame(
    engine: FakeEngine, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pychatbot_gui.gui.engine_thread.FRAME_MS", 60_000)
    made, go_on = EngineThread(lambda: engine), threading.Event()
    engine.answers = [["first", lambda: bool(go_on.wait(10)) and None, "second"]]
    try:
        with qtbot.waitSignal(made.text_arrived) as arrived:
            made.ask(HI, Sampling())
        assert arrived.args == ["first"]
    finally:
        go_on.set()
        made.close()


def test_frames_that_cost_much_come_less_often() -> None:
    lengths = [frame_ms(cost) for cost in (0.0, 0.001, 0.0025, 0.003, 0.5)]
    assert lengths == [FRAME_MS, FRAME_MS, 50, 60, LONGEST_FRAME_MS]


def test_cancel_reaches_a_working_engine(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    engine.answers = [["x", lambda: time.sleep(0.001)] * 10_000]
    with qtbot.waitSignal(thread.text_arrived):
        thread.ask(HI, Sampling())
    with qtbot.waitSignal(thread.answer_finished, timeout=2000) as finished:
        thread.cancel()
    assert finished.args is not None and finished.args[0].reason == "cancelled"
    assert not thread.is_busy()


def test_closing_while_busy_ends_everything(engine: FakeEngine, qtbot: QtBot) -> None:
    thread = EngineThread(lambda: engine)
    engine.answers = [["x", lambda: time.sleep(0.001)] * 100_000]
    with qtbot.waitSignal(thread.text_arrived):
        thread.ask(HI, Sampling())
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
        thread.ask(HI, Sampling())
    thread.when_free(lambda: done.append("never: the next wish takes its place"))
    thread.when_free(lambda: thread.ask(HI, Sampling()))
    assert thread.is_busy()
    with qtbot.waitSignals([thread.answer_finished, thread.answer_finished]):
        pass
    qtbot.waitUntil(lambda: not thread.is_busy())
    assert done == []
    assert busy == [True, True, False]
    thread.when_free(lambda: done.append("now"))
    assert done == ["now"]


# -- what is asked in the background --------------------------------------------------------


def test_a_title_comes_without_anybody_being_busy(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    busy: list[bool] = []
    told: list[object] = []
    thread.busy_changed.connect(busy.append)
    for signal in (thread.text_arrived, thread.answer_finished, thread.reading):
        signal.connect(told.append)
    engine.answers = [["“A kind", " greeting.”\n", "More"]]
    with qtbot.waitSignal(thread.title_suggested) as suggested:
        thread.suggest_title(7, DONE)
        assert not thread.is_busy()
    assert suggested.args == [7, "A kind greeting"]
    assert busy == [] and told == []
    asked = engine.history[0]
    assert [m.text for m in asked.messages[:-1]] == ["Be kind.", "hi", "Hello."]
    assert "title" in asked.messages[-1].text
    assert (asked.sampling.temperature, asked.sampling.max_tokens) == (0, 24)


def test_no_title_while_busy(thread: EngineThread, engine: FakeEngine, qtbot: QtBot) -> None:
    go_on = threading.Event()
    engine.answers = [["first", lambda: bool(go_on.wait(10)) and None]]
    with qtbot.waitSignal(thread.text_arrived):
        thread.ask(HI, Sampling())
    thread.suggest_title(1, DONE)
    with qtbot.waitSignal(thread.answer_finished):
        go_on.set()
    engine.answers = [["fine"]]
    with qtbot.waitSignal(thread.answer_finished):
        thread.ask(HI, Sampling())
    assert len(engine.history) == 2


@pytest.mark.parametrize("wish", ["ask", "load"])
def test_whatever_else_is_wished_ends_a_title_at_once(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot, wish: str
) -> None:
    titles: list[str] = []
    thread.title_suggested.connect(lambda key, title: titles.append(title))
    begun = threading.Event()
    slow: list[str | Callable[[], None] | Exception] = ["Title ", begun.set]
    engine.answers = [slow + ["x", lambda: time.sleep(0.001)] * 100_000, ["answer"]]
    thread.suggest_title(1, DONE)
    thread.suggest_title(2, DONE)  # waits for its turn, which never comes
    assert begun.wait(10)
    if wish == "ask":
        with qtbot.waitSignal(thread.answer_finished, timeout=5000) as finished:
            thread.ask(HI, Sampling())
            assert thread.is_busy()
        assert finished.args is not None and finished.args[0].reason == "stop"
    else:
        with qtbot.waitSignal(thread.loaded, timeout=5000):
            thread.load(ModelSpec("m.gguf"))
    assert titles == []
    assert len(engine.history) == (2 if wish == "ask" else 1)


def test_closing_ends_a_title(engine: FakeEngine, qtbot: QtBot) -> None:
    thread = EngineThread(lambda: engine)
    begun = threading.Event()
    slow: list[str | Callable[[], None] | Exception] = [begun.set]
    engine.answers = [slow + ["x", lambda: time.sleep(0.001)] * 100_000]
    thread.suggest_title(1, DONE)
    assert begun.wait(10)
    thread.close()
    assert engine.closed


def test_only_the_latest_measurement_is_told(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    told: list[int] = []
    thread.measured.connect(lambda tokens, limit: told.append(tokens))
    engine.measures = lambda request: (len(request.messages[-1].text), 99)
    for draft in ("a", "ab", "abc"):
        thread.read_ahead(ahead(draft))
    qtbot.waitUntil(lambda: told == [3])
    thread.read_ahead(ahead("abcd"))
    engine.answers = [["answer"]]
    with qtbot.waitSignal(thread.answer_finished):
        thread.ask(HI, Sampling())
    assert told == [3], "a message was sent meanwhile"


@pytest.mark.parametrize("wish", ["ask", "load", "read_ahead"])
def test_whatever_else_is_wished_ends_reading_ahead_at_once(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot, wish: str
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def slow(token: CancelToken) -> None:
        cancelled = threading.Event()
        token.on_cancel(cancelled.set)
        begun.set()
        if cancelled.wait(10):
            ended.set()

    engine.while_reading = slow
    thread.read_ahead(ahead())
    assert begun.wait(10)
    engine.while_reading = lambda token: None
    engine.answers = [["answer"]]
    if wish == "ask":
        with qtbot.waitSignal(thread.answer_finished, timeout=5000):
            thread.ask(HI, Sampling())
    elif wish == "load":
        with qtbot.waitSignal(thread.loaded, timeout=5000):
            thread.load(ModelSpec("m.gguf"))
    else:
        thread.read_ahead(ahead("more"))
        qtbot.waitUntil(lambda: len(engine.read) == 2)
    assert ended.is_set()
