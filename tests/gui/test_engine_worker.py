"""What the worker asks of the engine, and what it tells of it, through its thread."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.chat import Conversation, user_message
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
from pychatbot_gui.gui.engine_thread import EngineThread
from tests.engines import DONE, HI, FakeEngine, ahead


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


def test_a_chat_is_forgotten_after_what_is_going_on(
    thread: EngineThread, engine: FakeEngine, qtbot: QtBot
) -> None:
    engine.answers = [["one", lambda: thread.forget("7"), "two"]]
    with qtbot.waitSignal(thread.answer_finished) as finished:
        thread.ask(HI, Sampling(), chat="7")
    assert finished.args is not None and finished.args[0].reason == "stop"
    qtbot.waitUntil(lambda: engine.forgotten == ["7"])


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
