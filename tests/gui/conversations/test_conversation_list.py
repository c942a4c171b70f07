"""The list of conversations: what it shows of every listing, through the real widget."""

import time
from dataclasses import replace

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QAccessible, QImage
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QListView, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.history import ChatEntry, Listing
from pychatbot_gui.gui.conversations.conversation_paint import RESTORE
from pychatbot_gui.gui.theme import DARK, LIGHT, apply_theme
from tests.gui.conversations.bar import DAY, FOUND, KEY, LISTING, NOW, Bar, entry

# The offscreen platform says this of every menu that pops up.
pytestmark = pytest.mark.qt_log_ignore("support grabbing", extend=True)


# -- what is shown --------------------------------------------------------------------------


def test_sections_in_their_order(bar: Bar) -> None:
    assert bar.lines() == [
        "Pinned",
        "Reading list",
        "▸ Work & <b>play</b> (1)",
        "▸ Empty (0)",
        "Today",
        "Dates",
        "Yesterday",
        "Sky",
        "Previous 7 days",
        "Tea",
        "Previous 30 days",
        "Tax",
        "January 2024",
        "Old",
        "November 2022",
        "Older",
        "▸ Recently deleted (2)",
    ]


def test_nothing_yet(qtbot: QtBot) -> None:
    bar = Bar(qtbot)
    assert bar.lines() == [""]
    bar.widget.show_listing(Listing())
    assert bar.lines() == ["Your conversations will be listed here."]
    assert bar.view.accessibleDescription() == "Your conversations will be listed here."
    for key in (KEY.Key_Down, KEY.Key_Return, KEY.Key_Delete, KEY.Key_F2, KEY.Key_Right):
        QTest.keyClick(bar.view, key)
    assert bar.said == []


def test_edges_of_the_ages(bar: Bar) -> None:
    midnight = NOW - 12 * 3600
    times = [NOW + 99 * DAY, midnight, midnight - 1, midnight - DAY - 1, midnight - 7 * DAY - 1]
    times += [midnight - 30 * DAY - 1, 0.0, float("nan"), -1e18]
    chats = tuple(ChatEntry(n + 1, f"chat {n}", at) for n, at in enumerate(times))
    bar.widget.show_listing(Listing(chats=chats))
    assert [line for line in bar.lines() if not line.startswith("chat")] == [
        "Today",
        "Yesterday",
        "Previous 7 days",
        "Previous 30 days",
        "February 2024",
        "Undated",
    ]


