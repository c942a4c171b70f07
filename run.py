"""One command from a clean checkout to the running program; needs nothing but Python.

    python3 run.py [arguments of the program]    set up what is missing, then start PyChatbot
    python3 run.py --test [arguments of pytest]  set up what is missing, then run every check

All is installed into `.venv` beside this file. What it was made from is written last, into
`.venv/setup.json`: without that file, or where it no longer fits, the next run sets up anew.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - the person may have only an older one
    version = ".".join(map(str, sys.version_info[:2]))
    sys.exit("PyChatbot needs Python 3.10 or newer. Install one: this is Python " + version + ".")

import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent
# What Qt's plug-ins load, and the Debian packages: these bring the rest along.
LIBRARIES = """
libGL.so.1=libgl1 libEGL.so.1=libegl1 libX11-xcb.so.1=libx11-xcb1 libxcb-cursor.so.0=libxcb-cursor0
libxcb-icccm.so.4=libxcb-icccm4 libxcb-keysyms.so.1=libxcb-keysyms1 libxcb-glx.so.0=libxcb-glx0
libxcb-randr.so.0=libxcb-randr0 libxcb-shape.so.0=libxcb-shape0 libxcb-sync.so.1=libxcb-sync1
libxcb-xfixes.so.0=libxcb-xfixes0 libxkbcommon-x11.so.0=libxkbcommon-x11-0
libdbus-1.so.3=libdbus-1-3 libfontconfig.so.1=libfontconfig1 libglib-2.0.so.0=libglib2.0-0
libgssapi_krb5.so.2=libgssapi-krb5-2 libbrotlidec.so.1=libbrotli1"""
TEST_PROGRAMS = """
Xvfb=xvfb xauth=xauth xdotool=xdotool xclip=xclip desktop-file-validate=desktop-file-utils
update-mime-database=shared-mime-info"""
RENAMED = {"libglib2.0-0": "libglib2.0-0t64"}  # in Debian 13 and Ubuntu 24.04
COMPILER_ADVICE = {
    "darwin": "Run: xcode-select --install",
    "win32": 'Install "Build Tools for Visual Studio" with "Desktop development with C++".',
    "linux": "Install g++. Fedora: sudo dnf install gcc-c++; Arch: sudo pacman -S base-devel",
}
# What a failed step's log says, and what can be done about it; the first that fits.
ADVICE = {
    "No space left on device|Errno 28": "The disk is full. Free about 2 GB, then start again.",
    "Killed signal|: Killed": "The memory ran out. Close other programs, then start again.",
    "NameResolution|Temporary failure|getaddrinfo failed|NewConnectionError|ConnectTimeout"
    "|Network is unreachable|ProxyError": "The packages could not be fetched: there seems to be "
    "no network. Check the connection (and the proxy, if there is one), then start again.",
    "CMAKE_C(XX)?_COMPILER (not set|could)": "No working C++ compiler was found. Install one, then start again.",
    "dpkg was interrupted": "Run: sudo dpkg --configure -a",
    "": "Start again. If it fails in the same way, the log says more.",
}


class SetupError(Exception):
    """The set-up cannot go on; the text says why and what can be done."""


class Steps:
    """Runs the steps of a set-up: their output into the log, the elapsed time to the person."""

    def __init__(self, log: Path, lock: int, out: TextIO) -> None:
        self._log, self._lock, self._out = log, lock, out

    def say(self, text: str) -> None:
        """Print one line."""
        print(text, file=self._out, flush=True)

    def run(self, title: str, command: list[str], env: dict[str, str] | None = None) -> int:
        """Run one step to its end and return its exit status."""
        # A session of its own, so that all it started can be ended; sudo asks at the terminal.
        # It holds the lock as well: if it outlives a killed run.py, the next run waits for it.
        posix = os.name == "posix"
        own_session = posix and command[0] != "sudo"
        with self._log.open("ab") as log:
            log.write(f"\n$ {' '.join(command)}\n".encode(errors="replace"))
            log.flush()
            beginning = log.tell()
            child = subprocess.Popen(
                command, cwd=self._log.parent.parent, env=env, start_new_session=own_session,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[self._lock] * posix
            )  # fmt: skip
        try:
            self._watch(child, title, beginning)
        finally:
            if child.poll() is None:
                with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                    # As Ctrl-C does it, so that pip removes its temporary files.
                    os.killpg(child.pid, signal.SIGINT) if own_session else child.terminate()
                    child.wait(10)
                with contextlib.suppress(OSError):
                    os.killpg(child.pid, signal.SIGKILL) if own_session else child.kill()
                child.wait()
        return child.returncode

    def failure(self) -> str:
        """Return what the last step's part of the log says, and what can be done about it."""
        log = self._log.read_text(encoding="utf-8", errors="replace")
        return explain(log.rpartition("\n$ ")[2])

    def _watch(self, child: "subprocess.Popen[bytes]", title: str, beginning: int) -> None:
        began = said = time.monotonic()
        live, text = self._out.isatty(), title
        with self._log.open(encoding="utf-8", errors="replace") as log:
            log.seek(beginning)
            while child.poll() is None:
                for line in log:
                    text = f"{title}: {activity(line)}" if activity(line) else text
                now = time.monotonic()
                seconds = int(now - began)
                if live:
                    width = shutil.get_terminal_size().columns - 10
                    clock = f"{seconds // 60}:{seconds % 60:02}"
                    print(
                        f"\r{clock:>6}  {text[:width]:<{width}}", end="", file=self._out, flush=True
                    )
                elif now - said >= 15 or said == began:
                    said = now
                    self.say(f"{seconds:4} s  {text}")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(0.2)
        if live:
            self.say("")


