"""The way of an answer that was asked for, to its end or to Stop.

    begin ─▶ the question is in the store ─▶ the engine answers ─▶ parts, then the end, into the store

What is shown may be another conversation by then: an answer always goes on in its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from pychatbot_gui.core.errors import Gone, PychatbotError
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.engine.engine import Finished
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.store_thread import StoreThread
from pychatbot_gui.gui.use_cases.asked import Asked
from pychatbot_gui.gui.use_cases.chat_list import ChatList
from pychatbot_gui.gui.use_cases.chats import ENDINGS, Chats
from pychatbot_gui.gui.use_cases.kept_answer import KeptAnswer, close_all
from pychatbot_gui.gui.use_cases.opening import ModelOpening
from pychatbot_gui.gui.use_cases.seeing import Seeing

if TYPE_CHECKING:
    from pychatbot_gui.store.chats import ChatStore

NO_PROGRESS_MS = 30_000


class Answering(QObject):
    """One answer at a time: through the store to the engine, and from it to the store and the view."""

    settings_wanted = Signal(str)  # the setting that is to be changed
    kept = Signal(object, object)  # SavedChat, KeptAnswer: the answer is whole in the store
    stopped = Signal()  # the person ended what was going on
    freed = Signal()  # the engine is free, and nothing that was asked for waits for it

    def __init__(
        self,
        window: MainWindow,
        engine: EngineThread,
        writer: StoreThread,
        chats: Chats,
        listed: ChatList,
        opening: ModelOpening,
        notices: Notices,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._engine = engine
        self._writer = writer
        self._chats = chats
        self._listed = listed
        self._opening = opening
        self._notices = notices
        self._asked: Asked | None = None
        self._seeing = Seeing(window, engine, writer, chats, notices)
        self._stuck = QTimer(self)
        self._stuck.setSingleShot(True)
        self._stuck.setInterval(NO_PROGRESS_MS)
        self._stuck.timeout.connect(self._on_no_progress)
        self._connect()

    def begin(self, asked: Asked) -> None:
        """Have this answered. Not while another answer is written, nor while the engine is busy."""
        self._notices.clear()
        asked.visit = self._chats.visit
        self._asked = asked
        self._stuck.start()
        self._show_busy()

        def store(opened: ChatStore) -> tuple[tuple[int, int, int], SavedChat]:
            ids = asked.kept = asked.keep(opened)
            return ids, opened.chat(ids[0])

        self._writer.do(store, lambda done: self._on_stored(*done), self._on_not_stored)

    @Slot()
    def stop(self) -> None:
        """End what is going on, at once."""
        self.stopped.emit()
        if self._asked is not None:
            self._asked.is_cancelled = True
        self._engine.cancel()

    def close(self) -> None:
        """The window closes: what has come of the answers is kept."""
        self._stuck.stop()
        close_all(self._chats.answers())
        asked = self._asked
        if asked is not None and asked.saved is None:

            def end(store: ChatStore) -> None:
                if asked.kept is not None:
                    store.finish_answer(asked.kept[2], "", "cancelled")

            self._writer.do(end)

    def is_writing(self) -> bool:
        """Whether an answer is asked for or written, in whatever conversation."""
        return self._asked is not None or (
            self._chats.answer is not None and not self._chats.answer.ended
        )

    def is_here(self) -> bool:
        """Whether what is shown waits for an answer itself."""
        asked, answer = self._asked, self._chats.answer
        if asked is not None and asked.visit == self._chats.visit:
            return True
        return self.is_writing() and answer is not None and answer.chat == self._chats.shown.id

    def unsaved_text(self) -> str:
        """The message that was sent and that the store does not have yet, "" for none."""
        asked = self._asked
        return "" if asked is None or asked.kept else asked.text

    def last_chat(self) -> int:
        """After the end: the conversation that began with a message sent at the last moment, or 0."""
        asked = self._asked
        if asked is None or asked.kept is None or asked.visit != self._chats.visit:
            return 0
        return asked.kept[0]

    def tell_refused(self, error: PychatbotError) -> None:
        """A message does not fit: say so, with the way to the setting that helps."""
        self._notices.error(error, "Settings…", self._want_context)

    # -- from the question to the answer ----------------------------------------------------

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
            self.tell_refused(error)
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
        writing = self.is_writing()
        busy = self._engine.is_busy() or self._asked is not None
        self._window.set_busy(busy, here=not writing or self.is_here())

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
        elif asked is None:
            self.freed.emit()

    @Slot()
    def _on_no_progress(self) -> None:
        self._notices.warning(
            "There was no progress for 30 seconds. You can go on waiting, or end it.",
            "End it",
            self.stop,
        )

    # -- wiring -----------------------------------------------------------------------------

    def _connect(self) -> None:
        engine = self._engine
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
        self._window.prompt_box.stop_requested.connect(self.stop)


def _first_clause(error: PychatbotError) -> str:
    sentence = str(error).split(". ")[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:]
