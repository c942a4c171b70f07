"""Setting up: ready or not, begun anew or built upon, and two starts at once."""

import io
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.run.steps import REPOSITORY, FakeSteps, run, set_up

# -- ready or not ---------------------------------------------------------------------------


def test_nothing_is_ready_before_the_set_up(root):
    assert not run.is_ready(root, tests=False)


def test_after_the_set_up_it_is_ready(root, steps):
    set_up(root, steps)
    assert run.is_ready(root, tests=False)
    assert not run.is_ready(root, tests=True)


def test_what_is_set_up_for_tests_is_ready_for_the_program_too(root, steps):
    set_up(root, steps, tests=True)
    assert run.is_ready(root, tests=True)
    assert run.is_ready(root, tests=False)


@pytest.mark.parametrize("name", ["pyproject.toml", "configs/constraints.txt"])
def test_other_pins_make_it_stale(root, steps, name):
    set_up(root, steps)
    with (root / name).open("a") as file:
        file.write("# changed\n")
    assert not run.is_ready(root, tests=False)


@pytest.mark.parametrize("key", ["python", "folder", "inputs"])
def test_another_python_or_folder_makes_it_stale(root, steps, key):
    set_up(root, steps)
    stamp = root / ".venv" / "setup.json"
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), key: "other"}))
    assert not run.is_ready(root, tests=False)


def test_a_python_that_was_removed_makes_it_stale(root, steps):
    set_up(root, steps)
    python = run.venv_python(root / ".venv")
    python.unlink()
    python.symlink_to("/no/such/python")
    assert not run.is_ready(root, tests=False)


def test_the_removed_home_of_its_python_makes_it_stale(root, steps):
    set_up(root, steps)
    (root / ".venv" / "pyvenv.cfg").write_text("home = /no/such/folder\n")
    assert not run.is_ready(root, tests=False)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"7"])
def test_a_damaged_stamp_counts_as_none(root, steps, content):
    set_up(root, steps)
    (root / ".venv" / "setup.json").write_bytes(content)
    assert not run.is_ready(root, tests=False)


# -- setting up -----------------------------------------------------------------------------


def test_the_stamp_is_written_after_every_step(root, steps):
    set_up(root, steps)
    assert steps.titles == ["Making the environment", "Installing"]
    assert steps.stamp_seen == [False, False]


def test_pip_gets_the_pins_for_the_program_and_for_what_builds_it(root, steps):
    set_up(root, steps)
    command, env = steps.taken[-1]
    assert command[0] == str(run.venv_python(root / ".venv"))
    assert command[-2:] == ["--editable", "."]
    address = env["PIP_CONSTRAINT"]
    assert address == env["PIP_BUILD_CONSTRAINT"]
    assert address.startswith("file:///")
    assert address.endswith("/my%20100%25%20project/configs/constraints.txt")


