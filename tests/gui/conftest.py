from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit
from pytestqt.qtbot import QtBot

from pychatbot_gui.app import create_window
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.main_window import MainWindow
from tests.engines import FakeEngine

PATIENCE_MS = 40_000


class Person:
    """Somebody in front of the window: types, clicks and reads."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self.window = window
        self._qtbot = qtbot
        edit = window.findChild(QPlainTextEdit, "promptEdit")
        assert isinstance(edit, QPlainTextEdit)
        self.prompt = edit

    def wait_until(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=PATIENCE_MS)

    def wait(self) -> None:
        self.wait_until(lambda: not self.window.is_busy())

    def write(self, text: str) -> None:
        QTest.keyClicks(self.prompt, text)
        QTest.keyClick(self.prompt, Qt.Key.Key_Return)

    def ask(self, text: str) -> str:
        """Send a message, wait for the whole answer, return all that is to be read then."""
        self.write(text)
        self.wait()
        return self.chat()

    def trigger(self, name: str) -> None:
        """Choose an action of a menu by its object name."""
        action = self.window.findChild(QAction, name)
        assert isinstance(action, QAction)
        assert action.isEnabled(), name
        action.trigger()

    def chat(self) -> str:
        return self.window.chat_view.toPlainText()

    def titles(self) -> str:
        """What is to be read in the list of conversations."""
        return self.window.conversation_list.toPlainText()

    def notices(self) -> list[str]:
        return self.window.notice_bar.texts()


@pytest.fixture
def quiet(home: Path) -> None:
    """No titles from the model: it answers only what is asked in the test."""
    (home / "config").mkdir(parents=True)
    (home / "config" / "model_parameters.json").write_text('{"auto_title": false}')


@pytest.fixture
def start(qtbot: QtBot) -> Iterator[Callable[..., Person]]:
    """Start the whole program with arguments; it is closed at the end of the test."""
    windows: list[MainWindow] = []

    def begin(*arguments: str | Path) -> Person:
        window = create_window([str(a) for a in arguments])
        windows.append(window)
        person = Person(window, qtbot)
        person.wait()
        return person

    yield begin
    for window in windows:
        window.close()
        window.deleteLater()


@pytest.fixture
def engine() -> FakeEngine:
    """What answers in this test's thread."""
    return FakeEngine()


@pytest.fixture
def thread(engine: FakeEngine, qtbot: QtBot) -> Iterator[EngineThread]:
    """A thread around `engine`; it is closed at the end of the test, and the engine with it."""
    made = EngineThread(lambda: engine)
    yield made
    made.close()
    assert engine.closed
