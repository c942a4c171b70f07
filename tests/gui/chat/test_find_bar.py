import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QMainWindow, QPlainTextEdit, QToolButton

from pychatbot_gui.gui.chat.find_bar import FindBar


@pytest.fixture
def window(qtbot):
    made = QMainWindow()
    qtbot.addWidget(made)
    made.resize(600, 400)
    edit = QPlainTextEdit()
    edit.setObjectName("other")
    made.setCentralWidget(edit)
    bar = FindBar()
    made.setMenuWidget(bar)
    stop = QAction("Stop", made)
    stop.setShortcut("Esc")
    stop.setObjectName("stop")
    made.addAction(stop)
    made.show()
    made.activateWindow()
    qtbot.waitActive(made)
    edit.setFocus()
    return made


@pytest.fixture
def bar(window):
    return window.findChild(FindBar)


@pytest.fixture
def edit(bar):
    return bar.findChild(QLineEdit, "findEdit")


def said(bar: FindBar) -> str:
    return bar.findChild(QLabel, "findCount").text()


def test_it_tells_what_is_typed_and_how_many_there_are(bar, edit):
    told = []
    bar.find_changed.connect(told.append)
    assert not bar.isVisible()
    bar.open()
    assert bar.isVisible()
    assert edit.hasFocus()
    QTest.keyClicks(edit, "ab")
    assert told == ["a", "ab"]
    bar.set_count(3, 1700)
    assert said(bar) == "3 of 1,700"
    bar.set_count(0, 5)
    assert said(bar) == "5 found"
    bar.set_count(0, 0)
    assert said(bar) == "Not found"
    assert not bar.findChild(QToolButton, "findNext").isEnabled()
    edit.clear()
    assert said(bar) == ""


def test_keys_and_buttons_step(window, bar, edit):
    steps = []
    bar.step_wanted.connect(steps.append)
    bar.open("words")
    bar.set_count(1, 3)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    QTest.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(edit, Qt.Key.Key_F3)
    other = window.findChild(QPlainTextEdit, "other")
    other.setFocus()
    QTest.keyClick(other, Qt.Key.Key_F3, Qt.KeyboardModifier.ShiftModifier)
    bar.findChild(QToolButton, "findNext").click()
    bar.findChild(QToolButton, "findPrevious").click()
    assert steps == [1, -1, 1, -1, 1, -1]
    bar.close_bar()
    QTest.keyClick(other, Qt.Key.Key_F3)
    assert len(steps) == 6


def test_escape_closes_it_and_nothing_else(qtbot, window, bar, edit):
    stopped = []
    window.findChild(QAction, "stop").triggered.connect(lambda: stopped.append(1))
    bar.open("x")
    with qtbot.waitSignal(bar.closed):
        QTest.keyClick(edit, Qt.Key.Key_Escape)
    assert not bar.isVisible()
    assert window.findChild(QPlainTextEdit, "other").hasFocus()
    assert stopped == []
    QTest.keyClick(window.findChild(QPlainTextEdit, "other"), Qt.Key.Key_Escape)
    assert stopped == [1]


def test_opened_again_it_searches_again(bar, edit):
    bar.open("one\n  two")
    assert edit.text() == "one two"
    bar.close_bar()
    told = []
    bar.find_changed.connect(told.append)
    bar.open()
    assert told == ["one two"]
    assert edit.selectedText() == "one two"
    bar.open("x" * 5000)
    assert len(edit.text()) == 1000


def test_everything_has_a_name(bar):
    for kind in (QToolButton, QLineEdit):
        for part in bar.findChildren(kind):
            assert part.accessibleName(), part.objectName()
            assert part.objectName()
