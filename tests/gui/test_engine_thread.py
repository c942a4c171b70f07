import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.chat import Conversation, Message, Role, user_message
from pychatbot_gui.core.errors import ContextOverflow, ModelDied, ModelFileError
from pychatbot_gui.core.memory import ModelMemory
from pychatbot_gui.engine.engine import (
    CancelToken,
    Event,
    Finished,
    ModelSpec,
    Needed,
    Notice,
    ReplyRequest,
    Sampling,
)
from pychatbot_gui.engine.model_process import ModelProcess
from pychatbot_gui.engine.session import Ahead
from pychatbot_gui.gui.engine_thread import EngineThread
from tests.engines import FakeEngine

HI = Conversation("Be kind.", (user_message("hi"),))
DONE = HI.with_message(Message(Role.ASSISTANT, "Hello."))


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


def test_errors_are_told_and_the_thread_lives(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    engine.load_error = ModelFileError("no good")
    with qtbot.waitSignal(thread.load_ended) as ended:
        thread.load(ModelSpec("m.gguf"))
    assert ended.args is not None and str(ended.args[0]) == "no good"
    engine.answers = [[ContextOverflow("long")], [ZeroDivisionError("a bug")], ["fine"]]
    with qtbot.waitSignal(thread.answer_failed) as failed:
        thread.ask(HI, Sampling())
    assert failed.args is not None and failed.args[1] is True
    with qtbot.waitSignal(thread.answer_failed) as failed:
        thread.ask(HI, Sampling())
    assert failed.args is not None and failed.args[1] is False
    assert "unexpected" in str(failed.args[0]) and "ZeroDivisionError" in failed.args[0].detail
    with qtbot.waitSignal(thread.answer_finished):
        thread.ask(HI, Sampling())


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


def test_a_question_brings_its_conversation_and_the_beginning_of_its_answer(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    engine.answers = [["one"], ["two"]]
    for conversation, prefix in ((HI, ""), (Conversation("", HI.messages), "Begun \ud800\x00")):
        with qtbot.waitSignal(thread.answer_finished):
            thread.ask(conversation, Sampling(), prefix)
    first, second = engine.history
    assert [m.text for m in first.messages] == ["Be kind.", "hi"]
    assert [m.text for m in second.messages] == ["hi"], "nothing is left of the one before"
    assert (first.prefix, second.prefix) == ("", "Begun \ufffd\x00")


def test_what_left_the_models_sight_is_told_once_with_its_number(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    told: list[int] = []
    thread.messages_dropped.connect(told.append)
    long = Conversation("", DONE.messages * 5 + HI.messages, hidden_turns=2)
    for dropped, expected in ((8, [4]), (4, [4]), (0, [4, 0])):  # a question and its answer each
        engine.answers, engine.dropped = [["fine"]], dropped
        with qtbot.waitSignal(thread.answer_finished):
            thread.ask(long, Sampling())
        assert told == expected


# -- titles in the background ---------------------------------------------------------------


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


def test_a_title_that_fails_is_silent(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[object] = []
    thread.answer_failed.connect(told.append)
    engine.answers = [[ModelDied("gone", "the library's words")], ["?!"], ["A title"]]
    with (
        caplog.at_level("INFO", logger="pychatbot"),
        qtbot.waitSignal(thread.title_suggested) as suggested,
    ):
        for key in (1, 2, 3):
            thread.suggest_title(key, DONE)
    assert suggested.args == [3, "A title"]
    assert told == []
    assert "the library's words" in caplog.text and "Hello." not in caplog.text


def test_a_title_leaves_the_models_cache_useful(
    random_model: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    thread = EngineThread(lambda: ModelProcess(tmp_path / "model.log"))
    short = Sampling(temperature=0, max_tokens=20)
    try:
        with qtbot.waitSignal(thread.loaded):
            thread.load(ModelSpec(str(random_model), n_ctx=512))
        with qtbot.waitSignal(thread.answer_finished) as first:
            thread.ask(HI, short)
        with qtbot.waitSignal(thread.title_suggested):
            thread.suggest_title(1, DONE)
        with qtbot.waitSignal(thread.answer_finished) as second:
            thread.ask(DONE.with_message(user_message("And now?")), short)
    finally:
        thread.close()
    end, before = second.args[0], first.args[0]
    assert isinstance(end, Finished) and isinstance(before, Finished)
    new = len("And now?")  # a token takes a character at least, the template ten more
    assert end.reused_tokens > before.prompt_tokens
    assert end.prompt_tokens - end.reused_tokens < new + 10


def ahead(draft: str = "", **more: Any) -> Ahead:
    return Ahead(DONE, draft, Sampling(), **{"chat": "7", **more})


def test_what_is_sure_to_come_is_measured_and_read_ahead(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    busy: list[bool] = []
    thread.busy_changed.connect(busy.append)
    told: list[tuple[int, int]] = []
    thread.measured.connect(lambda *args: told.append(args))
    with qtbot.waitSignal(thread.read_ahead_to):
        thread.read_ahead(ahead("and th\ud800"))
        assert not thread.is_busy()
    assert busy == []
    assert told == [(23, 10_000)]
    request = engine.read[0]
    assert [m.text for m in request.messages] == ["Be kind.", "hi", "Hello.", "and th\ufffd"]
    assert (request.chat, request.only_measure) == ("7", False)
    thread.read_ahead(ahead(" \n"))
    qtbot.waitUntil(lambda: len(engine.read) == 2)
    assert engine.read[1].messages[-1].text == "Hello.", "nothing is being written"


@pytest.mark.parametrize(
    ("when", "on_battery", "only"),
    [
        ("on", True, False),
        ("mains", True, True),
        ("mains", False, False),
        ("off", False, True),
    ],
)
def test_when_it_is_not_to_be_read_it_is_counted(
    engine: FakeEngine, qtbot: QtBot, when: str, on_battery: bool, only: bool
) -> None:
    thread = EngineThread(lambda: engine, on_battery=lambda: on_battery)
    try:
        with qtbot.waitSignal(thread.measured):
            thread.read_ahead(ahead("more", when=when))
    finally:
        thread.close()
    assert [r.only_measure for r in engine.read] == [only]


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


def test_reading_ahead_that_fails_is_silent(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(token: CancelToken) -> None:
        raise ModelDied("gone", "the library's words")

    told: list[object] = []
    thread.answer_failed.connect(told.append)
    engine.while_reading = fails
    with caplog.at_level("INFO", logger="pychatbot"):
        thread.read_ahead(ahead())
        qtbot.waitUntil(lambda: "the library's words" in caplog.text)
    assert told == []


def test_a_chat_is_forgotten_after_what_is_going_on(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    engine.answers = [["one", lambda: thread.forget("7"), "two"]]
    with qtbot.waitSignal(thread.answer_finished) as finished:
        thread.ask(HI, Sampling(), chat="7")
    assert finished.args is not None and finished.args[0].reason == "stop"
    qtbot.waitUntil(lambda: engine.forgotten == ["7"])


def test_a_notice_of_the_engine_is_passed_on(qtbot: QtBot) -> None:
    class Noticing(FakeEngine):
        def reply(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
            yield Notice(request.id, "The disk is full.")
            yield from super().reply(request, token)

    engine = Noticing()
    engine.answers = [["answer"]]
    thread = EngineThread(lambda: engine)
    told: list[str] = []
    thread.noticed.connect(told.append)
    with qtbot.waitSignal(thread.answer_finished):
        thread.ask(HI, Sampling())
    thread.close()
    assert told == ["The disk is full."]


def test_what_a_model_needs_is_told_in_the_main_thread(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    engine.need = Needed(0, ModelMemory(weights=10**9), 512, 2 * 10**9)
    told: list[Needed] = []
    thread.needed.connect(told.append)
    with qtbot.waitSignal(thread.loaded):
        thread.load(ModelSpec("m.gguf"))
    assert told == [engine.need]


def test_many_loads_leave_nothing_behind(
    random_model: Path, scripted_model: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    here = psutil.Process()
    thread = EngineThread(lambda: ModelProcess(tmp_path / "model.log"))
    sizes: list[int] = []
    try:
        for turn in range(6):
            model = (random_model, scripted_model)[turn % 2]
            with qtbot.waitSignal(thread.loaded, timeout=20_000):
                thread.load(ModelSpec(str(model), n_ctx=512))
            with qtbot.waitSignal(thread.answer_finished, timeout=20_000):
                thread.ask(HI, Sampling(temperature=0, max_tokens=8))
            sizes.append(here.memory_info().rss)
            assert len(here.children()) == 1
    finally:
        thread.close()
    assert here.children() == []
    assert sizes[-1] < 1.05 * sizes[0]
