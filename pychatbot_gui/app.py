"""The composition root: the only place that builds and wires objects.

Qt is imported where a window is built, so that the terminal starts without it. A window is built
in two parts. What a person sees of it comes first, with as few imports as can be: all that is
waited for. Everything that acts (the controller, the engine, the store) is imported and made when
the window has been painted.
"""

import builtins
import contextlib
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from pychatbot_gui.arguments import Arguments, parse_arguments
from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.core.guide import for_model, last_or_guide
from pychatbot_gui.core.paths import Paths, user_paths
from pychatbot_gui.core.settings import (
    Settings,
    default_settings,
    from_overrides,
    load_settings,
)

_PATIENCE_MS = 2000  # how long a window that is never painted (minimised, say) waits for its rest

if TYPE_CHECKING:
    from pychatbot_gui.engine.engine import Engine
    from pychatbot_gui.gui.main_window import MainWindow
    from pychatbot_gui.gui.remembered import Remembered
    from pychatbot_gui.store.chats import ChatStore


def create_window(arguments: list[str]) -> "MainWindow":
    """Build the whole program on the current `QApplication`; returns its window, shown.

    Closing the window ends the thread and the model process.
    """
    given, paths = parse_arguments(arguments), user_paths()
    window, remembered, notes = _first_look(given, paths)
    window.complete()
    _make_rest(window, remembered, notes, given, paths)
    return window


def run_window(given: Arguments) -> int:
    """The program with its window; returns the exit code.

    Where it is running already, that window comes to the front, opens the model, and this ends.
    """
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    _import_plainly()
    from pychatbot_gui.gui.single_instance import SingleInstance
    from pychatbot_gui.gui.theme import FUSION, WEARS_FUSION

    application = QApplication([*sys.argv[:1], *FUSION])
    application.setProperty(WEARS_FUSION, True)
    application.setApplicationName("PyChatbot")
    application.setDesktopFileName("pychatbot")
    paths = user_paths()
    instance = SingleInstance(paths.data)
    is_first = instance.is_first()
    if not is_first and instance.hand_over(given.model):
        return 0
    _log_to(paths)
    window, remembered, notes = _first_look(given, paths)

    def steps() -> Iterator[None]:
        if is_first and instance.hand_over(given.model):  # another start was quicker after all
            QTimer.singleShot(0, window.close)
            return
        window.complete()
        _tell_bugs(window, paths)
        yield  # what was typed meanwhile is seen
        _make_rest(window, remembered, notes, given, paths)
        # What a start makes stays: to look through it whenever much is shown would hold it up.
        gc.freeze()
        gc.enable()

    rest = steps()

    def go_on() -> None:
        for _ in rest:
            QTimer.singleShot(0, window, go_on)
            return

    def finish() -> None:
        for _ in rest:
            pass

    def come_to_front(model: str) -> None:
        finish()  # what opens the model belongs to it
        window.come_to_front(model)

    window.first_painted.connect(go_on)
    QTimer.singleShot(_PATIENCE_MS, window, finish)
    window.closing.connect(finish)  # what was typed by then is kept by the rest
    instance.asked_again.connect(come_to_front)
    with _closed_by_signals(window):
        return application.exec()


def run_terminal(given: Arguments) -> int:
    """The chat in a terminal, or what the terminal is to show; returns the exit code."""
    from pychatbot_gui import terminal, terminal_chats
    from pychatbot_gui.engine.engine import model_spec, sampling

    paths = user_paths()
    if given.list_chats:
        return terminal_chats.list_chats(paths.conversations)
    if given.export:
        return terminal_chats.export_chat(paths.conversations, given.export, given.format)
    settings, notes = _settings(paths)
    for note in notes:
        print(note, file=sys.stderr)
    model = given.model or _last_model(paths)
    with terminal_chats.keeping(paths.conversations, given.continue_last) as keeper:
        settings = from_overrides(settings, keeper.sampling())
        settings = from_overrides(for_model(model, settings), given.overrides)
        log_to = sys.__stderr__.fileno() if settings.verbose and sys.__stderr__ else None
        return terminal.run(
            _engine_maker(settings, _model_log(paths), log_to),
            model_spec(model, settings),
            sampling(settings),
            given.system,
            keeper,
        )


def _import_plainly() -> None:
    """Take PySide6's import hook away, which reads the source of each module imported after it.

    It looks for `from __feature__ import ...`, which this program does not use. Reading them all
    takes a fifth of the start, and `linecache` keeps every line of them in memory.
    """
    own = getattr(builtins, "__orig_import__", None)
    if own is not None:
        builtins.__import__ = own


def _first_look(given: Arguments, paths: Paths) -> "tuple[MainWindow, Remembered, list[str]]":
    """The window, shown, as it was left: nothing of what is seen moves when the rest comes.

    Also returns what is remembered of the last time, and sentences about what was wrong with it.
    """
    from pychatbot_gui.core.state import unsent_text
    from pychatbot_gui.gui.main_window import MainWindow
    from pychatbot_gui.gui.remembered import Remembered

    window = MainWindow()
    remembered = Remembered(paths.state_file, dict, window)
    notes = remembered.load()
    state, system = remembered.state, given.system
    window.restore_geometry(state.geometry, state.split)
    window.system_prompt.set_text(state.system_prompt if system is None else system)
    if system is None and state.preset:
        window.system_prompt.preset_box.set_current(state.preset)
    window.prompt_box.set_text(unsent_text(state, system is None and not given.continue_last))
    window.prompt_box.set_busy(True)  # every start loads a model
    window.prompt_box.setFocus()
    window.show()
    return window, remembered, notes


