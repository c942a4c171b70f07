"""The use cases around an answer: send, edit, regenerate, continue, stop; and what comes of them.

    send ─▶ the question is in the store ─▶ the engine answers ─▶ parts, then the end, into the store

What is shown may be another conversation by then: an answer always goes on in its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from pychatbot_gui.core.errors import Gone, PychatbotError
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.engine.engine import Finished, Sampling
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.store_thread import StoreThread
from pychatbot_gui.gui.use_cases.answer_values import AnswerValues
from pychatbot_gui.gui.use_cases.asked import Asked, another_answer, more_of, new_question
from pychatbot_gui.gui.use_cases.chat_list import ChatList
from pychatbot_gui.gui.use_cases.chats import ENDINGS, Chats
from pychatbot_gui.gui.use_cases.editing import Editing
from pychatbot_gui.gui.use_cases.kept_answer import KeptAnswer, close_all
from pychatbot_gui.gui.use_cases.opening import ModelOpening
from pychatbot_gui.gui.use_cases.reading_ahead import ReadingAhead
from pychatbot_gui.gui.use_cases.seeing import Seeing
from pychatbot_gui.gui.use_cases.unsaved import joined

if TYPE_CHECKING:
    from pychatbot_gui.store.chats import ChatStore, NewAnswer

NO_PROGRESS_MS = 30_000


class Answering(QObject):
    """One question at a time."""

    settings_wanted = Signal(str)  # the setting that is to be changed
    kept = Signal(object, object)  # SavedChat, KeptAnswer: the answer is whole in the store

    def __init__(
        self,
        window: MainWindow,
        engine: EngineThread,
        writer: StoreThread,
        chats: Chats,
        listed: ChatList,
        opening: ModelOpening,
        notices: Notices,
        values: AnswerValues,
        editing: Editing,
        ahead: ReadingAhead,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._engine = engine
        self._writer = writer
        self._chats = chats
        self._listed = listed
        self._opening = opening
        self._notices = notices
        self._made = values
        self._editing = editing
        self._ahead = ahead
        self._asked: Asked | None = None
        self._send_later: tuple[int, str] | None = None  # the conversation, the message
        self._seeing = Seeing(window, engine, writer, chats, notices)
        self._stuck = QTimer(self)
        self._stuck.setSingleShot(True)
        self._stuck.setInterval(NO_PROGRESS_MS)
        self._stuck.timeout.connect(self._on_no_progress)
        self._connect()

    # -- what the person wants --------------------------------------------------------------

    @Slot(str)
    def send(self, text: str) -> None:
        """Send a message. It stays in the box where there is no model to send it to."""
        if not text.strip() or not self._opening.can_send or not self._is_free(text):
            return
        refusal = self._ahead.refusal(text)
        if refusal is not None:
            self._notices.error(refusal, "Settings…", self._want_context)
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
        if not self._is_here():
            self._editing.begin(message)

    @Slot()
    def stop(self) -> None:
        """End what is going on, at once."""
        self._send_later = None
        if self._asked is not None:
            self._asked.is_cancelled = True
        self._engine.cancel()

    def close(self) -> None:
        """The window closes: what has come of the answers is kept."""
        self._stuck.stop()
        self._editing.keep()
        close_all(self._chats.answers())
        asked = self._asked
        if asked is not None and asked.saved is None:

            def end(store: ChatStore) -> None:
                if asked.kept is not None:
                    store.finish_answer(asked.kept[2], "", "cancelled")

            self._writer.do(end)

    def unsent(self) -> str:
        """What is unsent if the program ends now: also a message that the store does not have."""
        asked, text = self._asked, self._editing.unsent()
        return text if asked is None or asked.kept else joined(asked.text, text)

    def last_chat(self) -> int:
        """After the end: the conversation that began with a message sent at the last moment, or 0."""
        asked = self._asked
        if asked is None or asked.kept is None or asked.visit != self._chats.visit:
            return 0
        return asked.kept[0]

    def _is_free(self, text: str = "") -> bool:
        """Whether an answer can be asked for; a message that must wait is sent a little later."""
        if not self._opening.can_send or self._is_here():
            return False
        if self._is_writing():
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

    def _is_writing(self) -> bool:
        return self._asked is not None or (
            self._chats.answer is not None and not self._chats.answer.ended
        )

    def _is_here(self) -> bool:
        """Whether what is shown waits for an answer itself."""
        asked, answer = self._asked, self._chats.answer
        if asked is not None and asked.visit == self._chats.visit:
            return True
        return self._is_writing() and answer is not None and answer.chat == self._chats.shown.id

    def _values(self) -> tuple[Sampling, NewAnswer]:
        return self._made.with_answer(self._model_name())

    def _model_name(self) -> str:
        model = self._opening.model
        return model.name if model is not None else ""

    # -- from the question to the answer ----------------------------------------------------

    def _begin(self, asked: Asked) -> None:
        self._notices.clear()
        self._send_later = None
        asked.visit = self._chats.visit
        self._asked = asked
        self._stuck.start()
        self._show_busy()

        def store(opened: ChatStore) -> tuple[tuple[int, int, int], SavedChat]:
            ids = asked.kept = asked.keep(opened)
            return ids, opened.chat(ids[0])

        self._writer.do(store, lambda done: self._on_stored(*done), self._on_not_stored)

    def _on_stored(self, ids: tuple[int, int, int], saved: SavedChat) -> None:
        asked = self._asked
        assert asked is not None
        chat, asked.question, asked.answer = ids
        asked.saved = saved
        kept = KeptAnswer(self._writer, chat, asked.answer, asked.prefix, self)
        kept.failed.connect(self._on_not_kept)
        kept.saved.connect(lambda: self._on_kept(kept))
        self._chats.begin_answer(kept)
        view = self._window.chat_view
        if self._chats.visit == asked.visit:
            self._chats.take(saved, asked.redraw)
            if not asked.redraw:
                view.identify(asked.question, asked.answer)
        self._chats.remember_shown()  # without the message: it is not unsent any more
        self._listed.refresh()
        self._window.conversation_list.set_writing(chat)
        if asked.is_erased:
            kept.abandon()
        if asked.is_cancelled:
            self._end("cancelled", None)
        elif not self._engine.is_busy():
            self._ask(asked)

    def _ask(self, asked: Asked) -> None:
        assert asked.saved is not None
        asked.is_with_engine = True
        # The store may lag behind the answer before.
        conversation = self._chats.known(asked.saved).conversation(asked.question)
        self._engine.ask(conversation, asked.sampling, asked.prefix, str(asked.saved.id))

    def _on_not_stored(self, error: PychatbotError) -> None:
        asked, self._asked = self._asked, None
        assert asked is not None
        self._stuck.stop()
        if asked.text:
            if self._chats.visit == asked.visit and not asked.redraw:
                self._window.chat_view.remove_last_exchange()
                self._window.show_chat(bool(self._chats.shown.path()))
            if not asked.is_erased:
                self._chats.give_back(asked.chat.id, asked.text)
        self._notices.error(error)
        self._show_busy()

    # -- what comes of it -------------------------------------------------------------------

    def _is_shown(self) -> bool:
        answer = self._chats.answer
        return answer is not None and self._chats.shows(answer.message)

    @Slot(int, int)
    def _on_reading(self, done: int, total: int) -> None:
        self._stuck.start()
        if done < total and self._is_shown():
            self._window.chat_view.set_progress(f"Reading {done:,} of {total:,} tokens…")

    @Slot(float)
    def _on_loading(self, fraction: float) -> None:
        if not self._opening.is_loading and self._is_shown():
            self._window.chat_view.set_progress(f"Starting the model again… {fraction:.0%}")

    @Slot(str)
    def _on_text(self, text: str) -> None:
        self._stuck.stop()
        answer = self._chats.answer
        if answer is not None:
            answer.add(text)
            if self._is_shown():
                self._window.chat_view.append_text(text)

    @Slot(object)
    def _on_finished(self, event: Finished) -> None:
        shown = self._is_shown()
        self._end(event.reason, event)
        model = self._opening.model
        if not shown:
            return
        if event.reply_tokens and event.writing_seconds > 0:
            self._window.set_speed(event.tokens_per_second)
        if model is not None and event.prompt_tokens:
            used = event.context_tokens or event.prompt_tokens + event.reply_tokens
            self._window.context_meter.set_usage(min(used, model.n_ctx), model.n_ctx)

    @Slot(object, bool)
    def _on_failed(self, error: PychatbotError, refused: bool) -> None:
        asked = self._asked
        assert asked is not None
        answer = self._chats.answer
        if refused and answer is not None and answer.chat == self._chats.shown.id:
            self._take_back(asked)
            self._notices.error(error, "Settings…", self._want_context)
        else:
            self._end("error", None, "Unfinished: " + _first_clause(error))
            self._notices.error(error)

    def _end(self, ended: str, event: Finished | None, note: str = "") -> None:
        answer = self._chats.answer
        assert answer is not None
        shown = self._is_shown()
        self._asked = None
        self._stuck.stop()
        answer.end(ended, event)
        self._chats.take_answer()
        self._window.conversation_list.set_writing(0)
        if shown:
            note = self._seeing.note(answer, note or ENDINGS.get(ended, ""))
            self._window.chat_view.end_answer(note, is_cut=ended != "stop")
        self._show_busy()
        if not self._engine.is_busy():
            self._go_on()

    def _want_context(self) -> None:
        self.settings_wanted.emit("n_ctx")

    @Slot(object)
    def on_erasing(self, chat: int) -> None:
        """A conversation goes for good: what is still being written in it is not wanted."""
        asked, answer = self._asked, self._chats.answer
        is_asked_there = asked is not None and asked.chat.id == chat
        for written in self._chats.answers():
            if written.chat == chat:
                written.abandon()
                is_asked_there = is_asked_there or (written is answer and asked is not None)
        if asked is not None and is_asked_there:
            asked.is_erased = True
            self.stop()

    def _take_back(self, asked: Asked) -> None:
        """The model never saw it: it is as if it had not been sent, and is in the box again."""
        taken = self._chats.answer
        assert taken is not None
        taken.abandon()
        self._chats.end_answer(taken)
        self._asked = None
        self._stuck.stop()
        self._window.conversation_list.set_writing(0)
        question, made, before = asked.question, asked.answer, asked.chat
        text = asked.text

        def work(store: ChatStore) -> None:
            store.take_back(question if text else made)
            if before.id:
                store.set_head(before.id, before.head)

        if text:
            self._chats.give_back(self._chats.shown.id, text)
            if not asked.redraw:
                self._window.chat_view.remove_last_exchange()
        self._chats.take_back(before)

        def after(_: object) -> None:
            self._listed.refresh()
            if asked.redraw:
                self._chats.reload()

        self._writer.do(work, after)
        self._show_busy()

    def _on_kept(self, kept: KeptAnswer) -> None:
        """The answer is whole in the store."""
        self._chats.end_answer(kept)
        self._listed.refresh()

        def look(saved: SavedChat) -> None:
            if self._chats.shown.id == saved.id and self._chats.answer is None:
                self._chats.take(saved, redraw=False)
            self.kept.emit(saved, kept)

        # Where it was erased meanwhile there is nothing to look at.
        self._writer.do(lambda s: s.chat(kept.chat), look, lambda _: None)

    @Slot(object)
    def _on_not_kept(self, error: PychatbotError) -> None:
        if isinstance(error, Gone):
            self._notices.error(error)
            return
        told = type(error)(f"{error} The answer goes on; saving is tried again.", error.detail)
        self._notices.error(told)

    # -- busy or not ------------------------------------------------------------------------

    @Slot()
    def _show_busy(self) -> None:
        writing = self._is_writing()
        busy = self._engine.is_busy() or self._asked is not None
        self._window.set_busy(busy, here=not writing or self._is_here())

    @Slot()
    def _go_on(self) -> None:
        """The engine is free: do what waited for it."""
        self._stuck.stop()
        asked = self._asked
        if asked is not None and asked.saved is not None and not asked.is_with_engine:
            if asked.is_cancelled:
                self._end("cancelled", None)
            elif self._opening.model is None:
                self._end("error", None, "Unfinished: no model is open")
            else:
                self._ask(asked)
        elif asked is None and self._send_later is not None:
            (chat, text), self._send_later = self._send_later, None
            as_it_was = chat == self._chats.shown.id and text == self._window.prompt_box.text()
            if as_it_was and self._opening.model is not None:
                self.send(text)

    @Slot()
    def _on_no_progress(self) -> None:
        self._notices.warning(
            "There was no progress for 30 seconds. You can go on waiting, or end it.",
            "End it",
            self.stop,
        )

    # -- wiring -----------------------------------------------------------------------------

    def _connect(self) -> None:
        engine, view, box = self._engine, self._window.chat_view, self._window.prompt_box
        engine.reading.connect(self._on_reading)
        engine.loading.connect(self._on_loading)
        engine.text_arrived.connect(self._on_text)
        engine.answer_finished.connect(self._on_finished)
        engine.answer_failed.connect(self._on_failed)
        engine.busy_changed.connect(self._show_busy)
        engine.noticed.connect(self._notices.info)
        self._opening.progressed.connect(self._stuck.start)
        self._opening.ended.connect(self._go_on)
        self._chats.shown_changed.connect(self._show_busy)
        view.edit_wanted.connect(self.edit)
        view.regenerate_wanted.connect(self.regenerate)
        view.continue_wanted.connect(self.continue_answer)
        box.send_requested.connect(self.send)
        box.stop_requested.connect(self.stop)


def _first_clause(error: PychatbotError) -> str:
    sentence = str(error).split(". ")[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:]
