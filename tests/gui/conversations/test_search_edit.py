"""Searching in the list of conversations: when it begins, what it shows, how it ends."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.history import Hit, Listing
from tests.gui.conversations.bar import FOUND, KEY, NOW, Bar, entry


def test_typing_is_joined_to_one_search(bar: Bar, qtbot: QtBot) -> None:
    with qtbot.waitSignal(bar.widget.search_changed):
        QTest.keyClicks(bar.search, " date ")
    assert bar.said == [("search_changed", "date")]
    assert bar.widget.search_text() == "date"
    assert "Dates" in bar.lines(), "the list stays until there are hits"
    bar.search.clear()
    assert bar.said[1:] == [("search_changed", "")]


def test_enter_does_not_wait(bar: Bar) -> None:
    QTest.keyClicks(bar.search, "date")
    QTest.keyClick(bar.search, KEY.Key_Return)
    assert bar.said == [("search_changed", "date")]
    bar.widget.show_hits("date", FOUND)
    QTest.keyClick(bar.search, KEY.Key_Return)
    assert bar.said[1:] == [("hit_chosen", 3, 0, "date")]


def test_hits_are_shown_under_their_chats(bar: Bar) -> None:
    bar.search_for("date", FOUND)
    assert bar.lines() == [
        "Dates",
        "A date here · 11:59",
        "Tax",
        "The <i>filing</i> date · 24 Feb",
    ]
    bar.search.setFocus()
    bar.key(KEY.Key_Down)
    bar.key(KEY.Key_Down)
    bar.key(KEY.Key_Return)
    bar.click("Tax", bar.view.visualRect(bar.view.model().index(3, 0)).center())
    assert bar.said == [("hit_chosen", 3, 31, "date"), ("hit_chosen", 6, 61, "date")]
    bar.search.setFocus()
    bar.key(KEY.Key_Up)
    assert bar.view.currentIndex().row() == 3
    said = bar.view.model().index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert said == "A date here, 11:59"


def test_found_words_are_marked(bar: Bar) -> None:
    bar.search_for("date", FOUND)
    plain = [replace(hit, excerpt=("".join(hit.excerpt),)) for hit in FOUND]
    marked = bar.picture()
    bar.widget.show_hits("date", plain)
    for number in range(4):
        place = bar.view.visualRect(bar.view.model().index(number, 0))
        is_same = marked.copy(place) == bar.picture().copy(place)
        assert is_same == (number == 2), number


def test_nothing_found(bar: Bar) -> None:
    bar.search_for("nowhere", [])
    assert bar.widget.toPlainText() == "No chat contains “nowhere”."
    assert bar.view.accessibleDescription() == "No chat contains “nowhere”."
    bar.search.clear()
    assert bar.lines()[0] == "Pinned"
    assert bar.view.accessibleDescription() == ""


def test_escape_ends_the_search(bar: Bar) -> None:
    bar.search_for("date", FOUND)
    bar.search.setFocus()
    bar.key(KEY.Key_Escape)
    assert bar.search.text() == "" and bar.lines()[0] == "Pinned"
    assert bar.said == [("left",)]
    bar.search_for("date", FOUND)
    bar.go("Tax")
    bar.key(KEY.Key_Escape)
    assert bar.search.text() == "" and bar.lines()[0] == "Pinned"


def test_hits_that_come_too_late_are_left_alone(bar: Bar) -> None:
    before = bar.lines()
    bar.widget.show_hits("date", FOUND)
    assert bar.lines() == before


def test_a_listing_during_a_search_is_shown_after_it(bar: Bar) -> None:
    bar.search_for("date", FOUND)
    bar.widget.show_listing(Listing(chats=(entry(3, "Renamed"),)))
    assert bar.lines()[0] == "Dates"
    bar.search.clear()
    assert bar.lines() == ["Today", "Renamed"]


@pytest.mark.parametrize(
    "excerpt",
    [
        (),
        ("",),
        ("", "x" * 1_000_000, ""),
        ("word " * 100, "found", " more\nand\u202e more" * 100),
        ("😀" * 90, "😀", "😀" * 90),
        ("مرحبا " * 30, "الصباح", " الجميل" * 30),
        ("\ud83d", "\ude00", "\ud83d"),
    ],
)
@pytest.mark.parametrize("width", [180, 420])
def test_hostile_excerpts(bar: Bar, excerpt: tuple[str, ...], width: int) -> None:
    bar.widget.resize(width, 400)
    hits = [Hit(3, "<b>" * 1000, 0, excerpt, NOW), Hit(3, "x", 31, excerpt, float("inf"))]
    bar.search_for("x", hits)
    assert not bar.picture().isNull()
    assert len(bar.lines()) == 2
    if "found" in excerpt:
        assert "found" in bar.lines()[1][:60], "what was found is to be seen"
