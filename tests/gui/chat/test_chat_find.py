import pytest
from PySide6.QtGui import QGuiApplication, QTextCursor

from pychatbot_gui.core.history import WRITING
from pychatbot_gui.gui.chat.chat_showing import FIRST
from pychatbot_gui.gui.chat.chat_view import ChatView
from pychatbot_gui.gui.theme import DARK
from tests.gui.chat.saved_chats import answer, long_chat, question


@pytest.fixture
def settle(qtbot, view):
    def wait() -> None:
        view.toPlainText()
        qtbot.waitUntil(lambda: not view._find._turns.waiting and not view._turns.waiting)
        QGuiApplication.processEvents()

    return wait


@pytest.fixture
def found(view, settle):
    """Search for words, and how many there are when all are counted."""

    def count(text: str) -> int:
        view.find(text)
        settle()
        return view._find.total()

    return count


def marked(view: ChatView) -> list[str]:
    return [selection.cursor.selectedText() for selection in view.extraSelections()]


def current(view: ChatView) -> QTextCursor:
    """The cursor of the hit that stands out."""
    accent = view._chat.look.theme.accent
    selections = view.extraSelections()
    [found] = [s for s in selections if s.format.background().color().name() == accent]
    return QTextCursor(found.cursor)


def in_view(view: ChatView, cursor: QTextCursor) -> bool:
    return 0 <= view.cursorRect(cursor).center().y() < view.viewport().height()


def test_every_hit_is_marked_case_and_accents_folded(view, settle, found):
    view.show_messages(
        [question(1, "👍 Résumé or resume?"), answer(2, "A **RÉSUMÉ**.\n\n| a | b |\n|-|-|\n| 你好 | résumés |")]
    )  # fmt: skip
    assert found("resume") == 4
    settle()
    assert marked(view) == ["Résumé", "resume", "RÉSUMÉ", "résumé"]
    assert found("好") == 1
    assert marked(view) == ["好"]
    view.show_message(1, "or a")
    settle()
    assert marked(view) == ["or", "A", "a"]
    assert current(view).selectedText() == "or"
    view.clear_find()
    assert marked(view) == []
    assert view.step_hit(0) == view.step_hit(1) == 0


def test_what_is_typed_is_found_as_it_is_typed(view, settle, found):
    view.show_messages([question(1, "One two, two one; nobody's `f(x)`."), answer(2, "two  ONE")])
    assert found("two one") == 2
    settle()
    assert marked(view) == ["two one", "two  ONE"]
    assert found("body") == 1
    assert found("(x)") == 1
    assert found("two.one") == 0


def test_the_number_of_the_hit_is_told_at_every_step(view, settle, found):
    view.show_messages([question(1, "a word and a word"), answer(2, "and a word")])
    settle()
    found("word")
    told = []
    view.hits_changed.connect(lambda *numbers: told.append(numbers))
    numbers = [view.step_hit(1) for _ in range(3)]
    assert told == [(number, 3) for number in numbers]
    assert sorted(numbers) == [1, 2, 3]


def test_that_there_is_none_is_told_when_all_is_counted(view, settle, found):
    view.show_messages([*long_chat(600), question(601, "a word")])
    settle()
    told = []
    view.hits_changed.connect(lambda *numbers: told.append(numbers))
    found("word")
    assert told.pop()[1] > 0
    told.clear()
    found("wordless")
    assert told == [(0, 0)]
    found("word")
    assert told[-1][1] > 0


def test_names_notes_and_rows_of_the_program_are_not_searched(view, settle, found):
    view.show_messages(
        [question(1, "Word", 1, 2), answer(2, "Word", 1, 2, ended="cancelled")],
        lambda _: "Word",
        {"cancelled": "Word"},
    )
    settle()
    assert found("word") == 2
    assert found("Tiny") == 0
    assert found("1") == 0
    assert found("   ") == 0


