import random

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QImage, QTextCursor, QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox

from pychatbot_gui.gui.chat.chat_view import ChatView
from tests.gui.chat.markdown_samples import SAMPLES
from tests.gui.chat.views import answer, blocks, fill, structure

# --- what is shown ----------------------------------------------------------------------------


def test_it_reads_from_top_to_bottom(view):
    view.add_user_message("Hello **you**\n\n    indented <b>x</b>")
    view.begin_answer("Tiny 1B")
    assert view.toPlainText().endswith("Tiny 1B\nThinking…")
    view.set_progress("Reading 1,024 of 3,000 tokens…")
    assert view.toPlainText().endswith("Tiny 1B\nReading 1,024 of 3,000 tokens…")
    view.append_text("Some *words*.\n\n- one\n- two")
    view.set_progress("Reading again")
    assert view.toPlainText().endswith("• two\nReading again")
    view.append_text("\n- three")
    view.end_answer("Stopped")
    assert view.toPlainText() == (
        "Hello **you**\n\n    indented <b>x</b>\n\n"
        "Tiny 1B\nSome words.\n\n• one\n• two\n• three\n\nStopped"
    )


def test_an_empty_answer_says_so(view):
    answer(view, "")
    assert view.toPlainText() == "Model\nThe answer is empty."
    answer(view, "", note="Stopped")
    assert view.toPlainText().endswith("Model\nStopped")


def test_clear_forgets_everything(view):
    assert view.is_empty()
    fill(view, 2)
    assert not view.is_empty()
    view.clear_chat()
    assert view.is_empty()
    assert view.toPlainText() == ""
    answer(view, "again")
    assert view.toPlainText() == "Model\nagain"


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("seed", range(2))
def test_streaming_ends_as_the_whole_would(qtbot, view, name, seed):
    chance = random.Random(seed)
    text = SAMPLES[name]
    other = ChatView()
    qtbot.addWidget(other)
    other.resize(view.size())
    for chat in (view, other):
        answer(chat, "before")
        chat.add_user_message("Question")
    answer(other, text, "Stopped")
    view.begin_answer("Model")
    while text:
        size = chance.choice((1, 3, 10, 40, 400))
        view.append_text(text[:size])
        if chance.random() < 0.2:
            view.toPlainText()
        text = text[size:]
    view.end_answer("Stopped")
    assert view.toPlainText() == other.toPlainText()
    assert structure(view) == structure(other)


def test_hidden_characters_are_shown_as_marks(view):
    text = "\x1b[31m \u202egnp.exe\u202c \u200b &#x202e; \x00 `\u2066` \ud83d\n\n```\n\x07\n```"
    view.add_user_message(text)
    answer(view, text, note="\x1bnote")
    shown = view.toPlainText()
    for hidden in "\x1b\u202e\u202c\u200b\x00\u2066\x07\ud83d":
        assert hidden not in shown
    assert shown.count("⟨ESC⟩") == 3
    assert shown.count("⟨U+202E⟩") == 3
    assert shown.count("⟨NUL⟩") == 2
    assert shown.count("\ufffd") == 2


def test_other_scripts_and_emoji_are_shown_as_they_are(view):
    text = "שלום עולם 你好 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️"
    view.add_user_message(text)
    answer(view, text)
    assert view.toPlainText() == f"{text}\n\nModel\n{text}"


def test_a_question_can_be_taken_back(view):
    view.add_user_message("First")
    answer(view, "One\n\n| a |\n|---|\n| 1 |")
    before = structure(view)
    view.add_user_message("Second\nwith lines")
    view.begin_answer("Model")
    view.remove_last_exchange()
    assert structure(view) == before
    assert view.last_answer().startswith("One")
    view.remove_last_exchange()
    assert view.is_empty()
    assert view.toPlainText() == ""
    view.remove_last_exchange()
    assert view.toPlainText() == ""


# --- safety -----------------------------------------------------------------------------------


def test_nothing_is_ever_loaded(view, tmp_path):
    picture = tmp_path / "picture.png"
    QImage(8, 8, QImage.Format.Format_RGB32).save(str(picture))
    url = QUrl.fromLocalFile(str(picture))
    for kind in QTextDocument.ResourceType:
        assert view.loadResource(kind.value, url) is None
        assert view.document().resource(kind.value, url) is None
    answer(view, f"![alt]({url.toString()}) ![](file:///dev/zero) <img src='file:///dev/zero'>")
    view.grab()
    assert "\ufffc" not in view.toPlainText()
    assert not view.openLinks()


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://a.b",
        "http:",
        "/etc",
        "#x",
    ],
)
def test_other_addresses_are_never_opened(qtbot, view, address):
    answer(view, f"[click]({address}) <{address}> {address}")
    with qtbot.assertNotEmitted(view.link_activated):
        view.anchorClicked.emit(QUrl(address))
    assert not view.findChildren(QMessageBox)
    assert all("anchor" not in str(part) for part in structure(view))


