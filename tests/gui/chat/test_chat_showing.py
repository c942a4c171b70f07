from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from pychatbot_gui.core.history import WRITING
from pychatbot_gui.gui.chat.chat_view import ChatView
from tests.gui.chat.markdown_samples import SAMPLES, TOUR
from tests.gui.chat.saved_chats import NOTES, answer, ids, long_chat, numbers_in, question
from tests.gui.chat.views import at_end, click, settle, structure, top_text

UNSEEN = "The model no longer sees the messages above."


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


def test_a_changed_ending_is_shown(view):
    half = answer(2, "Half", ended="cancelled")
    view.show_messages([question(1, "Q"), half], ended_notes=NOTES)
    whole = replace(half, message=replace(half.message, ended="stop"))
    view.show_messages([question(1, "Q"), whole], ended_notes=NOTES)
    assert view.toPlainText() == "Q\n\nTiny 1B\nHalf"


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
    settle(view)
    before = view._chat.messages[:]
    view.show_messages([question(1, "Q"), answer(2, "A *b* and", ended=WRITING)])
    view.append_text(" c")
    assert view.toPlainText() == "Q\n\nTiny 1B\nA b and c"
    view.end_answer("Stopped")
    settle(view)
    view.show_messages(
        [question(1, "Q"), answer(2, "A *b* and c", ended="cancelled")], ended_notes=NOTES
    )
    assert view._chat.messages == before
    view.show_messages([question(3, "Other")])
    assert view.toPlainText() == "Other"
