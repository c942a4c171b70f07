"""The child process itself: it ends with the program, keeps a log, and says how it ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pychatbot_gui.core.errors import ModelDied
from pychatbot_gui.engine.engine import CancelToken, ReplyRequest, Sampling, Text
from pychatbot_gui.engine.model_process import ModelProcess
from tests.conftest import ANSWER
from tests.engine.talk import events, load, text_of, user

GREEDY = Sampling(temperature=0)


def test_a_crash_carries_the_last_log_lines(process: ModelProcess, endless_model: Path) -> None:
    load(process, endless_model)
    with pytest.raises(ModelDied, match="ended unexpectedly.*SIGSEGV") as caught:
        for event in process.reply(ReplyRequest(1, (user("Hi"),), GREEDY), CancelToken()):
            if isinstance(event, Text) and process.pid:
                os.kill(process.pid, signal.SIGSEGV)
    assert "Fatal Python error" in caught.value.detail


def test_the_process_ends_with_the_program(scripted_model: Path, tmp_path: Path) -> None:
    code = (
        "import sys, os, signal\n"
        "from pathlib import Path\n"
        "from pychatbot_gui.engine.engine import CancelToken, ModelSpec\n"
        "from pychatbot_gui.engine.model_process import ModelProcess\n"
        "process = ModelProcess(Path(sys.argv[2]))\n"
        "process.load(ModelSpec(sys.argv[1], n_ctx=256), lambda f: None, CancelToken())\n"
        "print(process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(scripted_model), str(tmp_path / "log")],
        capture_output=True,
        text=True,
        timeout=30,
    )
    child = int(done.stdout)
    with_child = psutil.pid_exists(child)
    if with_child:
        psutil.wait_procs([psutil.Process(child)], timeout=10)
    assert not psutil.pid_exists(child)


def test_an_unwritable_log_folder_is_no_reason_not_to_chat(
    scripted_model: Path, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    process = ModelProcess(blocked / "model.log")
    try:
        load(process, scripted_model)
        assert text_of(events(process, user("Hi"), sampling=GREEDY)) == ANSWER
    finally:
        process.close()


def test_verbose_fills_the_log_and_quiet_leaves_it_out(
    process: ModelProcess, scripted_model: Path
) -> None:
    load(process, scripted_model)
    quiet = process.log_path.read_text()
    assert "llama_model_loader" not in quiet
    load(process, scripted_model, verbose=True)
    assert "llama_model_loader" in process.log_path.read_text()
    process.close()
    assert not process.log_path.exists()
