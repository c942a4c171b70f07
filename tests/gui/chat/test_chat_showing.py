import gc
import random
import time
from dataclasses import replace

import pytest
from PySide6.QtCore import QEventLoop, QPoint, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtTest import QTest

from pychatbot_gui.core.history import WRITING, Shown
from pychatbot_gui.gui.chat.chat_looks import KIND
from pychatbot_gui.gui.chat.chat_showing import FIRST, MORE
from pychatbot_gui.gui.chat.chat_view import ChatView
from tests.gui.chat.markdown_samples import SAMPLES, TOUR
from tests.gui.chat.saved_chats import NOTES, answer, ids, long_chat, numbers_in, question
from tests.gui.chat.test_chat_view import structure

EARLIER = "Show earlier messages"
UNSEEN = "The model no longer sees the messages above."
BETWEEN = "Show the next messages"


def settle(view: ChatView) -> None:
    view.toPlainText()
    QGuiApplication.processEvents()


def at_end(view: ChatView) -> bool:
    bar = view.verticalScrollBar()
    return bar.value() == bar.maximum()


def click(view: ChatView, words: str, start: int = 0) -> None:
    cursor = view.document().find(words, start)
    assert not cursor.isNull(), words
    cursor.setPosition(cursor.selectionStart() + 1)
    view.setTextCursor(cursor)
    view.ensureCursorVisible()
    place = view.cursorRect(cursor)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place.center() - QPoint(3, 0))


def top_text(view: ChatView) -> tuple[str, int]:
    """The first message in view, and where its first line is."""
    block = view.cursorForPosition(QPoint(0, 0)).block()
    while block.blockFormat().property(KIND) == "earlier":
        block = block.next()
    return block.text(), view.cursorRect(QTextCursor(block)).top()


# --- what is shown ----------------------------------------------------------------------------


def test_a_saved_chat_reads_as_it_did(view):
    view.show_messages(
        [
            question(1, "First <b>q</b>"),
            answer(2, "One *two*", 2, 3),
            question(3, "Second", 1, 2),
            answer(4, "", ended="cancelled"),
            question(5, "Third"),
            answer(6, "Half an ans", ended="length"),
        ],
        ended_notes=NOTES,
    )
    assert view.toPlainText() == (
        "First <b>q</b>\n\nTiny 1B\nOne two\n\n‹ 2/3 ›\n\nSecond\n\n‹ 1/2 ›\n\n"
        "Tiny 1B\nStopped\n\nThird\n\nTiny 1B\nHalf an ans\n\nCut off"
    )
    assert view.last_answer() == "Half an ans"
    assert at_end(view)
    assert view.is_following()


def test_the_speaker_is_told(view):
    view.show_messages([answer(1, "Text")], lambda message: f"{message.model} of old", {})
    assert view.toPlainText() == "Tiny 1B of old\nText"


def test_a_saved_chat_looks_as_one_that_was_written_here(qtbot, view):
    other = ChatView()
    qtbot.addWidget(other)
    other.resize(view.size())
    texts = [*SAMPLES.values(), TOUR]
    shown = []
    for number, text in enumerate(texts):
        shown += [question(2 * number + 1, text), answer(2 * number + 2, text)]
        other.add_user_message(text)
        other.begin_answer("Tiny 1B")
        other.append_text(text)
        other.end_answer()
    view.show_messages(shown)
    assert view.toPlainText() == other.toPlainText()
    assert structure(view) == structure(other)
    starts = [(m.start, m.source) for m in other._chat.messages]
    assert [(m.start, m.source) for m in view._chat.messages] == starts


def test_an_answer_that_is_being_written_goes_on(view):
    view.show_messages([question(1, "Q"), answer(2, "So far", ended=WRITING)])
    view.append_text(" and *more*")
    assert view.toPlainText() == "Q\n\nTiny 1B\nSo far and more"
    view.end_answer("Stopped")
    assert view.toPlainText().endswith("and more\n\nStopped")
    view.show_messages([question(1, "Q"), answer(2, "", ended=WRITING)])
    assert view.toPlainText().endswith("Thinking…")
    view.append_text("x")
    assert view.toPlainText().endswith("Tiny 1B\nx")


def test_an_answer_can_begin_with_text(view):
    view.begin_answer("Model", 5, 2, 2, "Half of")
    view.append_text(" it")
    assert view.toPlainText() == "Model\nHalf of it"
    view.end_answer()
    assert view.toPlainText() == "Model\nHalf of it\n\n‹ 2/2 ›"


