"""What the menu of a chat, of a folder and of everything else offers, and that it happens."""

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QLineEdit, QMenu

from pychatbot_gui.gui.conversations.conversation_paint import DOTS
from tests.gui.conversations.bar import KEY, Bar

# The offscreen platform says this of every menu that pops up.
pytestmark = pytest.mark.qt_log_ignore("support grabbing", extend=True)


def test_menu_of_a_chat(bar: Bar) -> None:
    assert bar.open_menu("Sky") == ["Rename", "Pin", "Move to folder", "Export…", "Delete"]
    bar.pick("Pin")
    bar.open_menu("Reading list")
    bar.pick("Unpin")
    bar.open_menu("Sky")
    bar.pick("Export…")
    bar.open_menu("Sky")
    bar.pick("Delete")
    bar.open_menu("Sky")
    bar.pick("Move to folder", "Work & <b>play</b>")
    assert bar.said == [
        ("pin_wanted", 4, True),
        ("pin_wanted", 1, False),
        ("export_wanted", 4),
        ("delete_wanted", 4),
        ("move_wanted", 4, 1),
    ]
    bar.open_menu("Sky")
    bar.pick("Rename")
    assert bar.editor() is not None


def test_a_chat_in_a_folder_can_be_taken_out(bar: Bar) -> None:
    bar.click("Work")
    bar.open_menu("Report")
    menu = bar.widget.findChild(QMenu, "folderMenu")
    assert menu is not None
    checked = [action.text() for action in menu.actions() if action.isChecked()]
    assert checked == ["Work && <b>play</b>"]
    bar.pick("Move to folder", "No folder")
    assert bar.said == [("move_wanted", 2, 0)]


def test_a_new_folder_is_named_first(bar: Bar) -> None:
    bar.open_menu("Sky")
    bar.pick("Move to folder", "New folder…")
    dialog = bar.widget.findChild(QInputDialog)
    assert dialog is not None and bar.said == []
    edit = dialog.findChild(QLineEdit)
    assert edit is not None
    edit.setText("  Trips\n2024 " + "x" * 1_000_000)
    QTest.keyClick(edit, KEY.Key_Return)
    assert len(bar.said) == 1
    name, title, chat = bar.said[0]
    assert (name, chat) == ("folder_wanted", 4)
    assert title.startswith("Trips 2024 x") and len(title) <= 200
    bar.open_menu("Empty")
    bar.pick("New folder…")
    QTest.keyClick(bar.widget.findChildren(QInputDialog)[-1], KEY.Key_Escape)
    assert len(bar.said) == 1


def test_menu_of_a_folder(bar: Bar) -> None:
    assert bar.open_menu("Empty") == ["Rename", "New folder…", "Delete folder, keep its chats"]
    bar.pick("Delete folder, keep its chats")
    assert bar.said == [("folder_delete_wanted", 2)]
    bar.open_menu("Empty")
    bar.pick("Rename")
    bar.type_name("Full")
    assert bar.said[1:] == [("folder_renamed", 2, "Full")]


def test_the_dots_open_the_menu(bar: Bar) -> None:
    bar.click("Sky", bar.button("Sky", DOTS))
    assert bar.menu() is not None
    bar.pick("Pin")
    assert bar.said == [("pin_wanted", 4, True)], "a click on the dots chooses no chat"


def test_the_dots_count_only_where_they_are_seen(bar: Bar) -> None:
    at = bar.button("Sky", DOTS)
    QTest.mouseMove(bar.view.viewport(), bar.place("Tea").center())
    assert bar.view._delegate.hovered == bar.index("Tea").row()
    before = bar.picture().copy(bar.place("Sky"))
    QTest.mouseMove(bar.view.viewport(), at)
    assert bar.picture().copy(bar.place("Sky")) != before


def test_a_right_click_opens_the_menu_of_that_row(bar: Bar) -> None:
    place = bar.place("Tea").center()
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse, place, bar.view.viewport().mapToGlobal(place)
    )
    QApplication.sendEvent(bar.view.viewport(), event)
    bar.pick("Delete")
    assert bar.said == [("delete_wanted", 5)]


@pytest.mark.parametrize("place", ["Yesterday", ""])
def test_a_folder_can_be_made_for_itself(bar: Bar, place: str) -> None:
    at = bar.place(place).center() if place else QPoint(20, 880)
    to = bar.view.viewport().mapToGlobal(at)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, to)
    QApplication.sendEvent(bar.view.viewport(), event)
    bar.pick("New folder…")
    dialog = bar.widget.findChild(QInputDialog)
    assert dialog is not None
    dialog.setTextValue("Trips")
    dialog.accept()
    assert bar.said == [("folder_wanted", "Trips", 0)]
