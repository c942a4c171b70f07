"""What the model still sees of a conversation, shown where it is: a line, a sentence, a note."""

from dataclasses import replace

from PySide6.QtCore import QObject, Slot

from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.store_thread import StoreThread
from pychatbot_gui.gui.use_cases.chats import Chats
from pychatbot_gui.gui.use_cases.kept_answer import KeptAnswer

_NOTE = "This answer has outgrown the context: the model no longer sees its beginning."


class Seeing(QObject):
    """The line above the first message that the model sees, and answers longer than the context."""

    def __init__(
        self,
        window: MainWindow,
        engine: EngineThread,
        writer: StoreThread,
        chats: Chats,
        notices: Notices,
    ) -> None:
        super().__init__(window)
        self._view = window.chat_view
        self._writer = writer
        self._chats = chats
        self._notices = notices
        self._outgrown = 0  # the answer that is longer than the context
        engine.messages_dropped.connect(self._on_dropped)
        engine.answer_outgrown.connect(self._on_outgrown)
        chats.shown_changed.connect(self._draw)

    def note(self, answer: KeptAnswer, ending: str) -> str:
        """What is said below an answer; `ending`: how it ended."""
        if answer.message != self._outgrown:
            return ending
        return f"{ending}. {_NOTE}" if ending else _NOTE

    @Slot(int)
    def _on_dropped(self, hidden_turns: int) -> None:
        answer, chats = self._chats.answer, self._chats
        if answer is None:
            return
        self._writer.do(lambda s: s.set_hidden_turns(answer.chat, hidden_turns))
        if chats.shown.id == answer.chat:
            chats.shown = replace(chats.shown, hidden_turns=hidden_turns)
            self._draw()

    @Slot()
    def _on_outgrown(self) -> None:
        answer = self._chats.answer
        if answer is None:
            return
        self._outgrown = answer.message
        if self._chats.shows(answer.message):
            self._notices.info(
                "The answer has filled the whole context. The model goes on with it, but no longer "
                "sees its beginning."
            )

    @Slot()
    def _draw(self) -> None:
        self._view.set_seen_from(self._chats.shown.first_seen())