def activity(line: str) -> str:
    """Return what a line of a step's output tells, in a few words; "" if it tells nothing."""
    for pattern, words in (
        (r"\s*\[(\d+/\d+)\] ", "building llama-cpp-python, step {}"),
        (r"\s*Collecting ([\w.-]+)", "fetching {}"),
        (r"\s*Building wheel for (\S+)", "building {}"),
        (r"\s*Installing collected (packages)", "unpacking the {}"),
        (r"(?:Unpacking|Setting up) ([\w.+-]+)", "{}"),
    ):
        found = re.match(pattern, line)
        if found:
            return words.format(found[1])
    return ""


def explain(log: str) -> str:
    """Return the telling last lines of a failed step's log, and what can be done about it."""
    lines = [line.strip()[:200] for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"(?i)\berror: |\bfatal |^E: |CMake Error", line)]
    errors = [line for line in errors if "subprocess-exited-with-error" not in line]
    advice = next(text for pattern, text in ADVICE.items() if re.search(pattern, log))
    return "\n  ".join(["", *(errors or lines)[-5:]]) + "\n" + advice


def venv_python(venv: Path) -> Path:
    """Return the Python of an environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wanted(root: Path) -> dict[str, str]:
    """Return what an environment has to be made from: this Python, this folder, these pins."""
    inputs = [root / "pyproject.toml", root / "configs" / "constraints.txt"]
    return {
        "python": f"{sys.implementation.cache_tag} {platform.machine()}",
        "folder": str(root),
        "inputs": hashlib.sha256(b"\0".join(path.read_bytes() for path in inputs)).hexdigest(),
    }


def finished(venv: Path) -> dict[str, str]:
    """Return what a finished environment was made from; {} if there is none, or none that runs."""
    try:
        stamp = json.loads((venv / "setup.json").read_text(encoding="utf-8"))
        base = re.search(r"(?m)^home = (.+)$", (venv / "pyvenv.cfg").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    runs = venv_python(venv).exists() and base is not None and Path(base[1]).is_dir()
    return stamp if isinstance(stamp, dict) and runs else {}


def is_ready(root: Path, tests: bool) -> bool:
    """Tell whether nothing is left to set up."""
    stamp = finished(root / ".venv")
    return wanted(root).items() <= stamp.items() and (not tests or stamp.get("extra") == "test")


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody holds it; it goes when the file is closed."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def only_one(path: Path, out: TextIO) -> Iterator[int]:
    """Hold the lock file, given as its descriptor; a second start waits here for the first."""
    with path.open("ab") as file:
        if not try_lock(file.fileno()):
            print("PyChatbot is being set up already. Waiting for that ...", file=out, flush=True)
            while not try_lock(file.fileno()):
                time.sleep(0.2)
        yield file.fileno()


def installed_libraries() -> set[str] | None:
    """Return the system's shared libraries by name; None where they cannot be listed."""
    tool = shutil.which("ldconfig", path=os.environ.get("PATH", "") + ":/sbin:/usr/sbin")
    if sys.platform != "linux" or tool is None:
        return None
    listing = subprocess.run([tool, "-p"], capture_output=True, text=True, check=False).stdout
    # A 32-bit library of the same name is of no use to a 64-bit Python.
    kind = {"x86_64": "x86-64", "aarch64": "AArch64"}.get(platform.machine(), "")
    return {line.split()[0] for line in listing.splitlines() if "=>" in line and kind in line}


