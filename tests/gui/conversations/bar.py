"""The list of conversations as a person meets it, and what is in it."""

import time

from PySide6.QtCore import QModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QListView, QMenu
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.history import ChatEntry, Folder, Hit, Listing
from pychatbot_gui.gui.conversations.conversation_list import ConversationList
from pychatbot_gui.gui.conversations.conversation_paint import zones

NOW = time.mktime((2024, 3, 15, 12, 0, 0, 0, 0, -1))
DAY = 86_400.0
KEY = Qt.Key


def entry(id: int, title: str, days: float = 0.0, pinned: bool = False, folder: int = 0):
    return ChatEntry(id, title, NOW - days * DAY, pinned, folder)


LISTING = Listing(
    pinned=(entry(1, "Reading list", 3, pinned=True),),
    folders=(
        Folder(1, "Work & <b>play</b>", (entry(2, "Report", 1, folder=1),)),
        Folder(2, "Empty"),
    ),
    chats=(
        entry(3, "Dates"),
        entry(4, "Sky", 1),
        entry(5, "Tea", 4),
        entry(6, "Tax", 20),
        entry(7, "Old", 60),
        entry(8, "Older", 500),
    ),
    deleted=(entry(9, "Gone", 2), entry(10, "Nearly erased", 29.5)),
)
FOUND = [
    Hit(3, "Dates", 0, ("", "Dates"), NOW),
    Hit(3, "Dates", 31, ("A ", "date", " here"), NOW - 60),
    Hit(6, "Tax", 61, ("The <i>filing</i> ", "date"), NOW - 20 * DAY),
]

SIGNALS = (
    "chat_chosen",
    "hit_chosen",
    "search_changed",
    "more_wanted",
    "left",
    "renamed",
    "pin_wanted",
    "move_wanted",
    "folder_wanted",
    "folder_renamed",
    "folder_delete_wanted",
    "delete_wanted",
    "restore_wanted",
    "erase_wanted",
    "export_wanted",
)


class Bar:
    """The widget, and a person who uses it."""

    def __init__(self, qtbot: QtBot) -> None:
        self.now = NOW
        self.widget = ConversationList(now=lambda: self.now)
        qtbot.addWidget(self.widget)
        self.widget.resize(250, 900)
        self.widget.show()
        self.widget.activateWindow()
        qtbot.waitUntil(self.widget.isActiveWindow)
        view, search = self.widget.findChild(QListView), self.widget.findChild(QLineEdit)
        assert isinstance(view, QListView) and isinstance(search, QLineEdit)
        self.view, self.search = view, search
        self.said: list[tuple] = []
        for name in SIGNALS:
            getattr(self.widget, name).connect(
                lambda *values, name=name: self.said.append((name, *values))
            )
        assert (view.objectName(), search.objectName()) == ("conversationList", "searchEdit")

    def lines(self) -> list[str]:
        return self.widget.toPlainText().split("\n")

    def index(self, text: str) -> QModelIndex:
        """The first row that shows or says something."""
        model = self.view.model()
        rows = [model.index(n, 0) for n in range(model.rowCount())]
        found = [index for index in rows if text in str(index.data())]
        assert found, f"{text} is not in {[index.data() for index in rows]}"
        return found[0]

    def place(self, text: str) -> QRect:
        return self.view.visualRect(self.index(text))

    def click(self, text: str, at: QPoint | None = None) -> None:
        left = Qt.MouseButton.LeftButton
        QTest.mouseClick(self.view.viewport(), left, pos=at or self.place(text).center())

    def go(self, text: str) -> None:
        self.view.setFocus()
        self.view.setCurrentIndex(self.index(text))

    def key(self, key: Qt.Key, modifier=Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(QApplication.focusWidget(), key, modifier)

    def spoken(self, text: str) -> str:
        return self.index(text).data(Qt.ItemDataRole.AccessibleTextRole)

    def cursor(self) -> str:
        return str(self.view.currentIndex().data())

    def button(self, text: str, name: str) -> QPoint:
        """Where a button of a row is; the pointer goes to the row first."""
        place = self.place(text)
        QTest.mouseMove(self.view.viewport(), place.center())
        row = self.view.model().row(self.index(text))  # type: ignore[attr-defined]
        return zones(row, place, self.view.fontMetrics())[name].center()

    def menu(self) -> QMenu | None:
        found = [m for m in self.widget.findChildren(QMenu, "conversationMenu") if m.isVisible()]
        return found[0] if found else None

    def open_menu(self, text: str) -> list[str]:
        self.go(text)
        self.key(KEY.Key_Menu)
        menu = self.menu()
        assert menu is not None
        return [action.text().replace("&", "") for action in menu.actions() if action.text()]

    def pick(self, *path: str) -> None:
        menu = self.menu()
        assert menu is not None
        top = menu
        for text in path:
            actions = {a.text().replace("&&", "⅋").replace("&", ""): a for a in menu.actions()}
            action = actions[text.replace("&", "⅋")]
            if action.menu() is None:
                action.trigger()
            else:
                menu = action.menu()
        top.close()

    def search_for(self, text: str, hits: list[Hit]) -> None:
        QTest.keyClicks(self.search, text)
        self.widget.show_hits(text, hits)

    def editor(self) -> QLineEdit | None:
        edits = self.view.findChildren(QLineEdit, "renameEdit")
        return next((edit for edit in edits if edit.isVisible()), None)

    def type_name(self, name: str, end: Qt.Key = KEY.Key_Return) -> None:
        edit = self.editor()
        assert edit is not None
        edit.selectAll()
        edit.insert(name)
        QTest.keyClick(edit, end)
        QApplication.processEvents()

    def picture(self) -> QImage:
        return self.view.viewport().grab().toImage()