def test_an_address_in_a_message_is_no_button_of_the_program(qtbot, view):
    link = "[x](pychatbot-version:1) [y](PYCHATBOT-earlier:) [z](pychatbot%2Dversion:1)"
    view.show_messages([question(1, "Q"), answer(2, link, 1, 2)])
    settle(view)
    anchors = [part[2][1] for block in structure(view) for part in block[3] if part[2][1]]
    assert anchors == ["pychatbot%2Dversion:1", "pychatbot-version:1"]
    with qtbot.assertNotEmitted(view.version_wanted):
        click(view, "z")


# --- versions ---------------------------------------------------------------------------------


def test_the_ends_of_the_versions_row_lead_nowhere(qtbot, view):
    chat = [question(1, "Q", 1, 2), answer(7, "A", 2, 3), question(8, "R", 2, 2)]
    view.show_messages(chat)
    settle(view)
    wanted = []
    view.version_wanted.connect(lambda *which: wanted.append(which))
    rows = [view.document().find(row).selectionStart() - 2 for row in ("1/2", "2/3", "2/2")]
    for row in rows:
        for arrow in ("‹", " ›"):
            click(view, arrow, row)
            assert not view.textCursor().hasSelection()
    assert wanted == [(1, 1), (7, -1), (7, 1), (8, -1)]


def test_versions_are_reached_by_keyboard(qtbot, view):
    view.show_messages([answer(7, "A", 2, 3)])
    settle(view)
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Tab)
    QTest.keyClick(view, Qt.Key.Key_Tab)
    with qtbot.waitSignal(view.version_wanted) as caught:
        QTest.keyClick(view, Qt.Key.Key_Return)
    assert caught.args == [7, 1]


def test_the_ids_come_later(qtbot, view):
    view.add_user_message("Q", versions=2, version=2)
    view.begin_answer("M", version=1, versions=2)
    view.append_text("A")
    view.identify(11, 12)
    view.end_answer()
    settle(view)
    with qtbot.waitSignal(view.version_wanted) as caught:
        click(view, " ›", view.document().find("1/2").position() - 1)
    assert caught.args == [12, 1]
    assert [m.id for m in view._chat.messages] == [11, 12]


def test_ids_and_versions_survive_a_line(view):
    view.add_user_message("Q", 11, 2, 2)
    view.begin_answer("M", 12, 1, 2)
    view.set_seen_from(11)
    view.append_text("A")
    view.end_answer()
    assert view.toPlainText() == f"{UNSEEN}\n\nQ\n\n‹ 2/2 ›\n\nM\nA\n\n‹ 1/2 ›"
    assert [m.id for m in view._chat.messages] == [11, 12]


def test_another_version_changes_only_what_differs(view):
    chat = long_chat(40)
    view.show_messages(chat)
    settle(view)
    kept = view._chat.messages[:20]
    view.show_message(20)
    settle(view)
    place = top_text(view)
    branch = [*chat[:20], question(101, "Otherwise", 2, 2), answer(102, "Another " * 300)]
    view.show_messages(branch)
    settle(view)
    assert top_text(view) == place
    assert view._chat.messages[:20] == kept
    assert ids(branch) == [m.id for m in view._chat.messages]
    assert numbers_in(view.toPlainText()) == list(range(1, 21))
    view.show_messages(chat)
    settle(view)
    assert numbers_in(view.toPlainText()) == list(range(1, 41))
    assert top_text(view) == place


def test_the_same_chat_again_changes_nothing(view):
    chat = long_chat(100)
    view.show_messages(chat, ended_notes=NOTES)
    settle(view)
    changes = []
    view.document().contentsChange.connect(lambda *change: changes.append(change))
    value = view.verticalScrollBar().value()
    view.show_messages(chat, ended_notes=NOTES)
    settle(view)
    assert changes == []
    assert view.verticalScrollBar().value() == value
    assert view.is_following()


def test_what_was_written_here_is_recognised(view):
    view.add_user_message("Q")
    view.begin_answer("Tiny 1B")
    view.append_text("A *b*")
    view.identify(1, 2)
    before = view._chat.messages[:]
    view.show_messages([question(1, "Q"), answer(2, "A *b* and", ended=WRITING)])
    view.append_text(" c")
    assert view.toPlainText() == "Q\n\nTiny 1B\nA b and c"
    view.end_answer("Stopped")
    view.show_messages(
        [question(1, "Q"), answer(2, "A *b* and c", ended="cancelled")], ended_notes=NOTES
    )
    assert view._chat.messages == before
    view.show_messages([question(3, "Other")])
    assert view.toPlainText() == "Other"


