"""The conversation on the screen: follows the answer, lets the reader be, and is safe to click."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from PySide6.QtCore import QPoint, Qt, QUrl, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
)
from PySide6.QtWidgets import QMenu, QWidget

from pychatbot_gui.core.history import SavedMessage, Shown
from pychatbot_gui.gui.chat.chat_find import ChatFind
from pychatbot_gui.gui.chat.chat_looks import (
    EARLIER,
    LATER,
    VERSION,
)
from pychatbot_gui.gui.chat.chat_pane import ChatPane
from pychatbot_gui.gui.chat.chat_reading import code_block_at, plain_text
from pychatbot_gui.gui.chat.chat_showing import ChatShowing
from pychatbot_gui.gui.chat.chat_writer import STEP, Entry, Message
from pychatbot_gui.gui.chat.message_choice import MessageChoice
from pychatbot_gui.gui.chat.message_tools import CONTINUE, COPY, EDIT, FORK, REGENERATE
from pychatbot_gui.gui.chat.turns import Turns
from pychatbot_gui.gui.theme import LIGHT, Theme
from pychatbot_gui.gui.visible_text import repaired, visible


class ChatView(ChatPane):
    """The messages of one chat, from top to bottom.

    What is added is shown at once while it is little; of a large text a part is shown per turn
    of the event loop, in order, so that the window never stands still.
    """

    link_activated = Signal(str)
    """An http or https address that the reader clicked and agreed to open."""
    version_wanted = Signal(object, int)
    """The id of a message, and -1 or 1: the version before or after it is to be shown."""
    edit_wanted = Signal(object)
    regenerate_wanted = Signal(object)
    continue_wanted = Signal(object)
    fork_wanted = Signal(object)
    hits_changed = Signal(int, int)
    """The number of the current hit of a search (0: none yet), and of all that are known."""

    def __init__(self, parent: QWidget | None = None, theme: Theme = LIGHT) -> None:
        super().__init__(parent)
        self._arriving: list[str] | None = None
        self._turns = Turns(self._changing, self)
        self._find = ChatFind(self, self._chat, self._place, self._turns)
        self._find.hits_changed.connect(self.hits_changed)
        self._showing = ChatShowing(self._chat, self._turns, self._place, self._find)
        self._place.top_reached.connect(self._showing.show_earlier)
        self._choice = MessageChoice(self, self._chat, self._place)
        self._choice.tool_used.connect(self._use_tool)
        self.mouse_moved.connect(self._choice.follow_mouse)
        self.look_changed.connect(self._choice.set_look)
        self.look_changed.connect(self._find.mark)
        self.laid_out.connect(self._refresh)
        self.verticalScrollBar().valueChanged.connect(self._refresh)
        self.anchorClicked.connect(self._on_anchor_clicked)
        self.set_theme(theme)

    # --- the conversation -----------------------------------------------------------------

    def prepare(self) -> None:
        """Load the Markdown parser, before a first answer has to wait for it."""
        import pychatbot_gui.gui.chat.growing_markdown  # noqa: F401

    def clear_chat(self) -> None:
        """Forget everything and show nothing."""
        self._arriving = None
        self._showing.clear()
        self._refresh()

    def show_messages(
        self,
        shown: Sequence[Shown],
        speaker: Callable[[SavedMessage], str] | None = None,
        ended_notes: Mapping[str, str] | None = None,
    ) -> None:
        """Show a saved chat: its end at once, more when the reader scrolls to the top.

        What is shown already stays where it is. An answer at the end that is being written is
        left open for `append_text`. `ended_notes`: what is said below an answer that ended so.
        """
        notes = ended_notes or {}
        entries = []
        for part in shown:
            message = part.message
            name = speaker(message) if speaker is not None else message.model
            note = notes.get(message.ended, "")
            entries.append(Entry(message, part.version, part.versions, name, note))
        self._arriving = None
        self._showing.show(entries)
        self._refresh()

    def show_message(self, message: int, text: str = "") -> None:
        """Go to a message, wherever in the chat it is, and mark these words from there on."""
        self._showing.go_to(message, text)

    def identify(self, question: int, answer: int) -> None:
        """Give the last exchange the ids that it was saved under; 0: as it is."""
        self._add(lambda: self._chat.identify(question, answer))

    def set_actions_enabled(self, enabled: bool) -> None:
        """Offer edit, another answer and going on, or show that they are not to be had now."""
        self._choice.set_enabled(enabled)

    def add_user_message(
        self, text: str, message: int = 0, version: int = 1, versions: int = 1
    ) -> None:
        """Show what the person wrote, letter by letter as it is: no Markdown."""
        started = False

        def step() -> bool:
            nonlocal started
            if not started:
                started = True
                # Whoever writes wants to see what comes of it.
                self._place.follow()
                self._chat.begin_user(text, message, version, versions)
            return self._chat.more_user()

        self._arriving = None
        self._turns.add(step)

    def begin_answer(
        self,
        speaker: str = "",
        message: int = 0,
        version: int = 1,
        versions: int = 1,
        text: str = "",
    ) -> None:
        """Show who answers, and what is there of the answer: `text`, else a waiting state."""
        self._add(lambda: self._chat.begin_answer(speaker, message, version, versions))
        self.append_text(text)

    def set_progress(self, text: str) -> None:
        """Say what the model does before its next word; it goes when that comes."""
        self._add(lambda: self._chat.set_status(text))

    def append_text(self, piece: str) -> None:
        """Add to the answer that was begun."""
        if not piece:
            return
        if self._arriving is not None:
            self._arriving.append(piece)
            return
        arriving = [piece]

        def step() -> bool:
            text = "".join(arriving)
            # Other scripts cost more than twice as much to lay out.
            part = STEP if text.isascii() else STEP // 2
            arriving[:] = [text[part:]]
            self._chat.append(text[:part])
            if arriving[0]:
                return True
            if self._arriving is arriving:
                self._arriving = None
            return False

        self._turns.add(step)
        if self._turns.waiting:
            self._arriving = arriving

    def end_answer(self, note: str = "", is_cut: bool | None = None) -> None:
        """Finish the answer; `note` (such as "Stopped") is shown quietly below it.

        `is_cut`: it did not come to its end and can be continued; one with a note is taken for
        such where this is not said.
        """
        cut = bool(note) if is_cut is None else is_cut
        self._add(lambda: self._chat.end_answer(note, cut))

    def set_seen_from(self, message: int) -> None:
        """Say that the model sees nothing above this message any more; 0: that it sees all."""
        self._add(lambda: self._chat.set_seen_from(message))

    def _add(self, action: Callable[[], object]) -> None:
        self._arriving = None
        self._turns.add_once(action)

    def toPlainText(self) -> str:
        """What a person reads from top to bottom, all of what was added so far."""
        self._turns.finish()
        return plain_text(self.document(), 0, self.document().characterCount() - 1)

    def is_empty(self) -> bool:
        """True while there is no message."""
        return not self._chat.messages and not self._turns.waiting

    def remove_last_exchange(self) -> None:
        """Take back the person's last message and everything after it: at once, unlike an addition."""
        self._add(self._chat.remove_exchange)
        self._turns.finish()

    def last_answer(self) -> str:
        """The latest answer as it was written, in Markdown; "" if there is none."""
        self._turns.finish()
        for message in reversed(self._chat.messages):
            if message.is_answer:
                return visible(repaired(message.source))
        return ""

    # --- finding and following ------------------------------------------------------------

    def find(self, text: str) -> int:
        """Mark every hit of a text, and go to the first from here on; how many are known.

        In a long chat more are counted in a moment: `hits_changed` tells.
        """
        return self._find.find(text)

    def step_hit(self, step: int) -> int:
        """Go to the next (1) or previous (-1) hit; its number from 1, 0 for none."""
        return self._find.step(step)

    def clear_find(self) -> None:
        """Mark nothing any more."""
        self._find.clear()

    def is_following(self) -> bool:
        """True while the view moves with the answer: the reader is at the end."""
        return self._place.following

    def jump_to_end(self) -> None:
        """Go to the latest message and follow it from now on."""
        self._place.jump_to_end()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._place.held_still():
            yield
        self._find.refresh()
        self._choice.update()

    def _refresh(self) -> None:
        self._find.mark()
        self._choice.update()

    # --- links, copies, menu --------------------------------------------------------------

    def _on_anchor_clicked(self, url: QUrl) -> None:
        scheme = url.scheme().lower()
        if scheme in (EARLIER, LATER):
            self._showing.show_more_at(self.textCursor().block(), later=scheme == LATER)
            return
        if scheme == VERSION:
            message = self._chat.message_at(self.textCursor().position())
            if message is not None and message.id:
                self.version_wanted.emit(message.id, int(url.path()))
            return
        if url.scheme().lower() not in ("http", "https") or not url.host():
            return
        from pychatbot_gui.gui.chat.link_question import ask_to_open

        ask_to_open(self.window(), url, self.link_activated.emit)

    def copy_last_answer(self) -> None:
        """Copy the latest answer as it was written, in Markdown."""
        answer = self.last_answer()
        if answer:
            self._copy(answer)

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(visible(repaired(text)))

    def _use_tool(self, tool: str, message: Message) -> None:
        if tool == COPY:
            self._copy(message.source)
            return
        wanted = {
            EDIT: self.edit_wanted,
            REGENERATE: self.regenerate_wanted,
            CONTINUE: self.continue_wanted,
            FORK: self.fork_wanted,
        }
        wanted[tool].emit(message.id)

    def menu_at(self, place: QPoint, message: Message | None = None) -> QMenu:
        """The context menu for a place in the viewport, or for a message."""
        menu = QMenu(self)
        cursor = self.cursorForPosition(place)
        copy = menu.addAction("Copy", self.copy)
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.setEnabled(self.textCursor().hasSelection())
        here = message or self._chat.message_at(cursor.position())
        if here is not None:
            menu.addAction("Copy message", lambda: self._copy(here.source))
        code = code_block_at(cursor.block())
        if code is not None:
            menu.addAction("Copy code block", lambda: self._copy(code))
        link = self.anchorAt(place)
        if link:
            menu.addAction("Copy link address", lambda: self._copy(link))
        if here is not None and here is not self._chat.open_answer:
            self._choice.add_to_menu(menu, here)
        menu.addSeparator()
        everything = menu.addAction("Select all", self.selectAll)
        everything.setShortcut(QKeySequence.StandardKey.SelectAll)
        return menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Show the menu of the place that was clicked."""
        place, message = event.globalPos(), None
        if event.reason() == QContextMenuEvent.Reason.Keyboard and self._choice.message:
            message = self._choice.message
            place = self._choice.tools.mapToGlobal(QPoint())
        menu = self.menu_at(self.viewport().mapFromGlobal(place), message)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """End goes to the latest message, Home to the first; Ctrl+Shift+C copies the answer."""
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        key = event.key()
        if control and shift and key == Qt.Key.Key_C:
            self.copy_last_answer()
        elif key == Qt.Key.Key_End and not shift:
            self.jump_to_end()
        elif key == Qt.Key.Key_Home and not shift:
            if self.verticalScrollBar().value() == 0:
                self._showing.show_earlier()
            self.verticalScrollBar().setValue(0)
        elif not self._choice.handle_key(event):
            super().keyPressEvent(event)
