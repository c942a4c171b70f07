"""What run.py decides: ready or not, what is missing, what it says, what it passes on."""

import ast
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def load_run():
    spec = importlib.util.spec_from_file_location("run_py", REPOSITORY / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


run = load_run()
check_system = run.check_system


class FakeSteps(run.Steps):
    """Takes the steps down; making the environment makes its bare outline."""

    def __init__(self, log, lock=-1, out=None):
        super().__init__(log, lock, out or io.StringIO())
        self.venv = log.parent
        self.taken = []
        self.titles = []
        self.statuses = {}
        self.interrupted_at = ""
        self.stamp_seen = []

    def run(self, title, command, env=None):
        self.taken.append((command, env))
        self.titles.append(title)
        self.stamp_seen.append((self.venv / "setup.json").exists())
        if title == "Making the environment":
            python = run.venv_python(self.venv)
            python.parent.mkdir()
            python.symlink_to(sys.executable)
            home = Path(sys.executable).parent
            (self.venv / "pyvenv.cfg").write_text(f"home = {home}\nversion = 3\n")
        if title == self.interrupted_at:
            raise KeyboardInterrupt
        return self.statuses.get(title, 0)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project of two files, in a folder with a space and a percent sign, with nothing set up."""
    folder = tmp_path / "my 100% project"
    (folder / "configs").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("[project]\n")
    (folder / "configs" / "constraints.txt").write_text("a==1\n")
    (folder / ".venv").mkdir()
    # What this machine has installed must not change what is tested.
    monkeypatch.setattr(run, "check_system", lambda tests, steps: None)
    return folder


@pytest.fixture
def steps(root):
    fake = FakeSteps(root / ".venv" / "setup.log")
    fake._log.write_text("")
    return fake


def set_up(root, steps, tests=False):
    run.set_up(root, tests, steps)
    return steps


# --- the file itself ---


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


# --- ready or not ---


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


# --- setting up ---


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


# --- two starts at once ---


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


# --- the steps ---


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


# --- system packages ---


def nothing(name, path=None):
    return None


def everything(name):
    return f"/usr/bin/{name}"


ALL_LIBRARIES = {pair.split("=")[0] for pair in run.LIBRARIES.split()}
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Debian's packages")


@on_linux
def test_nothing_is_missing_on_a_complete_system():
    assert run.missing_packages(True, ALL_LIBRARIES, everything, True) == []


@on_linux
def test_each_missing_part_has_its_package():
    libraries = ALL_LIBRARIES - {"libxcb-cursor.so.0", "libGL.so.1"}
    assert run.missing_packages(False, libraries, everything, True) == ["libgl1", "libxcb-cursor0"]
    assert run.missing_packages(False, ALL_LIBRARIES, nothing, True) == ["g++"]
    venv = "python{}.{}-venv".format(*sys.version_info)
    assert run.missing_packages(False, ALL_LIBRARIES, everything, False) == [venv]
    tests = run.missing_packages(True, ALL_LIBRARIES, nothing, True)
    assert tests == [
        "g++",
        "xvfb",
        "xauth",
        "xdotool",
        "xclip",
        "desktop-file-utils",
        "shared-mime-info",
    ]


@on_linux
def test_a_c_compiler_alone_is_not_enough():
    assert not run.has_compiler(lambda name: name in ("cc", "gcc"))
    assert run.has_compiler(lambda name: name in ("clang", "clang++"))


@on_linux
def test_where_libraries_cannot_be_listed_none_is_asked_for():
    assert run.missing_packages(False, None, everything, True) == []


@on_linux
def test_the_library_list_is_read():
    libraries = run.installed_libraries()
    assert libraries is None or any(name.startswith("libc.so") for name in libraries)


def test_who_cannot_install_gets_the_exact_command(steps):
    steps.statuses["Asking apt"] = 100
    with pytest.raises(run.SetupError) as caught:
        run.install_packages(["g++", "libglib2.0-0"], None, steps)
    assert (
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends g++ libglib2.0-0"
        in str(caught.value)
    )
    assert steps.titles == ["Asking apt"]


def test_the_name_of_newer_systems_is_taken_where_apt_knows_it(steps):
    with pytest.raises(run.SetupError, match=r"libglib2\.0-0t64\n"):
        run.install_packages(["g++", "libglib2.0-0"], None, steps)


def test_the_packages_are_installed_even_when_a_source_is_out_of_reach(steps):
    steps.statuses["Updating the list of system packages"] = 100
    run.install_packages(["g++"], ["sudo", "-n"], steps)
    command = steps.taken[-1][0]
    assert command[:4] == ["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive"]
    assert command[-1] == "g++"


def test_a_failing_apt_is_told_with_the_command(steps):
    steps.statuses["Installing system packages"] = 100
    steps._log.write_text("E: Unable to locate package g++\n")
    with pytest.raises(run.SetupError) as caught:
        run.install_packages(["g++"], [], steps)
    assert "E: Unable to locate package g++" in str(caught.value)
    assert "sudo apt-get install -y --no-install-recommends g++" in str(caught.value)


@on_linux
@pytest.mark.parametrize(
    ("missing", "sentence"),
    [("compiler", "dnf install gcc-c\\+\\+"), ("ensurepip", "venv and pip")],
)
def test_without_apt_what_is_missing_is_said(steps, monkeypatch, missing, sentence):
    monkeypatch.setattr(run.shutil, "which", nothing if missing == "compiler" else no_apt)
    monkeypatch.setattr(
        run.importlib.util, "find_spec", lambda name: None if missing == name else "found"
    )
    with pytest.raises(run.SetupError, match=sentence):
        check_system(False, steps)
    assert steps.titles == []


def no_apt(name, path=None):
    return None if name in ("apt-get", "dpkg", "ldconfig") else f"/usr/bin/{name}"


@on_linux
def test_without_apt_missing_libraries_are_named_and_do_not_stop(steps, monkeypatch):
    monkeypatch.setattr(run.shutil, "which", no_apt)
    monkeypatch.setattr(run, "installed_libraries", lambda: ALL_LIBRARIES - {"libGL.so.1"})
    check_system(False, steps)
    assert steps._out.getvalue().endswith("libGL.so.1\n")


# --- starting ---


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


def test_a_failed_set_up_names_the_log(root):
    class Failing(FakeSteps):
        def run(self, title, command, env=None):
            super().run(title, command, env)
            return 1

    with pytest.raises(run.SetupError) as caught:
        run.prepare(root, False, io.StringIO(), Failing)
    assert str(caught.value).endswith(f"Full log: {root / '.venv' / 'setup.log'}")
