"""The use case of what is not sent yet: its tokens are counted, and the model reads it ahead.

What is read is exactly what a click on Send would send. While the person types, only a timer and
one signal to the worker's thread are spent on it.
"""

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Slot

from pychatbot_gui.core.chat import Conversation
from pychatbot_gui.core.context import too_long
from pychatbot_gui.core.errors import ContextOverflow
from pychatbot_gui.core.history import SavedChat
from pychatbot_gui.engine.session import Ahead
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.use_cases.answer_values import AnswerValues
from pychatbot_gui.gui.use_cases.chats import Chats
from pychatbot_gui.gui.use_cases.editing import Editing
from pychatbot_gui.gui.use_cases.opening import ModelOpening

DELAY_MS = 150  # after the last key
PATIENCE_MS = 500  # somebody who types without a pause is not waited for longer
# Characters for each token of the context: with more, a draft is too long, however it goes on.
_ENOUGH = 64


class ReadingAhead(QObject):
    """Reads what is in the box with what is shown, and shows in the meter what that takes."""

    def __init__(
        self,
        window: MainWindow,
        engine: EngineThread,
        chats: Chats,
        opening: ModelOpening,
        editing: Editing,
        values: AnswerValues,
    ) -> None:
        super().__init__(window)
        self._box = window.prompt_box
        self._meter = window.context_meter
        self._system = window.system_prompt
        self._window = window
        self._engine = engine
        self._chats = chats
        self._opening = opening
        self._editing = editing
        self._values = values
        self._is_closed = False
        self._visit = -1  # the one whose tokens the meter shows
        self._sent: tuple[SavedChat, int, Conversation] | None = None
        self._asked: Ahead | None = None
        self._measured = (0, 0)  # tokens and limit of what was asked; 0, 0 while they are not known
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self.read)
        self._waiting = QElapsedTimer()
        self._connect()

    @Slot()
    def later(self) -> None:
        """Something is different: read it when that has settled."""
        if not self._timer.isActive():
            self._waiting.start()
        if self._waiting.elapsed() < PATIENCE_MS:
            self._timer.start()

    @Slot()
    def read(self) -> None:
        """Read now, unless something else is going on: its end brings the next try."""
        self._timer.stop()
        if self._opening.model is None or self._window.is_busy() or self._is_closed:
            return
        self._asked = self._ahead(self._box.text())
        self._measured = (0, 0)
        self._engine.read_ahead(self._asked)

    def refusal(self, text: str) -> ContextOverflow | None:
        """The error for a message that is known to be too long; None where it may be sent.

        Where nothing is known yet, the model itself refuses it.
        """
        model, (tokens, limit) = self._opening.model, self._measured
        if model is None or tokens <= limit or self._ahead(text) != self._asked:
            return None
        return too_long(tokens, limit, model.n_ctx)

    def close(self) -> None:
        """The window closes."""
        self._timer.stop()
        self._is_closed = True

    def _ahead(self, text: str) -> Ahead:
        """What a click on Send would send now, and whether it is to be read."""
        shown, model = self._chats.shown, self._opening.model
        assert model is not None
        parent = self._editing.parent_in(shown)
        last = shown.by_id.get(parent)
        # A cut answer may be continued from where it is, so nothing is read after it yet.
        idle = not text.strip() and last is not None and last.is_cut
        # Under the name of the chat only what goes on with it: another branch may be given up, and
        # a chat without a number yet gets the name it is sent under.
        name = str(shown.id) if shown.id and parent == shown.head else ""
        return Ahead(
            self._conversation(shown, parent).with_system(self._system.text()),
            text[: _ENOUGH * model.n_ctx],
            self._values.sampling(),
            name,
            "off" if idle else self._values.settings().read_ahead,
        )

    def _conversation(self, shown: SavedChat, parent: int) -> Conversation:
        """Made once, not for each pause between two words: it may have thousands of messages."""
        known = self._sent
        if known is None or known[0] is not shown or known[1] != parent:
            known = self._sent = (shown, parent, shown.conversation(parent))
        return known[2]

    @Slot(int, int)
    def _on_measured(self, tokens: int, limit: int) -> None:
        model = self._opening.model
        if self._asked is None or model is None:
            return
        draft = bool(self._asked.draft.strip())
        self._measured = (tokens, limit) if draft else (0, 0)
        self._meter.set_usage(tokens, model.n_ctx, fits=not draft or tokens <= limit)

    @Slot()
    def _on_shown_changed(self) -> None:
        if self._visit != self._chats.visit:
            self._show_stored()
        self.later()

    @Slot()
    def _on_load_ended(self) -> None:
        self._asked = None
        self._show_stored()
        self.read()

    def _show_stored(self) -> None:
        """What the last answer of the chat told, until its tokens are counted."""
        self._visit = self._chats.visit
        model, counted = self._opening.model, self._chats.shown.last_counted()
        if model is not None:
            used = counted.prompt_tokens + counted.reply_tokens if counted is not None else 0
            self._meter.set_usage(min(used, model.n_ctx), model.n_ctx)

    @Slot(bool)
    def _on_busy_changed(self, busy: bool) -> None:
        if busy:
            self._meter.set_reading(0, 0)
        else:
            self.later()

    def _connect(self) -> None:
        self._box.draft_changed.connect(self.later)
        self._box.pasted.connect(self.read)
        self._system.edited.connect(self.later)
        self._chats.shown_changed.connect(self._on_shown_changed)
        self._opening.ended.connect(self._on_load_ended)
        self._engine.measured.connect(self._on_measured)
        self._engine.read_ahead_to.connect(self._meter.set_reading)
        self._engine.busy_changed.connect(self._on_busy_changed)
