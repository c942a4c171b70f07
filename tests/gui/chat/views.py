"""What a test does with a chat view, and what it reads from it."""

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtTest import QTest

from pychatbot_gui.gui.chat.chat_looks import KIND, LOOK
from pychatbot_gui.gui.chat.chat_view import ChatView


def settle(view: ChatView) -> None:
    """Wait until all that was added is written and shown, also where the machine is busy."""
    view.toPlainText()
    QGuiApplication.processEvents()


def answer(view: ChatView, text: str, note: str = "", size: int = 0) -> None:
    view.begin_answer("Model")
    for start in range(0, len(text), size or len(text) or 1):
        view.append_text(text[start : start + (size or len(text))])
    view.end_answer(note)
    view.toPlainText()


def fill(view: ChatView, turns: int = 12) -> None:
    for number in range(turns):
        view.add_user_message(f"Question {number}")
        answer(view, f"Answer {number}.\n\n" + "A line of words. " * 60)
    settle(view)


def structure(view: ChatView) -> list[tuple]:
    view.toPlainText()
    blocks = []
    block = view.document().begin()
    while block.isValid():
        runs = []
        for part in block.textFormats():
            look = (part.format.property(LOOK), part.format.anchorHref())
            if runs and runs[-1][0] + runs[-1][1] == part.start and runs[-1][2] == look:
                start, length, _ = runs.pop()
                runs.append((start, length + part.length, look))
            else:
                runs.append((part.start, part.length, look))
        form = block.blockFormat()
        blocks.append((block.text(), form.property(LOOK), form.property(KIND), tuple(runs)))
        block = block.next()
    return blocks


def at_end(view: ChatView) -> bool:
    bar = view.verticalScrollBar()
    return bar.value() == bar.maximum()


def top_of_view(view: ChatView) -> tuple[int, int]:
    cursor = view.cursorForPosition(QPoint(0, 0))
    return cursor.position(), view.cursorRect(cursor).top()


def blocks(view: ChatView) -> list:
    found = []
    block = view.document().begin()
    while block.isValid():
        found.append(block)
        block = block.next()
    return found


def click(view: ChatView, words: str, start: int = 0) -> None:
    cursor = view.document().find(words, start)
    assert not cursor.isNull(), words
    cursor.setPosition(cursor.selectionStart() + 1)
    view.setTextCursor(cursor)
    view.ensureCursorVisible()
    place = view.cursorRect(cursor)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place.center() - QPoint(3, 0))


def top_text(view: ChatView) -> tuple[str, int]:
    """The first message in view, and where its first line is."""
    block = view.cursorForPosition(QPoint(0, 0)).block()
    while block.blockFormat().property(KIND) == "earlier":
        block = block.next()
    return block.text(), view.cursorRect(QTextCursor(block)).top()
