import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QToolButton

from pychatbot_gui.core.history import WRITING
from pychatbot_gui.gui.chat.chat_looks import KIND
from pychatbot_gui.gui.chat.chat_view import ChatView
from pychatbot_gui.gui.chat.message_tools import MessageTools
from tests.gui.chat.saved_chats import answer, long_chat, question

CHAT = [
    question(1, "First question"),
    answer(2, "First answer\n\n| a |\n|---|\n| 1 |", 1, 2),
    question(3, "Second question\nin two lines", 2, 2),
    answer(4, "Second answer\n\n```\ncode\n```", ended="cancelled"),
]


@pytest.fixture
def view(view: ChatView) -> ChatView:
    """High enough for the whole of `CHAT`."""
    view.resize(900, 700)
    return view


def show(view: ChatView, chat) -> None:
    view.show_messages(chat)
    view.toPlainText()
    QGuiApplication.processEvents()


def tools(view: ChatView) -> MessageTools:
    return view.findChild(MessageTools)


def words(view: ChatView) -> list[str]:
    view.toPlainText()
    if not tools(view).isVisible():
        return []
    return [b.text() for b in tools(view).findChildren(QToolButton) if b.isVisible()]


def place_of(view: ChatView, text: str) -> QPoint:
    cursor = view.document().find(text)
    cursor.setPosition(cursor.selectionStart() + 1)
    return view.cursorRect(cursor).center()


def hover(view: ChatView, text: str) -> None:
    QTest.mouseMove(view.viewport(), place_of(view, text))
    QTest.mouseMove(view.viewport(), place_of(view, text) + QPoint(1, 0))


def leave(view: ChatView) -> None:
    QGuiApplication.sendEvent(view.viewport(), QEvent(QEvent.Type.Leave))


def press(view: ChatView, word: str) -> None:
    [button] = [
        b for b in tools(view).findChildren(QToolButton) if b.isVisible() and b.text() == word
    ]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_they_stay_at_the_last_answer_and_come_to_the_message_under_the_mouse(view):
    show(view, CHAT)
    assert words(view) == ["Copy", "Regenerate", "Continue", "Fork"]
    hover(view, "First question")
    assert words(view) == ["Copy", "Edit"]
    assert tools(view).y() > place_of(view, "First question").y()
    assert tools(view).y() < place_of(view, "First answer").y()
    hover(view, "First answer")
    assert words(view) == ["Copy", "Regenerate", "Fork"]
    leave(view)
    assert words(view) == ["Copy", "Regenerate", "Continue", "Fork"]
    assert tools(view).y() > place_of(view, "code").y()


@pytest.mark.parametrize("zoom", [0.7, 1.0, 2.0])
@pytest.mark.parametrize("width", [380, 900])
def test_they_never_cover_a_text(view, zoom, width):
    view.resize(width, 900)
    view.set_zoom(zoom)
    show(view, [*CHAT, question(5, "Third"), answer(6, "- a list\n\n***")])
    texts = text_places(view)
    for message in view._chat.messages:
        view._choice._by_key = message
        view._choice.update()
        place = tools(view).geometry().translated(0, view.verticalScrollBar().value())
        assert not [text for text, rect in texts if rect.intersects(place)], message.source
        assert place.left() >= -6 * zoom
        assert place.right() <= view.viewport().width()
        assert place.bottom() < view.document().size().height()


def text_places(view: ChatView) -> list[tuple[str, QRect]]:
    """Every line of text and where it is drawn, in the document's pixels."""
    found = []
    layout = view.document().documentLayout()
    block = view.document().begin()
    while block.isValid():
        rect = layout.blockBoundingRect(block)
        lines = block.layout()
        shift = rect.topLeft() - lines.boundingRect().topLeft()
        for number in range(lines.lineCount() if block.text() else 0):
            line = lines.lineAt(number)
            drawn = line.naturalTextRect().translated(shift)
            drawn.setTop(drawn.top() + line.height() / 3)  # the room above the letters
            found.append((block.text(), drawn.toRect()))
        block = block.next()
    return found


def test_they_do_what_they_say(qtbot, view):
    show(view, CHAT)
    for word, signal in (
        ("Regenerate", view.regenerate_wanted),
        ("Continue", view.continue_wanted),
        ("Fork", view.fork_wanted),
    ):
        with qtbot.waitSignal(signal) as caught:
            press(view, word)
        assert caught.args == [4]
    press(view, "Copy")
    assert QGuiApplication.clipboard().text() == CHAT[3].message.text
    hover(view, "Second question")
    with qtbot.waitSignal(view.edit_wanted) as caught:
        press(view, "Edit")
    assert caught.args == [3]