def _make_rest(
    window: "MainWindow", remembered: "Remembered", notes: list[str], given: Arguments, paths: Paths
) -> None:
    """Make all that acts: the controller, the engine's thread and the store's."""
    from pychatbot_gui.gui.controller import Controller
    from pychatbot_gui.gui.engine_thread import EngineThread
    from pychatbot_gui.gui.store_thread import StoreThread

    # Qt gives the interpreter lock away in many calls; while tokens come fast, each time it may
    # take this long until the main thread has it back. Python's own 5 ms add up to stutter.
    sys.setswitchinterval(0.0005)
    settings, wrong = _settings(paths)
    log_path = _model_log(paths)
    engine = EngineThread(_engine_maker(settings, log_path), window)
    is_closed = threading.Event()
    # Before all else that hears of it: what may take long must know before it is waited for.
    window.closed.connect(lambda: is_closed.set())
    store = StoreThread(lambda: _open_store(paths, is_closed.is_set), window)
    controller = Controller(window, engine, store, settings, remembered, paths, log_path)
    controller.start(given, wrong + notes)


def _open_store(paths: Paths, is_cancelled: Callable[[], bool]) -> "tuple[ChatStore, list[str]]":
    """The saved conversations; where they cannot be opened, a store that lives in memory only."""
    from pychatbot_gui.store.chats import open_memory, open_store

    try:
        return open_store(paths.conversations, is_cancelled=is_cancelled)
    except StorageError as error:
        return open_memory(), [
            f"{error} Until then conversations are not saved: those of now are lost at the end."
        ]


@contextlib.contextmanager
def _closed_by_signals(window: "MainWindow") -> Iterator[None]:
    """Ctrl-C in the terminal of the start, or the system's wish to end it, closes the window.

    Python hears a signal only when it runs, and an idle window runs no Python: so the signal
    wakes the event loop through a socket.
    """
    import socket

    from PySide6.QtCore import QSocketNotifier

    hears, tells = socket.socketpair()
    hears.setblocking(False)
    tells.setblocking(False)
    notifier = QSocketNotifier(hears.fileno(), QSocketNotifier.Type.Read)

    def close() -> None:
        hears.recv(64)
        window.close()

    notifier.activated.connect(close)
    with hears, tells:
        signal.set_wakeup_fd(tells.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            notifier.setEnabled(False)


def _settings(paths: Paths) -> tuple[Settings, list[str]]:
    try:
        return load_settings(paths.settings_file)
    except StorageError as error:
        return default_settings(), [f"{error} The defaults are used."]


def _last_model(paths: Paths) -> str:
    """The model that was open last; the guide where there was none or it is gone."""
    from pychatbot_gui.core.state import load_state

    try:
        last = load_state(paths.state_file)[0].model
    except StorageError:
        last = ""
    path, is_gone = last_or_guide(last)
    if is_gone:
        print(
            f"The last model, “{last}”, is not there any more: this is the guide.", file=sys.stderr
        )
    return path


def _engine_maker(
    settings: Settings, log_path: Path, log_to: int | None = None
) -> "Callable[[], Engine]":
    """`log_to`: the file descriptor that gets the library's log in place of `log_path`."""
    snapshots = user_paths().snapshots

    def make() -> "Engine":
        _remove_old_logs(log_path)
        if settings.isolate_model:
            from pychatbot_gui.engine.model_process import ModelProcess

            return ModelProcess(log_path, log_to=log_to, snapshots=snapshots)
        from pychatbot_gui.engine.llama import LlamaEngine
        from pychatbot_gui.engine.model_log import ModelLog

        return LlamaEngine(ModelLog(sys.stderr if log_to is not None else None), snapshots)

    return make


def _model_log(paths: Paths) -> Path:
    """The log of this program's model process."""
    return paths.logs / f"model-{os.getpid()}.log"


def _remove_old_logs(log: Path) -> None:
    """Remove what the model processes of programs that were killed left beside this log."""
    import psutil

    for other in log.parent.glob("model-*.log"):
        owner = other.stem.removeprefix("model-")
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            with contextlib.suppress(OSError):
                other.unlink()


def _log_to(paths: Paths) -> None:
    """The program's own log: what the person was told and the bugs, never a conversation."""
    log = logging.getLogger("pychatbot")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(_LogFile(paths))


class _LogFile(logging.Handler):
    """Opens the log's file when there is something to write: most starts have nothing."""

    def __init__(self, paths: Paths) -> None:
        super().__init__()
        self._paths = paths
        self._file: logging.Handler | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write it; a log that cannot be written is done without."""
        if self._file is None:
            self._file = self._opened()
        self._file.handle(record)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        super().close()

    def _opened(self) -> logging.Handler:
        from logging.handlers import RotatingFileHandler

        try:
            self._paths.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
            handler: logging.Handler = RotatingFileHandler(
                self._paths.log_file, maxBytes=500_000, backupCount=1, encoding="utf-8"
            )
        except OSError:
            handler = logging.NullHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        return handler


def _tell_bugs(window: "MainWindow", paths: Paths) -> None:
    """What nobody foresaw: whole in the log, short in the window, nothing on the terminal."""
    import traceback

    from PySide6.QtCore import qInstallMessageHandler

    log = logging.getLogger("pychatbot")

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.critical("unexpected error", exc_info=(kind, error, trace))
        window.notice_bar.show_notice(
            f"Something unexpected went wrong ({kind.__name__}). Your text is still here. The log "
            f"has the details: {paths.log_file}",
            kind="error",
            detail="".join(traceback.format_exception(kind, error, trace)),
        )

    sys.excepthook = tell
    qInstallMessageHandler(lambda *seen: log.info("Qt: %s", seen[2]))
