"""Joins the window with the use cases, and has those of the settings, the log and the end.

Dialogs are imported where they are opened, here and in the use cases: the window is seen sooner.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Slot

import pychatbot_gui
from pychatbot_gui.arguments import Arguments
from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.core.guide import QUESTIONS, is_guide
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.core.paths import Paths
from pychatbot_gui.core.settings import Settings, reload_names, save_settings
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.remembered import Remembered
from pychatbot_gui.gui.store_thread import StoreThread
from pychatbot_gui.gui.use_cases.answer_values import AnswerValues
from pychatbot_gui.gui.use_cases.answering import Answering
from pychatbot_gui.gui.use_cases.asking import Asking
from pychatbot_gui.gui.use_cases.branching import Branching
from pychatbot_gui.gui.use_cases.chat_list import ChatList
from pychatbot_gui.gui.use_cases.chats import Chats
from pychatbot_gui.gui.use_cases.deleting import Deleting
from pychatbot_gui.gui.use_cases.editing import Editing
from pychatbot_gui.gui.use_cases.finding import Finding
from pychatbot_gui.gui.use_cases.kept_answer import close_all, lost_texts
from pychatbot_gui.gui.use_cases.opening import ModelOpening
from pychatbot_gui.gui.use_cases.presetting import Presetting
from pychatbot_gui.gui.use_cases.reading_ahead import ReadingAhead
from pychatbot_gui.gui.use_cases.store_opening import StoreOpening
from pychatbot_gui.gui.use_cases.titling import Titling
from pychatbot_gui.gui.use_cases.transfer import Transfer

if TYPE_CHECKING:
    from pychatbot_gui.gui.dialogs.log_window import LogWindow


class Controller(QObject):
    """Builds the use cases around one window, one engine and one store.

    `keeper` does what may take long with the store: backup, export, import.
    """

    def __init__(
        self,
        window: MainWindow,
        engine: EngineThread,
        writer: StoreThread,
        settings: Settings,
        paths: Paths,
        log_path: Path,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._engine = engine
        self._writer, self._reader, self._keeper = writer, writer.another(), writer.another()
        self._notices = Notices(window.notice_bar, self)
        self._paths = paths
        self._log_path = log_path
        self._settings = settings
        self._overrides: dict[str, object] = {}
        self._remembered = Remembered(paths.state_file, self._window_part, self)
        self._remembered.failed.connect(self._notices.error)
        notices, remembered = self._notices, self._remembered
        opening = self._opening = ModelOpening(
            window, engine, notices, remembered, lambda: self._settings
        )
        self._store_opening = StoreOpening(window, writer, notices)
        listed = self._listed = ChatList(window, writer, self._reader)
        chats = self._chats = Chats(window, writer, self._reader, listed, notices, remembered)
        self._branching = Branching(window, writer, self._reader, chats, listed)
        self._deleting = Deleting(window, writer, chats, listed, notices)
        editing = Editing(window, chats)
        values = AnswerValues(chats, opening, lambda: (self._settings, self._overrides))
        self._ahead = ReadingAhead(window, engine, chats, opening, editing, values)
        answering = self._answering = Answering(
            window, engine, writer, chats, listed, opening, notices
        )
        self._asking = Asking(
            window, engine, chats, opening, notices, values, editing, self._ahead, answering
        )
        self._titling = Titling(engine, writer, listed, opening, answering, lambda: self._settings)
        self._deleting.erasing.connect(answering.on_erasing)
        self._presets = Presetting(
            window, chats, opening, notices, paths.presets, lambda: self._settings
        )
        self._transfer = Transfer(window, self._keeper, chats, listed, notices, remembered, paths)
        for erased in (self._deleting.erasing, self._transfer.erased):
            erased.connect(lambda chat: engine.forget(str(chat)))
        self._finding = Finding(window)
        self._log_window: LogWindow | None = None
        self._connect()

    def start(self, arguments: Arguments, notes: list[str]) -> None:
        """Bring back what was there the last time, and do what the command line asked for.

        `notes`: sentences about the settings file, to be told.
        """
        self._overrides = dict(arguments.overrides)
        notes = notes + self._remembered.load()
        window, state = self._window, self._remembered.state
        window.restore_geometry(state.geometry, state.split)
        window.set_recent(state.recent_models)
        self._opening.show_model()
        notes += self._presets.load()
        given = arguments.system
        chat = -1 if arguments.continue_last else state.chat if given is None else 0
        samplers = self._presets.sampling(state.preset) if given is None else {}
        new = SavedChat(
            0,
            system=state.system_prompt if given is None else given,
            preset=state.preset if given is None else "",
            sampling=samplers,
        )
        self._chats.start(new, chat)
        if arguments.model:
            self._opening.open(arguments.model)
        else:
            self._opening.open_last_or_guide(state.model)
        for note in notes:  # now, because a load takes away what was told before it
            self._notices.warning(note)
        self._transfer.keep_house()

    # -- what is shown ----------------------------------------------------------------------

    @Slot()
    def new_chat(self) -> None:
        """Begin an empty conversation under the same system prompt."""
        self._notices.clear()
        self._chats.new()
        self._window.prompt_box.setFocus()

    @Slot()
    def _on_shown_changed(self) -> None:
        chat = self._chats.shown
        path = chat.path()
        self._window.set_chat_actions(chat.id != 0, chat.pinned, bool(path) and path[-1].is_cut)
        self._show_speed()
        self._show_chat_or_empty_state()

    def _show_speed(self) -> None:
        counted = self._chats.shown.last_counted()
        self._window.set_speed(counted.tokens_per_second if counted is not None else 0)

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

    @Slot(str)
    def _use_example(self, text: str) -> None:
        if self._talks_with_guide():
            self._asking.send(text)
            return
        self._window.prompt_box.set_text(text)
        self._window.prompt_box.setFocus()

    @Slot()
    def _on_load_ended(self) -> None:
        self._show_speed()
        self._show_chat_or_empty_state()
        if not self._window.is_somewhere_else():
            self._window.prompt_box.setFocus()

    # -- settings, log, about ---------------------------------------------------------------

    @Slot()
    def _change_settings(self) -> None:
        self._show_settings("")

    @Slot(str)
    def _show_settings(self, name: str) -> None:
        from pychatbot_gui.gui.dialogs.settings_dialog import SettingsDialog

        memory, free = self._opening.memory()
        loaded = self._opening.model is not None
        dialog = SettingsDialog(self._settings, loaded, self._window, memory, free)
        dialog.applied.connect(self._apply_settings)
        if name:
            dialog.go_to(name)
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
        if reload_names(before, settings) and self._opening.reloadable:
            self._opening.open(self._opening.reloadable)
        self._ahead.later()

    @Slot()
    def _show_log(self) -> None:
        if self._log_window is None:
            from pychatbot_gui.gui.dialogs.log_window import LogWindow

            self._log_window = LogWindow(self._log_path, self._window)
        self._log_window.show()
        self._log_window.raise_()

    @Slot()
    def _show_about(self) -> None:
        from PySide6.QtWidgets import QMessageBox

        QMessageBox.about(
            self._window,
            "About PyChatbot",
            f"PyChatbot {pychatbot_gui.__version__}\n\nTalk with a language model on your own "
            "computer: private and offline. Nothing you write leaves it.\n\nMIT licence, "
            "PyChatbot contributors.",
        )

    @Slot(str)
    def _open_link(self, address: str) -> None:
        from PySide6.QtGui import QDesktopServices

        QDesktopServices.openUrl(QUrl(address))

    # -- the end ----------------------------------------------------------------------------

    @Slot()
    def _on_closed(self) -> None:
        self._ahead.close()
        try:
            self._asking.close()
            self._answering.close()
            self._chats.close()
            close_all(self._chats.answers())  # once more, where another program held the file
            self._remembered.save()
            if self._log_window is not None:
                self._log_window.close()
        finally:
            self._window.hide()  # a slow disk is waited for without it
            self._engine.close()
            self._transfer.close()
            for thread in (self._keeper, self._reader, self._writer):
                thread.close()
            self._keep_what_is_left()

    def _keep_what_is_left(self) -> None:
        """What the store did not take to the last is unsent text of a new conversation."""
        rest = lost_texts(self._chats.answers())
        left = "\n\n".join([*self._chats.unsaved.drafts(self._chats.shown.id), *rest])
        if left:
            self._chats.give_back(0, left)
        chat = self._answering.last_chat()
        if chat:
            self._remembered.change(chat=chat)
        if left or chat or self._asking.unsent() != self._remembered.state.draft:
            self._remembered.save()

    def _window_part(self) -> dict[str, str]:
        window = self._window
        geometry, split = window.geometry_text()
        return {"draft": self._asking.unsent(), "geometry": geometry, "split": split}

    # -- wiring -----------------------------------------------------------------------------

    def _connect(self) -> None:
        window, chats = self._window, self._chats
        asking, answering = self._asking, self._answering
        window.new_chat_action.triggered.connect(self.new_chat)
        window.open_model_action.triggered.connect(self._opening.choose)
        window.settings_action.triggered.connect(self._change_settings)
        window.stop_action.triggered.connect(answering.stop)
        window.edit_message_action.triggered.connect(lambda: asking.edit())
        window.regenerate_action.triggered.connect(lambda: asking.regenerate())
        window.continue_action.triggered.connect(lambda: asking.continue_answer())
        window.rename_chat_action.triggered.connect(self._rename_shown)
        window.pin_chat_action.triggered.connect(lambda on: self._listed.pin(chats.shown.id, on))
        window.copy_answer_action.triggered.connect(window.chat_view.copy_last_answer)
        window.log_action.triggered.connect(self._show_log)
        window.about_action.triggered.connect(self._show_about)
        window.model_dropped.connect(self._opening.open)
        window.recent_chosen.connect(self._opening.open)
        window.closed.connect(self._on_closed)
        window.prompt_box.draft_changed.connect(self._remembered.save_soon)
        window.system_prompt.edited.connect(chats.on_system_edited)
        window.chat_view.link_activated.connect(self._open_link)
        window.empty_state.open_requested.connect(self._opening.choose)
        window.empty_state.recent_chosen.connect(self._opening.open)
        window.empty_state.prompt_chosen.connect(self._use_example)
        window.empty_state.cancel_requested.connect(answering.stop)
        answering.settings_wanted.connect(self._show_settings)
        self._opening.settings_wanted.connect(self._show_settings)
        chats.shown_changed.connect(self._on_shown_changed)
        self._presets.used.connect(self._ahead.later)
        self._opening.ended.connect(self._on_load_ended)

    @Slot()
    def _rename_shown(self) -> None:
        self._window.show_side_bar(True)
        self._window.conversation_list.start_rename(self._chats.shown.id)
