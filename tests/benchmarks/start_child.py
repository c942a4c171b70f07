"""A process that says when its window is painted for the first time, and ends.

`python -m tests.benchmarks.start_child program` is the whole program from its first line;
`... listed` says it when the list of conversations is painted too, and how many MB the process
then holds; `... chat` when the last chat is; `... resident` when the model is loaded besides, with
the MB that the process holds and those that are its own alone. `... bare` is an empty main window,
`... widgets` one with a menu, a label, a field and a button. `... make` saves the chat.
"""

import os
import sys
from typing import Any

ANSWER = """Bread needs **four things**: flour, water, salt and yeast.

1. Mix them and knead for *ten minutes*.
2. Let the dough rest for an hour.

| part | grams |
|---|---|
| flour | 500 |
| water | 325 |

```python
print(sum((500, 325, 10, 7)))
```
"""


_PARTS = ("mainToolBar", "searchEdit", "conversationList", "promptEdit", "contextMeter")


def _told_of_first_paint(window_class: type[Any], parts: tuple[str, ...] = ()) -> None:
    """Have the first paint of that class of windows told, and the window closed.

    `parts`: what has to be seen in it. The process fails where one is missing.
    """
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QWidget

    def tell(window: Any) -> None:
        print("painted", flush=True)
        found = [window.findChild(QWidget, name) for name in parts]  # after it: this takes time
        if not all(part is not None and part.isVisible() for part in found):
            os._exit(1)
        window.close()

    paint = window_class.paintEvent
    told = False

    def painted(self: Any, event: object) -> None:
        nonlocal told
        if not told:
            told = True
            # After this turn of the loop the whole window has been drawn. Before the window's own
            # paint: what the program puts off until it is seen comes after this.
            QTimer.singleShot(0, lambda: tell(self))
        paint(self, event)

    window_class.paintEvent = painted


def _program() -> int:
    from PySide6 import QtWidgets

    from pychatbot_gui import app
    from pychatbot_gui.__main__ import main

    assert QtWidgets
    app._import_plainly()  # as the program does between Qt and its own window
    from pychatbot_gui.gui.main_window import MainWindow

    _told_of_first_paint(MainWindow, _PARTS)
    return main([])


def _listed() -> int:
    import psutil
    from PySide6.QtCore import QTimer

    from pychatbot_gui.__main__ import main
    from pychatbot_gui.gui.conversations.conversation_list import ConversationList
    from pychatbot_gui.gui.conversations.conversation_view import ConversationView

    shown = told = False
    show, paint = ConversationList.show_listing, ConversationView.paintEvent

    def show_listing(self: Any, listing: object) -> None:
        nonlocal shown
        show(self, listing)
        shown = True
        self.findChild(ConversationView).viewport().update()

    def painted(self: Any, event: object) -> None:
        nonlocal told
        paint(self, event)
        if shown and not told:
            told = True
            megabytes = psutil.Process().memory_info().rss / 1e6
            print(f"painted {megabytes:.1f}", flush=True)
            QTimer.singleShot(0, self.window().close)

    ConversationList.show_listing, ConversationView.paintEvent = show_listing, painted  # type: ignore[method-assign]
    return main([])


def _make() -> int:
    from pychatbot_gui.core.paths import user_paths
    from pychatbot_gui.core.state import RememberedState, save_state
    from pychatbot_gui.store.chats import NewAnswer, NewQuestion, open_store

    store, _ = open_store(user_paths().conversations)
    chat = head = 0
    for turn in range(20):
        question = NewQuestion(f"Question {turn}: how is bread made?", parent=head)
        chat, _, head = store.add_exchange(chat, question, NewAnswer("guide"))
        store.finish_answer(head, ANSWER, "stop")
    store.close()
    save_state(user_paths().state_file, RememberedState(chat=chat))
    print("painted", flush=True)
    return 0


def _chat(resident: bool = False) -> int:
    import psutil
    from PySide6.QtCore import QTimer

    from pychatbot_gui.__main__ import main
    from pychatbot_gui.gui.chat.chat_view import ChatView
    from pychatbot_gui.gui.use_cases.opening import ModelOpening

    is_loaded = not resident
    told = False
    paint, end = ChatView.paintEvent, ModelOpening._end

    def ended(self: Any) -> None:
        nonlocal is_loaded
        end(self)
        is_loaded = True
        self._window.chat_view.viewport().update()

    def tell(window: Any) -> None:
        used = psutil.Process().memory_full_info()
        print(f"painted {used.rss / 1e6:.1f} {used.uss / 1e6:.1f}", flush=True)
        window.close()

    def painted(self: Any, event: object) -> None:
        nonlocal told
        if is_loaded and not told and not self.is_empty():
            told = True
            # Where memory is asked for, after what comes of the load.
            QTimer.singleShot(1000 if resident else 0, lambda: tell(self.window()))
        paint(self, event)

    ChatView.paintEvent, ModelOpening._end = painted, ended  # type: ignore[method-assign]
    return main([])


def _widgets() -> int:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import (
        QApplication,
        QLabel,
        QLineEdit,
        QMainWindow,
        QPushButton,
        QVBoxLayout,
        QWidget,
    )

    class Window(QMainWindow):
        pass

    _told_of_first_paint(Window)
    application = QApplication([])
    window = Window()
    window.menuBar().addMenu("&File").addAction("&Quit", window.close)
    centre = QWidget()
    column = QVBoxLayout(centre)
    column.addWidget(QLabel("Hello World", alignment=Qt.AlignmentFlag.AlignCenter))
    column.addWidget(QLineEdit())
    column.addWidget(QPushButton("Click me!"))
    window.setCentralWidget(centre)
    window.resize(980, 760)
    window.show()
    return application.exec()


def _bare() -> int:
    from PySide6.QtWidgets import QApplication, QMainWindow

    class Window(QMainWindow):
        pass

    _told_of_first_paint(Window)
    application = QApplication([])
    window = Window()
    window.resize(980, 760)
    window.show()
    return application.exec()


if __name__ == "__main__":
    kinds = {
        "program": _program,
        "listed": _listed,
        "make": _make,
        "chat": _chat,
        "resident": lambda: _chat(resident=True),
        "bare": _bare,
        "widgets": _widgets,
    }
    sys.exit(kinds[sys.argv[1]]())
