"""The start of the whole program, in a process of its own: what comes first, what comes after."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QProcess
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.paths import user_paths
from pychatbot_gui.gui.single_instance import SingleInstance

REPOSITORY = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.timeout(120)

# `at_first_paint(window)` is called while the window is painted for the first time, `at_end(window,
# engine)` when a model is loaded; then the window is closed, and the process has to end well.
START = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit
from pychatbot_gui import app
from pychatbot_gui.__main__ import main
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.single_instance import SingleInstance

paint, instances, seen = MainWindow.paintEvent, [], []

def is_first(self, asked=SingleInstance.is_first):
    instances.append(self)
    return asked(self)

def prompt_of(window):
    return window.findChild(QPlainTextEdit, "promptEdit")

def at_first_paint(window):
    pass

def at_end(window):
    print("model:", window.model_label.toolTip())

def look(window):
    if hasattr(window, "chat_view") and not window.is_busy() and window.model_label.text():
        at_end(window)
        window.close()
    else:
        QTimer.singleShot(5, window, lambda: look(window))

def painted(self, event):
    paint(self, event)
    if not seen:
        seen.append(self)
        at_first_paint(self)
        QTimer.singleShot(0, self, lambda: look(self))

MainWindow.paintEvent, SingleInstance.is_first = painted, is_first
"""
END = """
code = main(sys.argv[1:])
print("children:", *[c.name() for c in __import__("psutil").Process().children(recursive=True)])
sys.exit(code)
"""


def started(steps: str, *arguments: str | Path) -> str:
    """Start the program, with `steps` in its first moments; returns what it said."""
    done = subprocess.run(
        [sys.executable, "-c", START + steps + END, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        cwd=REPOSITORY,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "children:\n" in done.stdout
    return done.stdout


def remembered() -> dict[str, object]:
    state = json.loads(user_paths().state_file.read_text(encoding="utf-8"))
    assert isinstance(state, dict)
    return state


def remember(**values: object) -> None:
    path = user_paths().state_file
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(values), encoding="utf-8")


def test_what_is_typed_at_once_is_kept(scripted_model: Path) -> None:
    remember(draft="One", model=str(scripted_model))
    said = started("""
def at_first_paint(window):
    assert not hasattr(window, "chat_view")
    assert window.focusWidget() is prompt_of(window), window.focusWidget()
    QTest.keyClicks(window.focusWidget(), " and two")
    QTest.keyClick(window.focusWidget(), "\\r")

def at_end(window):
    print("typed:", prompt_of(window).toPlainText(), flush=True)
""")
    assert "typed: One and two\n" in said, "nor is it sent before there is a model"
    assert remembered()["draft"] == "One and two"


def test_a_window_closed_at_once_keeps_what_was_typed_and_leaves_nothing() -> None:
    started(
        """
def at_first_paint(window):
    QTest.keyClicks(prompt_of(window), "Wait, I")
    window.close()
""",
        "Be brief.",
    )
    assert (remembered()["draft"], remembered()["system_prompt"]) == ("Wait, I", "Be brief.")


def test_a_window_that_is_never_painted_becomes_whole_all_the_same(scripted_model: Path) -> None:
    said = started(
        """
app._PATIENCE_MS = 20
MainWindow.paintEvent = lambda *_: None
rest = MainWindow.complete
def complete(self):
    rest(self)
    look(self)
MainWindow.complete = complete
""",
        scripted_model,
    )
    assert f"model: {scripted_model}\n" in said


def test_a_second_start_in_the_first_moment_is_heard(scripted_model: Path) -> None:
    said = started(f"""
def at_first_paint(window):
    instances[0].asked_again.emit({str(scripted_model)!r})
""")
    assert f"model: {scripted_model}\n" in said


def test_of_two_starts_at_once_the_slower_one_hands_over(qtbot: QtBot) -> None:
    first = SingleInstance(user_paths().data)
    assert first.hand_over("") is False
    asked: list[str] = []
    first.asked_again.connect(asked.append)
    second = QProcess()
    second.setWorkingDirectory(str(REPOSITORY))
    steps = "def look(window): pass\nSingleInstance.is_first = lambda self: True\n"
    with qtbot.waitSignal(second.finished, timeout=40_000):
        second.start(sys.executable, ["-c", START + steps + END, "/mine.gguf"])
    assert second.exitCode() == 0, bytes(second.readAllStandardError().data())
    first.close()
    assert asked == ["/mine.gguf"]
    assert not user_paths().conversations.exists(), "it never opened what the first one uses"
