"""The actions of the window, each once: menus, keys and tool bar follow from here."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu


class MenuWindow(QMainWindow):
    """A window with the program's actions and menus; what they do is connected by others."""

    recent_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._saved = self._cut = self._answering = False
        self.recent_menu = QMenu("Open &recent", self)
        self._make_file_actions()
        self._make_chat_actions()
        self._make_view_actions()
        self.set_chat_actions(saved=False, pinned=False, cut=False)

    def _action(self, text: str, name: str, *keys: str) -> QAction:
        made = QAction(text, self)
        made.setObjectName(name)
        made.setShortcuts([QKeySequence(key) for key in keys])
        tip = text.replace("&", "").rstrip("…")
        made.setToolTip(f"{tip} ({made.shortcut().toString()})" if keys else tip)
        return made

    def _make_file_actions(self) -> None:
        action = self._action
        self.new_chat_action = action("&New chat", "newChatAction", "Ctrl+N")
        self.open_model_action = action("&Open model…", "openModelAction", "Ctrl+O")
        self.import_action = action("&Import conversations…", "importAction")
        self.export_action = action("&Export…", "exportAction", "Ctrl+Shift+E")
        self.settings_action = action("&Settings…", "settingsAction", "Ctrl+,")
        self.quit_action = action("&Quit", "quitAction", "Ctrl+Q")
        self.find_action = action("&Find in chat", "findAction", "Ctrl+F")
        self.search_action = action("&Search all chats", "searchAction", "Ctrl+Shift+F")
        self.undo_delete_action = action("&Undo delete", "undoDeleteAction")
        self.undo_delete_action.setEnabled(False)
        self.quit_action.triggered.connect(self.close)

    def _make_chat_actions(self) -> None:
        action = self._action
        self.focus_prompt_action = action("&Write a message", "focusPromptAction", "Ctrl+L")
        self.stop_action = action("&Stop", "stopAction", "Esc")
        self.stop_action.setEnabled(False)
        self.edit_message_action = action("&Edit last message", "editMessageAction", "Ctrl+E")
        self.regenerate_action = action("&Regenerate answer", "regenerateAction", "Ctrl+R")
        self.continue_action = action("Co&ntinue answer", "continueAction", "Ctrl+Shift+Return")
        self.copy_answer_action = action("&Copy last answer", "copyAnswerAction", "Ctrl+Shift+C")
        self.rename_chat_action = action("Rena&me chat", "renameChatAction", "F2")
        self.pin_chat_action = action("&Pin chat", "pinChatAction")
        self.pin_chat_action.setCheckable(True)
        self.fork_action = action("&Fork chat", "forkAction")
        self.delete_chat_action = action("&Delete chat", "deleteChatAction")
        self.system_prompt_action = action("S&ystem prompt", "systemPromptAction", "Ctrl+Shift+S")
        self.presets_action = action("Prese&ts…", "presetsAction", "Ctrl+Shift+P")

    def _make_view_actions(self) -> None:
        action = self._action
        self.side_bar_action = action("&Conversations", "sideBarAction", "Ctrl+B")
        self.side_bar_action.setCheckable(True)
        self.side_bar_action.setChecked(True)
        self.deleted_chats_action = action("Recently &deleted", "deletedChatsAction")
        self.log_action = action("Model lo&g", "logAction", "Ctrl+Shift+L")
        self.about_action = action("&About PyChatbot", "aboutAction")

    def make_menus(self) -> None:
        """Fill the menu bar."""
        bar = self.menuBar()
        self.recent_menu.setToolTipsVisible(True)
        self.recent_menu.setEnabled(False)
        self.recent_menu.triggered.connect(lambda a: self.recent_chosen.emit(a.data()))
        file = bar.addMenu("&File")
        file.addActions([self.new_chat_action, self.open_model_action])
        file.addMenu(self.recent_menu)
        file.addSeparator()
        file.addActions([self.import_action, self.export_action])
        file.addSeparator()
        file.addActions([self.settings_action, self.quit_action])
        edit = bar.addMenu("&Edit")
        edit.addActions([self.find_action, self.search_action])
        edit.addSeparator()
        edit.addAction(self.undo_delete_action)
        chat = bar.addMenu("&Chat")
        chat.addActions([self.focus_prompt_action, self.stop_action])
        chat.addSeparator()
        chat.addActions([self.edit_message_action, self.regenerate_action, self.continue_action])
        chat.addAction(self.copy_answer_action)
        chat.addSeparator()
        chat.addActions([self.rename_chat_action, self.pin_chat_action, self.fork_action])
        chat.addAction(self.delete_chat_action)
        chat.addSeparator()
        chat.addActions([self.system_prompt_action, self.presets_action])
        self._view_menu = bar.addMenu("&View")
        self._view_menu.addActions(
            [self.side_bar_action, self.deleted_chats_action, self.log_action]
        )
        bar.addMenu("&Help").addAction(self.about_action)

    def add_zoom(self, actions: list[QAction]) -> None:
        """Offer the actions of the chat view for the size of its text."""
        self._view_menu.insertActions(self.side_bar_action, actions)
        self._view_menu.insertSeparator(self.side_bar_action)

    def show_recent(self, paths: tuple[str, ...]) -> None:
        """Offer the models that were open before."""
        self.recent_menu.clear()
        for path in paths:
            action = self.recent_menu.addAction(Path(path).name.replace("&", "&&"))
            action.setToolTip(path)
            action.setData(path)
        self.recent_menu.setEnabled(bool(paths))

    def set_chat_actions(self, saved: bool, pinned: bool, cut: bool) -> None:
        """What can be done with what is shown: a saved chat, pinned, its last answer cut."""
        self._saved, self._cut = saved, cut
        for action in (self.rename_chat_action, self.pin_chat_action, self.delete_chat_action):
            action.setEnabled(saved)
        self.fork_action.setEnabled(saved)
        self.pin_chat_action.setChecked(pinned)
        self.set_answering(self._answering)

    def set_answering(self, answering: bool) -> None:
        """While an answer is made no other can be asked for."""
        self._answering = answering
        self.edit_message_action.setEnabled(self._saved and not answering)
        self.regenerate_action.setEnabled(self._saved and not answering)
        self.continue_action.setEnabled(self._saved and self._cut and not answering)
