"""A ChatStore in a thread of its own: a slow disk, or a long search, never stalls the window.

main thread                              store thread
do(work, then)          ──signal──▶      work(store) blocks here
then(result)            ◀──signal──      in the order of the calls
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QThread, Signal, Slot

from pychatbot_gui.core.errors import Cancelled, PychatbotError, StorageError

if TYPE_CHECKING:
    from pychatbot_gui.store.chats import ChatStore

Opener = Callable[[], "tuple[ChatStore, list[str]]"]
"""Opens a store in the thread that will use it; also returns sentences for the person."""


@dataclass(frozen=True)
class _Job:
    work: Callable[[ChatStore], Any]
    then: Callable[[Any], object] | None
    failed: Callable[[PychatbotError], object] | None


class _Worker(QObject):
    """Lives in the store's thread."""

    opened = Signal(object)  # sentences
    done = Signal(object, object, object)  # job, result, error or None

    def __init__(self, open_store: Opener) -> None:
        super().__init__()
        self._open = open_store
        self.store: ChatStore | None = None
        self.is_open = threading.Event()
        self.failure: Exception | None = None

    @Slot()
    def start(self) -> None:
        try:
            self.store, notes = self._open()
            self.opened.emit(notes)
        except Exception as error:  # a bug: whoever has work for the store is told
            self.failure = error
        self.is_open.set()

    @Slot(object)
    def run(self, job: _Job) -> None:
        try:
            if self.store is None:
                raise self.failure or StorageError("The saved conversations are not open.")
            result = job.work(self.store)
        except Exception as error:  # a bug must not end the thread
            self.done.emit(job, None, error)
        else:
            self.done.emit(job, result, None)

    @Slot()
    def end(self) -> None:
        if self.store is not None:
            self.store.close()
        self.thread().quit()


class StoreThread(QObject):
    """The main thread's end of a store. Work is done one after another, also what waits at `close`."""

    opened = Signal(object)  # list of sentences for the person
    failed = Signal(object)  # PychatbotError of work that nobody else hears of

    _run = Signal(object)
    _end = Signal()

    def __init__(self, open_store: Opener, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = _Worker(open_store)
        self._is_closed = False
        self._thread = QThread()
        self._thread.setObjectName("store")
        self._worker.moveToThread(self._thread)
        self._thread.started.connect(self._worker.start)
        self._run.connect(self._worker.run)
        self._end.connect(self._worker.end)
        self._worker.opened.connect(self.opened)
        self._worker.done.connect(self._on_done)
        self._thread.start()

    def another(self) -> StoreThread:
        """A second thread with a connection of its own to the same store."""
        first = self._worker

        def open_too() -> tuple[ChatStore, list[str]]:
            first.is_open.wait()
            if first.store is None:
                raise first.failure or StorageError("The saved conversations are not open.")
            return first.store.another(), []

        return StoreThread(open_too, self.parent())

    def interrupt(self) -> None:
        """End what it is doing just now, where that is long; it raises `Cancelled`."""
        if self._worker.store is not None:
            self._worker.store.interrupt()

    def do(
        self,
        work: Callable[[ChatStore], Any],
        then: Callable[[Any], object] | None = None,
        failed: Callable[[PychatbotError], object] | None = None,
    ) -> None:
        """Have `work` done in the store's thread; `then` gets its result, in this thread.

        Where it raises, `failed` gets the error, or the signal of that name where none is given;
        a cancel is not an error and ends it quietly.
        """
        self._run.emit(_Job(work, then, failed))

    def close(self) -> None:
        """Do all that was asked for, then end the thread. Results are not delivered any more."""
        self._is_closed = True
        self._end.emit()
        self._thread.wait()

    @Slot(object, object, object)
    def _on_done(self, job: _Job, result: object, error: Exception | None) -> None:
        if self._is_closed:
            return  # also what was on its way already: the window is gone
        if error is None:
            if job.then is not None:
                job.then(result)
        elif not isinstance(error, Cancelled):
            (job.failed or self.failed.emit)(_told(error))


def _told(error: Exception) -> PychatbotError:
    if isinstance(error, PychatbotError):
        return error
    return PychatbotError(
        f"Something unexpected went wrong with the saved conversations ({type(error).__name__}). "
        "The log has the details.",
        "".join(traceback.format_exception(error)),
    )
