"""The use cases of what may take long with all conversations: export, import, the daily backup."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from pychatbot_gui.core.errors import Cancelled, PychatbotError
from pychatbot_gui.core.files import cannot_be_saved
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.core.paths import Paths
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.remembered import Remembered
from pychatbot_gui.gui.store_thread import StoreThread
from pychatbot_gui.gui.use_cases.chat_list import ChatList
from pychatbot_gui.gui.use_cases.chats import Chats

# Few ever need them, and the start does not wait for them.
if TYPE_CHECKING:
    from pychatbot_gui.core.exchange.export import Format
    from pychatbot_gui.core.exchange.importing import Report
    from pychatbot_gui.gui.dialogs.progress_dialog import ProgressDialog
    from pychatbot_gui.store.chats import ChatStore

_TELL_EVERY_S = 0.05
_HOUR_MS = 3_600_000

Progress = Callable[[int, int], None]
"""Told how much is done and how much there is."""


class Transfer(QObject):
    """One long job at a time, in the thread of `keeper`; what is seen of it is a progress dialog."""

    erased = Signal(object)  # the id of a conversation that was deleted long ago

    _progressed = Signal(object, object)  # done, total

    def __init__(
        self,
        window: MainWindow,
        keeper: StoreThread,
        chats: Chats,
        listed: ChatList,
        notices: Notices,
        remembered: Remembered,
        paths: Paths,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._keeper = keeper
        self._listed = listed
        self._notices = notices
        self._remembered = remembered
        self._paths = paths
        self._stop = threading.Event()
        self._closed = threading.Event()
        self._dialog: ProgressDialog | None = None
        self._told = 0.0
        window.export_action.triggered.connect(lambda: self.export(chats.shown.id))
        window.conversation_list.export_wanted.connect(self.export)
        window.import_action.triggered.connect(self.import_file)
        keeper.failed.connect(self._on_failed)
        self._progressed.connect(self._show_progress)

    @Slot()
    def keep_house(self) -> None:
        """Make the backup of today, and erase what was deleted long ago."""
        folder = self._paths.backups

        def work(store: ChatStore) -> list[int]:
            if store.latest_chat():
                store.backup(folder, is_cancelled=self._closed.is_set)
            return store.erase_old()

        self._keeper.do(work, lambda chats: [self.erased.emit(chat) for chat in chats])
        QTimer.singleShot(_HOUR_MS, self, self.keep_house)  # a window may stay open for weeks

    def close(self) -> None:
        """End what is going on; a file that is half written is removed."""
        self._closed.set()
        self._stop.set()
        self._keeper.interrupt()

    # -- export -----------------------------------------------------------------------------

    @Slot(object)
    def export(self, chat: int) -> None:
        """Ask what to write and in which format; `chat` 0 for all only."""

        def count(store: ChatStore) -> tuple[str, int]:
            return (store.chat(chat).title if chat else ""), len(store.chat_ids())

        self._keeper.do(count, lambda found: self._ask(chat, *found))

    def _ask(self, chat: int, title: str, count: int) -> None:
        if not count:
            self._notices.info("There are no conversations to export yet.")
            return
        from pychatbot_gui.gui.dialogs.export_dialog import ExportDialog

        dialog = ExportDialog(title, count, self._window)
        dialog.chosen.connect(lambda name, everything: self._choose_place(chat, name, everything))
        dialog.exec()
        dialog.deleteLater()

    def _choose_place(self, chat: int, name: str, everything: bool) -> None:
        from pychatbot_gui.core.exchange.export import file_name, format_named

        folder = Path(self._remembered.state.export_folder or Path.home())
        kind = format_named(name)
        if everything and name != "json":
            chosen = QFileDialog.getExistingDirectory(
                self._window, "Choose a folder for the conversations", str(folder)
            )
            if chosen:
                self._begin_export(lambda s, p: self._write_all(s, Path(chosen), name, p), chosen)
            return
        if everything:
            self._save_as(folder / "PyChatbot conversations.json", kind, self._write_json)
            return

        def one(store: ChatStore, path: Path, progress: Progress) -> str:
            saved = store.chat(chat)
            self._write_one(saved, path, name, progress)
            return f"The conversation was written to “{path}”."

        self._keeper.do(
            lambda s: file_name(s.chat(chat), name),
            lambda proposed: self._save_as(folder / proposed, kind, one),
        )

    def _save_as(
        self, path: Path, kind: Format, write: Callable[[ChatStore, Path, Progress], str]
    ) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self._window, "Export", str(path), f"{kind.label} (*{kind.suffix});;All files (*)"
        )
        if chosen:
            target = Path(chosen)
            if not target.suffix:
                target = target.with_suffix(kind.suffix)
            self._begin_export(lambda s, p: write(s, target, p), str(target.parent))

    def _begin_export(self, work: Callable[[ChatStore, Progress], str], folder: str) -> None:
        self._remembered.change(export_folder=folder)
        self._begin("Exporting…", work, self._notices.info)

    def _write_one(self, chat: SavedChat, path: Path, name: str, progress: Progress) -> None:
        if name == "pdf":
            from pychatbot_gui.gui.export_pdf import write_pdf

            write_pdf(chat, path, progress, self._stop.is_set)
            return
        from pychatbot_gui.core.exchange.export import chunks, write_chunks

        total = len(chat.messages)
        write_chunks(
            path,
            chunks(chat, name),
            lambda done: progress(min(done, total), total),
            self._stop.is_set,
        )

    def _write_json(self, store: ChatStore, path: Path, progress: Progress) -> str:
        from pychatbot_gui.core.exchange.export import document, write_chunks

        ids = store.chat_ids()
        write_chunks(
            path,
            document(map(store.chat, ids), len(ids)),
            lambda done: progress(min(done, len(ids)), len(ids)),
            self._stop.is_set,
        )
        return f"{len(ids):,} conversations were written to “{path}”."

    def _write_all(self, store: ChatStore, folder: Path, name: str, progress: Progress) -> str:
        """A file each, in a new folder of its own, so that nothing there is overwritten."""
        from pychatbot_gui.core.exchange.export import file_name

        ids = store.chat_ids()
        target = _new_folder(folder / f"PyChatbot conversations {datetime.date.today()}")
        for done, chat in enumerate(ids):
            progress(done, len(ids))
            saved = store.chat(chat)
            path = _free(target / file_name(saved, name))
            self._write_one(saved, path, name, lambda *_: None)
        return f"{len(ids):,} conversations were written to “{target}”."

    # -- import -----------------------------------------------------------------------------

    @Slot()
    def import_file(self) -> None:
        """Take conversations from a file of this program, of ChatGPT or of LM Studio."""
        chosen, _ = QFileDialog.getOpenFileNames(
            self._window,
            "Import conversations of PyChatbot, ChatGPT or LM Studio",
            self._remembered.state.export_folder or str(Path.home()),
            "Conversations (*.json *.zip);;All files (*)",
        )
        if chosen:
            self.import_from([Path(path) for path in chosen])

    def import_from(self, paths: list[Path]) -> None:
        """Take the conversations of files or folders; a report tells what could not be taken."""
        from pychatbot_gui.core.exchange.importing import Report, read_chats

        report = Report()

        def work(store: ChatStore, progress: Progress) -> Report:
            try:
                for path in paths:
                    for chat in read_chats(path, report, progress, self._stop.is_set):
                        if not store.add_imported(chat):
                            report.known += 1
            except Cancelled:
                report.say("You stopped it: the rest was not looked at.")
            return report

        self._begin("Importing…", work, self._show_report)

    def _show_report(self, report: Report) -> None:
        from pychatbot_gui.gui.dialogs.report_dialog import ReportDialog

        self._listed.refresh()
        dialog = ReportDialog("Import", report.summary(), report.sentences(), self._window)
        dialog.show()

    # -- a long job -------------------------------------------------------------------------

    def _begin(
        self,
        title: str,
        work: Callable[[ChatStore, Progress], object],
        then: Callable[..., object],
    ) -> None:
        from pychatbot_gui.gui.dialogs.progress_dialog import ProgressDialog

        self._notices.clear()  # what the export before had to say
        self._stop.clear()
        self._told = 0.0
        dialog = self._dialog = ProgressDialog(title, self._window)
        dialog.stopped.connect(self._stop.set)
        dialog.show_later()

        def ended(result: object) -> None:
            self._close_dialog()
            if result is not None:
                then(result)

        def guarded(store: ChatStore) -> object:
            try:
                return work(store, self._tell)
            except Cancelled:
                return None

        self._keeper.do(guarded, ended)

    def _tell(self, done: int, total: int) -> None:
        """Called in the keeper's thread."""
        now = time.monotonic()
        if now - self._told > _TELL_EVERY_S or done >= total:
            self._told = now
            self._progressed.emit(done, total)

    @Slot(object, object)
    def _show_progress(self, done: int, total: int) -> None:
        if self._dialog is not None:
            self._dialog.set_progress(done, total)

    @Slot(object)
    def _on_failed(self, error: PychatbotError) -> None:
        self._close_dialog()
        self._listed.refresh()
        self._notices.error(error)

    def _close_dialog(self) -> None:
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            dialog.finish()
            dialog.deleteLater()


def _new_folder(path: Path) -> Path:
    """Make a folder of this name, or of one with a number where there is one already."""
    number, made = 1, path
    while True:
        try:
            made.mkdir(parents=True)
        except FileExistsError:
            number += 1
            made = path.with_name(f"{path.name} {number}")
        except OSError as error:
            raise cannot_be_saved(made, error) from error
        else:
            return made


def _free(path: Path) -> Path:
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    return free
