"""The line above the first message that the model sees: at its place, one only, whatever is shown."""

import random

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from pychatbot_gui.gui.chat.chat_looks import KIND
from pychatbot_gui.gui.chat.chat_view import ChatView
from pychatbot_gui.gui.theme import DARK
from tests.gui.chat.saved_chats import answer, long_chat, numbers_in, question
from tests.gui.chat.views import structure

UNSEEN = "The model no longer sees the messages above."


def settle(view: ChatView) -> str:
    text = view.toPlainText()
    QGuiApplication.processEvents()
    return text


def parts(view: ChatView) -> tuple[list[int], list[int]]:
    """The numbers of the messages above the line and below it; none above where there is none."""
    text = settle(view)
    above, line, below = text.partition(UNSEEN)
    assert UNSEEN not in below, "one line only"
    return (numbers_in(above), numbers_in(below)) if line else ([], numbers_in(above))


def test_it_is_drawn_moved_and_taken_away(view):
    chat = long_chat(8)
    view.show_messages(chat)
    assert parts(view) == ([], list(range(1, 9)))
    before = structure(view)
    for first in (3, 7, 5):
        view.set_seen_from(first)
        view.set_seen_from(first)
        assert parts(view) == (list(range(1, first)), list(range(first, 9)))
        assert [m.id for m in view._chat.messages] == list(range(1, 9))
    view.set_seen_from(0)
    assert structure(view) == before
    view.set_seen_from(99)
    assert structure(view) == before, "a message of another branch"


def test_it_is_drawn_while_an_answer_is_written(view):
    view.show_messages(long_chat(4))
    view.add_user_message("Question 5", 5)
    view.begin_answer("Model", 6)
    view.set_progress("Reading…")
    view.set_seen_from(3)
    assert settle(view).endswith("Question 5\n\nModel\nReading…")
    view.append_text("Answer 6 has\n\n- a list")
    view.set_seen_from(5)
    view.append_text(" of one\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    view.set_progress("Reading again…")
    view.append_text("\n| 3 | 4 |\n")
    view.end_answer()
    assert parts(view) == ([1, 2, 3, 4], [5, 6])
    assert settle(view).endswith("Answer 6 has\n\n• a list of one\n\na\tb\n1\t2\n3\t4")


def test_it_leaves_with_the_messages_below_it(view):
    view.show_messages(long_chat(4))
    view.set_seen_from(3)
    view.remove_last_exchange()
    assert parts(view) == ([], [1, 2])
    view.add_user_message("Question 3", 3)
    view.begin_answer("Model", 4, text="Answer 4")
    view.end_answer()
    view.set_seen_from(3)
    assert parts(view) == ([1, 2], [3, 4])
    view.clear_chat()
    assert settle(view) == ""


def test_it_is_above_another_version_too(view):
    view.show_messages(long_chat(4))
    view.set_seen_from(3)
    view.show_messages([*long_chat(2), question(5, "Question 5", 2, 2), answer(6, "Answer 6")])
    assert parts(view) == ([], [1, 2, 5, 6])
    view.set_seen_from(5)
    assert parts(view) == ([1, 2], [5, 6])


@pytest.mark.parametrize("first", [101, 141, 143, 199])
def test_earlier_messages_come_above_it(view, first):
    """Of a long chat only the end is in the document: the line may be anywhere."""
    view.show_messages(long_chat(200))
    view.set_seen_from(first)
    shown = numbers_in(settle(view))
    assert shown[0] > 101 and shown[-1] == 200
    above, below = parts(view)
    assert above + below == shown
    assert below == list(range(max(first, shown[0]), 201))
    view._showing.show_earlier()
    assert parts(view) == (list(range(1, first)), list(range(first, 201)))


def test_it_is_where_it_belongs_however_one_goes_through_a_long_chat(view, monkeypatch):
    """Also where messages are taken out of the document again."""
    monkeypatch.setattr("pychatbot_gui.gui.chat.long_chat._MOST", 90)
    monkeypatch.setattr("pychatbot_gui.gui.chat.long_chat._NEAR", 20)
    monkeypatch.setattr("pychatbot_gui.gui.chat.long_chat._END", 10)
    monkeypatch.setattr("pychatbot_gui.gui.chat.long_chat._AT_ONCE", 7)
    monkeypatch.setattr("pychatbot_gui.gui.chat.chat_showing.MORE", 20)
    dice = random.Random(5)
    view.show_messages(long_chat(400))
    for _ in range(40):
        first = dice.choice([0, 101, 201, 301, 381, 399])
        view.set_seen_from(first)
        what = dice.choice(["go", "earlier", "row", "row later"])
        if what == "go":
            view.show_message(dice.randint(1, 400), "here")
        elif what == "earlier":
            view._showing.show_earlier()
        else:
            rows = [b for b in _blocks(view) if b.blockFormat().property(KIND) == "earlier"]
            if rows:
                view._showing.show_more_at(dice.choice(rows), later=what == "row later")
        above, below = parts(view)
        assert above + below == sorted(set(above + below))
        in_document = {m.id for m in view._chat.messages}
        assert all(number in in_document for number in above + below)
        if first in in_document:
            assert below[0] == first
        else:
            assert above == []
        for message in view._chat.messages:
            block = view.document().findBlock(message.start)
            assert str(message.id) in f"{block.text()} {block.next().text()}"


def _blocks(view):
    block = view.document().begin()
    while block.isValid():
        yield block
        block = block.next()


def test_it_is_dressed_as_the_rest_and_not_copied_with_it(view):
    view.show_messages(long_chat(4))
    view.set_seen_from(3)
    settle(view)
    view.set_theme(DARK)
    assert parts(view) == ([1, 2], [3, 4])
    view.selectAll()
    view.copy()
    copied = QApplication.clipboard().text()
    assert UNSEEN not in copied and "Question 3" in copied
