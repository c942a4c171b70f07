"""Opening a model: choose it, load it, remember it, and a way on where that fails."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from pychatbot_gui.core.errors import ModelDied, ModelFileError, OutOfMemory, PychatbotError
from pychatbot_gui.core.guide import GUIDE_NAME, for_model, guide_path, is_guide, last_or_guide
from pychatbot_gui.core.memory import ModelMemory, need_sentence
from pychatbot_gui.core.settings import Settings
from pychatbot_gui.core.state import with_recent
from pychatbot_gui.engine.engine import ModelInfo, Needed, model_spec
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.main_window import MainWindow
from pychatbot_gui.gui.notices import Notices
from pychatbot_gui.gui.remembered import Remembered


class ModelOpening(QObject):
    """The use cases around the model that is open; `settings` gives the present settings."""

    progressed = Signal()  # a load has come further
    ended = Signal()  # a load has ended, well or not: `model` tells
    settings_wanted = Signal(str)  # the setting that is to be changed

    def __init__(
        self,
        window: MainWindow,
        engine: EngineThread,
        notices: Notices,
        remembered: Remembered,
        settings: Callable[[], Settings],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._engine = engine
        self._notices = notices
        self._remembered = remembered
        self._settings = settings
        self.model: ModelInfo | None = None
        self.path = ""  # of the model that is open, being opened, or was lost while being opened
        self._is_loading = False
        self._need: Needed | None = None  # of the last model that said so before its load
        self._too_large = ""  # a model that was refused, and that other settings may let in
        engine.loading.connect(self._on_loading)
        engine.needed.connect(self._on_needed)
        engine.loaded.connect(self._on_loaded)
        engine.load_ended.connect(self._on_load_ended)

    @property
    def is_loading(self) -> bool:
        """Whether a model is being loaded, other than again for a message."""
        return self._is_loading

    @property
    def can_send(self) -> bool:
        """Whether a message has a model, or one that can be tried again."""
        return bool(self.path)

    def memory(self) -> tuple[ModelMemory, int]:
        """What the open model needs, and the bytes there would be for it if it were not open.

        The same for one that was too large. Empty where that is not known, and for the guide,
        which has a context of its own.
        """
        info = self.model
        if self._too_large and self._need is not None:
            return self._need.memory, self._need.free
        if info is None or not info.memory or is_guide(info.path):
            return ModelMemory(), 0
        from pychatbot_gui.engine.room import free_memory  # not needed for the first window

        # The buffer for the work is left out: the most of it may not have been touched yet.
        own = info.memory.copies + info.memory.kv_cache(info.n_ctx) + info.memory.program
        return info.memory, free_memory() + own

    @property
    def reloadable(self) -> str:
        """The model that new settings are tried with; "" for none."""
        return self.path or self._too_large

    @Slot(str)
    def open(self, path: str) -> None:
        """Load a model in place of the one there is; what is going on is stopped first."""
        self._engine.when_free(lambda: self._load(str(Path(path).absolute())))

    def open_last_or_guide(self, last: str) -> None:
        """Open the model of the last time; the guide where there was none or it is gone."""
        path, is_gone = last_or_guide(last)
        self.open(path)
        if is_gone:
            self._notices.warning(
                f"The model of the last time, “{last}”, is not there any more. Open another.",
                "Open model…",
                self.choose,
            )

    @Slot()
    def choose(self) -> None:
        """Let the person pick a file."""
        path, _ = QFileDialog.getOpenFileName(
            self._window,
            "Open a model",
            self._remembered.state.folder or str(Path.home()),
            "GGUF models (*.gguf);;All files (*)",
        )
        if path:
            self._remembered.change(folder=str(Path(path).parent))
            self.open(path)

    def show_model(self) -> None:
        """Name the model that is open where the person looks for it."""
        info = self.model
        self._window.prompt_box.set_can_send(self.can_send, "Open a model first (Ctrl+O).")
        if info is None:
            self._window.set_model("")
        else:
            self._window.set_model(f"{info.name} · {_bytes(info.size)}", info.path)

    def _load(self, path: str) -> None:
        window = self._window
        self._notices.clear()
        self.model = None
        self.path = path
        self._is_loading = True
        self._need, self._too_large = None, ""
        name = _file_name(path)
        window.set_model(f"Loading {name}…", path)
        window.load_progress.setValue(0)
        window.load_progress.show()
        window.context_meter.clear()
        window.speed_label.clear()
        window.empty_state.set_need("")
        window.empty_state.set_loading(name, 0.0)
        self.progressed.emit()
        self._engine.load(model_spec(path, for_model(path, self._settings())))

    @Slot(float)
    def _on_loading(self, fraction: float) -> None:
        self.progressed.emit()
        if self._is_loading:
            self._window.load_progress.setValue(round(fraction * 100))
            self._window.empty_state.set_loading(_file_name(self.path), fraction)

    @Slot(object)
    def _on_needed(self, event: Needed) -> None:
        self._need = event
        if self._is_loading and not is_guide(self.path):
            text = need_sentence(event.memory.need(event.n_ctx), event.free)
            self._window.set_model(f"Loading {_file_name(self.path)}… · {text}", self.path)
            self._window.empty_state.set_need(text)

    @Slot(object)
    def _on_loaded(self, info: ModelInfo) -> None:
        self.model = info
        if is_guide(self.path):
            self.model = replace(info, name=GUIDE_NAME)
        else:
            self._remembered.change(
                model=self.path,
                folder=str(Path(self.path).parent),
                recent_models=with_recent(self._remembered.state.recent_models, self.path),
            )
        self._window.set_recent(self._remembered.state.recent_models)
        self._window.context_meter.set_usage(0, info.n_ctx)
        for notice in info.notices:
            self._notices.info(notice)
        self._end()

    @Slot(object)
    def _on_load_ended(self, error: PychatbotError | None) -> None:
        failed = self.path
        if not isinstance(error, ModelDied):  # a model that died can be tried again
            self.path = ""
        if error is not None:
            self._tell(error, failed)
        self._end()

    def _tell(self, error: PychatbotError, failed: str) -> None:
        last = self._remembered.state.model or str(guide_path())
        if isinstance(error, OutOfMemory) and self._has_room_for_less():
            self._too_large = failed
            self._notices.error(error, "Settings…", lambda: self.settings_wanted.emit("n_ctx"))
            return
        if is_guide(failed):
            told = ModelFileError(
                "The built-in guide cannot be used. Open a model of your own, or install "
                "PyChatbot again.",
                f"{error}\n{error.detail}",
            )
            self._notices.error(told, "Open model…", self.choose)
        elif last != failed:
            back = f"Go back to {_file_name(last)}"
            self._notices.error(error, back, lambda: self.open(last))
        else:
            self._notices.error(error, "Open another…", self.choose)

    def _has_room_for_less(self) -> bool:
        need, locked = self._need, self._settings().mlock
        return need is not None and need.memory.largest_n_ctx(need.free, locked) > 0

    def _end(self) -> None:
        self._is_loading = False
        self._window.load_progress.hide()
        self.show_model()
        self.ended.emit()


def _file_name(path: str) -> str:
    return GUIDE_NAME if is_guide(path) else Path(path).name


def _bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