def has_compiler(has_program: Callable[[str], object]) -> bool:
    """Tell whether C and C++ can be compiled here."""
    if sys.platform == "darwin":  # cc is there even when it only asks to be installed
        return subprocess.run(["xcode-select", "-p"], capture_output=True).returncode == 0
    if sys.platform == "win32":
        folders = [os.environ.get(name, "") for name in ("PROGRAMFILES", "PROGRAMFILES(X86)")]
        tools = "Microsoft Visual Studio/*/*/VC/Tools/MSVC/*"
        if any(next(Path(folder).glob(tools), None) for folder in folders if folder):
            return True
    languages = (("cc", "gcc", "clang"), ("c++", "g++", "clang++"))
    return all(any(has_program(name) for name in names) for names in languages)


def missing_packages(
    tests: bool, libraries: set[str] | None, has_program: Callable[[str], object], ensurepip: bool
) -> list[str]:
    """Return the Debian packages to install; `libraries` None means that nobody can tell."""
    packages = [] if ensurepip else ["python{}.{}-venv".format(*sys.version_info)]
    packages += [] if has_compiler(has_program) else ["g++"]
    for name, package in (pair.split("=") for pair in LIBRARIES.split()):
        packages += [package] if libraries is not None and name not in libraries else []
    for name, package in (pair.split("=") for pair in TEST_PROGRAMS.split()):
        packages += [package] if tests and not has_program(name) else []
    return packages


def root_prefix(steps: Steps) -> list[str] | None:
    """Return what a command of root begins with: [] for root; None where nobody can be asked."""
    if os.name != "posix" or os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    if subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    if not sys.stdin.isatty():
        return None
    steps.say("System packages have to be installed; sudo may ask for your password.")
    return ["sudo"] if subprocess.run(["sudo", "-v"]).returncode == 0 else None


def install_packages(packages: list[str], prefix: list[str] | None, steps: Steps) -> None:
    """Install Debian packages, or raise SetupError with the command that does."""
    for old, new in RENAMED.items():
        if old in packages and steps.run("Asking apt", ["apt-cache", "show", new]) == 0:
            packages = [new if name == old else name for name in packages]
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    advice = f"\n  sudo apt-get update && sudo {' '.join(install)}\nThen start again."
    if prefix is None:
        raise SetupError(f"System packages are missing. As an administrator, run:{advice}")
    prefix = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
    # One source out of reach fails the update, yet the packages may be known.
    steps.run("Updating the list of system packages", [*prefix, "apt-get", "update"])
    wait = "-oDPkg::Lock::Timeout=120"  # for the system's own updates
    if steps.run("Installing system packages", [*prefix, install[0], wait, *install[1:]]):
        raise SetupError(f"apt-get failed:{steps.failure()}\nBy hand, this would be:{advice}")


def check_system(tests: bool, steps: Steps) -> None:
    """Install the system packages that are missing, or say what is missing."""
    ensurepip = importlib.util.find_spec("ensurepip") is not None
    libraries = installed_libraries()
    if shutil.which("apt-get") and shutil.which("dpkg"):
        packages = missing_packages(tests, libraries, shutil.which, ensurepip)
        if packages:
            install_packages(packages, root_prefix(steps), steps)
        return
    if not ensurepip:
        raise SetupError("This Python cannot make environments: install its venv and pip parts.")
    if not has_compiler(shutil.which):
        advice = COMPILER_ADVICE.get(sys.platform, "Install g++ or clang.")
        raise SetupError(f"A C++ compiler is needed, and none was found. {advice}")
    names = {pair.split("=")[0] for pair in LIBRARIES.split()}
    missing = ", ".join(sorted(names - libraries)) if libraries is not None else ""
    if missing:
        steps.say(f"The window may need libraries that this system does not have: {missing}")


