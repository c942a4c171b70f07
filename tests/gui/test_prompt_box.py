"""The prompt box: keys, growth, undo, and pastes of any size."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from pychatbot_gui.gui.prompt_box import PasteChip, PromptBox
from pychatbot_gui.gui.prompt_edit import LONGEST_LINE, PromptEdit

MILLION = "aGVsbG8gd29ybGQh" * 62_500


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    window = QWidget()
    window.resize(700, 600)
    qtbot.addWidget(window)
    return window


@pytest.fixture
def box(window: QWidget) -> PromptBox:
    box = PromptBox(window)
    box.resize(700, 60)
    window.show()
    return box


@pytest.fixture
def edit(box: PromptBox) -> PromptEdit:
    found = box.findChild(PromptEdit, "promptEdit")
    assert found is not None
    found.setFocus()
    return found


@pytest.fixture
def sent(box: PromptBox) -> list[str]:
    texts: list[str] = []
    box.send_requested.connect(texts.append)
    return texts


@pytest.fixture
def paste(edit: PromptEdit) -> Callable[[str], None]:
    def paste_text(text: str) -> None:
        data = QMimeData()
        data.setText(text)
        edit.insertFromMimeData(data)

    return paste_text


def button(box: PromptBox, name: str) -> QPushButton:
    found = box.findChild(QPushButton, name)
    assert found is not None
    return found


def chips(box: PromptBox) -> list[PasteChip]:
    return [chip for chip in box.findChildren(PasteChip) if not chip.isHidden()]


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_enter_sends_and_keeps_the_text(
    edit: PromptEdit, box: PromptBox, sent: list[str], key: Qt.Key
) -> None:
    QTest.keyClicks(edit, "Hello")
    modifier = Qt.KeyboardModifier.NoModifier
    if key == Qt.Key.Key_Enter:
        modifier = Qt.KeyboardModifier.KeypadModifier
    QTest.keyClick(edit, key, modifier)
    assert sent == ["Hello"]
    assert box.text() == "Hello"


def test_shift_enter_breaks_the_line(edit: PromptEdit, box: PromptBox, sent: list[str]) -> None:
    QTest.keyClicks(edit, "one")
    QTest.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(edit, "two")
    assert sent == []
    assert box.text() == "one\ntwo"


@pytest.mark.parametrize("text", ["", "   ", "\n \t\n"])
def test_blank_is_not_sent(edit: PromptEdit, box: PromptBox, sent: list[str], text: str) -> None:
    box.set_text(text)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert sent == []
    assert box.text() == text
    assert not button(box, "sendButton").isEnabled()


def test_enter_of_a_composition_does_not_send(edit: PromptEdit, sent: list[str]) -> None:
    QTest.keyClicks(edit, "a")
    QApplication.sendEvent(edit, QInputMethodEvent("かな", []))
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert sent == []
    done = QInputMethodEvent("", [])
    done.setCommitString("仮名")
    QApplication.sendEvent(edit, done)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert sent == ["a仮名"]


def test_busy_shows_stop_and_keeps_what_is_typed(
    edit: PromptEdit, box: PromptBox, sent: list[str]
) -> None:
    stops: list[bool] = []
    box.stop_requested.connect(lambda: stops.append(True))
    send, stop = button(box, "sendButton"), button(box, "stopButton")
    assert (send.isVisible(), stop.isVisible()) == (True, False)
    QTest.keyClick(edit, Qt.Key.Key_Escape)
    assert stops == []
    box.set_busy(True)
    assert (send.isVisible(), stop.isVisible()) == (False, True)
    QTest.keyClicks(edit, "next")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert (sent, box.text()) == ([], "next")
    stop.click()
    QTest.keyClick(edit, Qt.Key.Key_Escape)
    assert stops == [True, True]
    box.set_busy(False)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert sent == ["next"]


def test_focus_stays_in_the_box_when_the_buttons_change(edit: PromptEdit, box: PromptBox) -> None:
    box.set_text("x")
    button(box, "sendButton").setFocus()
    box.set_busy(True)
    assert box.window().focusWidget() is edit


def test_why_a_message_cannot_be_sent(edit: PromptEdit, box: PromptBox, sent: list[str]) -> None:
    QTest.keyClicks(edit, "Hello")
    box.set_can_send(False, "Open a model first.")
    send = button(box, "sendButton")
    assert not send.isEnabled()
    assert send.toolTip() == "Open a model first."
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert (sent, box.text()) == ([], "Hello")
    box.set_can_send(True)
    send.click()
    assert sent == ["Hello"]


@pytest.mark.parametrize("text", ["kept", "kept\n\nlines\n", MILLION, "typed\n\n" + MILLION])
def test_undo_brings_the_text_back_after_clear(edit: PromptEdit, box: PromptBox, text: str) -> None:
    box.set_text(text)
    box.clear()
    assert box.text() == ""
    QTest.keyClick(edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert box.text() == text


def test_undo_after_clear_and_more_typing(edit: PromptEdit, box: PromptBox) -> None:
    box.set_text(MILLION)
    QTest.keyClicks(edit, "first")
    box.clear()
    QTest.keyClicks(edit, "second")
    QTest.keyClick(edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert box.text() == ""
    QTest.keyClick(edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert box.text() == MILLION + "\n\nfirst"


def test_grows_to_a_third_of_the_window(edit: PromptEdit, box: PromptBox, window: QWidget) -> None:
    one = edit.height()
    box.set_text("a\nb\nc")
    three = edit.height()
    assert three - one == pytest.approx(2 * edit.fontMetrics().lineSpacing(), abs=4)
    assert edit.verticalScrollBar().maximum() == 0
    box.set_text("\n" * 200)
    assert edit.height() == 200
    window.resize(700, 900)
    assert edit.height() == 300
    box.clear()
    assert edit.height() == one


def test_long_words_wrap_and_grow(edit: PromptEdit, box: PromptBox) -> None:
    one = edit.height()
    box.set_text("word " * 60)
    assert edit.height() > one


def test_rich_text_is_pasted_as_plain_text(edit: PromptEdit, box: PromptBox) -> None:
    data = QMimeData()
    data.setHtml("<b>bold</b>")
    data.setText("bold")
    edit.insertFromMimeData(data)
    assert box.text() == "bold"


def test_nothing_in_a_paste_changes(box: PromptBox, paste: Callable[[str], None]) -> None:
    text = "no\u00a0break\ttab 😀 \u202eabc\u202c \x1b[0m line\u2028separator\n\n end "
    paste(text)
    assert box.text() == text


def test_an_enormous_line_is_kept_aside_whole(
    edit: PromptEdit, box: PromptBox, sent: list[str], paste: Callable[[str], None]
) -> None:
    QTest.keyClicks(edit, "Summarise this.")
    paste(MILLION)
    assert [chip.accessibleName() for chip in chips(box)] == ["Pasted text, 1.0 MB"]
    assert edit.document().characterCount() < 100
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert sent == [MILLION + "\n\nSummarise this."]


def test_a_paste_alone_is_sent_exactly(
    edit: PromptEdit, sent: list[str], paste: Callable[[str], None]
) -> None:
    paste(MILLION)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert sent == [MILLION]


def test_small_pastes_cannot_add_up_to_an_enormous_line(
    edit: PromptEdit, box: PromptBox, paste: Callable[[str], None]
) -> None:
    for _ in range(12):
        paste("x" * (LONGEST_LINE - 500))
    assert max(map(len, edit.toPlainText().split("\n"))) <= LONGEST_LINE
    assert box.text().count("x") == 12 * (LONGEST_LINE - 500)
    assert len(chips(box)) == 3


def test_many_lines_stay_in_the_field(
    edit: PromptEdit, box: PromptBox, paste: Callable[[str], None]
) -> None:
    text = "a line of code\n" * 2_000
    paste(text)
    assert chips(box) == []
    assert edit.toPlainText() == text


def test_a_chip_can_be_removed_and_brought_back(
    edit: PromptEdit, box: PromptBox, paste: Callable[[str], None]
) -> None:
    paste(MILLION)
    QTest.keyClicks(edit, "typed")
    remove = chips(box)[0].findChild(QToolButton)
    assert remove is not None
    remove.click()
    assert (box.text(), chips(box)) == ("typed", [])
    QTest.keyClick(edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert box.text() == MILLION + "\n\ntyped"


@pytest.mark.parametrize("text", [MILLION, MILLION + "\n\nWhy?", "Why?\n\n" + MILLION])
def test_a_draft_with_an_enormous_line_comes_back(
    edit: PromptEdit, box: PromptBox, text: str
) -> None:
    box.set_text(text)
    assert box.text() == text
    assert edit.document().characterCount() < 100


def test_draft_changes_are_told(
    edit: PromptEdit, box: PromptBox, paste: Callable[[str], None], qtbot: QtBot
) -> None:
    with qtbot.waitSignal(box.draft_changed):
        QTest.keyClicks(edit, "a")
    with qtbot.waitSignal(box.draft_changed):
        paste(MILLION)
    with qtbot.waitSignal(box.draft_changed):
        box.clear()


def test_dropped_files_are_left_to_the_window(edit: PromptEdit, box: PromptBox) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/somewhere/model.gguf")])
    data.setText("file:///somewhere/model.gguf")
    enter = QDragEnterEvent(
        QPoint(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(edit.viewport(), enter)
    assert not enter.isAccepted()
    drop = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(edit.viewport(), drop)
    assert box.text() == ""


def test_names_for_screen_readers(box: PromptBox) -> None:
    edit = box.findChild(QPlainTextEdit, "promptEdit")
    assert edit is not None
    assert edit.accessibleName() == "Message"
    for name in ("sendButton", "stopButton"):
        assert button(box, name).accessibleName()
        assert button(box, name).toolTip()


def test_undo_after_a_chip_takes_the_typing_first(
    edit: PromptEdit, box: PromptBox, paste: Callable[[str], None]
) -> None:
    QTest.keyClicks(edit, "abc")
    paste(MILLION)
    QTest.keyClicks(edit, "d")
    texts = []
    for _ in range(3):
        QTest.keyClick(edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        texts.append(box.text())
    assert texts == [MILLION + "\n\nabc", "abc", ""]