# --- long chats -------------------------------------------------------------------------------


def test_the_end_of_a_long_chat_is_shown_and_more_on_demand(view):
    chat = long_chat(500)
    view.show_messages(chat)
    settle(view)
    assert numbers_in(view.toPlainText()) == list(range(500 - FIRST + 1, 501))
    assert view.toPlainText().startswith(EARLIER)
    assert at_end(view)
    shown = FIRST
    while shown < 500:
        click(view, EARLIER)
        settle(view)
        shown = min(500, shown + MORE)
        assert numbers_in(view.toPlainText()) == list(range(501 - shown, 501))
    assert EARLIER not in view.toPlainText()
    whole = ChatView()
    whole.resize(view.size())
    for part in chat:
        message = part.message
        if message.id % 2:
            whole.add_user_message(message.text)
        else:
            whole.begin_answer(message.model)
            whole.append_text(message.text)
            whole.end_answer()
    assert structure(whole) == structure(view)
    whole.deleteLater()


def test_scrolling_to_the_top_shows_more_and_keeps_the_place(qtbot, view):
    view.show_messages(long_chat(500))
    settle(view)
    bar = view.verticalScrollBar()
    bar.setValue(0)
    place = top_text(view)
    settle(view)
    assert bar.value() > 1000
    assert top_text(view) == place
    assert len(view._chat.messages) == FIRST + MORE
    QTest.keyClick(view, Qt.Key.Key_Home)
    place = top_text(view)
    settle(view)
    assert top_text(view) == place
    assert len(view._chat.messages) == FIRST + 2 * MORE


def test_earlier_messages_are_reached_by_keyboard(view):
    view.show_messages([*long_chat(100), question(101, "No link here")])
    settle(view)
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Tab)
    QTest.keyClick(view, Qt.Key.Key_Return)
    settle(view)
    assert numbers_in(view.toPlainText())[:2] == [1, 2]


def test_a_selection_stays_when_more_is_shown_above_it(view):
    view.show_messages(long_chat(300))
    settle(view)
    cursor = view.document().find("Question 299")
    view.setTextCursor(cursor)
    view.verticalScrollBar().setValue(0)
    settle(view)
    assert view.textCursor().selectedText() == "Question 299"
    assert len(view._chat.messages) > FIRST


def test_an_answer_grows_while_earlier_messages_come(view):
    view.show_messages([*long_chat(400), question(401, "Q"), answer(402, "a", ended=WRITING)])
    for number in range(30):
        view.append_text(f" w{number}\n\n| a | b |\n|---|---|\n| {number} | 2 |\n\n")
        if number == 5:
            settle(view)
            view.verticalScrollBar().setValue(0)
        QGuiApplication.processEvents()
    view.end_answer("Stopped")
    settle(view)
    assert len(view._chat.messages) == FIRST + MORE
    text = view.toPlainText()
    assert [f"w{n}" in text for n in range(30)] == [True] * 30
    assert text.endswith("29\t2\n\nStopped")
    view.show_messages([*long_chat(400), question(403, "Next")])
    assert view.toPlainText().endswith("words.\n\nNext")


def test_a_message_far_away_is_gone_to(view):
    chat = long_chat(700)
    view.show_messages(chat)
    view.show_message(300)
    settle(view)
    assert "Answer 300" in top_of_screen(view)
    assert not view.is_following()
    numbers = numbers_in(view.toPlainText())
    assert 300 in numbers
    assert len(numbers) < FIRST + 100
    assert numbers == sorted(numbers)
    assert BETWEEN in view.toPlainText()
    last = max(n for n in numbers if n < 600)
    click(view, BETWEEN)
    settle(view)
    numbers = numbers_in(view.toPlainText())
    assert last + MORE in numbers
    assert last + MORE + 1 not in numbers
    while BETWEEN in view.toPlainText():
        click(view, "Show those before")
        settle(view)
    while EARLIER in view.toPlainText():
        click(view, EARLIER)
        settle(view)
    assert numbers_in(view.toPlainText()) == list(range(1, 701))
    assert [m.id for m in view._chat.messages] == list(range(1, 701))
    for message in view._chat.messages:
        block = view.document().findBlock(message.start)
        assert block.position() == message.start
        assert block.blockFormat().property(KIND) == ("name" if message.is_answer else "user")


