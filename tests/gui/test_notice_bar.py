"""Notices: stacking, closing, details, and texts that are never taken for HTML."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QPlainTextEdit,
    QPushButton,
    QTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from pychatbot_gui.gui.notice_bar import MOST_NOTICES, Notice, NoticeBar
from pychatbot_gui.gui.theme import LIGHT, apply_theme


@pytest.fixture
def bar(qtbot: QtBot) -> Iterator[NoticeBar]:
    window = QWidget()
    window.resize(800, 600)
    column = QVBoxLayout(window)
    bar = NoticeBar()
    column.addWidget(bar)
    column.addStretch(1)
    qtbot.addWidget(window)
    window.show()
    yield bar


def notices(bar: NoticeBar) -> list[Notice]:
    return [notice for notice in bar.findChildren(Notice) if not notice.isHidden()]


def labels(bar: NoticeBar) -> list[QTextEdit]:
    return [notice.findChildren(QTextEdit, "noticeText")[0] for notice in notices(bar)]


def test_hidden_until_there_is_something(bar: NoticeBar) -> None:
    assert not bar.isVisible()
    bar.show_notice("Saved.")
    assert bar.isVisible()
    assert [label.toPlainText() for label in labels(bar)] == ["Saved."]
    bar.close_all()
    assert not bar.isVisible()


def test_the_oldest_goes(bar: NoticeBar) -> None:
    for number in range(MOST_NOTICES + 2):
        bar.show_notice(f"Number {number}")
    assert bar.texts() == ["Number 2", "Number 3", "Number 4"]
    assert len(notices(bar)) == MOST_NOTICES


def test_the_same_text_is_shown_once(bar: NoticeBar) -> None:
    bar.show_notice("One")
    bar.show_notice("Two")
    bar.show_notice("One")
    assert bar.texts() == ["Two", "One"]


def test_close_button(bar: NoticeBar) -> None:
    bar.show_notice("One")
    bar.show_notice("Two")
    close = notices(bar)[0].findChild(QToolButton, "noticeClose")
    assert close is not None
    assert close.accessibleName()
    close.click()
    assert bar.texts() == ["Two"]


def test_escape_closes_the_newest(bar: NoticeBar) -> None:
    bar.show_notice("One")
    bar.show_notice("Two", detail="more")
    QTest.keyClick(labels(bar)[0], Qt.Key.Key_Escape)
    assert bar.texts() == ["One"]


def test_action_closes_and_acts(bar: NoticeBar) -> None:
    acted: list[list[str]] = []
    bar.show_notice(
        "Damaged", kind="error", action_label="R&D", action=lambda: acted.append(bar.texts())
    )
    button = notices(bar)[0].findChild(QPushButton, "noticeAction")
    assert button is not None
    assert button.text() == "R&&D"
    button.click()
    assert acted == [[]]


def test_details_unfold(bar: NoticeBar) -> None:
    bar.show_notice("It failed.", kind="error", detail="line 1\n<b>line</b> 2")
    detail = notices(bar)[0].findChild(QPlainTextEdit, "noticeDetail")
    button = notices(bar)[0].findChild(QToolButton, "noticeDetailsButton")
    assert detail is not None
    assert button is not None
    assert not detail.isVisible()
    button.click()
    assert detail.isVisible()
    assert detail.toPlainText() == "line 1\n<b>line</b> 2"
    button.click()
    assert not detail.isVisible()


def test_text_is_never_html(bar: NoticeBar) -> None:
    text = "<img src=file:///etc/hostname><b>x</b> & “y”"
    bar.show_notice(text)
    assert labels(bar)[0].toPlainText() == text


def test_text_can_be_selected_with_the_keyboard(bar: NoticeBar) -> None:
    bar.show_notice("Copy me")
    flags = labels(bar)[0].textInteractionFlags()
    assert flags & Qt.TextInteractionFlag.TextSelectableByMouse
    QTest.keyClick(labels(bar)[0], Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert labels(bar)[0].textCursor().selectedText() == "Copy me"


def test_direction_characters_are_marked(bar: NoticeBar) -> None:
    bar.show_notice("\u202egnp.fugg\x1b[2J")
    assert bar.texts() == ["⟨U+202E⟩gnp.fugg⟨ESC⟩[2J"]


def test_a_long_text_goes_into_the_details(bar: NoticeBar) -> None:
    bar.show_notice("word " * 10_000, detail="the end")
    assert len(bar.texts()[0]) <= 600
    detail = notices(bar)[0].findChild(QPlainTextEdit, "noticeDetail")
    assert detail is not None
    assert detail.toPlainText() == "word " * 10_000 + "\n\nthe end"


@pytest.fixture
def themed(qapp: QApplication) -> Iterator[None]:
    apply_theme(qapp, LIGHT)
    yield
    qapp.setStyleSheet("")


@pytest.mark.usefixtures("themed")
@pytest.mark.parametrize("width", [320, 800])
def test_the_whole_text_is_visible(bar: NoticeBar, width: int, qtbot: QtBot) -> None:
    bar.window().resize(width, 600)
    bar.show_notice("One line.")
    bar.show_notice("x" * 300 + " and some words after it", action_label="Open", action=print)

    def hidden_lines() -> int:
        bars = [label.verticalScrollBar() for label in labels(bar)]
        bars += [label.horizontalScrollBar() for label in labels(bar)]
        return sum(scroll.maximum() for scroll in bars)

    qtbot.waitUntil(lambda: hidden_lines() == 0)
    assert bar.window().width() == width


@pytest.mark.parametrize("kind", ["info", "warning", "error"])
def test_screen_readers_are_told(bar: NoticeBar, kind: str) -> None:
    QAccessible.setActive(True)
    try:
        bar.show_notice("The disk is full.", kind=kind)  # type: ignore[arg-type]
    finally:
        QAccessible.setActive(False)
    assert notices(bar)[0].accessibleName() == f"{kind.capitalize()}: The disk is full."
    assert notices(bar)[0].property("kind") == kind


def test_one_notice_is_taken_away_and_the_others_stay(bar: NoticeBar) -> None:
    bar.show_notice("Wait\u202e a little.")
    bar.show_notice("Something else.")
    bar.take_away("Wait\u202e a little.")
    assert bar.texts() == ["Something else."]
    bar.take_away("Never said.")
    assert bar.texts() == ["Something else."]
