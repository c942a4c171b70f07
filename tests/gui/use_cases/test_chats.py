"""Saved conversations through the whole program: switch, search, delete, come back."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from tests.benchmarks.pulse import Pulse
from tests.gui.conftest import Person
from tests.gui.use_cases.disks import slowly
from tests.stores import chat_named, opened, saved

Start = Callable[..., Person]
pytestmark = pytest.mark.usefixtures("quiet")


def switch(person: Person, database: Path, title: str) -> None:
    person.window.conversation_list.chat_chosen.emit(chat_named(database, title))


def test_a_chat_is_listed_under_its_first_words_and_comes_back_at_the_next_start(
    start: Start, scripted_model: Path, database: Path
) -> None:
    person = start(scripted_model)
    person.ask("What is a llama?")
    person.wait_until(lambda: "What is a llama?" in person.titles())
    read = person.chat()
    person.window.close()
    again = start()
    again.wait_until(lambda: again.chat() == read)
    assert "What is a llama?" in again.titles()
    again.ask("And an alpaca?")
    assert again.chat().startswith(read)


def test_chats_keep_their_messages_drafts_and_system_prompts_apart(
    start: Start, scripted_model: Path, database: Path
) -> None:
    person = start(scripted_model, "Be a cook.")
    person.ask("First chat")
    person.trigger("newChatAction")
    assert person.chat().strip() == ""
    person.window.system_prompt.set_text("Be a sailor.")
    person.ask("Second chat")
    QTest.keyClicks(person.prompt, "unsent in the second")
    switch(person, database, "First chat")
    person.wait_until(lambda: "First chat" in person.chat())
    assert "Second chat" not in person.chat()
    assert person.prompt.toPlainText() == ""
    assert person.window.system_prompt.text() == "Be a cook."
    QTest.keyClicks(person.prompt, "unsent in the first")
    switch(person, database, "Second chat")
    person.wait_until(lambda: "Second chat" in person.chat())
    assert person.prompt.toPlainText() == "unsent in the second"
    assert person.window.system_prompt.text() == "Be a sailor."
    switch(person, database, "First chat")
    person.wait_until(lambda: person.prompt.toPlainText() == "unsent in the first")


def test_an_unsent_text_of_a_new_chat_is_there_again(
    start: Start, scripted_model: Path, database: Path
) -> None:
    person = start(scripted_model)
    person.ask("First chat")
    person.trigger("newChatAction")
    QTest.keyClicks(person.prompt, "half a thought")
    switch(person, database, "First chat")
    person.wait_until(lambda: "First chat" in person.chat())
    person.trigger("newChatAction")
    assert person.prompt.toPlainText() == "half a thought"
    person.prompt.clear()
    person.ask("Second chat")
    person.trigger("newChatAction")
    assert person.prompt.toPlainText() == ""


def test_an_answer_goes_on_in_its_own_chat(
    start: Start, endless_model: Path, database: Path
) -> None:
    person = start(endless_model, "--max-tokens", "1000")
    person.write("Long story")
    person.wait_until(lambda: "Over and over" in person.chat())
    person.trigger("newChatAction")
    assert person.chat().strip() == ""
    assert person.window.is_busy()
    person.write("A question meanwhile")
    assert person.prompt.toPlainText() == "A question meanwhile"
    assert any("another chat" in notice for notice in person.notices())
    switch(person, database, "Long story")
    person.wait_until(lambda: "Over and over" in person.chat())
    assert "meanwhile" not in person.chat()
    seen = len(person.chat())
    person.wait_until(lambda: len(person.chat()) > seen)
    person.window.stop_action.trigger()
    person.wait()
    whole = person.chat()
    assert "Stopped" in whole
    person.window.close()
    (chat,) = saved(database)
    assert chat.title == "Long story"
    text = chat.path()[-1].text
    assert chat.path()[-1].ended == "cancelled"
    assert " ".join(text.split()) in " ".join(whole.split())


def test_a_click_on_the_chat_that_is_shown_leads_to_the_prompt(
    start: Start, scripted_model: Path, database: Path
) -> None:
    person = start(scripted_model)
    person.ask("Here I am")
    person.window.search_all()
    assert not person.prompt.hasFocus()
    switch(person, database, "Here I am")
    person.wait_until(person.prompt.hasFocus)


def test_a_deleted_chat_comes_back_by_the_notice_and_by_the_menu(
    start: Start, scripted_model: Path, database: Path
) -> None:
    person = start(scripted_model)
    read = person.ask("Keep me")
    for way in ("notice", "menu"):
        person.trigger("deleteChatAction")
        person.wait_until(lambda: any("was deleted" in notice for notice in person.notices()))
        assert person.chat().strip() == ""
        person.wait_until(lambda: "Keep me" not in person.titles().split("Recently deleted")[0])
        if way == "notice":
            buttons = person.window.notice_bar.findChildren(QPushButton)
            next(b for b in buttons if b.text() == "Undo").click()
        else:
            person.trigger("undoDeleteAction")
        person.wait_until(lambda: person.chat() == read)
        person.wait_until(lambda: "Keep me" in person.titles().split("Recently deleted")[0])


def test_a_chat_erased_while_it_is_answered_is_gone_and_nothing_breaks(
    start: Start, endless_model: Path, database: Path
) -> None:
    person = start(endless_model)
    person.write("Doomed")
    person.wait_until(lambda: "Over and over" in person.chat())
    chat = chat_named(database, "Doomed")
    person.trigger("deleteChatAction")
    person.wait_until(lambda: any("was deleted" in notice for notice in person.notices()))
    person.window.conversation_list.erase_wanted.emit(chat)
    person.wait()
    assert not any("wrong" in n or "saved" in n for n in person.notices())
    person.write("Alive")
    person.wait_until(lambda: "Over and over" in person.chat())
    person.window.stop_action.trigger()
    person.wait()


def test_search_finds_a_word_in_another_chat_and_marks_it(
    start: Start, scripted_model: Path, database: Path
) -> None:
    person = start(scripted_model)
    person.window.prompt_box.set_text("Tell me about Zürich")
    person.ask("")
    person.trigger("newChatAction")
    person.ask("Something else")
    person.trigger("searchAction")
    bar = person.window.conversation_list
    QTest.keyClicks(person.window.focusWidget(), "zuri")
    person.wait_until(lambda: "Zürich" in person.titles())
    with opened(database) as store:
        hit = next(h for h in store.search("zuri") if h.message)
    bar.hit_chosen.emit(hit.chat, hit.message, "zuri")
    person.wait_until(lambda: "Tell me about Zürich" in person.chat())
    person.wait_until(lambda: bool(person.window.chat_view.extraSelections()))


def test_an_edit_that_was_begun_stays_as_a_draft_when_the_chat_is_left(
    start: Start, scripted_model: Path, database: Path
) -> None:
    person = start(scripted_model)
    person.ask("First chat")
    person.trigger("editMessageAction")
    QTest.keyClicks(person.prompt, " and more")
    person.trigger("newChatAction")
    assert person.prompt.toPlainText() == ""
    switch(person, database, "First chat")
    person.wait_until(lambda: person.prompt.toPlainText() == "First chat and more")


def test_a_chat_that_cannot_be_read_is_told_and_the_shown_one_stays(
    start: Start, scripted_model: Path
) -> None:
    person = start(scripted_model)
    read = person.ask("Here")
    person.window.conversation_list.chat_chosen.emit(4711)
    person.wait_until(lambda: bool(person.notices()))
    assert person.chat() == read
    person.ask("Still here")


def test_a_slow_disk_does_not_hold_up_the_window(
    start: Start, scripted_model: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk_s = 0.4
    writing = ("add_exchange", "append_text", "finish_answer", "set_draft", "rename")
    slowly(monkeypatch, *writing, seconds=disk_s)
    person = start(scripted_model)
    pulse = Pulse()
    pulse.start()
    person.ask("One")
    person.trigger("newChatAction")
    person.ask("Two")
    assert pulse.stop().longest < disk_s * 1000 / 2
    assert person.chat().count("Good bye.") == 1


def test_without_a_place_to_keep_them_the_chat_works_and_it_is_said(
    start: Start, scripted_model: Path, home: Path
) -> None:
    (home / "data").write_text("a file where a folder should be")
    person = start(scripted_model)
    person.wait_until(lambda: any("not saved" in notice for notice in person.notices()))
    assert "Good bye." in person.ask("Hi")
    person.wait_until(lambda: "Hi" in person.titles())


def test_a_database_that_is_none_is_set_aside_and_told(
    start: Start, scripted_model: Path, database: Path
) -> None:
    database.parent.mkdir(parents=True)
    database.write_bytes(b"this is not a database" * 1000)
    person = start(scripted_model)
    person.wait_until(lambda: any("is kept as" in notice for notice in person.notices()))
    person.ask("Hi")
    person.window.close()
    assert [p for p in database.parent.iterdir() if "damaged" in p.name]
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
