"""Export, import and the daily backup, through the whole program."""

import json
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.exchange.export_json import json_chunks
from pychatbot_gui.core.history import SavedChat, SavedMessage
from pychatbot_gui.gui.dialogs.export_dialog import ExportDialog
from pychatbot_gui.gui.dialogs.progress_dialog import ProgressDialog
from pychatbot_gui.gui.dialogs.report_dialog import ReportDialog
from pychatbot_gui.gui.use_cases.transfer import Transfer
from tests.engines import FakeEngine
from tests.gui.conftest import Person
from tests.stores import saved

Start = Callable[..., Person]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """What the person will choose in the next file dialogs."""

    def will(path: Path) -> None:
        one, several = (str(path), ""), ([str(path)], "")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: one)
        monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: several)
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(path))

    return will


def export(person: Person, kind: str, everything: bool) -> None:
    """Answer the dialog as soon as it is there."""

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, ExportDialog):
            return
        timer.stop()
        dialog.chosen.emit(kind, everything)
        dialog.reject()

    timer = QTimer(person.window)
    timer.timeout.connect(answer)
    timer.start(10)
    person.trigger("exportAction")
    person.wait_until(lambda: not timer.isActive())


def report(person: Person) -> str:
    found: list[ReportDialog] = []

    def there() -> bool:
        found[:] = [d for d in person.window.findChildren(ReportDialog) if d.isVisible()]
        return bool(found)

    person.wait_until(there)
    text = found[0].text()
    found[0].close()
    found[0].deleteLater()
    return text


@pytest.mark.parametrize("kind", ["markdown", "html", "text", "json", "pdf"])
def test_one_chat_is_written_in_every_format(
    start: Start, scripted_model: Path, tmp_path: Path, choose: Callable[[Path], None], kind: str
) -> None:
    person = start(scripted_model)
    person.ask("What is a llama?")
    target = tmp_path / "chat.out"
    choose(target)
    export(person, kind, everything=False)
    person.wait_until(lambda: any("was written" in notice for notice in person.notices()))
    raw = target.read_bytes()
    if kind == "pdf":
        assert raw.startswith(b"%PDF") and len(raw) > 1000
    else:
        assert "What is a llama?" in raw.decode() and "Good bye." in raw.decode()
    assert [p.name for p in tmp_path.iterdir()] == ["chat.out"]


def test_all_chats_go_out_as_one_file_and_come_back_the_same(
    start: Start,
    scripted_model: Path,
    database: Path,
    tmp_path: Path,
    choose: Callable[[Path], None],
) -> None:
    person = start(scripted_model, "Be brief.")
    person.ask("First chat")
    person.window.regenerate_action.trigger()
    person.wait_until(lambda: "2/2" in person.chat() and not person.window.is_busy())
    person.trigger("newChatAction")
    person.ask("Second chat")
    target = tmp_path / "all.json"
    choose(target)
    export(person, "json", everything=True)
    person.wait_until(lambda: any("2 conversations" in notice for notice in person.notices()))
    person.trigger("importAction")
    assert "2 were here already" in report(person)
    person.window.close()
    database.rename(tmp_path / "elsewhere.db")
    again = start(scripted_model)
    again.trigger("importAction")
    assert "2 conversations imported" in report(again)
    again.wait_until(lambda: "First chat" in again.window.conversation_list.toPlainText())
    again.window.close()

    def tree(path: Path) -> list[tuple[object, ...]]:
        return sorted(
            (c.uid, c.title, c.system, [(m.role, m.text, m.model, m.ended) for m in c.messages])
            for c in saved(path)
        )

    assert tree(tmp_path / "elsewhere.db") == tree(database) != []


def test_all_chats_as_files_go_into_a_folder_of_their_own(
    start: Start, scripted_model: Path, tmp_path: Path, choose: Callable[[Path], None]
) -> None:
    person = start(scripted_model)
    for _ in range(2):
        person.ask("The same title")
        person.trigger("newChatAction")
    person.window.conversation_list.chat_chosen.emit(1)
    person.wait_until(lambda: "The same title" in person.chat())
    choose(tmp_path)
    for wanted in (2, 4):
        export(person, "markdown", everything=True)
        person.wait_until(lambda n=wanted: len(list(tmp_path.rglob("*.md"))) == n)
        person.wait_until(lambda: any("2 conversations" in notice for notice in person.notices()))
        person.window.notice_bar.close_all()
    assert len(list(tmp_path.iterdir())) == 2, "the second export overwrites nothing"


