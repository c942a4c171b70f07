"""The use cases of deleting a conversation, bringing it back, and erasing it for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.store_thread import StoreThread
from pychatbot_gui.gui.use_cases.chat_list import ChatList
from pychatbot_gui.gui.use_cases.chats import Chats

if TYPE_CHECKING:
    from pychatbot_gui.store.chats import ChatStore


class Deleting(QObject):
    """What was deleted in this window can be brought back, the latest first."""

    erasing = Signal(object)  # the id of a conversation that goes for good

    def __init__(
        self,
        window: MainWindow,
        writer: StoreThread,
        chats: Chats,
        listed: ChatList,
        notices: Notices,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._writer = writer
        self._chats = chats
        self._listed = listed
        self._notices = notices
        self._deleted: list[int] = []
        entries = window.conversation_list
        entries.delete_wanted.connect(self.delete)
        entries.restore_wanted.connect(self.restore)
        entries.erase_wanted.connect(self._erase)
        window.delete_chat_action.triggered.connect(lambda: self.delete(chats.shown.id))
        window.undo_delete_action.triggered.connect(self.undo)

    @Slot(object)
    def delete(self, chat: int) -> None:
        """Take a conversation out of the list; for 30 days it can be restored."""

        def work(store: ChatStore) -> str:
            title = store.chat(chat).title
            store.delete(chat)
            return title

        self._writer.do(work, lambda title: self._on_deleted(chat, title))

    @Slot()
    def undo(self) -> None:
        """Bring back what was deleted last."""
        if self._deleted:
            self.restore(self._deleted[-1])

    @Slot(object)
    def restore(self, chat: int) -> None:
        """Bring back a deleted conversation and show it."""

        def shown(_: object) -> None:
            self._forget(chat)
            self._notices.clear()
            self._listed.refresh()
            self._chats.choose(chat)

        self._writer.do(lambda s: s.restore(chat), shown)

    def _on_deleted(self, chat: int, title: str) -> None:
        self._deleted.append(chat)
        self._window.undo_delete_action.setEnabled(True)
        if chat == self._chats.shown.id:
            self._chats.new()
        self._listed.refresh()
        short = title if len(title) <= 60 else title[:59] + "…"
        self._notices.info(f"“{short}” was deleted.", "Undo", self.undo)

    @Slot(object)
    def _erase(self, chat: int) -> None:
        self._forget(chat)
        self.erasing.emit(chat)
        if chat == self._chats.shown.id:
            self._chats.new()
        self._writer.do(lambda s: s.erase(chat), lambda _: self._listed.refresh())

    def _forget(self, chat: int) -> None:
        self._deleted = [entry for entry in self._deleted if entry != chat]
        self._window.undo_delete_action.setEnabled(bool(self._deleted))
