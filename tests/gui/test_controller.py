"""The use cases, through the whole program: a real window, a real model in its process."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from pychatbot_gui.core import guide
from pychatbot_gui.gui.dialogs.settings_dialog import SettingsDialog
from pychatbot_gui.gui.empty_state import EmptyState
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.use_cases.reading_ahead import ReadingAhead
from tests.gui.conftest import Person
from tests.models import CHATML, build_scripted_model

Start = Callable[..., Person]
# No piece of it twice: then its text is cut into the very tokens that it was written in.
PLAIN = "Hello there, I am a model with one answer."


@pytest.fixture(scope="session")
def plain_model(model_folder: Path) -> Path:
    path = model_folder / "plain.gguf"
    return build_scripted_model(path, PLAIN, metadata={"general.name": "Plain model"})


def _model_processes() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_from_a_file_to_an_answer(start: Start, plain_model: Path) -> None:
    person = start(plain_model)
    assert "Plain model" in person.window.model_label.text()
    read = person.ask("Hi, who are you?")
    assert read.index("Hi, who are you?") < read.index(PLAIN)
    assert person.prompt.toPlainText() == ""
    assert "tokens/s" in person.window.speed_label.text()
    assert "/ 4,096" in person.window.context_meter.text()
    assert not person.notices()


def test_without_a_model_the_message_stays_in_the_box(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(guide, "_GUIDE", tmp_path / "missing.gguf")
    person = start()
    person.write("Is anybody there?")
    assert person.prompt.toPlainText() == "Is anybody there?"
    assert not person.window.is_busy()
    assert person.window.empty_state.isVisible()


def test_the_system_prompt_reaches_the_model(start: Start, random_model: Path) -> None:
    options = ("--temperature", "0", "--max-tokens", "20")
    answers = set()
    for system in ("", "Be brief.", "Talk like a pirate."):
        person = start(random_model, *options, "--system", system)
        answers.add(person.ask("Hi"))
        person.window.system_prompt.set_text("Something else.")
        person.trigger("newChatAction")
        answers.add(person.ask("Hi"))
        person.window.close()
    assert len(answers) == 4


def test_the_whole_conversation_is_sent(start: Start, random_model: Path) -> None:
    person = start(random_model, "--temperature", "0", "--max-tokens", "12")
    first = person.ask("One")
    person.ask("Two")
    third = person.ask("One")
    assert third.count("One") == 2
    person.trigger("newChatAction")
    assert person.chat().strip() == ""
    assert person.ask("One") == first, "a new chat knows nothing of the old one"


def test_stop_keeps_what_was_written_and_the_next_message_works(
    start: Start, endless_model: Path
) -> None:
    person = start(endless_model)
    person.write("Go")
    person.wait_until(lambda: "says the very same" in person.chat())
    QTest.keyClick(person.prompt, Qt.Key.Key_Escape)
    began = time.monotonic()
    person.wait()
    assert time.monotonic() - began < 1
    read = person.chat()
    assert "Over and over again" in read and "Stopped" in read
    person.write("Again")
    person.wait_until(lambda: person.chat().count("Over and over again") > read.count("Over"))
    person.window.stop_action.trigger()
    person.wait()


def test_typing_goes_on_while_an_answer_streams(start: Start, endless_model: Path) -> None:
    person = start(endless_model)
    person.write("Go")
    QTest.keyClicks(person.prompt, "my next thought")
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    assert person.prompt.toPlainText() == "my next thought"
    person.window.stop_action.trigger()
    person.wait()
    assert person.prompt.toPlainText() == "my next thought"


def test_new_chat_while_an_answer_streams(start: Start, endless_model: Path) -> None:
    person = start(endless_model, "--max-tokens", "300")
    person.write("Go")
    person.wait_until(lambda: "Over" in person.chat())
    person.trigger("newChatAction")
    assert person.chat().strip() == ""
    assert person.window.is_busy(), "the answer goes on in its own chat"
    person.wait()
    assert person.chat().strip() == ""


def test_another_model_while_an_answer_streams(
    start: Start, endless_model: Path, plain_model: Path
) -> None:
    person = start(endless_model)
    person.write("Go")
    person.wait_until(lambda: "Over" in person.chat())
    person.window.model_dropped.emit(str(plain_model))
    assert person.window.is_busy()
    person.wait()
    assert "Plain model" in person.window.model_label.text()
    assert "Over" in person.chat(), "the conversation is still there"
    assert PLAIN in person.ask("And you?")


@pytest.mark.parametrize("when", ["idle", "first token", "later"])
def test_a_killed_model_starts_again_by_itself(
    start: Start, endless_model: Path, when: str
) -> None:
    person = start(endless_model, "--max-tokens", "300")
    if when != "idle":
        person.write("Go")
        wanted = "Over" if when == "first token" else "the very same"
        person.wait_until(lambda: wanted in person.chat())
    for process in _model_processes():
        os.kill(process.pid, signal.SIGKILL)
    person.wait()
    if when != "idle":
        assert "Over" in person.chat() and "Unfinished" in person.chat()
        assert any("killed" in notice for notice in person.notices())
    person.ask("Still there?")
    assert "Still there?" in person.chat()
    assert "longest answer" in person.chat().split("Still there?")[1]


def test_a_model_killed_while_it_is_opened_is_there_for_the_next_message(
    start: Start, plain_model: Path
) -> None:
    person = start()
    before = set(_model_processes())
    person.window.model_dropped.emit(str(plain_model))
    person.wait_until(lambda: bool(set(_model_processes()) - before))
    for process in set(_model_processes()) - before:
        os.kill(process.pid, signal.SIGKILL)
    person.wait()
    assert any("killed" in notice for notice in person.notices())
    person.write("Are you there?")
    person.wait_until(lambda: PLAIN in person.chat())
    person.wait()
    assert person.prompt.toPlainText() == ""


def test_a_message_that_is_too_long_goes_back_into_the_box(start: Start, plain_model: Path) -> None:
    person = start(plain_model)
    text = "word " * 5000
    person.window.prompt_box.set_text(text)
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait()
    assert person.window.prompt_box.text() == text
    assert person.chat().strip() == ""
    assert any("too long" in notice for notice in person.notices())
    person.window.prompt_box.clear()
    assert PLAIN in person.ask("Short")


def test_a_megabyte_in_one_line_is_refused_and_kept(start: Start, plain_model: Path) -> None:
    person = start(plain_model)
    text = "x" * 1_000_000
    person.window.prompt_box.set_text(text)
    QTest.keyClick(person.prompt, Qt.Key.Key_Return)
    person.wait()
    assert person.window.prompt_box.text() == text
    assert any("too long" in notice for notice in person.notices())


def test_a_template_that_refuses_gives_the_message_back(start: Start, model_folder: Path) -> None:
    template = (
        "{% if 'forbidden' in messages[-1].content %}{{ raise_exception('not that') }}{% endif %}"
        + CHATML
    )
    path = build_scripted_model(model_folder / "picky.gguf", PLAIN, template=template)
    person = start(path)
    person.write("a forbidden word")
    person.wait()
    assert person.prompt.toPlainText() == "a forbidden word"
    assert any("not that" in notice for notice in person.notices())
    person.window.prompt_box.clear()
    assert PLAIN in person.ask("something else")


def test_a_bad_file_leaves_a_way_back(start: Start, plain_model: Path, tmp_path: Path) -> None:
    person = start(plain_model)
    person.ask("Hi")
    bad = tmp_path / "page.gguf"
    bad.write_text("<!doctype html><html></html>")
    person.window.model_dropped.emit(str(bad))
    person.wait()
    assert any("web page" in notice for notice in person.notices())
    assert person.window.model_label.text() == "No model"
    back = next(
        b for b in person.window.findChildren(QPushButton) if b.text().startswith("Go back to")
    )
    back.click()
    person.wait()
    assert "Plain model" in person.window.model_label.text()
    assert person.ask("Again").count(PLAIN) == 2


def test_a_load_can_be_stopped(start: Start, endless_model: Path, plain_model: Path) -> None:
    person = start(plain_model)
    person.window.model_dropped.emit(str(endless_model))
    assert person.window.is_busy()
    person.window.stop_action.trigger()
    person.wait()
    assert person.window.model_label.text() == "No model"
    assert not person.notices()
    person.window.recent_chosen.emit(str(plain_model))
    person.wait()
    assert PLAIN in person.ask("Hi")


def test_a_full_context_is_said_and_the_chat_goes_on(
    start: Start, home: Path, plain_model: Path
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "model_parameters.json").write_text('{"n_ctx": 256}')
    person = start(plain_model)
    for i in range(16):
        person.ask(f"Question {i}")
    read = person.chat()
    assert "The model no longer sees the messages above." in read
    assert read.count(PLAIN) == 16


def test_settings_are_saved_and_load_the_model_again(
    start: Start, home: Path, plain_model: Path, qtbot: object
) -> None:
    person = start(plain_model)
    person.ask("Before")

    from PySide6.QtCore import QTimer

    def use_dialog() -> None:
        dialog = person.window.findChild(SettingsDialog)
        assert isinstance(dialog, SettingsDialog)
        dialog.field("n_ctx").set_value(512)
        dialog.accept()

    QTimer.singleShot(0, person.window, use_dialog)
    person.trigger("settingsAction")
    person.wait()
    assert json.loads((home / "config" / "model_parameters.json").read_text()) == {"n_ctx": 512}
    assert "/ 512" in person.window.context_meter.text()
    assert person.ask("After").count(PLAIN) == 2
    assert "Before" in person.chat()


@pytest.mark.parametrize("with_model", [False, True])
def test_damaged_files_of_the_program_are_told(
    start: Start, home: Path, plain_model: Path, with_model: bool
) -> None:
    for folder, name in (("config", "model_parameters.json"), ("data", "window_state.json")):
        (home / folder).mkdir(parents=True)
        (home / folder / name).write_text('{"n_ctx": 20')
    person = start(plain_model) if with_model else start()
    assert sum("set aside" in notice for notice in person.notices()) == 2
    assert list((home / "config").glob("*.damaged-*"))
    assert list((home / "data").glob("*.damaged-*"))


def test_a_folder_that_cannot_be_written_is_told_and_the_chat_works(
    start: Start, home: Path, plain_model: Path
) -> None:
    home.parent.mkdir(exist_ok=True)
    home.mkdir()
    for name in ("config", "data", "logs"):
        (home / name).write_text("a file where a folder should be")
    person = start(plain_model)
    assert PLAIN in person.ask("Hi")
    person.wait_until(lambda: any("cannot be saved" in n for n in person.notices()))


def test_draft_system_prompt_model_and_size_come_back(start: Start, plain_model: Path) -> None:
    person = start(plain_model, "Be kind.")
    QTest.keyClicks(person.prompt, "half a thou")
    person.window.resize(700, 600)
    person.window.close()
    again = start()
    assert again.prompt.toPlainText() == "half a thou"
    assert again.window.system_prompt.text() == "Be kind."
    assert "Plain model" in again.window.model_label.text()
    assert (again.window.width(), again.window.height()) == (700, 600)


def test_the_last_chat_comes_back_without_a_page_that_vanishes(
    start: Start, plain_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = start(plain_model)
    person.ask("Hi")
    person.window.close()
    shown: list[str] = []
    show = EmptyState.showEvent

    def seen(page: EmptyState, event: QShowEvent) -> None:
        shown.append(page.state())
        show(page, event)

    monkeypatch.setattr(EmptyState, "showEvent", seen)
    again = start()
    again.wait_until(lambda: PLAIN in again.chat())
    assert set(shown) <= {"ready"}, "that one only where the model is quicker than the chat"


def counted(person: Person) -> str:
    """What the meter shows when the next prompt has been measured."""
    found: list[int] = []
    person.window.findChild(EngineThread).measured.connect(lambda tokens, _: found.append(tokens))
    person.window.findChild(ReadingAhead).read()
    person.wait_until(lambda: bool(found))
    return str(person.window.context_meter.text())


def test_the_tokens_of_the_chat_are_counted_again_at_the_next_start(
    start: Start, plain_model: Path
) -> None:
    person = start(plain_model)
    person.ask("Hi")
    used = counted(person)
    person.window.close()
    again = start()
    again.wait_until(lambda: PLAIN in again.chat())
    again.wait_until(lambda: not again.window.is_busy())
    assert counted(again) == used != ""


def test_closing_while_an_answer_streams_leaves_nothing(start: Start, endless_model: Path) -> None:
    person = start(endless_model)
    person.write("Go")
    person.wait_until(lambda: "Over" in person.chat())
    person.window.close()
    assert not _model_processes()


def test_verbose_opens_the_log_with_the_words_of_the_library(
    start: Start, home: Path, plain_model: Path
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "model_parameters.json").write_text('{"verbose": "True"}')
    person = start(plain_model)
    person.trigger("logAction")
    from pychatbot_gui.gui.dialogs.log_window import LogWindow

    log = person.window.findChild(LogWindow)
    assert isinstance(log, LogWindow)
    person.wait_until(lambda: "llama_model_loader" in log.text())


def test_a_surrogate_a_nul_and_right_to_left_text_are_answered(
    start: Start, plain_model: Path
) -> None:
    person = start(plain_model)
    for text in ("a\x00b", "\u202eabc", "مرحبا 😀"):
        person.window.prompt_box.set_text(text)
        QTest.keyClick(person.prompt, Qt.Key.Key_Return)
        person.wait()
    assert person.chat().count(PLAIN) == 3
    assert not person.notices()


def test_every_control_has_a_name_for_a_screen_reader(start: Start, plain_model: Path) -> None:
    from PySide6.QtGui import QAccessible
    from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QLineEdit, QWidget

    person = start(plain_model)
    names = ("chatView", "promptEdit", "sendButton", "modelLabel", "contextMeter")
    for name in (*names, "stopButton", "systemPromptEdit"):
        widget = person.window.findChild(QWidget, name)
        assert isinstance(widget, QWidget), name
        assert widget.accessibleName(), name
    unnamed = []
    for widget in person.window.findChildren(QWidget):
        wants_keys = widget.focusPolicy() != Qt.FocusPolicy.NoFocus and widget.isVisible()
        if wants_keys and not isinstance(widget, (QAbstractSlider, QLineEdit)):
            interface = QAccessible.queryAccessibleInterface(widget)
            if not interface.text(QAccessible.Text.Name):
                unnamed.append(widget)
        if isinstance(widget, QAbstractButton) and widget.isVisible():
            assert widget.text() or widget.accessibleName(), widget
    assert not unnamed