def test_a_web_address_is_opened_only_after_a_question_with_its_host(qtbot, view):
    answer(view, "[my bank](https://bank.com@evil.example/path?q=1)")
    place = link_place(view, "my bank")
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    box = view.findChild(QMessageBox, "openLinkQuestion")
    assert "Open evil.example in your browser?" in box.text()
    with qtbot.assertNotEmitted(view.link_activated):
        box.button(QMessageBox.StandardButton.Cancel).click()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    box = view.findChildren(QMessageBox, "openLinkQuestion")[-1]
    with qtbot.waitSignal(view.link_activated) as caught:
        box.button(QMessageBox.StandardButton.Open).click()
    assert caught.args == ["https://bank.com@evil.example/path?q=1"]


def test_a_host_in_other_letters_cannot_pass_for_another(view):
    view.anchorClicked.emit(QUrl("https://аpple.com/"))
    box = view.findChild(QMessageBox, "openLinkQuestion")
    assert "xn--" in box.text()
    box.reject()


def link_place(view: ChatView, text: str) -> QPoint:
    cursor = view.document().find(text)
    assert not cursor.isNull()
    cursor.setPosition(cursor.selectionStart() + 2)
    return view.cursorRect(cursor).center()


# --- copies -----------------------------------------------------------------------------------


def test_select_all_and_copy_give_readable_text(qtbot, view):
    view.add_user_message("Question 👍")
    answer(view, "1. one\n2. two\n\n```\n  code\n```\n\n| a | b |\n|---|---|\n| c | d |", "Stopped")
    view.toPlainText()  # on a busy machine a part may wait for its turn
    qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    text = "Question 👍\n\nModel\n1. one\n2. two\n\n  code\n\na\tb\nc\td\n\nStopped"
    assert QGuiApplication.clipboard().text() == text == view.toPlainText()
    mime = QGuiApplication.clipboard().mimeData()
    assert mime is not None
    assert not mime.hasHtml()


def test_part_of_two_messages_can_be_copied(view):
    view.add_user_message("👍 Question")
    answer(view, "Some *answer* here")
    cursor = view.document().find("Question")
    start = cursor.selectionStart()
    stop = view.document().find("answer").selectionEnd()
    cursor.setPosition(start)
    cursor.setPosition(stop, QTextCursor.MoveMode.KeepAnchor)
    view.setTextCursor(cursor)
    view.copy()
    assert QGuiApplication.clipboard().text() == "Question\n\nModel\nSome answer"


def test_the_menu_copies_what_lies_under_it(view):
    view.add_user_message("My question")
    answer(view, "See [this](https://example.com/a).\n\n```py\nx = 1\n\ny = 2\n```\n\n**end**")

    def choose(found: str, name: str) -> str:
        cursor = view.document().find(found)
        cursor.setPosition(cursor.selectionStart() + 1)
        menu = view.menu_at(view.cursorRect(cursor).center())
        [action] = [action for action in menu.actions() if action.text() == name]
        action.trigger()
        return QGuiApplication.clipboard().text()

    assert choose("My question", "Copy message") == "My question"
    assert choose("y = 2", "Copy code block") == "x = 1\n\ny = 2"
    assert choose("this", "Copy link address") == "https://example.com/a"
    assert choose("end", "Copy message").endswith("```\n\n**end**")
    names = [action.text() for action in view.menu_at(QPoint(1, 1)).actions()]
    assert "Select all" in names
    assert "Copy code block" not in names


def test_the_last_answer_can_be_copied_by_key(qtbot, view):
    answer(view, "**first**")
    answer(view, "**second** \x1b")
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(view, Qt.Key.Key_C, keys)
    assert QGuiApplication.clipboard().text() == "**second** ⟨ESC⟩"
    assert view.last_answer() == "**second** ⟨ESC⟩"


# --- much of it -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x" * 300_000, "word " * 60_000, "```\n" + "x" * 300_000])
def test_a_huge_text_comes_in_parts_and_in_order(qtbot, view, text):
    view.add_user_message(text)
    view.begin_answer("Model")
    view.append_text(text)
    view.append_text(" the very end")
    view.end_answer("Stopped")
    view.add_user_message("Next")
    qtbot.waitUntil(lambda: not view._turns.waiting, timeout=20_000)
    assert max(block.length() for block in blocks(view)) < 3000
    shown = view.toPlainText()
    assert shown.endswith(" the very end\n\nStopped\n\nNext")
    assert shown.startswith(text)
    assert view.last_answer() == text + " the very end"
