"""The use cases of what the person asks for: send, edit, regenerate, continue; now or a little later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from pychatbot_gui.engine.engine import Sampling
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.use_cases.answer_values import AnswerValues
from pychatbot_gui.gui.use_cases.answering import Answering
from pychatbot_gui.gui.use_cases.asked import Asked, another_answer, more_of, new_question
from pychatbot_gui.gui.use_cases.chats import Chats
from pychatbot_gui.gui.use_cases.editing import Editing
from pychatbot_gui.gui.use_cases.opening import ModelOpening
from pychatbot_gui.gui.use_cases.reading_ahead import ReadingAhead
from pychatbot_gui.gui.use_cases.unsaved import joined

if TYPE_CHECKING:
    from pychatbot_gui.store.chats import NewAnswer


class Asking(QObject):
    """Looks whether an answer can be asked for, and hands what is asked to `answering`."""

    def __init__(
        self,
        window: MainWindow,
        engine: EngineThread,
        chats: Chats,
        opening: ModelOpening,
        notices: Notices,
        values: AnswerValues,
        editing: Editing,
        ahead: ReadingAhead,
        answering: Answering,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._engine = engine
        self._chats = chats
        self._opening = opening
        self._notices = notices
        self._made = values
        self._editing = editing
        self._ahead = ahead
        self._answering = answering
        self._send_later: tuple[int, str] | None = None  # the conversation, the message
        self._connect()

    @Slot(str)
    def send(self, text: str) -> None:
        """Send a message. It stays in the box where there is no model to send it to."""
        if not text.strip() or not self._opening.can_send or not self._is_free(text):
            return
        refusal = self._ahead.refusal(text)
        if refusal is not None:
            self._answering.tell_refused(refusal)
            return
        self._chats.save_system()
        chat = self._chats.shown
        self._chats.unsaved.drop(chat.id, "draft")  # the store clears it with the message
        asked = new_question(chat, self._editing.parent_in(chat), text, *self._values())
        self._begin(asked)
        self._editing.finish(text)
        if not asked.redraw:
            self._window.show_chat(True)
            self._window.chat_view.add_user_message(text)
            self._window.chat_view.begin_answer(self._model_name())

    @Slot(object)
    def regenerate(self, message: int = 0) -> None:
        """Answer a question once more, with the model and the settings of now; 0: the last one."""
        chat = self._chats.shown
        at = chat.by_id.get(message or chat.head)
        if at is not None and self._is_free():
            self._begin(another_answer(chat, at, *self._values()))

    @Slot(object)
    def continue_answer(self, message: int = 0) -> None:
        """Go on with an answer that was cut, as a new version of it; 0: the last one."""
        chat = self._chats.shown
        cut = chat.by_id.get(message or chat.head)
        if cut is not None and cut.is_cut and self._is_free():
            self._begin(more_of(chat, cut, *self._values()))

    @Slot(object)
    def edit(self, message: int = 0) -> None:
        """Take a message of the person (0: the last one) into the box, to be sent as a new version."""
        if not self._answering.is_here():
            self._editing.begin(message)

    def close(self) -> None:
        """The window closes: an edit that was begun becomes unsent text."""
        self._editing.keep()

    def unsent(self) -> str:
        """What is unsent if the program ends now: also a message that the store does not have."""
        return joined(self._answering.unsaved_text(), self._editing.unsent())

    def _begin(self, asked: Asked) -> None:
        self._send_later = None
        self._answering.begin(asked)

    def _is_free(self, text: str = "") -> bool:
        """Whether an answer can be asked for; a message that must wait is sent a little later."""
        if not self._opening.can_send or self._answering.is_here():
            return False
        if self._answering.is_writing():
            self._send_later = (self._chats.shown.id, text) if text else None
            later = (
                " Stay here, and your message is sent as soon as it has finished." if text else ""
            )
            self._notices.warning(
                f"The model is still writing in another chat.{later}",
                "Stop it now",
                self._engine.cancel,
            )
            return False
        if self._opening.model is None:  # its process died in the load, or it is being loaded
            self._send_later = (self._chats.shown.id, text) if text else None
            if not self._engine.is_busy():
                self._opening.open(self._opening.path)
            return False
        return not self._engine.is_busy()

    @Slot()
    def _on_stopped(self) -> None:
        self._send_later = None

    @Slot()
    def _on_freed(self) -> None:
        if self._send_later is not None:
            (chat, text), self._send_later = self._send_later, None
            as_it_was = chat == self._chats.shown.id and text == self._window.prompt_box.text()
            if as_it_was and self._opening.model is not None:
                self.send(text)

    def _values(self) -> tuple[Sampling, NewAnswer]:
        return self._made.with_answer(self._model_name())

    def _model_name(self) -> str:
        model = self._opening.model
        return model.name if model is not None else ""

    def _connect(self) -> None:
        view, box = self._window.chat_view, self._window.prompt_box
        view.edit_wanted.connect(self.edit)
        view.regenerate_wanted.connect(self.regenerate)
        view.continue_wanted.connect(self.continue_answer)
        box.send_requested.connect(self.send)
        self._answering.stopped.connect(self._on_stopped)
        self._answering.freed.connect(self._on_freed)