def test_a_setting_that_would_lead_pip_astray_is_dropped(root, steps, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PIP_USER", "1")
    _, env = set_up(root, steps).taken[-1]
    assert "PYTHONPATH" not in env
    assert "PIP_TARGET" not in env
    assert env["PIP_USER"] == "0"


def test_the_test_extra_is_installed_for_the_tests(root, steps):
    set_up(root, steps, tests=True)
    assert steps.taken[-1][0][-2:] == ["--editable", ".[test]"]


@pytest.mark.parametrize("step", ["Making the environment", "Installing"])
def test_an_interrupted_set_up_is_begun_anew(root, steps, step):
    steps.interrupted_at = step
    with pytest.raises(KeyboardInterrupt):
        set_up(root, steps)
    assert not run.is_ready(root, tests=False)
    leftover = root / ".venv" / "lib" / "half-unpacked"
    leftover.mkdir(parents=True)
    steps.interrupted_at = ""
    set_up(root, steps)
    assert run.is_ready(root, tests=False)
    assert not leftover.exists()


def test_an_interrupted_upgrade_is_begun_anew(root, steps):
    set_up(root, steps)
    (root / "pyproject.toml").write_text("[project]\n# newer\n")
    steps.interrupted_at = "Installing"
    with pytest.raises(KeyboardInterrupt):
        set_up(root, steps)
    assert run.finished(root / ".venv") == {}


def test_a_finished_environment_is_built_upon(root, steps):
    set_up(root, steps)
    (root / "pyproject.toml").write_text("[project]\n# newer\n")
    steps.titles.clear()
    set_up(root, steps)
    assert steps.titles == ["Installing"]
    assert run.is_ready(root, tests=False)


def test_an_upgrade_that_pip_refuses_does_not_cost_the_environment(root, steps):
    set_up(root, steps)
    (root / "pyproject.toml").write_text("[project]\n# newer\n")
    steps.statuses["Installing"] = 1
    with pytest.raises(run.SetupError, match="installation failed"):
        set_up(root, steps)
    steps.statuses.clear()
    steps.titles.clear()
    set_up(root, steps)
    assert steps.titles == ["Installing"]


def test_an_environment_of_another_folder_is_made_anew(root, steps):
    set_up(root, steps)
    moved = root.with_name("moved")
    root.rename(moved)
    assert not run.is_ready(moved, tests=False)
    again = FakeSteps(moved / ".venv" / "setup.log")
    set_up(moved, again)
    assert again.titles == ["Making the environment", "Installing"]


def test_clearing_removes_links_and_not_what_they_point_to(root, steps):
    outside = root.with_name("outside")
    outside.mkdir()
    (outside / "precious").write_text("x")
    (root / ".venv" / "link").symlink_to(outside)
    set_up(root, steps)
    assert (outside / "precious").exists()
    assert not (root / ".venv" / "link").exists()


@pytest.mark.parametrize("step", ["Making the environment", "Installing"])
def test_a_failed_step_stops_the_set_up(root, steps, step):
    steps.statuses[step] = 1
    steps._log.write_text("ERROR: getaddrinfo failed\n")
    with pytest.raises(run.SetupError, match="seems to be no network"):
        set_up(root, steps)
    assert not run.is_ready(root, tests=False)


def test_a_failed_set_up_names_the_log(root):
    class Failing(FakeSteps):
        def run(self, title, command, env=None):
            super().run(title, command, env)
            return 1

    with pytest.raises(run.SetupError) as caught:
        run.prepare(root, False, io.StringIO(), Failing)
    assert str(caught.value).endswith(f"Full log: {root / '.venv' / 'setup.log'}")


# -- two starts at once ---------------------------------------------------------------------


def test_a_second_start_waits_for_the_first_and_finds_it_done(root, wait_until):
    out, made = io.StringIO(), []

    class Counted(FakeSteps):
        def run(self, title, command, env=None):
            made.append(title)
            return super().run(title, command, env)

    with run.only_one(root / ".venv" / "setup.lock", out):
        second = threading.Thread(target=run.prepare, args=(root, False, out, Counted))
        second.start()
        wait_until(lambda: "Waiting" in out.getvalue())
        set_up(root, FakeSteps(root / ".venv" / "setup.log"))
    second.join(20)
    assert not second.is_alive()
    assert made == []
    assert run.is_ready(root, tests=False)


def test_a_step_that_outlives_a_killed_run_holds_the_lock(root, tmp_path, wait_until):
    pid_file = tmp_path / "pid"
    starter = (
        "import importlib.util, sys, pathlib\n"
        f"spec = importlib.util.spec_from_file_location('run_py', {str(REPOSITORY / 'run.py')!r})\n"
        "run = importlib.util.module_from_spec(spec); spec.loader.exec_module(run)\n"
        f"venv = pathlib.Path({str(root / '.venv')!r})\n"
        "with run.only_one(venv / 'setup.lock', sys.stderr) as lock:\n"
        "    steps = run.Steps(venv / 'setup.log', lock, sys.stderr)\n"
        f"    steps.run('x', ['sh', '-c', 'echo $$ > \"{pid_file}.new\"; '\n"
        f'        \'mv "{pid_file}.new" "{pid_file}"; exec sleep 100\'])\n'
    )
    parent = subprocess.Popen([sys.executable, "-c", starter], stderr=subprocess.DEVNULL)
    try:
        wait_until(pid_file.exists)
    finally:
        parent.kill()
        parent.wait()
    with (root / ".venv" / "setup.lock").open("ab") as lock:
        try:
            assert not run.try_lock(lock.fileno())
        finally:
            os.kill(int(pid_file.read_text()), signal.SIGKILL)
        wait_until(lambda: run.try_lock(lock.fileno()))
