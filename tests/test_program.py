"""The program as a person starts it: a process of its own, a real display, real key strokes."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from PySide6.QtGui import QImage

from tests.conftest import ANSWER
from tests.models import build_scripted_model

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Xvfb and xdotool are for X11"),
    pytest.mark.timeout(180),
]

REPOSITORY = Path(__file__).resolve().parent.parent
PATIENCE = 60.0  # seconds until a test gives up waiting for something to be seen
WIDTH, HEIGHT = 1100, 900
# In the chat, right of the buttons below its messages: whatever its height, “Continue” is not hit.
IN_CHAT = (1000, 300)
# Rows in the list of chats; there the first hit of a search takes the place of the first chat.
FIRST_CHAT, SECOND_CHAT, FIRST_HIT = (100, 158), (100, 188), (100, 165)
GRAB = (
    "import sys\n"
    "from PySide6.QtGui import QGuiApplication\n"
    "application = QGuiApplication(sys.argv)\n"
    "application.primaryScreen().grabWindow(0).save(sys.argv[1])\n"
)


def needed(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is missing: run.py --test installs it"
    return found


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def start_xvfb() -> tuple[subprocess.Popen[bytes], str]:
    hears, tells = os.pipe()
    server = subprocess.Popen(
        [
            *(needed("Xvfb"), "-displayfd", str(tells), "-nolisten", "tcp", "-noreset"),
            *("-screen", "0", f"{WIDTH}x{HEIGHT}x24"),
        ],
        pass_fds=(tells,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(tells)
    said = b""
    while not said.endswith(b"\n"):
        ready, _, _ = select.select([hears], [], [], PATIENCE)
        piece = os.read(hears, 64) if ready else b""
        if not piece:
            server.kill()
            server.wait()
            pytest.fail("Xvfb did not start")
        said += piece
    os.close(hears)
    return server, f":{int(said)}"


class Person:
    """Somebody with a keyboard, a mouse and eyes in front of a display."""

    def __init__(self, display: str, folder: Path) -> None:
        self.programs: list[subprocess.Popen[bytes]] = []
        self._folder = folder
        self._window = ""
        self._environment = {**os.environ, "DISPLAY": display, "PYTHONWARNINGS": "always"}
        for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY"):
            self._environment.pop(name, None)

    def start(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """Start the program; what it writes is in the files `out` and `err`."""
        with (self._folder / "out").open("ab") as out, (self._folder / "err").open("ab") as err:
            program = subprocess.Popen(
                [sys.executable, "-m", "pychatbot_gui", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=REPOSITORY,
                env=self._environment,
            )
        self.programs.append(program)
        return program

    def said(self) -> str:
        """What all programs wrote to their standard output and standard error."""
        return (self._folder / "out").read_text() + (self._folder / "err").read_text()

    def find_window(self, title: str) -> None:
        """Wait for the window of this title, and go to it."""
        wait_for(lambda: self._search(title) != "", f"a window with “{title}” in its title")
        self._window = self._search(title).split()[0]
        self._run("xdotool", "windowfocus", "--sync", self._window)

    def count_windows(self, title: str) -> int:
        return len(self._search(title).split())

    def type(self, text: str) -> None:
        self._run("xdotool", "type", "--delay", "4", text)

    def press(self, *keys: str) -> None:
        self._run("xdotool", "key", *keys)

    def send(self, *lines: str) -> None:
        """Type a message and press Return, until it stands in the chat.

        The program takes a message only when the answer before it is finished, which nothing but
        the look of a button tells. Return in an empty prompt does nothing.
        """
        for number, line in enumerate(lines):
            if number:
                self.press("shift+Return")
            self.type(line)

        def sent() -> bool:
            self.press("Return")
            return "\n".join(lines) in self._read_once()

        wait_for(sent, f"“{lines[0]}” in the chat")

    def copy(self) -> str:
        """Select everything where the keyboard is, copy it, and read the clipboard."""
        self.press("ctrl+a", "ctrl+c")
        return self.clipboard()

    def read(self, ending: str) -> str:
        """Copy the chat until it has `ending`."""
        seen = [""]

        def there() -> bool:
            seen[0] = self._read_once()
            return ending in seen[0]

        wait_for(there, f"“{ending}” in the chat")
        return seen[0]

    def click_until(self, place: tuple[int, int], text: str) -> None:
        """Click at a place of the window until the chat has this text and no other."""

        def there() -> bool:
            self._click(*place)
            return self._read_once() == text

        wait_for(there, f"“{text[:30]}” after a click")

    def count_chats(self) -> int:
        """How many chats the program lists in a terminal."""
        listed = self._run(sys.executable, "-m", "pychatbot_gui", "--list")
        return len(listed.splitlines())

    def photograph(self) -> QImage:
        path = self._folder / "screen.png"
        self._run(sys.executable, "-c", GRAB, str(path))
        return QImage(str(path))

    def go_away(self) -> None:
        for program in self.programs:
            if program.poll() is None:
                program.kill()
                program.wait()

    def _read_once(self) -> str:
        """Click into the chat, copy all of it, and go back to the prompt."""
        self._click(*IN_CHAT)
        text = self.copy()
        self.press("ctrl+l")
        return text

    def _click(self, x: int, y: int) -> None:
        place = (str(x), str(y))
        self._run("xdotool", "mousemove", "--window", self._window, *place, "click", "1")

    def _search(self, title: str) -> str:
        """Ids of the visible windows of this title, one a line."""
        return self._run("xdotool", "search", "--onlyvisible", "--name", title, quiet=True)

    def clipboard(self, selection: str = "clipboard") -> str:
        """What was copied, or with "primary" what is selected."""
        return self._run("xclip", "-o", "-selection", selection, quiet=True)

    def _run(self, tool: str, *arguments: str, quiet: bool = False) -> str:
        """Output of a tool; a failure is one of the test, or an empty answer where `quiet`."""
        done = subprocess.run(
            [needed(tool), *arguments],
            capture_output=True,
            cwd=REPOSITORY,
            env=self._environment,
            timeout=PATIENCE,
            check=False,
        )
        assert quiet or done.returncode == 0, f"{tool} {arguments}: {done.stderr.decode()}"
        return done.stdout.decode() if done.returncode == 0 else ""


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    server, display = start_xvfb()
    somebody = Person(display, tmp_path)
    yield somebody
    somebody.go_away()
    server.terminate()
    server.wait()


def model_process(program: subprocess.Popen[bytes]) -> psutil.Process:
    (child,) = psutil.Process(program.pid).children()
    return child


def has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def assert_ends_well(person: Person, program: subprocess.Popen[bytes]) -> None:
    """Exit code 0, no model process left behind, not a word on the terminal it came from."""
    left = psutil.Process(program.pid).children(recursive=True)
    person.press("ctrl+q")
    assert program.wait(PATIENCE) == 0
    assert all(has_ended(process) for process in left)
    assert person.said() == ""


def test_a_conversation(person: Person, scripted_model: Path) -> None:
    program = person.start(scripted_model)
    person.find_window("Scripted model")
    person.send("Who are you?", "Say it, please.")
    chat = person.read("Good bye.")
    wait_for(lambda: person.clipboard("primary") == chat, "the selection, to be pasted at once")
    assert chat.startswith("Who are you?\nSay it, please.\n")
    assert "Hello! 😀 I am a scripted model.\n\nHere is code and 你好" in chat
    picture = person.photograph()
    assert (picture.width(), picture.height()) == (WIDTH, HEIGHT)
    colours = {picture.pixel(x, y) for x in range(0, WIDTH, 3) for y in range(0, HEIGHT, 3)}
    assert len(colours) > 20, "nothing but bare surfaces is to be seen"
    person.send("And again")
    assert person.read("And again\n\n").count("Who are you?") == 1
    assert_ends_well(person, program)


def test_the_last_answer_is_copied_as_it_was_written(person: Person, scripted_model: Path) -> None:
    program = person.start(scripted_model)
    person.find_window("Scripted model")
    person.send("Hi")
    person.read("Good bye.")
    person.press("ctrl+shift+c")
    wait_for(lambda: person.clipboard() == ANSWER, "the answer on the clipboard")
    assert_ends_well(person, program)


def times_stopped(person: Person, times: int) -> bool:
    return person.read("Stopped").count("Stopped") == times


def test_escape_stops_an_answer_and_the_next_message_is_answered(
    person: Person, endless_model: Path
) -> None:
    program = person.start(endless_model)
    person.find_window("Scripted model")
    for turn in (1, 2):
        person.send(f"Turn {turn}")
        person.read(f"Turn {turn}\n\nScripted model\nOver and over")
        person.press("Escape")
        wait_for(partial(times_stopped, person, turn), "the answer to stop")
        # Silence: what is read twice is the same.
        before = person.read("Stopped")
        assert person.read("Stopped") == before
    assert_ends_well(person, program)


def test_closing_while_an_answer_streams(person: Person, endless_model: Path) -> None:
    program = person.start(endless_model)
    person.find_window("Scripted model")
    person.send("Hi")
    person.read("Over and over")
    assert_ends_well(person, program)


def test_a_second_start_hands_its_model_to_the_first(
    person: Person, scripted_model: Path, random_model: Path
) -> None:
    first = person.start(scripted_model)
    person.find_window("Scripted model")
    second = person.start(random_model)
    assert second.wait(PATIENCE) == 0
    person.find_window("Tiny random model")
    third = person.start()
    assert third.wait(PATIENCE) == 0
    assert person.count_windows("PyChatbot") == 1
    assert first.poll() is None
    assert len(psutil.Process(first.pid).children()) == 1
    assert_ends_well(person, first)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "terminate"])
def test_a_signal_closes_the_window(
    number: signal.Signals, person: Person, scripted_model: Path, home: Path
) -> None:
    program = person.start(scripted_model)
    person.find_window("Scripted model")
    person.type("not yet sent")
    wait_for(lambda: person.copy() == "not yet sent", "the text in the prompt")
    model = model_process(program)
    program.send_signal(number)
    assert program.wait(PATIENCE) == 0
    assert has_ended(model)
    assert person.said() == ""
    state = json.loads((home / "data" / "window_state.json").read_text())
    assert state["draft"] == "not yet sent"


def test_a_program_that_was_killed_takes_its_model_along_and_starts_again(
    person: Person, scripted_model: Path, home: Path
) -> None:
    program = person.start(scripted_model)
    person.find_window("Scripted model")
    model = model_process(program)
    state = home / "data" / "window_state.json"
    wait_for(lambda: state.exists() and scripted_model.name in state.read_text(), "its memory")
    program.kill()
    program.wait()
    wait_for(lambda: has_ended(model), "the end of the model process")
    again = person.start()
    person.find_window("Scripted model")
    person.send("Hi")
    person.read("Good bye.")
    assert_ends_well(person, again)


def test_chats_are_switched_found_deleted_and_brought_back(
    person: Person, model_folder: Path
) -> None:
    answer = "Rain, and **then** a rainbow."
    program = person.start(build_scripted_model(model_folder / "weather.gguf", answer))
    person.find_window("Scripted model")
    person.send("Tell me about llamas")
    llamas = person.read("then a rainbow.")
    person.press("ctrl+n")
    person.send("How is Quito")
    quito = person.read("then a rainbow.")
    assert "llamas" not in quito
    person.click_until(SECOND_CHAT, llamas)
    person.click_until(FIRST_CHAT, quito)
    person.press("ctrl+shift+f")
    person.type("llam")
    # Where the hit is to be seen the list had the chat that is shown.
    person.click_until(FIRST_HIT, llamas)
    assert person.count_chats() == 2
    person.press("alt+c", "d")
    wait_for(lambda: person.count_chats() == 1, "one chat to be gone")
    person.press("alt+e", "u")
    wait_for(lambda: person.count_chats() == 2, "the chat to be back")
    assert person.read("about llamas") == llamas
    assert_ends_well(person, program)
