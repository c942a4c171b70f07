import random

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QImage,
    QMouseEvent,
    QTextCursor,
    QTextDocument,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox, QToolButton

from pychatbot_gui.gui.chat.chat_looks import KIND, LOOK
from pychatbot_gui.gui.chat.chat_pane import COLUMN
from pychatbot_gui.gui.chat.chat_view import ChatView
from pychatbot_gui.gui.theme import DARK, LIGHT
from tests.gui.chat.markdown_samples import SAMPLES, TOUR


def answer(view: ChatView, text: str, note: str = "", size: int = 0) -> None:
    view.begin_answer("Model")
    for start in range(0, len(text), size or len(text) or 1):
        view.append_text(text[start : start + (size or len(text))])
    view.end_answer(note)


def fill(view: ChatView, turns: int = 12) -> None:
    for number in range(turns):
        view.add_user_message(f"Question {number}")
        answer(view, f"Answer {number}.\n\n" + "A line of words. " * 60)
    view.toPlainText()
    QGuiApplication.processEvents()


def structure(view: ChatView) -> list[tuple]:
    view.toPlainText()
    blocks = []
    block = view.document().begin()
    while block.isValid():
        runs = []
        for part in block.textFormats():
            look = (part.format.property(LOOK), part.format.anchorHref())
            if runs and runs[-1][0] + runs[-1][1] == part.start and runs[-1][2] == look:
                start, length, _ = runs.pop()
                runs.append((start, length + part.length, look))
            else:
                runs.append((part.start, part.length, look))
        form = block.blockFormat()
        blocks.append((block.text(), form.property(LOOK), form.property(KIND), tuple(runs)))
        block = block.next()
    return blocks


def at_end(view: ChatView) -> bool:
    bar = view.verticalScrollBar()
    return bar.value() == bar.maximum()


def top_of_view(view: ChatView) -> tuple[int, int]:
    cursor = view.cursorForPosition(QPoint(0, 0))
    return cursor.position(), view.cursorRect(cursor).top()


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


# --- reading while it grows -------------------------------------------------------------------


def test_it_follows_the_end(view):
    fill(view)
    assert at_end(view)
    view.begin_answer("Model")
    for _ in range(60):
        view.append_text("More words and\n\n")
        assert at_end(view)
    assert view.findChild(QToolButton, "jumpToEndButton").isHidden()


@pytest.mark.parametrize("text", [TOUR, "word " * 800, SAMPLES["long table"]])
def test_a_reader_who_scrolled_up_is_left_in_peace(view, text):
    fill(view)
    view.begin_answer("Model")
    view.append_text(text[:200])
    bar = view.verticalScrollBar()
    for value in (bar.maximum() - 100, 300, 0):
        bar.setValue(value)
        assert not view.is_following()
        place = top_of_view(view)
        for start in range(200, len(text), 50):
            view.append_text(text[start : start + 50])
            QGuiApplication.processEvents()
            assert (bar.value(), top_of_view(view)) == (value, place)
    view.end_answer("Stopped")
    assert (bar.value(), top_of_view(view)) == (value, place)


@pytest.mark.parametrize("width", [500, 650, 1400])
def test_a_resize_keeps_the_place(view, width):
    fill(view)
    view.verticalScrollBar().setValue(700)
    position, top = top_of_view(view)
    cursor = QTextCursor(view.document())
    cursor.setPosition(position)
    view.resize(width, 500)
    QGuiApplication.processEvents()
    assert abs(view.cursorRect(cursor).top() - top) <= 1
    assert not view.is_following()
    view.jump_to_end()
    view.resize(900, 700)
    QGuiApplication.processEvents()
    assert at_end(view)


def test_the_button_and_the_key_jump_to_the_latest(qtbot, view):
    fill(view)
    button = view.findChild(QToolButton, "jumpToEndButton")
    assert button.accessibleName()
    view.verticalScrollBar().setValue(100)
    assert button.isVisible()
    button.click()
    assert at_end(view)
    assert not button.isVisible()
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.verticalScrollBar().value() == 0
    assert not view.is_following()
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert at_end(view)
    view.append_text("ignored: no answer was begun")
    answer(view, "word " * 300)
    assert at_end(view)


def test_keys_scroll(qtbot, view):
    fill(view)
    bar = view.verticalScrollBar()
    before = bar.value()
    for key in (Qt.Key.Key_PageUp, Qt.Key.Key_Up):
        qtbot.keyClick(view, key)
        assert bar.value() < before
        before = bar.value()
    qtbot.keyClick(view, Qt.Key.Key_PageDown)
    assert bar.value() > before


def test_sending_goes_to_the_end(view):
    fill(view)
    view.verticalScrollBar().setValue(0)
    view.add_user_message("Next")
    assert at_end(view)


def test_a_selection_survives_what_comes(view):
    fill(view, 3)
    view.begin_answer("Model")
    view.append_text("The beginning of *the* answer")
    cursor = view.textCursor()
    cursor.setPosition(5)
    cursor.setPosition(view.document().characterCount() - 1, QTextCursor.MoveMode.KeepAnchor)
    view.setTextCursor(cursor)
    selected = view.textCursor().selectedText()
    for piece in (" goes on", "\n\n| a | b |\n", "|---|---|\n", "| 1 | 2 |\n", "\nand on."):
        view.append_text(piece)
        assert view.textCursor().selectedText() == selected
    view.end_answer("Stopped")
    assert view.textCursor().selectedText() == selected