def top_of_screen(view: ChatView) -> str:
    cursor = view.cursorForPosition(QPoint(0, 0))
    end = view.cursorForPosition(QPoint(0, 200)).position()
    cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
    return cursor.selectedText()


def all_ids(view: ChatView) -> list[int]:
    """The ids of what is in the document and what waits above it; each row is where it belongs."""
    found = []
    for message in view._chat.messages:
        found += [entry.saved.id for entry in message.hidden] + [message.id]
        block = view.document().findBlock(message.start)
        assert block.position() == message.start
        assert block.blockFormat().property(KIND) == ("name" if message.is_answer else "user")
        row = block.previous()
        is_row = row.isValid() and row.blockFormat().property(KIND) == "earlier"
        assert is_row == bool(message.hidden)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_jumps_and_loads_in_any_order_keep_everything(view, seed):
    chance = random.Random(seed)
    chat = long_chat(2500)
    view.show_messages(chat)
    for _ in range(25):
        what = chance.random()
        if what < 0.4:
            view.show_message(chance.randrange(1, 2501), "answer")
        elif what < 0.6:
            view.verticalScrollBar().setValue(0)
        elif what < 0.7:
            view.set_zoom(chance.choice((0.8, 1.0, 1.25)))
        else:
            rows = [m.start for m in view._chat.messages if m.hidden]
            row = view.document().findBlock(chance.choice(rows)).previous() if rows else None
            if row is not None:
                view._showing.show_more_at(row, chance.random() < 0.5)
        if chance.random() < 0.7:
            settle(view)
    settle(view)
    assert all_ids(view) == ids(chat)
    assert len(view._chat.messages) < 1100
    view.set_zoom(1.0)
    numbers = [m.id for m in view._chat.messages]
    assert numbers_in(view.toPlainText()) == numbers


def test_of_very_many_messages_those_far_away_are_taken_out_again(view):
    chat = long_chat(3000)
    view.show_messages(chat)
    settle(view)
    bar = view.verticalScrollBar()
    for _ in range(12):
        bar.setValue(0)
        place = top_text(view)
        settle(view)
        assert top_text(view) == place
    numbers = [m.id for m in view._chat.messages]
    assert numbers[0] < 700
    assert len(numbers) <= 1000
    assert numbers[-FIRST:] == list(range(2941, 3001))
    assert all_ids(view) == ids(chat)
    view.append_text("nowhere")
    view.add_user_message("Next", 3001)
    settle(view)
    assert at_end(view)
    assert view.toPlainText().endswith("words.\n\nNext")
    for _ in range(40):
        rows = [m for m in view._chat.messages if m.hidden]
        if len(rows) < 2:
            break
        row = view.document().findBlock(rows[1].start).previous()
        view._showing.show_more_at(row, later=True)
        settle(view)
    assert all_ids(view) == [*ids(chat), 3001]


class Gaps:
    """The longest time that the event loop had no turn, in seconds of this thread's work."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._last = time.thread_time()
        self._timer = QTimer()
        self._timer.timeout.connect(self.beat)
        self._timer.start(0)

    def beat(self) -> None:
        now = time.thread_time()
        self.worst = max(self.worst, now - self._last)
        self._last = now

    def stop(self) -> None:
        self.beat()
        self._timer.stop()


def until_idle(view: ChatView) -> None:
    while view._turns.waiting or view._find._turns.waiting:
        QGuiApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


@pytest.fixture
def quiet_heap():
    """What other tests left in memory is not looked through again and again by this one."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def test_five_thousand_messages_never_stop_the_window(view, quiet_heap):
    chat: list[Shown] = long_chat(5000, "Some words of an answer. " * 4)
    gaps = Gaps()
    started = time.thread_time()
    view.show_messages(chat)
    QGuiApplication.processEvents()
    first = time.thread_time() - started
    assert "Answer 5000" in view.document().toPlainText()
    until_idle(view)
    view.find("words")
    until_idle(view)
    assert view.step_hit(0) > 0
    view.verticalScrollBar().setValue(0)
    until_idle(view)
    view.show_message(7, "words")
    until_idle(view)
    gaps.stop()
    assert first < 0.1
    assert gaps.worst < 0.05


def test_a_changed_ending_is_shown(view):
    half = answer(2, "Half", ended="cancelled")
    view.show_messages([question(1, "Q"), half], ended_notes=NOTES)
    whole = replace(half, message=replace(half.message, ended="stop"))
    view.show_messages([question(1, "Q"), whole], ended_notes=NOTES)
    assert view.toPlainText() == "Q\n\nTiny 1B\nHalf"