def test_while_an_answer_is_written_there_is_little_to_do(view):
    view.set_actions_enabled(False)
    show(view, [*CHAT, question(5, "Q"), answer(6, "A", ended=WRITING)])
    assert words(view) == []
    hover(view, "Second answer")
    usable = {b.text(): b.isEnabled() for b in tools(view).findChildren(QToolButton)}
    assert usable == {
        "Copy": True, "Edit": False, "Regenerate": False, "Continue": False, "Fork": True,
    }  # fmt: skip
    leave(view)
    view.end_answer()
    view.set_actions_enabled(True)
    assert words(view) == ["Copy", "Regenerate", "Fork"]


def test_what_is_not_saved_can_only_be_copied(view):
    view.add_user_message("Q")
    view.begin_answer("M")
    view.append_text("A")
    view.end_answer("Stopped")
    assert words(view) == ["Copy"]
    view.identify(1, 2)
    assert words(view) == ["Copy", "Regenerate", "Continue", "Fork"]
    view.clear_chat()
    assert words(view) == []


def test_the_menu_has_the_same(qtbot, view):
    show(view, CHAT)

    def entries(text: str) -> dict:
        return {a.text(): a for a in view.menu_at(place_of(view, text)).actions() if a.text()}

    assert {"Copy message", "Edit message"} <= set(entries("Second question"))
    with qtbot.waitSignal(view.edit_wanted) as caught:
        entries("First question")["Edit message"].trigger()
    assert caught.args == [1]
    cut, whole = entries("code"), entries("First answer")
    assert {"Regenerate answer", "Continue answer", "Fork chat from here"} <= set(cut)
    assert "Continue answer" not in whole
    view.set_actions_enabled(False)
    menu = entries("code")
    assert not menu["Regenerate answer"].isEnabled()
    assert menu["Fork chat from here"].isEnabled()


def test_every_message_is_reached_by_keyboard(qtbot, view):
    show(view, [*long_chat(40), *[question(41, "Last but one"), answer(42, "Last")]])
    view.activateWindow()
    qtbot.waitActive(view)
    view.setFocus()
    alt = Qt.KeyboardModifier.AltModifier
    QTest.keyClick(view, Qt.Key.Key_Up, alt)
    assert words(view) == ["Copy", "Edit"]
    focused = QApplication.focusWidget()
    assert isinstance(focused, QToolButton)
    QTest.keyClick(focused, Qt.Key.Key_Right)
    with qtbot.waitSignal(view.edit_wanted) as caught:
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert caught.args == [41]
    for _ in range(20):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Up, alt)
    assert view._choice.message.id == 21
    place = tools(view).mapTo(view, QPoint())
    assert view.rect().contains(QRect(place, tools(view).size()))
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Down, alt)
    assert view._choice.message.id == 22
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert view.hasFocus()


def test_they_have_names_and_tips(view):
    show(view, CHAT)
    for button in tools(view).findChildren(QToolButton):
        assert button.accessibleName()
        assert button.toolTip()
        assert button.objectName()
    assert tools(view).accessibleName()


def test_in_a_narrow_window_they_are_icons(view):
    show(view, CHAT)
    wide = tools(view).width()
    view.resize(300, 600)
    QGuiApplication.processEvents()
    assert tools(view).width() < wide
    assert tools(view).width() <= view.viewport().width()


def test_they_scroll_with_their_message(view):
    show(view, [*long_chat(30), *CHAT])
    before = tools(view).y()
    bar = view.verticalScrollBar()
    bar.setValue(bar.value() - 40)
    assert tools(view).y() == before + 40
    block = QTextCursor(view.document().lastBlock()).block()
    assert block.blockFormat().property(KIND) == "code"


def test_a_button_that_goes_away_gives_the_keyboard_to_the_conversation(qtbot, view):
    show(view, [*long_chat(40), *CHAT])
    view.activateWindow()
    qtbot.waitActive(view)
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Right)
    assert QApplication.focusWidget().text() == "Edit"
    value = view.verticalScrollBar().value()
    view.set_actions_enabled(False)
    assert view.hasFocus()
    assert view.verticalScrollBar().value() == value
    QTest.keyClick(view, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert QApplication.focusWidget().text() == "Copy"
    view.clear_chat()
    assert view.hasFocus()


@pytest.mark.qt_log_ignore("grabbing the keyboard")  # the offscreen platform cannot
def test_the_menu_key_opens_the_menu_of_the_chosen_message(qtbot, view):
    show(view, CHAT)
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Keyboard, QPoint(5, 5), view.mapToGlobal(QPoint(5, 5))
    )
    QGuiApplication.sendEvent(view.viewport(), event)
    menu = view.findChild(QMenu)
    assert "Continue answer" in [action.text() for action in menu.actions()]
    menu.close()
