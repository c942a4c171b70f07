"""What goes for good leaves nothing behind: no snapshot of what the model read either."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction

from pychatbot_gui.gui.dialogs.settings_dialog import SettingsDialog
from tests.gui.conftest import Person

Start = Callable[..., Person]
pytestmark = pytest.mark.usefixtures("quiet")
LONG = "A question that is long enough to be worth a snapshot on the disk. " * 3


def in_database(home: Path, sql: str) -> int:
    """The number that a statement gives, 0 for none."""
    (path,) = (home / "data").glob("*.db")
    connection = sqlite3.connect(path)
    with connection:
        row = connection.execute(sql).fetchone()
    connection.close()
    return row[0] if row else 0


def latest(home: Path) -> int:
    return in_database(home, "SELECT max(id) FROM chats")


@pytest.fixture
def snapshots(home: Path) -> Callable[[], list[str]]:
    """The files in the folder of snapshots."""
    return lambda: sorted(path.name for path in (home / "cache" / "snapshots").iterdir())


@pytest.fixture
def talked(start: Start, random_model: Path, home: Path, snapshots: Callable[[], list[str]]) -> int:
    """A chat of a former run: its id."""
    person = start(random_model, "--temperature", "0", "--max-tokens", "5")
    person.ask(LONG)
    person.window.close()
    assert len(snapshots()) == 1
    return latest(home)


def test_erased_by_hand(
    start: Start, random_model: Path, home: Path, talked: int, snapshots: Callable[[], list[str]]
) -> None:
    person = start(random_model, "--max-tokens", "5")
    listed = person.window.conversation_list
    listed.delete_wanted.emit(talked)
    person.wait_until(lambda: bool(person.notices()))
    assert len(snapshots()) == 1, "for 30 days it can be restored"
    listed.erase_wanted.emit(talked)
    person.wait_until(lambda: not snapshots())
    person.ask(LONG)
    listed.erase_wanted.emit(latest(home))
    person.window.close()
    assert not snapshots(), "nor is one written of what the model still knew"


def test_erased_while_it_is_answered(
    start: Start, endless_model: Path, home: Path, snapshots: Callable[[], list[str]]
) -> None:
    person = start(endless_model)
    person.write(LONG)
    person.wait_until(lambda: "Over and over" in person.chat())
    listed = person.window.conversation_list
    listed.erase_wanted.emit(latest(home))
    person.wait()
    person.window.close()
    assert not snapshots()


def test_erased_after_thirty_days(
    start: Start,
    random_model: Path,
    home: Path,
    talked: int,
    snapshots: Callable[[], list[str]],
) -> None:
    in_database(home, f"UPDATE chats SET deleted = 1, updated = 1 WHERE id = {talked}")
    person = start(random_model)
    person.wait_until(lambda: not snapshots())
    person.window.close()
    assert not snapshots()


@pytest.mark.usefixtures("talked")
def test_snapshots_are_switched_off(
    start: Start, random_model: Path, snapshots: Callable[[], list[str]]
) -> None:
    person = start(random_model, "--max-tokens", "5")

    def use_dialog() -> None:
        dialog = person.window.findChild(SettingsDialog)
        assert isinstance(dialog, SettingsDialog)
        dialog.field("snapshots").set_value(False)
        dialog.accept()

    QTimer.singleShot(0, person.window, use_dialog)
    action = person.window.findChild(QAction, "settingsAction")
    assert isinstance(action, QAction)
    action.trigger()
    person.wait_until(lambda: not snapshots())
    person.wait()
    person.ask(LONG)
    person.window.close()
    assert not snapshots()
