"""The reader's place while the conversation grows, and the way to its end."""

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from tests.gui.chat.markdown_samples import SAMPLES, TOUR
from tests.gui.chat.views import answer, at_end, fill, settle, top_of_view


def test_it_follows_the_end(view):
    fill(view)
    assert at_end(view)
    view.begin_answer("Model")
    for _ in range(60):
        view.append_text("More words and\n\n")
        assert at_end(view)
    assert view.findChild(QToolButton, "jumpToEndButton").isHidden()


@pytest.mark.parametrize("text", [TOUR, "word " * 800, SAMPLES["long table"]])
def test_a_reader_who_scrolled_up_is_left_in_peace(view, text):
    fill(view)
    view.begin_answer("Model")
    view.append_text(text[:200])
    bar = view.verticalScrollBar()
    for value in (bar.maximum() - 100, 300, 0):
        bar.setValue(value)
        assert not view.is_following()
        place = top_of_view(view)
        for start in range(200, len(text), 50):
            view.append_text(text[start : start + 50])
            QGuiApplication.processEvents()
            assert (bar.value(), top_of_view(view)) == (value, place)
    view.end_answer("Stopped")
    assert (bar.value(), top_of_view(view)) == (value, place)


@pytest.mark.parametrize("width", [500, 650, 1400])
def test_a_resize_keeps_the_place(view, width):
    fill(view)
    view.verticalScrollBar().setValue(700)
    position, top = top_of_view(view)
    cursor = QTextCursor(view.document())
    cursor.setPosition(position)
    view.resize(width, 500)
    QGuiApplication.processEvents()
    assert abs(view.cursorRect(cursor).top() - top) <= 1
    assert not view.is_following()
    view.jump_to_end()
    view.resize(900, 700)
    QGuiApplication.processEvents()
    assert at_end(view)


def test_the_button_and_the_key_jump_to_the_latest(qtbot, view):
    fill(view)
    button = view.findChild(QToolButton, "jumpToEndButton")
    assert button.accessibleName()
    view.verticalScrollBar().setValue(100)
    assert button.isVisible()
    button.click()
    assert at_end(view)
    assert not button.isVisible()
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.verticalScrollBar().value() == 0
    assert not view.is_following()
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert at_end(view)
    view.append_text("ignored: no answer was begun")
    answer(view, "word " * 300)
    assert at_end(view)


def test_keys_scroll(qtbot, view):
    fill(view)
    bar = view.verticalScrollBar()
    before = bar.value()
    for key in (Qt.Key.Key_PageUp, Qt.Key.Key_Up):
        qtbot.keyClick(view, key)
        assert bar.value() < before
        before = bar.value()
    qtbot.keyClick(view, Qt.Key.Key_PageDown)
    assert bar.value() > before


def test_sending_goes_to_the_end(view):
    fill(view)
    view.verticalScrollBar().setValue(0)
    view.add_user_message("Next")
    settle(view)
    assert at_end(view)


def test_a_selection_survives_what_comes(view):
    fill(view, 3)
    view.begin_answer("Model")
    view.append_text("The beginning of *the* answer")
    cursor = view.textCursor()
    cursor.setPosition(5)
    cursor.setPosition(view.document().characterCount() - 1, QTextCursor.MoveMode.KeepAnchor)
    view.setTextCursor(cursor)
    selected = view.textCursor().selectedText()
    for piece in (" goes on", "\n\n| a | b |\n", "|---|---|\n", "| 1 | 2 |\n", "\nand on."):
        view.append_text(piece)
        assert view.textCursor().selectedText() == selected
    view.end_answer("Stopped")
    assert view.textCursor().selectedText() == selected


def test_the_text_holds_still_under_a_pressed_button(qtbot, view):
    fill(view)
    view.begin_answer("Model")
    bar = view.verticalScrollBar()
    value = bar.value()
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(30, 300))
    view.append_text("many words " * 200)
    assert bar.value() == value
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(30, 300))
    assert at_end(view)


def test_a_button_let_go_elsewhere_does_not_hold_the_text_for_ever(view):
    fill(view)
    view.begin_answer("Model")
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(30, 300))
    nothing = Qt.MouseButton.NoButton
    place = QPointF(40, 310)
    move = QMouseEvent(
        QEvent.Type.MouseMove, place, view.viewport().mapToGlobal(place), nothing, nothing,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QGuiApplication.sendEvent(view.viewport(), move)
    view.append_text("many words " * 200)
    assert at_end(view)


def test_a_drag_that_begins_beside_the_column_selects(view):
    view.resize(1200, 600)
    answer(view, "word " * 300)
    QGuiApplication.processEvents()
    view.verticalScrollBar().setValue(0)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(30, 60))
    QTest.mouseMove(view, QPoint(600, 120))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(600, 120))
    assert view.textCursor().hasSelection()