def test_steps_go_round_and_bring_the_hit_into_view(view, settle, found):
    words = "Some words. " * 200
    view.show_messages([question(n, f"needle {n} {words} needle") for n in range(1, 6)])
    settle()
    assert found("needle") == 10
    first = view.step_hit(0)
    assert first == 10  # where the reader is, at the end
    seen = []
    for _ in range(10):
        seen.append(view.step_hit(1))
        settle()
        assert in_view(view, current(view))
        assert not view.is_following() or seen[-1] == 10
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert view.step_hit(-1) == 9
    view.verticalScrollBar().setValue(0)
    assert found("needl") == 10
    assert view.step_hit(0) == 9  # typing on stays at the hit


def test_all_messages_are_counted_and_loaded_when_they_are_stepped_to(qtbot, view, settle, found):
    chat = long_chat(1000)
    for number in (3, 400, 401, 990):
        part = (question if number % 2 else answer)(number, f"needle {number} and a needle")
        chat[number - 1] = part
    view.show_messages(chat)
    settle()
    said = []
    view.hits_changed.connect(lambda *counts: said.append(counts))
    found("needle")
    assert said[-1] == (8, 8)
    assert len(view._chat.messages) == FIRST
    numbers = []
    for _ in range(9):
        numbers.append(view.step_hit(-1))
        settle()
        assert in_view(view, current(view))
        assert view.step_hit(0) == numbers[-1]
    assert numbers == [7, 6, 5, 4, 3, 2, 1, 8, 7]
    assert len(view._chat.messages) < FIRST + 150
    assert view.step_hit(1) == 8


def test_stepping_down_into_what_is_not_shown(view, settle, found):
    chat = long_chat(1000)
    chat[499] = answer(500, "needle needle")
    view.show_messages(chat)
    view.show_message(100)
    settle()
    found("needle")
    assert view.step_hit(1) == 1
    settle()
    assert in_view(view, current(view))
    assert view.step_hit(1) == 2


def test_what_is_only_in_the_markup_is_passed_over(view, settle, found):
    chat = long_chat(200)
    chat[9] = answer(10, "[a link](https://needle.example/)")
    chat[19] = answer(20, "A needle.")
    view.show_messages(chat)
    settle()
    found("needle")
    assert view.step_hit(-1) == 2
    settle()
    assert view.step_hit(-1) == 1
    settle()
    assert current(view).selectedText() == "needle"
    assert (view.step_hit(0), view._find.total()) == (1, 1)


def test_a_hit_of_the_list_of_chats_is_shown_in_its_message(view, settle):
    chat = long_chat(600)
    chat[99] = answer(100, "Long ago. " * 300 + "The Needle is here.")
    view.show_messages(chat)
    view.show_message(100, "needle")
    settle()
    assert current(view).selectedText() == "Needle"
    assert in_view(view, current(view))
    view.show_message(598, "not there")
    settle()
    assert marked(view) == []
    number = [m.id for m in view._chat.messages].index(598)
    cursor = QTextCursor(view.document())
    cursor.setPosition(view._chat.messages[number].start)
    assert in_view(view, cursor)
    view.show_message(12345, "needle")
    settle()


def test_an_answer_is_searched_when_it_is_there(view, settle, found):
    view.show_messages([question(1, "needle"), answer(2, "a needle", ended=WRITING)])
    settle()
    assert found("needle") == 1
    view.append_text(" and a needle")
    settle()
    assert view._find.total() == 1
    view.end_answer()
    settle()
    assert view._find.total() == 3
    view.add_user_message("one more needle")
    settle()
    assert view._find.total() == 4
    view.show_messages([question(9, "nothing")])
    settle()
    assert view._find.total() == 0
    assert marked(view) == []


def test_only_what_is_in_view_is_marked(view, settle, found):
    view.show_messages([answer(1, "word " * 60_000)])
    settle()
    assert found("word") == 60_000
    assert 100 < len(marked(view)) < 3_000
    before = first_mark(view)
    view.verticalScrollBar().setValue(0)
    assert first_mark(view) < before


def first_mark(view: ChatView) -> int:
    selections = view.extraSelections()
    return selections[0].cursor.position()


def test_marks_wear_the_theme(view, settle, found):
    view.show_messages([question(1, "one two one")])
    settle()
    found("one")
    light = {s.format.background().color().name() for s in view.extraSelections()}
    view.set_theme(DARK)
    dark = {s.format.background().color().name() for s in view.extraSelections()}
    assert len(light | dark) == 4
