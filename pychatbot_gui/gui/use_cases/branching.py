"""The use cases of going to a message: one that was found, another version of one; and of forks."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot

from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.store_thread import StoreThread
from pychatbot_gui.gui.use_cases.chat_list import ChatList
from pychatbot_gui.gui.use_cases.chats import Chats


class Branching(QObject):
    """Searches all conversations, and goes between the branches of the shown one."""

    def __init__(
        self,
        window: MainWindow,
        writer: StoreThread,
        reader: StoreThread,
        chats: Chats,
        listed: ChatList,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._writer = writer
        self._reader = reader
        self._chats = chats
        self._listed = listed
        window.conversation_list.search_changed.connect(self._search)
        window.conversation_list.hit_chosen.connect(self._show_hit)
        window.chat_view.version_wanted.connect(self._show_version)
        window.chat_view.fork_wanted.connect(self._fork)
        window.fork_action.triggered.connect(lambda: self._fork(chats.shown.head))

    @Slot(str)
    def _search(self, text: str) -> None:
        if not text.strip():
            return

        def show(hits: object) -> None:
            if self._window.conversation_list.search_text() == text:
                self._window.conversation_list.show_hits(text, hits)  # type: ignore[arg-type]

        self._reader.do(lambda s: s.search(text), show)

    @Slot(object, object, str)
    def _show_hit(self, chat: int, message: int, text: str) -> None:
        """Go to a message that was found; where another branch has it, that branch is shown."""
        if not message:
            self._chats.choose(chat)
            return
        view = self._window.chat_view

        def mark() -> None:
            view.show_message(message, text)

        def there() -> None:
            shown = self._chats.shown
            if message in {m.id for m in shown.path()}:
                mark()
            elif message in shown.by_id:
                self._go_to(message, mark)

        self._chats.choose(chat, there)

    @Slot(object, int)
    def _show_version(self, message: int, step: int) -> None:
        """Show the version before or after this one, with what followed it."""
        shown = self._chats.shown
        if message in shown.by_id:
            ids = shown.versions(message)
            number = ids.index(message) + step
            if 0 <= number < len(ids):
                chosen = ids[number]
                self._go_to(chosen, lambda: self._window.chat_view.show_message(chosen, ""))

    def _go_to(self, message: int, then: Callable[[], object]) -> None:
        """Show the newest branch that has this message."""
        shown, visit = self._chats.shown, self._chats.visit
        chat, head = shown.id, shown.last_leaf(message)

        def go(_: object) -> None:
            if self._chats.visit == visit:
                self._chats.reload(then)

        self._writer.do(lambda s: s.set_head(chat, head), go)

    @Slot(object)
    def _fork(self, message: int) -> None:
        """Go on from this message in a conversation of its own."""
        chat, visit = self._chats.shown.id, self._chats.visit
        if not chat:
            return

        def show(forked: int) -> None:
            self._listed.refresh()
            if self._chats.visit == visit:
                self._chats.choose(forked)

        self._writer.do(lambda s: s.fork(chat, message), show)
