"""How the next answer is made: from the settings, the chat's preset and the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pychatbot_gui.core.guide import for_model
from pychatbot_gui.core.settings import Settings, from_overrides
from pychatbot_gui.engine.engine import Sampling, sampling
from pychatbot_gui.gui.use_cases.chats import Chats
from pychatbot_gui.gui.use_cases.opening import ModelOpening

if TYPE_CHECKING:
    from pychatbot_gui.store.chats import NewAnswer


class AnswerValues:
    """`settings` gives the settings and the values of the command line."""

    def __init__(
        self,
        chats: Chats,
        opening: ModelOpening,
        settings: Callable[[], tuple[Settings, dict[str, object]]],
    ) -> None:
        self._chats = chats
        self._opening = opening
        self._settings = settings

    def settings(self) -> Settings:
        """The person's settings."""
        return self._settings()[0]

    def with_answer(self, model: str) -> tuple[Sampling, NewAnswer]:
        """How it is made, and the answer that `model` begins so, for the store."""
        from pychatbot_gui.store.chats import NewAnswer

        values = self.sampling()
        return values, NewAnswer(model, vars(values))

    def sampling(self) -> Sampling:
        """For the chat that is shown, with the model that is open."""
        settings, overrides = self._settings()
        settings = from_overrides(settings, self._chats.shown.sampling)
        return sampling(from_overrides(for_model(self._opening.path, settings), overrides))
