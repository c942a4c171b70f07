"""The use cases of the list of conversations: it is filled, and its entries are changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from pychatbot_gui.core.history import Listing
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.store_thread import StoreThread

if TYPE_CHECKING:
    from pychatbot_gui.store.chats import ChatStore

PAGE = 200


class ChatList(QObject):
    """The list as the store has it: titles, pinned conversations, folders."""

    renamed = Signal(object, str)  # the id of a conversation, the title that the person gave it
    pinned = Signal(object, bool)  # the id of a conversation, whether it is at the top

    def __init__(self, window: MainWindow, writer: StoreThread, reader: StoreThread) -> None:
        super().__init__(window)
        self._window = window
        self._writer = writer
        self._reader = reader
        self._limit = PAGE
        self._connect()

    @Slot()
    def refresh(self) -> None:
        """Read the list again; what was asked of the writer before is in it."""
        limit = self._limit
        # By way of the writer's thread: what waits there is done first.
        self._writer.do(
            lambda _: None,
            lambda _: self._reader.do(lambda s: s.listing(limit), self._show),
        )

    @Slot(object, str)
    def rename(self, chat: int, title: str) -> None:
        """Give a conversation another title."""
        self.renamed.emit(chat, title)
        self._change(lambda s: s.rename(chat, title, "person"))

    @Slot(object, bool)
    def pin(self, chat: int, pinned: bool) -> None:
        """Keep a conversation at the top of the list, or no longer."""
        self.pinned.emit(chat, pinned)
        self._change(lambda s: s.pin(chat, pinned))

    def _show(self, listing: Listing) -> None:
        self._window.conversation_list.show_listing(listing)

    @Slot()
    def _show_more(self) -> None:
        self._limit *= 2
        self.refresh()

    def _change(self, work: Callable[[ChatStore], object]) -> None:
        """Change something in the store, then show the list as it is."""
        self._writer.do(work, lambda _: self.refresh())

    @Slot(str, object)
    def _make_folder(self, name: str, chat: int) -> None:
        def work(store: ChatStore) -> None:
            folder = store.add_folder(name)
            if chat:
                store.move(chat, folder)

        self._change(work)

    def _connect(self) -> None:
        listed = self._window.conversation_list
        listed.more_wanted.connect(self._show_more)
        listed.left.connect(self._window.prompt_box.setFocus)
        listed.renamed.connect(self.rename)
        listed.pin_wanted.connect(self.pin)
        listed.move_wanted.connect(
            lambda chat, folder: self._change(lambda s: s.move(chat, folder))
        )
        listed.folder_wanted.connect(self._make_folder)
        listed.folder_renamed.connect(
            lambda f, name: self._change(lambda s: s.rename_folder(f, name))
        )
        listed.folder_delete_wanted.connect(lambda f: self._change(lambda s: s.delete_folder(f)))
