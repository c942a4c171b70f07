from pathlib import Path

from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.state import load_state
from pychatbot_gui.gui.remembered import Remembered


def test_a_change_is_written_a_moment_later(tmp_path: Path, qtbot: QtBot) -> None:
    owner = QObject()
    kept = Remembered(tmp_path / "s.json", lambda: {"draft": "half a thought"}, owner)
    assert kept.load() == []
    kept.change(model="m.gguf")
    qtbot.waitUntil(lambda: (tmp_path / "s.json").exists())
    state, _ = load_state(tmp_path / "s.json")
    assert (state.model, state.draft) == ("m.gguf", "half a thought")


def test_what_cannot_be_written_is_told(tmp_path: Path, qtbot: QtBot) -> None:
    (tmp_path / "file").write_text("in the way")
    owner = QObject()
    kept = Remembered(tmp_path / "file" / "s.json", dict, owner)
    assert len(kept.load()) == 1
    with qtbot.waitSignal(kept.failed) as failed:
        kept.save()
    assert failed.args is not None and "cannot be saved" in str(failed.args[0])
