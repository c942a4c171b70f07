import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QProcess
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from pychatbot_gui.gui.single_instance import SingleInstance

SECOND_START = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from pychatbot_gui.gui.single_instance import SingleInstance
application = QCoreApplication([])
print(SingleInstance(Path(sys.argv[1])).hand_over(sys.argv[2]))
"""


@pytest.mark.parametrize("model", ["", "/models/ü 😀.gguf"])
def test_a_second_start_hands_over(tmp_path: Path, qtbot: QtBot, model: str) -> None:
    first = SingleInstance(tmp_path)
    assert first.hand_over("x") is False
    asked: list[str] = []
    first.asked_again.connect(asked.append)
    for _ in range(2):
        second = QProcess()
        with qtbot.waitSignal(second.finished, timeout=20_000):
            second.start(sys.executable, ["-c", SECOND_START, str(tmp_path), model])
        assert bytes(second.readAllStandardOutput().data()).strip() == b"True"
    first.close()
    assert asked == [model, model]


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can tell there without asking")
def test_that_nobody_listens_is_seen_without_asking(tmp_path: Path, qtbot: QtBot) -> None:
    first, other = SingleInstance(tmp_path), SingleInstance(tmp_path)
    assert first.is_first()
    assert first.hand_over("") is False
    assert not other.is_first()
    first.close()
    assert other.is_first()


def test_other_folders_do_not_meet(tmp_path: Path, qtbot: QtBot) -> None:
    first, other = SingleInstance(tmp_path / "a"), SingleInstance(tmp_path / "b")
    assert first.hand_over("") is False
    assert other.hand_over("") is False
    first.close()
    other.close()


def test_a_socket_left_by_a_crash_is_taken_over(tmp_path: Path, qtbot: QtBot) -> None:
    first = SingleInstance(tmp_path)
    assert first.hand_over("") is False
    path = first.socket_path()
    first.close()
    # What a killed program leaves: a socket in the file system that nobody listens to.
    import socket

    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    again = SingleInstance(tmp_path)
    assert again.hand_over("") is False
    assert again.socket_path() == path
    again.close()


def test_noise_from_another_program_does_no_harm(tmp_path: Path, qtbot: QtBot) -> None:
    first = SingleInstance(tmp_path)
    first.hand_over("")
    noise = QLocalSocket()
    noise.connectToServer(first.socket_path())
    assert noise.waitForConnected(1000)
    with qtbot.waitSignal(first.asked_again) as asked:
        noise.write(b"\xff not json\n")
        noise.flush()
    assert asked.args == [""]
    noise.close()
    first.close()
    assert not Path(first.socket_path()).exists()
