"""The use case of editing a message that was sent: it goes into the box, and back or off again."""

from PySide6.QtCore import QObject, Slot

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.use_cases.chats import Chats


class Editing(QObject):
    """The message that is being edited, if any, and the unsent text that was in the box before."""

    def __init__(self, window: MainWindow, chats: Chats) -> None:
        super().__init__(window)
        self._box = window.prompt_box
        self._chats = chats
        self._message = 0
        self._draft = ""
        self._box.edit_left.connect(self.leave)
        chats.leaving.connect(self.keep)
        chats.shown_changed.connect(self._on_shown_changed)

    def begin(self, message: int = 0) -> None:
        """Take a message of the person (0: the last one) into the box."""
        path = self._chats.shown.path()
        own = [m for m in path if m.role is Role.USER and message in (0, m.id)]
        if own:
            if not self._message:
                self._draft = self._box.text()
            self._message = own[-1].id
            self._box.set_editing(True)
            self._box.set_text(own[-1].text)
            self._box.setFocus()

    def parent_in(self, chat: SavedChat) -> int:
        """The message that what is in the box will follow."""
        edited = chat.by_id.get(self._message)
        return edited.parent if edited is not None else chat.head

    def finish(self, sent: str) -> None:
        """A message was sent. Where it was in the box, that has again what was in it before."""
        if self._message or self._box.text() == sent:
            self._box.set_text(self._take_draft())

    @Slot()
    def leave(self) -> None:
        """No edit after all. Ctrl+Z in the box brings it back."""
        if self._message:
            self._box.set_text(self._take_draft())

    @Slot()
    def keep(self) -> None:
        """Another chat is going to be shown: an edit that was begun becomes unsent text."""
        if self._message in self._chats.shown.by_id:
            draft = self.unsent()
            self._take_draft()
            self._box.set_text(draft)

    def unsent(self) -> str:
        """What is in the box; during an edit the text from before it, with what was edited."""
        text, message = self._box.text(), self._chats.shown.by_id.get(self._message)
        if message is None:
            return text
        if not text.strip() or text == message.text:
            return self._draft
        return f"{self._draft}\n\n{text}" if self._draft else text

    def _take_draft(self) -> str:
        draft, self._draft, self._message = self._draft, "", 0
        self._box.set_editing(False)
        return draft

    @Slot()
    def _on_shown_changed(self) -> None:
        if self._message and self._message not in self._chats.shown.by_id:
            self._take_draft()
