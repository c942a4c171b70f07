"""Versions of a conversation: another answer, an edit, a fork, and the way between them."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.store.chats import NewAnswer, NewQuestion
from tests.engines import FakeEngine
from tests.gui.conftest import Person
from tests.stores import opened, saved

Start = Callable[..., Person]
pytestmark = pytest.mark.usefixtures("quiet")


def latest(database: Path) -> SavedChat:
    with opened(database) as store:
        return store.chat(store.latest_chat())


def test_regenerate_keeps_both_answers_and_goes_between_them(
    start: Start, random_model: Path, database: Path
) -> None:
    person = start(random_model, "--max-tokens", "12")
    person.ask("One")
    first = person.chat()
    person.trigger("regenerateAction")
    person.wait_until(lambda: "2/2" in person.chat() and not person.window.is_busy())
    second = person.chat()
    chat = latest(database)
    answers = [m for m in chat.messages if m.role.value == "assistant"]
    assert len(answers) == 2
    assert answers[0].sampling["max_tokens"] == 12
    person.window.chat_view.version_wanted.emit(answers[1].id, -1)
    person.wait_until(lambda: "1/2" in person.chat())
    assert person.chat().replace("‹ 1/2 ›", "").split() == first.split()
    person.window.chat_view.version_wanted.emit(answers[0].id, 1)
    person.wait_until(lambda: person.chat() == second)


def test_an_edited_message_is_a_new_version_and_the_old_branch_stays(
    start: Start, random_model: Path, database: Path
) -> None:
    person = start(random_model, "--max-tokens", "8")
    person.ask("Questoin")
    person.ask("Then this")
    before = person.chat()
    chat = latest(database)
    QTest.keyClicks(person.prompt, "a draft")
    person.window.chat_view.edit_wanted.emit(chat.path()[0].id)
    assert person.prompt.toPlainText() == "Questoin"
    person.prompt.clear()
    person.write("Question")
    assert person.prompt.toPlainText() == "a draft"
    person.wait()
    person.wait_until(lambda: "2/2" in person.chat())
    assert "Questoin" not in person.chat() and "Then this" not in person.chat()
    chat = latest(database)
    person.window.chat_view.version_wanted.emit(chat.path()[0].id, -1)
    person.wait_until(lambda: "Then this" in person.chat())
    assert person.chat().replace("‹ 1/2 ›", "").split() == before.split()


def test_leaving_an_edit_brings_the_draft_back(start: Start, scripted_model: Path) -> None:
    person = start(scripted_model)
    person.ask("Hello")
    QTest.keyClicks(person.prompt, "a draft")
    person.trigger("editMessageAction")
    assert person.prompt.toPlainText() == "Hello"
    QTest.keyClick(person.prompt, Qt.Key.Key_Escape)
    assert person.prompt.toPlainText() == "a draft"


def test_a_cut_answer_goes_on_as_a_new_version(
    start: Start, scripted_model: Path, database: Path
) -> None:
    person = start(scripted_model, "--max-tokens", "10")
    person.ask("Hi")
    cut = person.chat()
    assert "longest answer" in cut
    person.wait_until(lambda: person.window.continue_action.isEnabled())
    person.trigger("continueAction")
    person.wait_until(lambda: "2/2" in person.chat() and not person.window.is_busy())
    person.window.close()  # the end of the answer is in the store then
    chat = latest(database)
    first, second = (m for m in chat.messages if m.role.value == "assistant")
    assert second.text.startswith(first.text) and len(second.text) > len(first.text)
    assert first.parent == second.parent


def test_a_fork_is_a_chat_of_its_own(start: Start, scripted_model: Path, database: Path) -> None:
    person = start(scripted_model)
    person.ask("First")
    read = person.chat()
    person.ask("Second")
    chat = latest(database)
    person.window.chat_view.fork_wanted.emit(chat.path()[1].id)
    person.wait_until(lambda: person.chat() == read)
    person.ask("Other way")
    assert [len(chat.messages) for chat in saved(database)] == [4, 4]


def test_ids_may_be_larger_than_what_qt_calls_an_int(
    start: Start, engine: FakeEngine, database: Path
) -> None:
    with opened(database) as store:
        store.erase(store.add_exchange(0, NewQuestion("x"), NewAnswer())[0])
        store.delete_folder(store.add_folder("x"))
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE sqlite_sequence SET seq = ?", (2**40,))
        raw.commit()
    engine.answers = [["A."], ["B."], ["C."], ["D."]]
    person = start()
    listed, view = person.window.conversation_list, person.window.chat_view
    person.ask("Alpha")
    person.wait_until(person.window.regenerate_action.isEnabled)
    person.window.regenerate_action.trigger()
    person.wait_until(lambda: "2/2" in person.chat() and not person.window.is_busy())
    (alpha,) = saved(database)
    assert alpha.id > 2**40 and alpha.head > 2**40
    view.version_wanted.emit(alpha.head, -1)
    person.wait_until(lambda: "1/2" in person.chat())
    person.window.new_chat_action.trigger()
    person.ask("Beta")
    listed.hit_chosen.emit(alpha.id, alpha.head, "B")
    person.wait_until(lambda: "2/2" in person.chat())
    view.fork_wanted.emit(alpha.head)
    person.wait_until(lambda: len(saved(database)) == 3 and "2/2" not in person.chat())
    for signal_of, values in (
        (listed.renamed, (alpha.id, "Renamed")),
        (listed.pin_wanted, (alpha.id, True)),
        (listed.folder_wanted, ("Folder", alpha.id)),
    ):
        signal_of.emit(*values)
    person.wait_until(lambda: "Folder" in listed.toPlainText())
    listed.chat_chosen.emit(alpha.id)
    person.wait_until(lambda: "2/2" in person.chat())
    view.edit_wanted.emit(alpha.path()[0].id)
    assert person.prompt.toPlainText() == "Alpha"
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait_until(lambda: "D." in person.chat() and not person.window.is_busy())
    listed.delete_wanted.emit(alpha.id)
    person.wait_until(person.window.undo_delete_action.isEnabled)
    listed.restore_wanted.emit(alpha.id)
    person.wait_until(lambda: "D." in person.chat())
    listed.erase_wanted.emit(alpha.id)
    person.wait_until(lambda: len(saved(database)) == 2)
    assert not [n for n in person.notices() if "deleted" not in n]
