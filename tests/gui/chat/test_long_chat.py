"""Long chats: a part of them is there, more comes when it is wanted, and the window never waits."""

import gc
import random
import time

import pytest
from PySide6.QtCore import QEventLoop, QPoint, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtTest import QTest

from pychatbot_gui.core.history import WRITING, Shown
from pychatbot_gui.gui.chat.chat_looks import KIND
from pychatbot_gui.gui.chat.chat_showing import FIRST, MORE
from pychatbot_gui.gui.chat.chat_view import ChatView
from tests.gui.chat.saved_chats import answer, ids, long_chat, numbers_in, question
from tests.gui.chat.views import at_end, click, settle, structure, top_text

EARLIER = "Show earlier messages"
BETWEEN = "Show the next messages"


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
