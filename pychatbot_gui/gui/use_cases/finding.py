"""The use case of finding words in the chat that is shown."""

from PySide6.QtCore import QObject, Slot

from pychatbot_gui.gui.main_window import MainWindow


class Finding(QObject):
    """Joins the find bar with the chat view."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._bar = window.find_bar
        self._view = window.chat_view
        self._prompt_box = window.prompt_box
        window.find_action.triggered.connect(self._open)
        self._bar.find_changed.connect(self._view.find)
        self._bar.step_wanted.connect(self._view.step_hit)
        self._view.hits_changed.connect(self._bar.set_count)
        self._bar.closed.connect(self._on_closed)

    @Slot()
    def _open(self) -> None:
        selected = self._view.textCursor().selectedText()
        self._bar.open(selected if len(selected) < 100 and "\u2029" not in selected else "")

    @Slot()
    def _on_closed(self) -> None:
        self._view.clear_find()
        self._prompt_box.setFocus()
