"""The rows of the list by keyboard, mouse and drag: chosen, folded, renamed, moved."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QListView

from pychatbot_gui.gui.conversations import conversation_view
from tests.gui.conversations.bar import FOUND, KEY, LISTING, Bar

# The offscreen platform says this of every menu that pops up.
pytestmark = pytest.mark.qt_log_ignore("support grabbing", extend=True)


# -- keyboard and mouse ---------------------------------------------------------------------


def test_a_click_and_enter_choose(bar: Bar) -> None:
    bar.click("Sky")
    bar.key(KEY.Key_Down)
    assert bar.cursor() == "Tea", "headings are passed over"
    assert bar.said == [("chat_chosen", 4)]
    bar.key(KEY.Key_Return)
    assert bar.said[1:] == [("chat_chosen", 5)]
    bar.click("Yesterday")
    assert len(bar.said) == 2


def test_folders_open_and_close(bar: Bar) -> None:
    bar.go("Work")
    bar.key(KEY.Key_Right)
    assert bar.lines()[2:5] == ["▾ Work & <b>play</b> (1)", "Report", "▸ Empty (0)"]
    bar.key(KEY.Key_Down)
    bar.key(KEY.Key_Left)
    assert bar.cursor() == "Work & <b>play</b>"
    bar.key(KEY.Key_Left)
    assert "Report" not in bar.lines()
    bar.click("Work")
    bar.click("Empty")
    assert bar.lines()[3:6] == ["Report", "▾ Empty (0)", "No chats in this folder"]
    bar.key(KEY.Key_Return)
    assert "No chats in this folder" not in bar.lines()
    assert bar.said == []


def test_a_double_click_is_one(bar: Bar) -> None:
    left, viewport = Qt.MouseButton.LeftButton, bar.view.viewport()
    for text in ("Work", "Sky"):
        place = bar.place(text).center()
        QTest.mouseClick(viewport, left, pos=place)
        QTest.mouseDClick(viewport, left, pos=place)
        QTest.mouseRelease(viewport, left, pos=place)
    assert "Report" in bar.lines()
    assert bar.said == [("chat_chosen", 4)]


def test_escape_leaves(bar: Bar) -> None:
    bar.go("Sky")
    bar.key(KEY.Key_Escape)
    assert bar.said == [("left",)]


def test_up_from_the_first_goes_to_the_search(bar: Bar) -> None:
    bar.go("Reading list")
    bar.key(KEY.Key_Up)
    assert bar.search.hasFocus()
    bar.key(KEY.Key_Down)
    assert bar.view.hasFocus() and bar.cursor() == "Reading list"


def test_delete_needs_no_question_for_a_chat(bar: Bar) -> None:
    bar.go("Sky")
    bar.key(KEY.Key_Backspace)
    assert bar.said == []
    bar.key(KEY.Key_Delete)
    assert bar.said == [("delete_wanted", 4)]
    bar.go("Work")
    bar.key(KEY.Key_Delete)
    assert len(bar.said) == 1
    chats = tuple(chat for chat in LISTING.chats if chat.id != 4)
    bar.go("Sky")
    bar.widget.show_listing(replace(LISTING, chats=chats))
    assert bar.cursor() == "Tea", "the cursor stays near"


# -- renaming -------------------------------------------------------------------------------


def test_rename_in_place(bar: Bar) -> None:
    bar.go("Sky")
    bar.key(KEY.Key_F2)
    edit = bar.editor()
    assert edit is not None and edit.selectedText() == "Sky"
    bar.type_name(" Why  is it\nblue ")
    assert bar.said == [("renamed", 4, "Why is it blue")]
    assert bar.editor() is None and bar.view.hasFocus()


@pytest.mark.parametrize("name", ["", "   ", "Sky"])
def test_a_rename_to_nothing_changes_nothing(bar: Bar, name: str) -> None:
    bar.widget.start_rename(4)
    bar.type_name(name)
    assert bar.said == [] and bar.editor() is None


def test_escape_ends_the_rename_alone(bar: Bar) -> None:
    bar.widget.start_rename(4)
    bar.type_name("Other", KEY.Key_Escape)
    assert bar.said == [] and bar.editor() is None


def test_tab_and_leaving_keep_the_new_name(bar: Bar) -> None:
    bar.widget.start_rename(4)
    bar.type_name("One", KEY.Key_Tab)
    assert bar.editor() is None, "the next row is not renamed"
    bar.widget.start_rename(5)
    edit = bar.editor()
    assert edit is not None
    edit.setText("Two")
    bar.search.setFocus()
    assert bar.said == [("renamed", 4, "One"), ("renamed", 5, "Two")]


def test_an_enormous_name_is_cut(bar: Bar) -> None:
    bar.widget.start_rename(4)
    QApplication.clipboard().setText("n" * 1_000_000)
    edit = bar.editor()
    assert edit is not None
    edit.paste()
    QTest.keyClick(edit, KEY.Key_Return)
    assert bar.said == [("renamed", 4, "n" * 200)]
    QApplication.clipboard().clear()


def test_rename_finds_the_chat(bar: Bar) -> None:
    bar.search_for("date", FOUND)
    bar.widget.start_rename(2)
    edit = bar.editor()
    assert edit is not None and edit.text() == "Report", "its folder opens, the search ends"
    bar.widget.start_rename(4711)


# -- dragging -------------------------------------------------------------------------------


@pytest.fixture
def drag(bar: Bar, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], bool]:
    """Drag one row onto another; whether it could be dropped there."""

    class Drag:
        """What the window system would do: over the target, then let go."""

        target = ""

        def __init__(self, source: QListView) -> None:
            self.source = source

        def setMimeData(self, data: QMimeData) -> None:
            self.data = data

        def setPixmap(self, pixmap: object) -> None: ...

        def setHotSpot(self, spot: QPoint) -> None: ...

        def exec(self, action: Qt.DropAction) -> None:
            place = bar.place(Drag.target).center() if Drag.target else QPoint(20, 890)
            event = QDropEvent(
                place.toPointF(),
                action,
                self.data,
                Qt.MouseButton.LeftButton,
                Qt.KeyboardModifier.NoModifier,
            )
            self.source.dropEvent(event)
            Drag.accepted = event.isAccepted()

        accepted = False

    monkeypatch.setattr(conversation_view, "QDrag", Drag)

    def do(text: str, target: str) -> bool:
        Drag.target, Drag.accepted = target, False
        bar.go(text)
        bar.view.startDrag(Qt.DropAction.MoveAction)
        return Drag.accepted

    return do


def test_a_chat_is_dragged_into_a_folder_and_out(bar: Bar, drag) -> None:
    bar.click("Work")
    bar.click("Empty")
    assert drag("Sky", "Empty")
    assert drag("Sky", "Report")
    assert drag("Sky", "No chats in this folder")
    assert drag("Report", "Tea")
    assert drag("Report", "Today")
    assert drag("Report", "")
    moved = [("move_wanted", 4, 2), ("move_wanted", 4, 1), ("move_wanted", 4, 2)]
    assert bar.said == moved + [("move_wanted", 2, 0)] * 3


def test_what_a_drag_cannot_do(bar: Bar, drag) -> None:
    bar.click("Work")
    for text, target in (
        ("Sky", "Tea"),
        ("Report", "Work"),
        ("Sky", "Reading list"),
        ("Sky", "Pinned"),
        ("Sky", "Recently deleted"),
        ("Work", "Empty"),
    ):
        assert not drag(text, target), (text, target)
    assert bar.said == []


def test_dragged_things_from_elsewhere_are_refused(bar: Bar) -> None:
    data = QMimeData()
    data.setData("application/x-pychatbot-chat", b"4")
    event = QDropEvent(
        bar.place("Empty").center().toPointF(),
        Qt.DropAction.MoveAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    bar.view.dropEvent(event)
    assert not event.isAccepted() and bar.said == []
