"""The use cases: open a model, send, stop, start a new chat, change the settings."""

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox

import pychatbot_gui
from pychatbot_gui.arguments import Arguments
from pychatbot_gui.core.chat import Conversation
from pychatbot_gui.core.errors import PychatbotError, StorageError
from pychatbot_gui.core.guide import QUESTIONS, for_model, is_guide
from pychatbot_gui.core.paths import Paths
from pychatbot_gui.core.settings import (
    Settings,
    from_overrides,
    reload_names,
    save_settings,
)
from pychatbot_gui.engine.engine import Finished, sampling
from pychatbot_gui.gui.dialogs.log_window import LogWindow
from pychatbot_gui.gui.dialogs.settings_dialog import SettingsDialog
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.opening import ModelOpening
from pychatbot_gui.gui.remembered import Remembered

_NO_PROGRESS_MS = 30_000
_ENDINGS = {
    "cancelled": "Stopped",
    "length": "Ended at the longest answer set in the settings",
    "context": "Cut off: the context is full. Write “continue” to go on without the oldest part.",
}


class Controller(QObject):
    """Joins the window with the engine, the settings and what is remembered."""

    def __init__(
        self,
        window: MainWindow,
        engine: EngineThread,
        settings: Settings,
        paths: Paths,
        log_path: Path,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._engine = engine
        self._notices = Notices(window.notice_bar, self)
        self._paths = paths
        self._log_path = log_path
        self._settings = settings
        self._overrides: dict[str, object] = {}
        self._remembered = Remembered(paths.state_file, self._window_part, self)
        self._remembered.failed.connect(self._notices.error)
        self._opening = ModelOpening(
            window, engine, self._notices, self._remembered, lambda: self._settings
        )
        self._send_when_loaded = False
        self._asked = ""  # the message that is being answered
        self._log_window: LogWindow | None = None
        self._stuck_timer = QTimer(self)
        self._stuck_timer.setSingleShot(True)
        self._stuck_timer.setInterval(_NO_PROGRESS_MS)
        self._stuck_timer.timeout.connect(self._on_no_progress)
        self._connect_window()
        self._connect_engine()

    def start(self, arguments: Arguments, notes: list[str]) -> None:
        """Bring back what was there the last time, and do what the command line asked for.

        `notes`: sentences about the settings file, to be told.
        """
        self._overrides = dict(arguments.overrides)
        notes = notes + self._remembered.load()
        window, state = self._window, self._remembered.state
        window.restore_geometry(state.geometry)
        system = state.system_prompt if arguments.system is None else arguments.system
        window.system_prompt.set_text(system)
        window.prompt_box.set_text(state.draft)
        window.set_recent(state.recent_models)
        self._opening.show_model()
        self._show_chat_or_empty_state()
        if arguments.model:
            self._opening.open(arguments.model)
        else:
            self._opening.open_last_or_guide(state.model)
        for note in notes:  # now, because a load takes away what was told before it
            self._notices.warning(note)

    # -- the conversation -------------------------------------------------------------------

    @Slot(str)
    def send(self, text: str) -> None:
        """Send a message. It stays in the box where there is no model to send it to."""
        model = self._opening.model
        if self._engine.is_busy() or not text.strip() or not self._opening.can_send:
            return
        if model is None:  # its process died in the load; the text stays here until it is there
            self._send_when_loaded = True
            self._opening.open(self._opening.path)
            return
        self._notices.clear()
        self._asked = text
        window = self._window
        window.prompt_box.clear()
        window.show_chat(True)
        window.chat_view.add_user_message(text)
        window.chat_view.begin_answer(model.name)
        self._stuck_timer.start()
        settings = from_overrides(for_model(model.path, self._settings), self._overrides)
        self._engine.ask(text, sampling(settings))

    @Slot()
    def stop(self) -> None:
        """End what is going on, at once."""
        self._engine.cancel()

    @Slot()
    def new_chat(self) -> None:
        """Begin an empty conversation under the same system prompt."""
        self._engine.when_free(self._clear_chat)

    def _clear_chat(self) -> None:
        self._notices.clear()
        self._engine.set_context(Conversation(system=self._window.system_prompt.text()))
        self._window.chat_view.clear_chat()
        self._show_chat_or_empty_state()
        self._window.speed_label.clear()
        if self._opening.model is not None:
            self._window.context_meter.set_usage(0, self._opening.model.n_ctx)
        self._window.prompt_box.setFocus()

    @Slot(str)
    def _on_system_edited(self, text: str) -> None:
        self._engine.set_system(text)
        self._remembered.change(system_prompt=text)

    @Slot(int, int)
    def _on_reading(self, done: int, total: int) -> None:
        self._stuck_timer.start()
        if done < total:
            self._window.chat_view.set_progress(f"Reading {done:,} of {total:,} tokens…")

    @Slot()
    def _on_dropped(self) -> None:
        self._window.chat_view.add_divider(
            "The context is full: the model no longer sees the oldest messages."
        )

    @Slot(str)
    def _on_text(self, text: str) -> None:
        self._stuck_timer.stop()
        self._window.chat_view.append_text(text)

    @Slot(object)
    def _on_answer_finished(self, event: Finished) -> None:
        self._end_of_answer(_ENDINGS.get(event.reason, ""))
        if event.reply_tokens and event.writing_seconds > 0:
            self._window.speed_label.setText(f"{event.tokens_per_second:.1f} tokens/s")
        model = self._opening.model
        if model is not None and event.prompt_tokens:
            used = min(event.prompt_tokens + event.reply_tokens, model.n_ctx)
            self._window.context_meter.set_usage(used, model.n_ctx)

    @Slot(object, bool)
    def _on_answer_failed(self, error: PychatbotError, refused: bool) -> None:
        if refused:
            self._take_message_back()
            self._notices.error(error, "Settings…", self._change_settings)
        else:
            self._end_of_answer("Unfinished: " + _first_clause(error))
            self._notices.error(error)

    def _end_of_answer(self, note: str) -> None:
        self._stuck_timer.stop()
        self._asked = ""
        self._window.chat_view.end_answer(note)

    def _take_message_back(self) -> None:
        """A message that the model never saw goes back to where it was written."""
        box = self._window.prompt_box
        written_since = box.text()
        box.set_text(f"{self._asked}\n{written_since}" if written_since else self._asked)
        self._window.chat_view.remove_last_exchange()
        self._stuck_timer.stop()
        self._asked = ""
        self._show_chat_or_empty_state()

    @Slot(str)
    def _use_example(self, text: str) -> None:
        if self._talks_with_guide():
            self.send(text)
            return
        self._window.prompt_box.set_text(text)
        self._window.prompt_box.setFocus()

    def _show_chat_or_empty_state(self) -> None:
        window = self._window
        window.show_chat(not window.chat_view.is_empty())
        if self._talks_with_guide():
            window.empty_state.set_welcome(QUESTIONS)
        elif self._opening.model is not None:
            window.empty_state.set_ready(self._opening.model.name)
        elif not self._opening.is_loading:
            window.empty_state.set_welcome()

    def _talks_with_guide(self) -> bool:
        model = self._opening.model
        return model is not None and is_guide(model.path)

    # -- settings, log, about ---------------------------------------------------------------

    @Slot()
    def _change_settings(self) -> None:
        dialog = SettingsDialog(self._settings, self._opening.model is not None, self._window)
        dialog.applied.connect(self._apply_settings)
        dialog.exec()
        dialog.deleteLater()

    @Slot(object)
    def _apply_settings(self, settings: Settings) -> None:
        before, self._settings = self._settings, settings
        try:
            save_settings(self._paths.settings_file, settings, before)
        except StorageError as error:
            self._notices.error(
                StorageError(f"{error} The settings hold until you close the program.")
            )
        if settings.verbose and not before.verbose:
            self._show_log()
        if reload_names(before, settings) and self._opening.path:
            self._opening.open(self._opening.path)

    @Slot()
    def _show_log(self) -> None:
        if self._log_window is None:
            self._log_window = LogWindow(self._log_path, self._window)
        self._log_window.show()
        self._log_window.raise_()

    @Slot()
    def _show_about(self) -> None:
        QMessageBox.about(
            self._window,
            "About PyChatbot",
            f"PyChatbot {pychatbot_gui.__version__}\n\nTalk with a language model on your own "
            "computer: private and offline. Nothing you write leaves it.\n\nMIT licence, "
            "PyChatbot contributors.",
        )

    @Slot(str)
    def _open_link(self, address: str) -> None:
        QDesktopServices.openUrl(QUrl(address))

    # -- progress ---------------------------------------------------------------------------

    @Slot()
    def _on_load_ended(self) -> None:
        self._stuck_timer.stop()
        self._show_chat_or_empty_state()
        self._window.prompt_box.setFocus()
        if self._send_when_loaded and self._opening.model is not None:
            self.send(self._window.prompt_box.text())
        self._send_when_loaded = False

    @Slot()
    def _on_no_progress(self) -> None:
        self._notices.warning(
            "There was no progress for 30 seconds. You can go on waiting, or end it.",
            "End it",
            self.stop,
        )

    # -- the end ----------------------------------------------------------------------------

    @Slot()
    def _on_closed(self) -> None:
        self._stuck_timer.stop()
        try:
            self._remembered.save()
            if self._log_window is not None:
                self._log_window.close()
        finally:
            self._engine.close()

    def _window_part(self) -> dict[str, str]:
        window = self._window
        return {"draft": window.prompt_box.text(), "geometry": window.geometry_text()}

    # -- wiring -----------------------------------------------------------------------------

    def _connect_window(self) -> None:
        window = self._window
        window.new_chat_action.triggered.connect(self.new_chat)
        window.open_model_action.triggered.connect(self._opening.choose)
        window.settings_action.triggered.connect(self._change_settings)
        window.stop_action.triggered.connect(self.stop)
        window.copy_answer_action.triggered.connect(window.chat_view.copy_last_answer)
        window.log_action.triggered.connect(self._show_log)
        window.about_action.triggered.connect(self._show_about)
        window.model_dropped.connect(self._opening.open)
        window.recent_chosen.connect(self._opening.open)
        window.closed.connect(self._on_closed)
        window.prompt_box.send_requested.connect(self.send)
        window.prompt_box.stop_requested.connect(self.stop)
        window.prompt_box.draft_changed.connect(self._remembered.save_soon)
        window.system_prompt.edited.connect(self._on_system_edited)
        window.chat_view.link_activated.connect(self._open_link)
        window.empty_state.open_requested.connect(self._opening.choose)
        window.empty_state.recent_chosen.connect(self._opening.open)
        window.empty_state.prompt_chosen.connect(self._use_example)
        window.empty_state.cancel_requested.connect(self.stop)

    def _connect_engine(self) -> None:
        engine = self._engine
        self._opening.progressed.connect(self._stuck_timer.start)
        self._opening.ended.connect(self._on_load_ended)
        engine.reading.connect(self._on_reading)
        engine.messages_dropped.connect(self._on_dropped)
        engine.text_arrived.connect(self._on_text)
        engine.answer_finished.connect(self._on_answer_finished)
        engine.answer_failed.connect(self._on_answer_failed)
        engine.busy_changed.connect(self._window.set_busy)


def _first_clause(error: PychatbotError) -> str:
    sentence = str(error).split(". ")[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:]