def test_the_text_holds_still_under_a_pressed_button(qtbot, view):
    fill(view)
    view.begin_answer("Model")
    bar = view.verticalScrollBar()
    value = bar.value()
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(30, 300))
    view.append_text("many words " * 200)
    assert bar.value() == value
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(30, 300))
    assert at_end(view)


def test_a_button_let_go_elsewhere_does_not_hold_the_text_for_ever(view):
    fill(view)
    view.begin_answer("Model")
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(30, 300))
    nothing = Qt.MouseButton.NoButton
    place = QPointF(40, 310)
    move = QMouseEvent(
        QEvent.Type.MouseMove, place, view.viewport().mapToGlobal(place), nothing, nothing,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QGuiApplication.sendEvent(view.viewport(), move)
    view.append_text("many words " * 200)
    assert at_end(view)


def test_a_drag_that_begins_beside_the_column_selects(view):
    view.resize(1200, 600)
    answer(view, "word " * 300)
    QGuiApplication.processEvents()
    view.verticalScrollBar().setValue(0)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(30, 60))
    QTest.mouseMove(view, QPoint(600, 120))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(600, 120))
    assert view.textCursor().hasSelection()


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


# --- looks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_theme_reaches_everything_that_is_there(view, theme):
    view.add_user_message("Hi")
    answer(view, TOUR)
    before = structure(view)
    view.set_theme(theme)
    assert structure(view) == before
    colours = {
        part.format.foreground().color().name()
        for block in blocks(view)
        for part in block.textFormats()
        if part.format.anchorHref()
    }
    assert colours == {theme.link}
    view.verticalScrollBar().setValue(0)
    image = view.grab().toImage()
    assert image.pixelColor(4, 4) == QColor(theme.surface)
    assert theme.user_bubble in pixels(image)


def test_code_and_bubbles_are_painted_also_when_they_begin_above(view):
    view.add_user_message("line\n" * 100)
    answer(view, "```\n" + "code\n" * 200 + "```\n\nend")
    QGuiApplication.processEvents()
    bar = view.verticalScrollBar()
    bar.setValue(1200)
    assert LIGHT.user_bubble in pixels(view.grab().toImage())
    bar.setValue(bar.maximum() - 900)
    assert LIGHT.code_background in pixels(view.grab().toImage())


def blocks(view: ChatView) -> list:
    found = []
    block = view.document().begin()
    while block.isValid():
        found.append(block)
        block = block.next()
    return found


def pixels(image: QImage) -> set[str]:
    step = 5
    return {
        image.pixelColor(x, y).name()
        for x in range(0, image.width(), step)
        for y in range(0, image.height(), step)
    }


@pytest.mark.parametrize("width", [480, 900, 1600])
def test_the_column_is_centred_and_not_too_wide(view, width):
    view.resize(width, 600)
    fill(view, 4)
    inside = view.viewport().geometry()
    assert inside.width() <= COLUMN
    assert abs(inside.left() - (view.width() - inside.right())) <= 24
    assert view.document().size().width() <= inside.width()


def test_short_questions_lie_at_the_right_and_long_ones_do_not_leave_the_column(view):
    view.add_user_message("Hi")
    view.add_user_message("long words " * 60)
    short, long = (block.blockFormat().leftMargin() for block in blocks(view))
    assert short > 600 > 150 > long
    view.resize(480, 600)
    QGuiApplication.processEvents()
    short, long = (block.blockFormat().leftMargin() for block in blocks(view))
    assert 200 < short < 480


def test_the_text_size_changes_by_key_and_wheel(qtbot, view):
    answer(view, "# Head\n\ntext `code`")
    text = blocks(view)[2]
    size = QTextCursor(text).charFormat().font().pointSizeF()
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.keyClick(view, Qt.Key.Key_Plus, control)
    assert view.zoom() == pytest.approx(1.1)
    assert QTextCursor(text).charFormat().font().pointSizeF() == pytest.approx(size * 1.1)
    qtbot.keyClick(view, Qt.Key.Key_Minus, control)
    qtbot.keyClick(view, Qt.Key.Key_Minus, control)
    assert view.zoom() == pytest.approx(0.9)
    with qtbot.waitSignal(view.zoom_changed):
        qtbot.keyClick(view, Qt.Key.Key_0, control)
    turn(view, 240, control)
    assert view.zoom() == pytest.approx(1.25)
    view.step_zoom(1)
    assert view.zoom() == pytest.approx(1.5)
    view.zoom_actions()[2].trigger()
    assert view.zoom() == 1.0


def test_zoom_keeps_the_place(view):
    fill(view)
    view.verticalScrollBar().setValue(900)
    cursor = QTextCursor(view.document())
    position, top = top_of_view(view)
    cursor.setPosition(position)
    view.set_zoom(1.5)
    assert abs(view.cursorRect(cursor).top() - top) <= 12
    view.set_zoom(1.0)
    assert abs(view.cursorRect(cursor).top() - top) <= 12


def test_the_wheel_scrolls_beside_the_column_too(view):
    view.resize(1400, 600)
    fill(view)
    value = view.verticalScrollBar().value()
    place = QPoint(20, 300)
    event = QWheelEvent(
        QPointF(place), QPointF(view.mapToGlobal(place)), QPoint(), QPoint(0, 120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QGuiApplication.sendEvent(view, event)
    assert view.verticalScrollBar().value() < value


def turn(view: ChatView, angle: int, keys: Qt.KeyboardModifier) -> None:
    middle = view.viewport().rect().center()
    event = QWheelEvent(
        QPointF(middle), QPointF(view.viewport().mapToGlobal(middle)), QPoint(), QPoint(0, angle),
        Qt.MouseButton.NoButton, keys, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QGuiApplication.sendEvent(view.viewport(), event)


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