def set_up(root: Path, tests: bool, steps: Steps) -> None:
    """Make the environment complete, the stamp last; to be called with the lock held."""
    venv, want = root / ".venv", wanted(root)
    check_system(tests, steps)
    made_from = finished(venv)
    (venv / "setup.json").unlink(missing_ok=True)
    # pip takes a half unpacked package for installed, so only a finished one is built upon.
    kept = all(made_from.get(key) == want[key] for key in ("python", "folder"))
    if not kept:
        for path in venv.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name not in ("setup.lock", "setup.log"):
                path.unlink()
        base = getattr(sys, "_base_executable", sys.executable)  # not the environment's own
        if steps.run("Making the environment", [base, "-m", "venv", str(venv)]):
            raise SetupError(f"The environment could not be made:{steps.failure()}")
    dropped = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX")
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    # As an address, because pip splits the value at spaces. It holds for build tools, too.
    pins = root.joinpath("configs", "constraints.txt").as_uri()
    env.update(PIP_USER="0", PIP_CONSTRAINT=pins, PIP_BUILD_CONSTRAINT=pins)
    pip = [str(venv_python(venv)), "-m", "pip", "install", "-v", "--no-input"]
    project = ".[test]" if tests else "."
    if steps.run("Installing", [*pip, "--editable", project], env):
        if kept:  # pip gave up before it changed anything
            write_stamp(venv, made_from)
        raise SetupError(f"The installation failed:{steps.failure()}")
    if os.name == "posix":
        os.sync()  # a stamp must not survive the power cut that its packages do not
    write_stamp(venv, {**want, "extra": "test" if tests else ""})


def write_stamp(venv: Path, made_from: dict[str, str]) -> None:
    """Say what the environment was made from, whole or not at all."""
    draft = venv / "setup.json.new"
    draft.write_text(json.dumps(made_from), encoding="utf-8")
    draft.replace(venv / "setup.json")


def prepare(root: Path, tests: bool, out: TextIO, runner: type[Steps] = Steps) -> None:
    """See to it that the environment is complete; raise SetupError where that fails."""
    if is_ready(root, tests):
        return
    venv = root / ".venv"
    venv.mkdir(exist_ok=True)
    with only_one(venv / "setup.lock", out) as lock:
        if is_ready(root, tests):  # the other start has done it
            return
        log = venv / "setup.log"
        log.write_bytes(b"")
        steps = runner(log, lock, out)
        steps.say(f"Setting up PyChatbot; the first time this takes minutes. Full log: {log}")
        try:
            set_up(root, tests, steps)
        except SetupError as error:
            raise SetupError(f"{error}\nFull log: {log}") from None


def start(python: Path, arguments: list[str]) -> int:
    """Start the program in the current folder; on POSIX it takes this process over."""
    # What lies in the current folder must not be taken for a module of ours.
    safe = "-P" if sys.version_info >= (3, 11) else "-I"
    command = [str(python), safe, "-m", "pychatbot_gui", *arguments]
    if os.name == "posix":
        os.execv(python, command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program
    return subprocess.run(command, check=False).returncode


def run_checks(root: Path, python: Path, arguments: list[str]) -> int:
    """Run every check, pytest last; return its status, or that of the first that failed."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    failed = 0
    for check in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"], ["pytest"]):
        # Two at once, on two cores; a later "-n 0" among the arguments takes that back.
        at_once = ["-n", "2", "--dist", "worksteal"]
        command = [*check, *at_once, *arguments] if check == ["pytest"] else check
        print("==", *command, flush=True)
        status = subprocess.run([python, "-m", *command], cwd=root, check=False).returncode
        failed = failed or (status if status >= 0 else 128 - status)
    return failed


def main(arguments: list[str]) -> int:
    """Set up, then start the program or the checks; return the exit status."""
    tests = arguments[:1] == ["--test"]
    python = venv_python(ROOT / ".venv")
    for name in ("SIGTERM", "SIGHUP"):  # a closed terminal must not leave a build behind
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        prepare(ROOT, tests, sys.stderr)
        return run_checks(ROOT, python, arguments[1:]) if tests else start(python, arguments)
    except SetupError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"PyChatbot cannot be set up in {ROOT}: {error}", file=sys.stderr)
        print("It takes the whole project in a folder of your own, and 2 GB free.", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped. The next start picks it up.", file=sys.stderr)
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