def test_a_damaged_file_is_told_and_brings_what_it_can(
    start: Start, scripted_model: Path, tmp_path: Path, choose: Callable[[Path], None]
) -> None:
    person = start(scripted_model)
    nothing = tmp_path / "nothing.json"
    nothing.write_text("<html>no conversations</html>")
    choose(nothing)
    person.trigger("importAction")
    person.wait_until(lambda: any("nothing.json" in notice for notice in person.notices()))
    assert not person.window.findChildren(ProgressDialog) or all(
        not d.isVisible() for d in person.window.findChildren(ProgressDialog)
    )
    message = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Moin"]}}
    node = {"id": "a", "parent": None, "children": [], "message": message}
    good = {"title": "From afar", "mapping": {"a": node}, "current_node": "a"}
    half = tmp_path / "conversations.json"
    half.write_text(json.dumps([good, good | {"title": 3, "mapping": 4}]))
    choose(half)
    person.trigger("importAction")
    said = report(person)
    assert "1 conversation imported" in said and "1 could not be taken" in said
    person.wait_until(lambda: "From afar" in person.window.conversation_list.toPlainText())


def test_a_folder_that_takes_no_file_is_told(
    start: Start, scripted_model: Path, tmp_path: Path, choose: Callable[[Path], None]
) -> None:
    person = start(scripted_model)
    person.ask("Hi")
    (tmp_path / "file").write_text("in the way")
    for everything in (False, True):
        choose(tmp_path / "file" / ("out" if everything else "out.md"))
        export(person, "markdown", everything=everything)
        person.wait_until(lambda: any("cannot be saved" in notice for notice in person.notices()))
        person.window.notice_bar.close_all()
    person.ask("Still alive")


def test_a_long_import_can_be_stopped(
    start: Start, scripted_model: Path, tmp_path: Path, choose: Callable[[Path], None]
) -> None:
    person = start(scripted_model)
    message = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Moin"]}}
    node = {"id": "a", "parent": None, "children": [], "message": message}
    many = tmp_path / "conversations.json"
    chat = {"mapping": {"a": node}, "current_node": "a"}
    many.write_text(
        json.dumps([chat | {"title": f"Chat {n}", "id": str(n)} for n in range(20_000)])
    )
    choose(many)
    person.trigger("importAction")
    found: list[QDialog] = []

    def seen() -> bool:
        found[:] = [d for d in person.window.findChildren(ProgressDialog) if d.isVisible()]
        return bool(found)

    person.wait_until(seen)
    found[0].reject()
    said = report(person)
    assert "You stopped it" in said
    assert not said.startswith("20,000")


def test_a_backup_of_every_day_is_made(start: Start, scripted_model: Path, home: Path) -> None:
    person = start(scripted_model)
    person.ask("Keep me")
    person.window.close()
    folder = home / "data" / "backups"
    assert not folder.exists(), "there was nothing to keep when the program started"
    person = start(scripted_model)
    expected = folder / f"conversations-{date.today()}.db"
    person.wait_until(expected.exists)
    person.window.close()
    assert [chat.title for chat in saved(expected)] == ["Keep me"]


@pytest.mark.usefixtures("quiet")
def test_import_and_backup_while_an_answer_streams(
    start: Start, engine: FakeEngine, database: Path, home: Path, tmp_path: Path
) -> None:
    tree = tuple(
        SavedMessage(i, i - 1, Role.USER if i % 2 else Role.ASSISTANT, f"words {i} " * 50)
        for i in range(1, 301)
    )
    document = tmp_path / "many.json"
    many = [SavedChat(i, f"uid {i}", f"Imported {i}", messages=tree, head=300) for i in range(40)]
    document.write_text("".join(json_chunks(many, len(many))), encoding="utf-8")
    never = threading.Event()
    pieces: list[object] = []
    for number in range(60):
        pieces += [f"{number} ", lambda: never.wait(0.02)]
    engine.answers = [pieces]  # type: ignore[list-item]
    person = start()
    transfer = person.window.findChild(Transfer)
    assert transfer is not None
    person.write("Stream")
    person.wait_until(lambda: "1 2" in person.chat())
    transfer.keep_house()
    transfer.import_from([document])
    person.wait()
    person.wait_until(lambda: len(saved(database)) == 41)
    person.wait_until(lambda: bool(list((home / "data" / "backups").glob("*.db"))))
    QTest.qWait(50)
    for dialog in person.window.findChildren(ReportDialog):
        dialog.close()
    assert person.notices() == []
    person.window.close()
    (own,) = [c for c in saved(database) if c.title == "Stream"]
    assert own.path()[-1].text == "".join(f"{number} " for number in range(60))
