"""The use case of titles: the model finds one for a new conversation when it is idle."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.guide import is_guide
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.core.settings import Settings
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.store_thread import StoreThread
from pychatbot_gui.gui.use_cases.answering import Answering
from pychatbot_gui.gui.use_cases.chat_list import ChatList
from pychatbot_gui.gui.use_cases.kept_answer import KeptAnswer
from pychatbot_gui.gui.use_cases.opening import ModelOpening

if TYPE_CHECKING:
    from pychatbot_gui.store.chats import ChatStore


class Titling(QObject):
    """Asks for a title after the first answer; `settings` gives the present settings."""

    def __init__(
        self,
        engine: EngineThread,
        writer: StoreThread,
        listed: ChatList,
        opening: ModelOpening,
        answering: Answering,
        settings: Callable[[], Settings],
    ) -> None:
        super().__init__(answering)
        self._engine = engine
        self._writer = writer
        self._listed = listed
        self._opening = opening
        self._settings = settings
        answering.kept.connect(self._ask)
        engine.title_suggested.connect(self._take)

    @Slot(object, object)
    def _ask(self, saved: SavedChat, kept: KeptAnswer) -> None:
        answers = [m for m in saved.messages if m.role is Role.ASSISTANT]
        first = len(answers) == 1 and saved.titled_by == "start" and kept.ended == "stop"
        if first and self._settings().auto_title and not is_guide(self._opening.path):
            self._engine.suggest_title(saved.id, saved.conversation(kept.message))

    @Slot(object, str)
    def _take(self, chat: int, title: str) -> None:
        def work(store: ChatStore) -> None:
            if store.chat(chat).titled_by == "start":  # the person may have been quicker
                store.rename(chat, title, "model")

        if title:
            # Nobody waits for a title: where its conversation is gone, nobody is told.
            self._writer.do(work, lambda _: self._listed.refresh(), lambda _: None)
