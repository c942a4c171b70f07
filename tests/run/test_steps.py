"""The steps of setting up: what they write, show and end, and how a failure is explained."""

import io
import sys
from pathlib import Path

import pytest

from tests.run.steps import run


@pytest.fixture
def real_steps(root):
    out = io.StringIO()
    with (root / ".venv" / "setup.lock").open("ab") as lock:
        steps = run.Steps(root / ".venv" / "setup.log", lock.fileno(), out)
        steps.out = out
        yield steps


def test_a_steps_output_goes_whole_into_the_log(real_steps):
    script = "import sys; print('Collecting numpy'); print('oops', file=sys.stderr); sys.exit(3)"
    assert real_steps.run("Trying", [sys.executable, "-c", script]) == 3
    log = real_steps._log.read_text()
    assert "Collecting numpy\n" in log
    assert "oops\n" in log
    assert "oops" not in real_steps.out.getvalue()


def test_without_a_terminal_a_step_is_told_in_plain_lines(real_steps):
    real_steps.run("Trying", ["sleep", "0.3"])
    assert real_steps.out.getvalue() == "   0 s  Trying\n"


class LiveOut(io.StringIO):
    """A terminal."""

    def isatty(self):
        return True


def test_on_a_terminal_what_is_done_is_updated_in_place(root):
    out = LiveOut()
    with (root / ".venv" / "setup.lock").open("ab") as lock:
        steps = run.Steps(root / ".venv" / "setup.log", lock.fileno(), out)
        steps.run("Trying", ["sh", "-c", "echo '[7/212] cc a.c'; sleep 0.5"])
    shown = out.getvalue().split("\r")
    assert "0:00  Trying: building llama-cpp-python, step 7/212" in shown[-1]
    assert out.getvalue().count("\n") == 1


class InterruptedOut(LiveOut):
    """A terminal at which the person presses Ctrl-C as soon as a file is there."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def write(self, text):
        if self.path.exists():
            raise KeyboardInterrupt
        return super().write(text)


def test_ctrl_c_ends_the_step_and_all_it_started(root, tmp_path, wait_until):
    pid_file = tmp_path / "pid"
    script = f"sleep 100 & echo $! > '{pid_file}.new'; mv '{pid_file}.new' '{pid_file}'; wait"
    with (root / ".venv" / "setup.lock").open("ab") as lock:
        steps = run.Steps(root / ".venv" / "setup.log", lock.fileno(), InterruptedOut(pid_file))
        with pytest.raises(KeyboardInterrupt):
            steps.run("Trying", ["sh", "-c", script])
    pid = int(pid_file.read_text())
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or is_zombie(pid))


def is_zombie(pid):
    with Path(f"/proc/{pid}/stat").open() as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Collecting PySide6-Essentials<6.12,>=6.10\n", "fetching PySide6-Essentials"),
        ("  Collecting cmake>=3.21\n", "fetching cmake"),
        (
            "  Building wheel for llama-cpp-python (pyproject.toml): started\n",
            "building llama-cpp-python",
        ),
        ("  [37/212] /usr/bin/c++ -O3 x.cpp\n", "building llama-cpp-python, step 37/212"),
        ("Installing collected packages: a, b\n", "unpacking the packages"),
        ("Setting up libxcb-cursor0:amd64 (0.1.4) ...\n", "libxcb-cursor0"),
        ("  Using cached x.whl\n", ""),
        ("\n", ""),
    ],
)
def test_what_a_line_of_output_tells(line, words):
    assert run.activity(line) == words


@pytest.mark.parametrize(
    ("log", "advice"),
    [
        (
            "WARNING: Retrying: NewConnectionError('x')\nERROR: No matching distribution",
            "no network",
        ),
        ("Err:1 Temporary failure resolving 'deb'\nE: Unable to fetch", "no network"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "disk is full"),
        ("c++: fatal error: Killed signal terminated program cc1plus", "memory ran out"),
        ("CMake Error: CMAKE_CXX_COMPILER not set, after EnableLanguage", "C++ compiler"),
        ("something else", "the log says more"),
        ("", "the log says more"),
    ],
)
def test_a_failure_is_explained(log, advice):
    assert advice in run.explain(log)


def test_of_a_long_log_only_the_telling_lines_are_shown():
    log = "noise\n" * 500 + "a.cpp:3:1: error: no such thing\n" + "noise\n" * 500
    shown = run.explain(log)
    assert "error: no such thing" in shown
    assert "noise" not in shown


def test_only_the_step_that_failed_is_explained(root):
    log = root / ".venv" / "setup.log"
    log.write_text("\n$ apt-get update\nTemporary failure resolving\n\n$ pip\nerror: broken\n")
    told = run.Steps(log, -1, io.StringIO()).failure()
    assert "error: broken" in told
    assert "network" not in told
