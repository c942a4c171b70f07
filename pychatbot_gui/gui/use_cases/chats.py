"""The use cases of a saved conversation: show it, leave it, come back to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from pychatbot_gui.core.errors import PychatbotError
from pychatbot_gui.core.history import WRITING, SavedChat, SavedMessage
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.remembered import Remembered
from pychatbot_gui.gui.store_thread import StoreThread
from pychatbot_gui.gui.use_cases.chat_list import ChatList
from pychatbot_gui.gui.use_cases.kept_answer import KeptAnswer
from pychatbot_gui.gui.use_cases.unsaved import Unsaved, joined

if TYPE_CHECKING:
    from pychatbot_gui.store.chats import ChatStore

ENDINGS = {
    "cancelled": "Stopped",
    "length": "Ended at the longest answer set in the settings",
    "context": "Cut off: the context is full",
    "error": "Unfinished: something went wrong",
    "crash": "Unfinished: the program ended while this was written",
    "elsewhere": "Being written by another program",
}
_SYSTEM_DELAY_MS = 500


class Chats(QObject):
    """The conversation that is shown. `writer` writes, `reader` reads."""

    shown_changed = Signal()  # another conversation, or the same one in another state, is shown
    leaving = Signal()  # another conversation is going to be shown

    def __init__(
        self,
        window: MainWindow,
        writer: StoreThread,
        reader: StoreThread,
        listed: ChatList,
        notices: Notices,
        remembered: Remembered,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._writer = writer
        self._reader = reader
        self._listed = listed
        self._notices = notices
        self._remembered = remembered
        self.shown = SavedChat(0)
        self.visit = 0  # counts up when another conversation is shown
        self.unsaved = Unsaved(writer, reader, self)
        self.unsaved.failed.connect(notices.error)
        self.answer: KeptAnswer | None = None  # being written, in whatever conversation
        self._answers: dict[int, KeptAnswer] = {}  # by message: those the store has not whole
        self._wanted = 0
        self._then: Callable[[], object] | None = None  # after the wanted one is shown
        self._left_new: SavedChat | None = None  # a new one that was changed, and left unsent
        self._began_with: str | None = ""  # the system prompt that a new one began with
        self._coming_back = 0  # the one whose unsent text is in the box before it is shown
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
        """Begin an empty conversation under the same system prompt and preset.

        One that was left with something in it comes back.
        """
        self._leave()
        self._wanted = 0
        self.visit += 1
        self._window.find_bar.hide()
        self._window.chat_view.clear_chat()
        before, left, self._left_new = self.shown, self._left_new, None
        system = self._window.system_prompt.text()
        # Of one that comes back nothing is known of how it began: it is kept at any rate.
        self._began_with = system if left is None else None
        self._set_shown(
            left or SavedChat(0, system=system, preset=before.preset, sampling=before.sampling)
        )
        self._window.system_prompt.set_text(self.shown.system)
        self._window.prompt_box.set_text(self._remembered.state.new_draft)
        self._remembered.change(new_draft="", new_system="", system_prompt=self.shown.system)

    def start(self, new: SavedChat, chat: int) -> None:
        """Show what was shown the last time; `chat` 0 for a new one, -1 for the latest there is."""
        state = self._remembered.state
        own, draft = state.chat, state.draft
        is_former = not own and new.system == state.system_prompt
        self._began_with = "" if is_former else new.system
        self._coming_back = own if chat == own else 0
        if state.new_system and own:
            self._left_new = SavedChat(0, system=state.new_system)
        self._window.system_prompt.set_text(new.system)
        self.shown = new
        self._window.prompt_box.set_text(draft if chat == own or not own else state.new_draft)
        if own and chat != own:
            self.remember_shown()
            if draft:
                # `Gone` or not: where its conversation does not take it, the new one does.
                self._writer.do(
                    lambda s: s.set_draft(own, draft), failed=lambda _: self.give_back(0, draft)
                )
        self.shown_changed.emit()

        def bring_back(crashed: int) -> None:
            self._listed.refresh()
            if crashed:
                self._notices.info(
                    "The program ended while an answer was written. What had come of it is kept, "
                    "marked as unfinished."
                )
            if self._is_untouched():
                self._bring_back(-1 if crashed and not chat else chat)

        # First of all, or an answer of then would look like one that is being written now.
        self._writer.do(lambda s: s.mark_crashed(), bring_back, lambda _: bring_back(0))

    def _is_untouched(self) -> bool:
        """Whether this is still the new conversation of the start, with nothing sent in it."""
        return not self.visit and not self.shown.id and self._window.chat_view.is_empty()

    def _bring_back(self, chat: int) -> None:
        if chat == -1:
            self._reader.do(lambda s: s.latest_chat(), self._choose_latest)
        elif chat:
            self._wanted = chat

            def show(saved: SavedChat) -> None:
                if self._wanted == chat and self._is_untouched():
                    # With the text that was unsent at the last end.
                    self._show(saved, self._window.prompt_box.text())

            self._reader.do(_whole(chat), show, lambda _: self._on_lost())

    def _choose_latest(self, chat: int) -> None:
        if self._is_untouched():
            self.choose(chat)

    def _on_lost(self) -> None:
        """What was shown the last time cannot be: its unsent text is the new one's."""
        if self._is_untouched():
            self._wanted = self._coming_back = 0
            self.remember_shown()
            self.give_back(0, self._remembered.state.new_draft)
            self._remembered.change(new_draft="")

    def give_back(self, chat: int, text: str) -> None:
        """An unsent text goes where it was written: to the box, or to the draft of its chat."""
        if chat == self.shown.id:
            box = self._window.prompt_box
            box.set_text(joined(text, box.text()))
        elif not chat:
            self._remembered.change(new_draft=joined(text, self._remembered.state.new_draft))
        else:

            def keep(saved: SavedChat) -> None:
                draft = joined(text, self.unsaved.on(saved).draft)
                if chat == self.shown.id:
                    self.give_back(chat, text)
                else:
                    self.unsaved.save(chat, lambda s: s.set_draft(chat, draft), draft=draft)

            self._reader.do(
                lambda s: s.chat(chat), keep, lambda _: self.give_back(self.shown.id, text)
            )

    @Slot(object)
    def choose(self, chat: int, then: Callable[[], object] | None = None) -> None:
        """Show another conversation; an answer being written goes on in its own."""
        if chat == self.shown.id and chat == self._wanted:
            self._window.prompt_box.setFocus()
            if then is not None:
                then()
            return
        if chat:
            self._wanted = chat
            self._then = then
            self._reader.do(_whole(chat), self._show_wanted, self._on_unreadable)

    def reload(self, then: Callable[[], object] | None = None) -> None:
        """Show the present conversation anew: another branch of it, or what has become of it."""
        chat = self.shown.id
        if not chat or self._wanted != chat:
            return  # another one is going to be shown
        self._then = then
        self._reader.do(_whole(chat), self._show_again, self._on_unreadable)

    def take_back(self, before: SavedChat) -> None:
        """What was asked for is not to be, and the shown conversation is as it was before."""
        self._wanted = before.id
        self._set_shown(self.unsaved.on(before))

    def take_answer(self) -> None:
        """The answer is over: what is shown knows it, though the store may lag behind."""
        self.shown = self.known(self.shown)

    def begin_answer(self, answer: KeptAnswer) -> None:
        """An answer is being written from now on."""
        self.answer = self._answers[answer.message] = answer

    def end_answer(self, answer: KeptAnswer) -> None:
        """An answer is whole in the store."""
        if self.answer is answer:
            self.answer = None

        def forget(_: object) -> None:
            self._answers.pop(answer.message, None)
            answer.deleteLater()

        # What was read before, and is delivered later, does not have it.
        self._reader.do(lambda _: None, forget, forget)

    def answers(self) -> list[KeptAnswer]:
        """All that the store does not have whole, as far as is known."""
        return list(self._answers.values())

    def take(self, saved: SavedChat, redraw: bool) -> None:
        """The shown conversation has changed in the store; the view has changed already, or not."""
        if redraw:
            self._show_again(saved)
            return
        before = self.shown
        if self._wanted == before.id:  # otherwise another one is being read to be shown
            self._wanted = saved.id
        if not before.id and before.preset != saved.preset:  # chosen while it was being saved
            self.save_preset(saved.id, before.preset, before.sampling)
        self._set_shown(self.known(saved))
        if self._window.system_prompt.text() != self.shown.system:
            self._system_timer.start()

    def _show_wanted(self, saved: SavedChat) -> None:
        if saved.id == self._wanted:
            self._leave()
            self._notices.clear()
            self._show(self.unsaved.on(saved))

    def _show_again(self, saved: SavedChat) -> None:
        if self._wanted == self.shown.id or self._wanted == saved.id:
            self._wanted = saved.id
            self._draw(self.known(saved))

    def _show(self, saved: SavedChat, draft: str | None = None) -> None:
        window = self._window
        self.visit += 1
        window.find_bar.hide()
        window.system_prompt.set_text(saved.system)
        window.prompt_box.set_text(saved.draft if draft is None else draft)
        self._draw(self.known(saved))
        window.prompt_box.setFocus()

    def _draw(self, saved: SavedChat) -> None:
        self._window.chat_view.show_messages(saved.shown(), ended_notes=ENDINGS)
        self._set_shown(saved)
        then, self._then = self._then, None
        if then is not None:
            then()

    def _set_shown(self, saved: SavedChat) -> None:
        self.shown = saved
        self._coming_back = 0
        self._window.conversation_list.set_current(saved.id)
        self._window.show_chat(bool(saved.path()))
        self.remember_shown()
        self.shown_changed.emit()

    def remember_shown(self) -> None:
        """Come back to what is shown at the next start."""
        self._remembered.change(chat=self.shown.id, preset=self.shown.preset)

    def known(self, saved: SavedChat) -> SavedChat:
        """A conversation as it was read, with what the store did not have then."""

        def present(message: SavedMessage) -> SavedMessage:
            answer = self._answers.get(message.id)
            if answer is not None:
                return replace(message, text=answer.text, ended=answer.ended or WRITING)
            if message.ended == WRITING:
                return replace(message, ended="elsewhere")
            return message

        now = self.unsaved.on(saved)
        if not any(m.ended == WRITING or m.id in self._answers for m in saved.messages):
            return now
        return replace(now, messages=tuple(map(present, saved.messages)))

    def _on_unreadable(self, error: PychatbotError) -> None:
        self._wanted, self._then = self.shown.id, None
        self._notices.error(error)
        self._listed.refresh()

    # -- what the person wrote but did not send --------------------------------------------

    def _leave(self) -> None:
        """Keep the unsent text with its conversation."""
        self.leaving.emit()
        self.save_system()
        shown, draft = self.shown, self._window.prompt_box.text()
        owner = shown.id or self._coming_back
        if owner:
            # Also where it seems to be the same: the store may have another one by now.
            if draft or shown.draft:
                self.unsaved.save(owner, lambda s: s.set_draft(owner, draft), draft=draft)
        else:
            self._remembered.change(new_draft=draft)
            if self._began_with != shown.system:
                self._left_new = shown
                self._remembered.change(new_system=shown.system)

    @Slot(str)
    def on_system_edited(self, text: str) -> None:
        """The person changed the system prompt of this conversation; it is kept a moment later."""
        if text != self.shown.system:
            if not self._system_timer.isActive():
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
                self.unsaved.save(shown.id, lambda s: s.set_system(shown.id, text), system=text)

    def save_preset(self, chat: int, name: str, sampling: Mapping[str, float]) -> None:
        """Keep the preset of a conversation."""
        self.unsaved.save(
            chat, lambda s: s.set_preset(chat, name, sampling), preset=name, sampling=sampling
        )

    # -- wiring -----------------------------------------------------------------------------

    @Slot(object, str)
    def _on_renamed(self, chat: int, title: str) -> None:
        if chat == self.shown.id:
            self.shown = replace(self.shown, title=title, titled_by="person")

    @Slot(object, bool)
    def _on_pinned(self, chat: int, pinned: bool) -> None:
        if chat == self.shown.id:
            self.shown = replace(self.shown, pinned=pinned)

    def close(self) -> None:
        """Keep what is not yet kept; the window closes. Of a new one the state has the draft."""
        self.save_system()
        if self.shown.id:
            self._leave()
        self.unsaved.close()

    def _connect(self) -> None:
        for thread in (self._writer, self._reader):
            thread.failed.connect(self._notices.error)
        self._window.conversation_list.chat_chosen.connect(self.choose)
        self._listed.renamed.connect(self._on_renamed)
        self._listed.pinned.connect(self._on_pinned)


def _whole(chat: int) -> Callable[[ChatStore], SavedChat]:
    """Reads a conversation, and finds its branch where the window does not wait for it."""

    def read(store: ChatStore) -> SavedChat:
        saved = store.chat(chat)
        saved.shown()
        return saved

    return read