def test_the_next_day_brings_new_headings(bar: Bar) -> None:
    bar.now += DAY
    bar.widget.show_listing(replace(LISTING))
    assert bar.lines()[4:6] == ["Yesterday", "Dates"]


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("<img src=x><b>Hi</b>", "<img src=x><b>Hi</b>"),
        ("a\nb\r\n\tc\u2028d", "a b c d"),
        ("abc\u202egpj.exe", "abc⟨U+202E⟩gpj.exe"),
        ("", "New chat"),
        ("\n \n", "New chat"),
        ("\udc80half", "\ufffdhalf"),
        ("x" * 1_000_000, "x" * 400 + "…"),
    ],
)
def test_hostile_titles(bar: Bar, title: str, shown: str) -> None:
    bar.widget.show_listing(
        Listing(pinned=(entry(1, title, pinned=True),), deleted=(entry(2, title),))
    )
    bar.widget.show_deleted()
    assert shown in bar.lines()[1]
    tip = bar.view.model().index(1, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "<" not in tip
    assert not bar.view.grab().isNull()


def test_what_a_screen_reader_says(bar: Bar) -> None:
    bar.widget.set_current(3)
    bar.widget.set_writing(4)
    bar.widget.show_deleted()
    assert bar.spoken("Reading list") == "Reading list, pinned"
    assert bar.spoken("Dates") == "Dates, shown in the window"
    assert bar.spoken("Sky") == "Sky, its answer is being written"
    assert bar.spoken("Work") == "Work & <b>play</b>, folder, 1 chat, closed"
    assert bar.spoken("Recently deleted") == "Recently deleted, 2 chats, open"
    assert bar.spoken("Gone") == "Gone, deleted, 28 days left"
    cell = QAccessible.queryAccessibleInterface(bar.view).child(1)
    assert cell.text(QAccessible.Text.Name) == "Reading list, pinned"


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_marks_are_drawn_in_the_theme(bar: Bar, theme) -> None:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    apply_theme(application, theme)
    try:
        before = bar.picture()
        bar.widget.set_writing(4)
        written = bar.picture()
        assert theme.accent in colours_of(written, bar.place("Sky"))
        assert theme.accent not in colours_of(before, bar.place("Sky"))
        bar.widget.set_current(5)
        assert bar.picture().copy(bar.place("Tea")) != before.copy(bar.place("Tea"))
        bar.go("Tax")
        assert theme.accent in colours_of(bar.picture(), bar.place("Tax")), "no focus to be seen"
    finally:
        application.setStyleSheet("")
        application.setPalette(application.style().standardPalette())


def colours_of(image: QImage, place: QRect) -> set[str]:
    part = image.copy(place)
    return {part.pixelColor(x, y).name() for x in range(part.width()) for y in range(part.height())}


# -- deleted chats --------------------------------------------------------------------------


def test_deleted_chats_come_back(bar: Bar) -> None:
    bar.widget.show_deleted()
    assert bar.view.hasFocus() and bar.cursor() == "Recently deleted"
    assert bar.lines()[-3:] == [
        "▾ Recently deleted (2)",
        "Gone · 28 days left",
        "Nearly erased · 1 day left",
    ]
    bar.click("Gone", bar.button("Gone", RESTORE))
    bar.click("Gone")
    assert bar.said == [("restore_wanted", 9)], "a click beside the button does nothing"
    bar.go("Gone")
    bar.key(KEY.Key_Return)
    bar.pick("Restore")
    assert bar.said == [("restore_wanted", 9)] * 2
    bar.go("Recently deleted")
    bar.key(KEY.Key_Left)
    assert bar.lines()[-1] == "▸ Recently deleted (2)"


@pytest.mark.parametrize("agrees", [True, False])
def test_erasing_is_asked_about(bar: Bar, agrees: bool) -> None:
    bar.widget.show_deleted()
    bar.go("Gone")
    bar.key(KEY.Key_Delete)
    box = bar.widget.findChild(QMessageBox)
    assert box is not None and bar.said == []
    assert "cannot be undone" in box.informativeText()
    if agrees:
        next(b for b in box.findChildren(QPushButton) if b.text() == "Delete for good").click()
    else:
        QTest.keyClick(box, KEY.Key_Return)
    assert not box.isVisible()
    assert bar.said == ([("erase_wanted", 9)] if agrees else [])


def test_no_deleted_ones(bar: Bar) -> None:
    bar.widget.show_listing(replace(LISTING, deleted=()))
    bar.widget.show_deleted()
    assert "deleted" not in bar.widget.toPlainText()


# -- other listings -------------------------------------------------------------------------


def many(count: int, first: int = 1) -> Listing:
    return Listing(chats=tuple(entry(n, f"Chat {n}", n / 30) for n in range(first, first + count)))


def test_twenty_thousand_chats(bar: Bar) -> None:
    took = []
    for first in range(3):
        listing, started = many(20_000, first + 1), time.perf_counter()
        bar.widget.show_listing(listing)
        bar.view.grab()
        took.append(time.perf_counter() - started)
    # 0.04 s on the machine it was written on; this fails where it grows with the square.
    assert min(took) < 0.25
    assert bar.lines().count("Chat 20000") == 1


def test_a_change_keeps_what_is_seen(bar: Bar) -> None:
    bar.widget.show_listing(many(300, 10))
    bar.go("Chat 150")
    bar.view.scrollTo(bar.index("Chat 150"), QListView.ScrollHint.PositionAtCenter)
    bar.widget.start_rename(150)
    edit = bar.editor()
    assert edit is not None
    edit.setText("half typed")
    top = bar.place("Chat 150").top()
    assert bar.view.verticalScrollBar().value() > 0
    # A chat that is in view goes to the top of the list, and a new one is there.
    chats = list(many(300, 10).chats)
    chats.insert(0, replace(chats.pop(138), updated=NOW))
    chats = [entry(n, f"New {n}") for n in range(1, 6)] + chats
    bar.widget.show_listing(Listing(chats=tuple(chats)))
    bar.widget.set_writing(150)
    QApplication.processEvents()
    assert bar.place("Chat 150").top() == top
    assert bar.cursor() == "Chat 150"
    edit = bar.editor()
    assert edit is not None and edit.text() == "half typed"
    QTest.keyClick(edit, KEY.Key_Return)
    assert bar.said[-1] == ("renamed", 150, "half typed")


def test_at_the_top_what_is_new_is_seen(bar: Bar) -> None:
    bar.widget.show_listing(many(300, 10))
    bar.widget.show_listing(Listing(chats=(entry(1, "New"), *many(300, 10).chats)))
    QApplication.processEvents()
    assert bar.view.viewport().rect().contains(bar.place("New"))


def test_after_a_search_the_list_is_where_it_was(bar: Bar) -> None:
    bar.widget.show_listing(many(300))
    bar.widget.set_current(3)
    bar.view.verticalScrollBar().setValue(4000)
    bar.search_for("date", FOUND)
    assert bar.view.verticalScrollBar().value() == 0
    bar.search.clear()
    QApplication.processEvents()
    assert bar.view.verticalScrollBar().value() == 4000


def test_an_edited_chat_that_goes_takes_its_editor_along(bar: Bar) -> None:
    bar.widget.start_rename(4)
    bar.widget.show_listing(Listing(chats=(entry(3, "Dates"),)))
    QApplication.processEvents()
    assert bar.editor() is None and bar.said == []
    bar.widget.start_rename(3)
    assert bar.editor() is not None


def test_open_folders_stay_open(bar: Bar) -> None:
    bar.click("Work")
    bar.widget.show_deleted()
    more = replace(LISTING, chats=(entry(99, "New"), *LISTING.chats))
    bar.widget.show_listing(more)
    assert "Report" in bar.lines() and "Gone · 28 days left" in bar.lines()


def test_an_equal_listing_changes_nothing(bar: Bar) -> None:
    changes: list[object] = []
    for signal in (bar.view.model().layoutChanged, bar.view.model().modelReset):
        signal.connect(lambda *_: changes.append(1))
    same = replace(LISTING, chats=tuple(replace(chat) for chat in LISTING.chats))
    bar.widget.show_listing(same)
    assert changes == []
    bar.widget.show_listing(replace(LISTING, chats=()))
    assert changes


def test_a_pinned_chat_stays_selected(bar: Bar) -> None:
    bar.go("Sky")
    pinned = (replace(LISTING.chats[1], pinned=True), *LISTING.pinned)
    chats = tuple(chat for chat in LISTING.chats if chat.id != 4)
    bar.widget.show_listing(replace(LISTING, pinned=pinned, chats=chats))
    assert bar.cursor() == "Sky" and bar.view.currentIndex().row() == 1


def test_the_current_chat_is_brought_into_view(bar: Bar) -> None:
    bar.widget.show_listing(replace(many(300, 10), folders=LISTING.folders))
    bar.widget.set_current(250)
    assert bar.view.viewport().rect().contains(bar.place("Chat 250"))
    bar.widget.set_current(2)
    assert bar.cursor() == "Report", "its folder opens"
    bar.widget.set_current(5000)
    bar.widget.show_listing(Listing(chats=(entry(5000, "New"), *many(300, 10).chats)))
    assert bar.cursor() == "New", "it came after it was made the current one"


def test_more_is_asked_for_at_the_end(bar: Bar, qtbot: QtBot) -> None:
    bar.widget.show_listing(replace(many(200), more=True))
    assert bar.said == []
    bar.view.scrollToBottom()
    assert bar.said == [("more_wanted",)]
    bar.view.scrollToTop()
    bar.view.scrollToBottom()
    assert len(bar.said) == 1, "once for each listing"
    bar.widget.show_listing(replace(many(400), more=True))
    assert len(bar.said) == 1
    bar.view.scrollToBottom()
    assert len(bar.said) == 2
    bar.widget.show_listing(replace(many(3), more=True))
    assert len(bar.said) == 3, "a list that is not full asks at once"


def test_the_model_keeps_the_rules_of_qt(bar: Bar) -> None:
    tester = QAbstractItemModelTester(
        bar.view.model(), QAbstractItemModelTester.FailureReportingMode.Warning
    )
    bar.click("Work")
    bar.go("Older")
    for listing in (many(5), LISTING, Listing(), many(30), LISTING):
        bar.widget.show_listing(listing)
        bar.search_for("date", FOUND)
        bar.search.clear()
    bar.widget.show_deleted()
    assert tester.model() is bar.view.model()
