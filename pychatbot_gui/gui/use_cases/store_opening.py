"""Opening the saved conversations: a slow disk, or a file that is recovered, is told."""

from PySide6.QtCore import QObject, QTimer, Slot

from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.store_thread import StoreThread

PATIENCE_MS = 2_000
SENTENCE = "Reading the saved conversations…"
NOTICE = (
    f"{SENTENCE} A large file that is damaged can take some minutes to recover. What you send "
    "meanwhile is answered when they have been read."
)


class StoreOpening(QObject):
    """Says that something goes on while the store takes long to open, and what came of it."""

    def __init__(self, window: MainWindow, writer: StoreThread, notices: Notices) -> None:
        super().__init__(window)
        self._list = window.conversation_list
        self._notices = notices
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tell)
        self._timer.start(PATIENCE_MS)
        writer.opened.connect(self._on_opened)
        # Done as soon as it is open, or is known not to open.
        writer.do(lambda _: None, self._end, self._end)

    @Slot()
    def _tell(self) -> None:
        self._list.show_sentence(SENTENCE)
        self._notices.info(NOTICE)

    def _end(self, _: object) -> None:
        self._timer.stop()
        self._notices.take_away(NOTICE)

    @Slot(object)
    def _on_opened(self, notes: list[str]) -> None:
        for note in notes:
            self._notices.warning(note)
