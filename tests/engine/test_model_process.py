"""The model process: it dies in every way, and the program goes on."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pychatbot_gui.core.errors import Cancelled, ModelDied, ModelFileError, TemplateError
from pychatbot_gui.engine.engine import (
    CancelToken,
    Engine,
    Finished,
    Loading,
    ModelSpec,
    Reading,
    ReplyRequest,
    Sampling,
    Text,
)
from pychatbot_gui.engine.model_process import ModelProcess
from tests.conftest import ANSWER
from tests.engine.talk import events, finished, load, text_of, user
from tests.models import CHATML, build_model

ENDLESS = Sampling(temperature=0)
WaitUntil = Callable[[Callable[[], bool]], None]


def _kill(process: ModelProcess, how: signal.Signals = signal.SIGKILL) -> None:
    assert process.pid is not None
    os.kill(process.pid, how)


def test_killed_while_idle_the_next_message_is_answered(
    process: ModelProcess, scripted_model: Path
) -> None:
    load(process, scripted_model)
    for _ in range(10):
        pid = process.pid
        _kill(process)
        got = events(process, user("Hi"), sampling=ENDLESS)
        assert text_of(got) == ANSWER
        assert any(isinstance(e, Loading) for e in got), "it says that it loads again"
        assert process.pid != pid


def test_killed_while_it_answers_it_says_so_and_starts_again(
    process: ModelProcess, endless_model: Path
) -> None:
    load(process, endless_model, n_ctx=4096)
    for tokens_before in (0, 1, 2, 5, 10, 20, 1, 3, 7, 30):
        seen = 0
        reply = process.reply(ReplyRequest(7, (user("Hi"),), ENDLESS), CancelToken())
        with pytest.raises(ModelDied, match="killed.*memory ran out.*next message"):
            for event in reply:
                seen += isinstance(event, Text)
                if seen >= tokens_before and process.pid:
                    _kill(process)
        again = events(process, user("Hi"), sampling=Sampling(temperature=0, max_tokens=3))
        assert finished(again).reply_tokens == 3


def test_killed_while_it_loads(tmp_path: Path, endless_model: Path) -> None:
    process = ModelProcess(tmp_path / "model.log", host="tests.engine.lasting_host")
    spec = ModelSpec(str(endless_model), n_ctx=512, verbose=True)
    try:
        for _ in range(10):
            with pytest.raises(ModelDied, match="killed while it loaded the model"):
                process.load(spec, lambda f: _kill(process), CancelToken())
            assert process.pid is None
        load(process, endless_model)
        short = Sampling(temperature=0, max_tokens=2)
        assert finished(events(process, user("Hi"), sampling=short)).reply_tokens
    finally:
        process.close()


def test_killed_while_it_reads_the_prompt(process: ModelProcess, endless_model: Path) -> None:
    load(process, endless_model, n_ctx=8192)
    long = user("one two three " * 1500)
    for _ in range(10):
        reply = process.reply(ReplyRequest(8, (long,), ENDLESS), CancelToken())
        with pytest.raises(ModelDied):
            for event in reply:
                if isinstance(event, Reading):
                    assert event.done < event.total, "still reading"
                    _kill(process)
        short = Sampling(temperature=0, max_tokens=2)
        assert finished(events(process, user("Hi"), sampling=short)).reply_tokens == 2


def test_the_model_file_is_truncated_while_in_use(
    process: ModelProcess, endless_model: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(endless_model.read_bytes())
    load(process, copy)
    short = Sampling(temperature=0, max_tokens=3)
    events(process, user("Hi"), sampling=short)
    os.truncate(copy, 4096)
    with pytest.raises(ModelDied):
        events(process, user("Hello again"), sampling=short)
    with pytest.raises(ModelFileError):  # the next try reads the file as it is now
        events(process, user("Hello again"), sampling=short)
    copy.write_bytes(endless_model.read_bytes())
    assert finished(events(process, user("Hi"), sampling=short)).reply_tokens == 3


def test_the_model_file_is_replaced_while_in_use(
    process: ModelProcess, scripted_model: Path, random_model: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(scripted_model.read_bytes())
    load(process, copy)
    other = tmp_path / "other.gguf"
    other.write_bytes(random_model.read_bytes())
    other.replace(copy)
    assert text_of(events(process, user("Hi"), sampling=ENDLESS)) == ANSWER


def test_stop_while_loading_ends_the_process_at_once(
    process: ModelProcess, endless_model: Path
) -> None:
    token = CancelToken()
    with pytest.raises(Cancelled):
        process.load(ModelSpec(str(endless_model)), lambda fraction: token.cancel(), token)
    assert process.pid is None
    assert load(process, endless_model).n_ctx == 512


def test_stop_while_answering_and_go_on(engine: Engine, endless_model: Path) -> None:
    load(engine, endless_model, n_ctx=4096)
    token = CancelToken()
    got = []
    for event in engine.reply(ReplyRequest(3, (user("Hi"),), ENDLESS), token):
        got.append(event)
        if sum(isinstance(e, Text) for e in got) == 3:
            token.cancel()
    assert finished(got).reason == "cancelled"
    assert sum(isinstance(e, Text) for e in got) < 40
    short = Sampling(temperature=0, max_tokens=4)
    assert finished(events(engine, user("Hi"), sampling=short)).reply_tokens == 4


def test_stop_in_the_middle_of_one_batch(engine: Engine, model_folder: Path) -> None:
    # A batch of this model takes most of a second: only the abort callback can end it in time.
    path = build_model(
        model_folder / "slow.gguf", n_embd=1024, n_layers=4, n_heads=8, n_ctx_train=8192
    )
    load(engine, path, n_ctx=4096)
    token = CancelToken()
    moments: list[float] = []

    def cancel() -> None:
        moments.append(time.monotonic())
        token.cancel()

    timer = threading.Timer(0.15, cancel)
    timer.start()
    long = user("one two three " * 400)
    got = list(engine.reply(ReplyRequest(5, (long,), ENDLESS), token))
    ended = time.monotonic()
    timer.join()
    assert not any(isinstance(e, Text) for e in got), "it was still reading"
    assert finished(got).reason == "cancelled"
    assert ended - moments[0] < 0.5
    short = Sampling(temperature=0, max_tokens=2)
    assert finished(events(engine, user("Hi"), sampling=short)).reply_tokens == 2


def test_a_cancel_before_the_request_counts(engine: Engine, endless_model: Path) -> None:
    load(engine, endless_model)
    token = CancelToken()
    token.cancel()
    got = events(engine, user("Hi"), sampling=ENDLESS, token=token)
    assert finished(got).reason == "cancelled"
    assert text_of(got) == ""


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}" + CHATML,
        "{{ [9]|map('string')|join|int ** (9 ** 9) }}" + CHATML,
    ],
    ids=["loops", "computes"],
)
def test_an_endless_template_is_ended(tmp_path: Path, template: str) -> None:
    path = build_model(tmp_path / "endless-template.gguf", template=template)
    process = ModelProcess(tmp_path / "model.log", render_limit=0.5)
    try:
        with pytest.raises(TemplateError, match="settings"):
            load(process, path)
        assert process.pid is None
        load(process, path, chat_format="chatml")
        short = Sampling(temperature=0, max_tokens=2)
        assert finished(events(process, user("Hi"), sampling=short)).reply_tokens == 2
    finally:
        process.close()


def test_a_template_that_hangs_at_a_later_message_can_be_stopped(tmp_path: Path) -> None:
    # It loops only once there are three messages: the cancel must not wait for it.
    template = (
        "{% if messages|length > 2 %}{% for a in range(99999) %}{% for b in range(99999) %}"
        "{% endfor %}{% endfor %}{% endif %}" + CHATML
    )
    path = build_model(tmp_path / "later.gguf", template=template)
    process = ModelProcess(tmp_path / "model.log", render_limit=1.0)
    try:
        load(process, path)
        messages = (user("a"), user("b"), user("c"))
        with pytest.raises(TemplateError, match="within 1 seconds"):
            events(process, *messages)
        token = CancelToken()
        reply = process.reply(ReplyRequest(9, messages, ENDLESS), token)
        moment = 0.0
        for event in reply:
            if not isinstance(event, (Loading, Finished)):
                moment = time.monotonic()
                token.cancel()
            if isinstance(event, Finished):
                assert event.reason == "cancelled"
                assert time.monotonic() - moment < 0.5
        assert process.pid is None, "a template that does not end is ended at once, not later"
        assert finished(events(process, user("a"))).reply_tokens > 0
    finally:
        process.close()


def test_a_crash_with_rearranged_weights_is_followed_by_a_load_with_plain_ones(
    tmp_path: Path, scripted_model: Path
) -> None:
    process = ModelProcess(tmp_path / "model.log", host="tests.engine.crashing_host")
    try:
        info = load(process, scripted_model)
        assert any("slower" in notice for notice in info.notices)
        assert text_of(events(process, user("Hi"), sampling=ENDLESS)) == ANSWER
        _kill(process)
        again = events(process, user("Hi"), sampling=ENDLESS)
        assert text_of(again) == ANSWER
        assert sum(isinstance(e, Loading) and e.fraction == 0 for e in again) <= 1, "it remembers"
    finally:
        process.close()


def test_a_crash_while_it_answers_makes_the_next_start_careful(
    process: ModelProcess, endless_model: Path
) -> None:
    load(process, endless_model)
    with pytest.raises(ModelDied):
        for event in process.reply(ReplyRequest(1, (user("Hi"),), ENDLESS), CancelToken()):
            if isinstance(event, Text):
                _kill(process, signal.SIGSEGV)
    assert process._spec is not None and process._spec.plain_weights
    short = Sampling(temperature=0, max_tokens=2)
    assert finished(events(process, user("Hi"), sampling=short)).reply_tokens == 2


def test_twenty_loads_give_their_memory_back(process: ModelProcess, endless_model: Path) -> None:
    import gc

    def resident() -> int:
        gc.collect()
        own = psutil.Process()
        return sum(p.memory_info().rss for p in (own, *own.children(recursive=True)))

    load(process, endless_model)
    load(process, endless_model)
    first = resident()
    for _ in range(18):
        load(process, endless_model)
    assert resident() <= first * 1.05


def test_a_reader_that_goes_away_ends_the_request(
    process: ModelProcess, endless_model: Path
) -> None:
    load(process, endless_model, n_ctx=4096)
    reply = process.reply(ReplyRequest(3, (user("Hi"),), ENDLESS), CancelToken())
    for event in reply:
        if isinstance(event, Text):
            break
    reply.close()  # type: ignore[attr-defined]
    short = Sampling(temperature=0, max_tokens=2)
    assert finished(events(process, user("Hi"), sampling=short)).reply_tokens == 2
