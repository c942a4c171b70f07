"""A process that says when its window is painted for the first time, and ends.

`python -m tests.benchmarks.start_child program` is the whole program from its first line;
`... listed` says it when the list of conversations is painted too, and how many MB the process
then holds; `... bare` is an empty main window.
"""

import sys
from typing import Any


def _told_of_first_paint(window_class: type[Any]) -> None:
    """Have the first paint of that class of windows told, and the window closed."""
    from PySide6.QtCore import QTimer

    paint = window_class.paintEvent
    told = False

    def painted(self: Any, event: object) -> None:
        nonlocal told
        paint(self, event)
        if not told:
            told = True
            # After this turn of the loop the whole window has been drawn.
            QTimer.singleShot(0, lambda: (print("painted", flush=True), self.close()))

    window_class.paintEvent = painted


def _program() -> int:
    from pychatbot_gui.__main__ import main
    from pychatbot_gui.gui.main_window import MainWindow

    _told_of_first_paint(MainWindow)
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
    sys.exit({"program": _program, "listed": _listed, "bare": _bare}[sys.argv[1]]())
