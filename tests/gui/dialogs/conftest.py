from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.presets import save_preset
from tests.gui.dialogs.desk import LETTERS, NOTES, Desk


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "presets"
    save_preset(folder, LETTERS)
    save_preset(folder, NOTES)
    desk = Desk(folder, qtbot)
    yield desk
    desk.dialog.blockSignals(True)
    desk.dialog.hide()
