"""What run.py may be run by, what it starts, and what it passes on."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.run.steps import REPOSITORY, run

# -- the file itself ------------------------------------------------------------------------


def test_the_file_can_be_read_by_a_much_older_python():
    ast.parse((REPOSITORY / "run.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_an_older_python_is_told_in_a_sentence():
    source = (REPOSITORY / "run.py").read_text(encoding="utf-8")
    source = source.replace("sys.version_info", "(3, 8, 1)")
    with pytest.raises(SystemExit) as caught:
        exec(compile(source, "run.py", "exec"), {"__name__": "__main__"})
    assert "needs Python 3.10 or newer. Install one: this is Python 3.8." in caught.value.code


def test_only_the_standard_library_is_imported():
    tree = ast.parse((REPOSITORY / "run.py").read_text(encoding="utf-8"))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_ci_calls_run_py_and_nothing_clever():
    script = REPOSITORY / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "exec python3 run.py --test"


# -- starting -------------------------------------------------------------------------------


class Recorder:
    """Takes down how a process would have been started."""

    def __init__(self, *statuses):
        self.commands = []
        self.statuses = list(statuses)

    def __call__(self, command, **options):
        self.commands.append([str(word) for word in command])
        status = self.statuses.pop(0) if self.statuses else 0
        return subprocess.CompletedProcess(command, status, b"", b"")


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the program is a child process")
def test_the_arguments_reach_the_program_as_they_are(monkeypatch):
    taken_over = []

    def execv(program, command):
        taken_over.append((program, command))
        raise SystemExit

    monkeypatch.setattr(run.os, "execv", execv)
    arguments = ["--terminal", 'You\'re an "AI" assistant', "", "%f", "--test"]
    with pytest.raises(SystemExit):
        run.start(Path("/x/python"), arguments)
    ((program, command),) = taken_over
    assert program == Path("/x/python")
    assert command[0] == "/x/python"
    assert command[2:] == ["-m", "pychatbot_gui", *arguments]


def test_the_current_folder_cannot_stand_in_for_the_program(tmp_path):
    fake = tmp_path / "pychatbot_gui"
    fake.mkdir()
    (fake / "__init__.py").write_text("")
    (fake / "__main__.py").write_text("print('an impostor')")
    flag = "-P" if sys.version_info >= (3, 11) else "-I"
    done = subprocess.run(
        [sys.executable, flag, "-m", "pychatbot_gui", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert "impostor" not in done.stdout


def test_every_check_runs_and_pytest_comes_last(monkeypatch):
    recorder = Recorder(1, 0, 2, 0)
    monkeypatch.setattr(run.subprocess, "run", recorder)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert run.run_checks(Path("/x"), Path("/x/python"), ["-k", "a b"]) == 1
    assert [command[2] for command in recorder.commands] == ["ruff", "ruff", "mypy", "pytest"]
    assert recorder.commands[-1][2] == "pytest"
    assert recorder.commands[-1][-2:] == ["-k", "a b"], "what is asked for has the last word"


@pytest.mark.parametrize(
    ("statuses", "expected"), [((0, 0, 0, 0), 0), ((0, 0, 0, 5), 5), ((0, 0, 0, -9), 137)]
)
def test_the_checks_status_is_passed_on(monkeypatch, statuses, expected):
    monkeypatch.setattr(run.subprocess, "run", Recorder(*statuses))
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert run.run_checks(Path("/x"), Path("/x/python"), []) == expected


def main_with(monkeypatch, error):
    def prepare(*arguments):
        raise error

    monkeypatch.setattr(run, "prepare", prepare)
    # What main does about signals must not outlive the test.
    monkeypatch.setattr(run.signal, "signal", lambda number, handler: None)
    return run.main([])


def test_what_goes_wrong_is_told_and_ends_with_a_status(monkeypatch, capsys):
    assert main_with(monkeypatch, run.SetupError("A sentence.")) == 1
    assert capsys.readouterr().err == "A sentence.\n"
    assert main_with(monkeypatch, PermissionError(13, "Permission denied", "/opt/x")) == 1
    assert "Permission denied" in capsys.readouterr().err
    assert main_with(monkeypatch, KeyboardInterrupt()) == 130
    assert "Stopped" in capsys.readouterr().err
