"""A process that says when its window is painted for the first time, and ends.

`python -m tests.benchmarks.start_child program` is the whole program from its first line;
`... bare` is an empty main window.
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
    sys.exit(_program() if sys.argv[1] == "program" else _bare())
