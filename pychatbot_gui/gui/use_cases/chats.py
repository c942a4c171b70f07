"""The use cases of saved conversations: list, switch, find, branch, rename, delete, bring back."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from pychatbot_gui.core.errors import PychatbotError
from pychatbot_gui.core.history import WRITING, Listing, SavedChat, SavedMessage
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.remembered import Remembered
from pychatbot_gui.gui.store_thread import StoreThread
from pychatbot_gui.gui.use_cases.kept_answer import KeptAnswer
from pychatbot_gui.store.chats import ChatStore

PAGE = 200
ENDINGS = {
    "cancelled": "Stopped",
    "length": "Ended at the longest answer set in the settings",
    "context": "Cut off: the context is full. Write “continue” to go on without the oldest part.",
    "error": "Unfinished: something went wrong",
    "crash": "Unfinished: the program ended while this was written",
    "elsewhere": "Being written by another program",
}
_SYSTEM_DELAY_MS = 500


class Chats(QObject):
    """The conversation that is shown, and the list of all. `writer` writes, `reader` reads."""

    shown_changed = Signal()  # another conversation, or the same one in another state, is shown
    leaving = Signal()  # another conversation is going to be shown
    erasing = Signal(int)  # a conversation goes for good

    def __init__(
        self,
        window: MainWindow,
        writer: StoreThread,
        reader: StoreThread,
        notices: Notices,
        remembered: Remembered,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._writer = writer
        self._reader = reader
        self._notices = notices
        self._remembered = remembered
        self.shown = SavedChat(0)
        self.visit = 0  # counts up when another conversation is shown
        self.answer: KeptAnswer | None = None  # being written, in whatever conversation
        self._wanted = 0
        self._then: Callable[[], object] | None = None  # after the wanted one is shown
        self._limit = PAGE
        self._deleted: list[tuple[int, str]] = []  # for undo, the latest last
        self._system_timer = QTimer(self)
        self._system_timer.setSingleShot(True)
        self._system_timer.setInterval(_SYSTEM_DELAY_MS)
        self._system_timer.timeout.connect(self.save_system)
        self._connect()

    # -- what is shown ----------------------------------------------------------------------

    def shows(self, message: int) -> bool:
        """Whether this message is the last one of what is shown."""
        return self.shown.id != 0 and self.shown.head == message

    @Slot()
    def new(self) -> None:
        """Begin an empty conversation under the same system prompt and preset."""
        self._leave()
        self._wanted = 0
        self.visit += 1
        self._window.find_bar.hide()
        self._window.chat_view.clear_chat()
        before = self.shown
        self._set_shown(
            SavedChat(
                0,
                system=self._window.system_prompt.text(),
                preset=before.preset,
                sampling=before.sampling,
            )
        )
        self._window.prompt_box.set_text(self._remembered.state.new_draft)
        self._remembered.change(new_draft="")

    def start(self, new: SavedChat, chat: int) -> None:
        """Show what was shown the last time; `chat` 0 for a new one, -1 for the latest there is."""
        self._window.system_prompt.set_text(new.system)
        self._window.prompt_box.set_text(self._remembered.state.draft)
        self.shown = new
        self.shown_changed.emit()

        def bring_back(crashed: int) -> None:
            self.refresh()
            if crashed:
                self._notices.info(
                    "The program ended while an answer was written. What had come of it is kept, "
                    "marked as unfinished."
                )
            if self.shown is new:
                self._bring_back(-1 if crashed and not chat else chat)

        # First of all, or an answer of then would look like one that is being written now.
        self._writer.do(ChatStore.mark_crashed, bring_back, lambda _: bring_back(0))

    def _bring_back(self, chat: int) -> None:
        if chat == -1:
            self._reader.do(ChatStore.latest_chat, self.choose)
        elif chat:
            self._wanted = chat

            def show(saved: SavedChat) -> None:
                if self._wanted == chat:  # with the text that was unsent at the last end
                    self._show(replace(saved, draft=self._window.prompt_box.text()))

            self._reader.do(lambda s: s.chat(chat), show, lambda _: self.remember_shown())

    @Slot(int)
    def choose(self, chat: int, then: Callable[[], object] | None = None) -> None:
        """Show another conversation; an answer being written goes on in its own."""
        if chat == self.shown.id and chat == self._wanted:
            if then is not None:
                then()
            return
        if chat:
            self._wanted = chat
            self._then = then
            self._reader.do(lambda s: s.chat(chat), self._show_wanted, self._on_unreadable)

    def reload(self, then: Callable[[], object] | None = None) -> None:
        """Show the present conversation anew: another branch of it, or what has become of it."""
        chat = self._wanted = self.shown.id
        self._then = then
        self._reader.do(lambda s: s.chat(chat), self._show_again, self._on_unreadable)

    def take_back(self, before: SavedChat) -> None:
        """What was asked for is not to be, and the shown conversation is as it was before."""
        self._wanted = before.id
        self._set_shown(before)

    def take_answer(self) -> None:
        """The answer is over: what is shown knows it, though the store may lag behind."""
        self.shown = self._with_answer(self.shown)

    def take(self, saved: SavedChat, redraw: bool) -> None:
        """The shown conversation has changed in the store; the view has changed already, or not."""
        if redraw:
            self._show_again(saved)
        else:
            if self._wanted == self.shown.id:  # otherwise another one is being read to be shown
                self._wanted = saved.id
            self._set_shown(saved)

    def _show_wanted(self, saved: SavedChat) -> None:
        if saved.id == self._wanted:
            self._leave()
            self._notices.clear()
            self._show(saved)

    def _show_again(self, saved: SavedChat) -> None:
        if self._wanted == self.shown.id or self._wanted == saved.id:
            self._wanted = saved.id
            self._draw(self._with_answer(saved))

    def _show(self, saved: SavedChat) -> None:
        window = self._window
        self.visit += 1
        window.find_bar.hide()
        window.system_prompt.set_text(saved.system)
        window.prompt_box.set_text(saved.draft)
        self._draw(self._with_answer(saved))
        window.prompt_box.setFocus()

    def _draw(self, saved: SavedChat) -> None:
        self._window.chat_view.show_messages(saved.shown(), ended_notes=ENDINGS)
        self._set_shown(saved)
        then, self._then = self._then, None
        if then is not None:
            then()

    def _set_shown(self, saved: SavedChat) -> None:
        self.shown = saved
        self._window.conversation_list.set_current(saved.id)
        self._window.show_chat(bool(saved.path()))
        self.remember_shown()
        self.shown_changed.emit()

    def remember_shown(self) -> None:
        """Come back to what is shown at the next start."""
        self._remembered.change(chat=self.shown.id, preset=self.shown.preset)

    def _with_answer(self, saved: SavedChat) -> SavedChat:
        """The store lags a moment behind the answer that is being written."""
        answer = self.answer
        ours = answer.message if answer is not None else 0

        def present(message: SavedMessage) -> SavedMessage:
            if answer is not None and message.id == ours:
                return replace(message, text=answer.text, ended=answer.ended or WRITING)
            if message.ended == WRITING:
                return replace(message, ended="elsewhere")
            return message

        return replace(saved, messages=tuple(map(present, saved.messages)))

    def _on_unreadable(self, error: PychatbotError) -> None:
        self._wanted, self._then = self.shown.id, None
        self._notices.error(error)
        self.refresh()

    # -- what the person wrote but did not send --------------------------------------------

    def _leave(self) -> None:
        """Keep the unsent text with its conversation."""
        self.leaving.emit()
        self.save_system()
        shown, draft = self.shown, self._window.prompt_box.text()
        if not shown.id:
            self._remembered.change(new_draft=draft)
        elif draft != shown.draft:
            self._writer.do(lambda s: s.set_draft(shown.id, draft))

    @Slot(str)
    def on_system_edited(self, text: str) -> None:
        """The person changed the system prompt of this conversation; it is kept a moment later."""
        if text != self.shown.system:
            self._system_timer.start()
            self._remembered.change(system_prompt=text)

    @Slot()
    def save_system(self) -> None:
        """Keep the system prompt with its conversation."""
        self._system_timer.stop()
        shown, text = self.shown, self._window.system_prompt.text()
        if text != shown.system:
            self.shown = replace(shown, system=text)
            if shown.id:
                self._writer.do(lambda s: s.set_system(shown.id, text))

    # -- the list ---------------------------------------------------------------------------

    @Slot()
    def refresh(self) -> None:
        """Read the list again; what was asked of the writer before is in it."""
        limit = self._limit
        # By way of the writer's thread: what waits there is done first.
        self._writer.do(
            lambda _: None,
            lambda _: self._reader.do(lambda s: s.listing(limit), self._show_listing),
        )

    def _show_listing(self, listing: Listing) -> None:
        self._window.conversation_list.show_listing(listing)

    @Slot()
    def _show_more(self) -> None:
        self._limit *= 2
        self.refresh()

    def _change(self, work: Callable[[ChatStore], object]) -> None:
        """Change something in the store, then show the list as it is."""
        self._writer.do(work, lambda _: self.refresh())

    @Slot(int, str)
    def rename(self, chat: int, title: str) -> None:
        """Give a conversation another title."""
        if chat == self.shown.id:
            self.shown = replace(self.shown, title=title, titled_by="person")
        self._change(lambda s: s.rename(chat, title, "person"))

    @Slot(object, str)
    def take_title(self, chat: int, title: str) -> None:
        """A title that the model found, unless the person was quicker."""

        def work(store: ChatStore) -> None:
            if store.chat(chat).titled_by == "start":
                store.rename(chat, title, "model")

        if title:
            self._change(work)

    @Slot(int, bool)
    def pin(self, chat: int, pinned: bool) -> None:
        """Keep a conversation at the top of the list, or no longer."""
        if chat == self.shown.id:
            self.shown = replace(self.shown, pinned=pinned)
        self._change(lambda s: s.pin(chat, pinned))

    @Slot(str, int)
    def _make_folder(self, name: str, chat: int) -> None:
        def work(store: ChatStore) -> None:
            folder = store.add_folder(name)
            if chat:
                store.move(chat, folder)

        self._change(work)

    # -- deleting and undoing it ------------------------------------------------------------

    @Slot(int)
    def delete(self, chat: int) -> None:
        """Take a conversation out of the list; for 30 days it can be restored."""

        def work(store: ChatStore) -> str:
            title = store.chat(chat).title
            store.delete(chat)
            return title

        self._writer.do(work, lambda title: self._on_deleted(chat, title))

    def _on_deleted(self, chat: int, title: str) -> None:
        self._deleted.append((chat, title))
        self._window.undo_delete_action.setEnabled(True)
        if chat == self.shown.id:
            self.new()
        self.refresh()
        short = title if len(title) <= 60 else title[:59] + "…"
        self._notices.info(f"“{short}” was deleted.", "Undo", self.undo_delete)

    @Slot()
    def undo_delete(self) -> None:
        """Bring back what was deleted last."""
        if self._deleted:
            chat, _ = self._deleted[-1]
            self.restore(chat)

    @Slot(int)
    def restore(self, chat: int) -> None:
        """Bring back a deleted conversation and show it."""
        self._deleted = [entry for entry in self._deleted if entry[0] != chat]
        self._window.undo_delete_action.setEnabled(bool(self._deleted))

        def shown(_: object) -> None:
            self._notices.clear()
            self.refresh()
            self.choose(chat)

        self._writer.do(lambda s: s.restore(chat), shown)

    @Slot(int)
    def _erase(self, chat: int) -> None:
        self._deleted = [entry for entry in self._deleted if entry[0] != chat]
        self._window.undo_delete_action.setEnabled(bool(self._deleted))
        self.erasing.emit(chat)
        if chat == self.shown.id:
            self.new()
        self._change(lambda s: s.erase(chat))

    # -- searching --------------------------------------------------------------------------

    @Slot(str)
    def _search(self, text: str) -> None:
        if not text.strip():
            return

        def show(hits: object) -> None:
            if self._window.conversation_list.search_text() == text:
                self._window.conversation_list.show_hits(text, hits)  # type: ignore[arg-type]

        self._reader.do(lambda s: s.search(text), show)

    @Slot(int, int, str)
    def show_hit(self, chat: int, message: int, text: str) -> None:
        """Go to a message that was found; where another branch has it, that branch is shown."""
        if not message:
            self.choose(chat)
            return
        view = self._window.chat_view

        def mark() -> None:
            view.show_message(message, text)

        def there() -> None:
            if message in {m.id for m in self.shown.path()}:
                mark()
            elif message in self.shown.by_id:
                self._go_to(message, mark)

        self.choose(chat, there)

    # -- branches ---------------------------------------------------------------------------

    @Slot(int, int)
    def show_version(self, message: int, step: int) -> None:
        """Show the version before or after this one, with what followed it."""
        if message in self.shown.by_id:
            ids = self.shown.versions(message)
            number = ids.index(message) + step
            if 0 <= number < len(ids):
                chosen = ids[number]
                self._go_to(chosen, lambda: self._window.chat_view.show_message(chosen, ""))

    def _go_to(self, message: int, then: Callable[[], object]) -> None:
        """Show the newest branch that has this message."""
        chat, head = self.shown.id, self.shown.last_leaf(message)
        self._writer.do(lambda s: s.set_head(chat, head), lambda _: self.reload(then))

    @Slot(int)
    def fork(self, message: int) -> None:
        """Go on from this message in a conversation of its own."""
        chat = self.shown.id
        if not chat:
            return

        def show(forked: int) -> None:
            self.refresh()
            self.choose(forked)

        self._writer.do(lambda s: s.fork(chat, message), show)

    # -- wiring -----------------------------------------------------------------------------

    def close(self) -> None:
        """Keep what is not yet kept; the window closes. Of a new one the state has the draft."""
        self.save_system()
        if self.shown.id:
            self._leave()

    def _connect(self) -> None:
        chats, writer = self._window.conversation_list, self._writer
        writer.opened.connect(self._on_opened)
        for thread in (writer, self._reader):
            thread.failed.connect(self._notices.error)
        chats.chat_chosen.connect(self.choose)
        chats.hit_chosen.connect(self.show_hit)
        chats.search_changed.connect(self._search)
        chats.more_wanted.connect(self._show_more)
        chats.left.connect(self._window.prompt_box.setFocus)
        chats.renamed.connect(self.rename)
        chats.pin_wanted.connect(self.pin)
        chats.move_wanted.connect(lambda chat, folder: self._change(lambda s: s.move(chat, folder)))
        chats.folder_wanted.connect(self._make_folder)
        chats.folder_renamed.connect(
            lambda f, name: self._change(lambda s: s.rename_folder(f, name))
        )
        chats.folder_delete_wanted.connect(lambda f: self._change(lambda s: s.delete_folder(f)))
        chats.delete_wanted.connect(self.delete)
        chats.restore_wanted.connect(self.restore)
        chats.erase_wanted.connect(self._erase)
        view = self._window.chat_view
        view.version_wanted.connect(self.show_version)
        view.fork_wanted.connect(self.fork)

    @Slot(object)
    def _on_opened(self, notes: list[str]) -> None:
        for note in notes:
            self._notices.warning(note)
