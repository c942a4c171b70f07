"""A large database through the program's own window: start, list, switch, search, scroll, type.

Each time is from what the person does until the window has painted what comes of it.
"""

import contextlib
import gc
import os
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QListView, QWidget

from pychatbot_gui.gui.conversations.conversation_model import ConversationModel
from pychatbot_gui.gui.conversations.conversation_rows import CHATS, TITLE
from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.program import Program
from tests.benchmarks.pulse import LONG_MS, Gaps, Pulse
from tests.benchmarks.start import start_child

GOAL_MS = 100.0
DEEP = 20_000  # rows
_SEARCHES = ("the", "stra", "the and", "qqqqq")
_KEY_EVERY_MS = 40
_PATIENCE_MS = 60_000


def measure_window(home: Path, long_chat: int, effort: Effort) -> Iterator[Figure]:
    """Figures of the program with a home of many chats; `long_chat`: the id of a very long one."""
    yield from _starts(home, effort)
    for copy in _copies(home):
        copy.unlink()
    with Program(home=home) as program, _frozen():
        use = _Use(program, effort)
        yield use.first_start(home)
        program.new_chat()
        yield from _switches(use, long_chat)
        yield from _searches(use)
        yield from _scrolling(use)
        yield _all_while_typing(use, long_chat)


@contextlib.contextmanager
def _frozen() -> Iterator[None]:
    """What is there now is no garbage, as app.py says it of the whole start."""
    gc.freeze()
    yield
    gc.unfreeze()


def _starts(home: Path, effort: Effort) -> Iterator[Figure]:
    listed, empty = [], []
    with TemporaryDirectory(prefix="benchmark-history-") as folder:
        new, compiled = Path(folder) / "home", Path(folder) / "compiled"
        for which in (home, new):
            start_child("listed", which, compiled)
        for _ in range(2 * effort.runs):
            listed.append(start_child("listed", home, compiled))
            empty.append(start_child("listed", new, compiled))
    times = [took for took, *_ in listed]
    yield Figure(
        "window: start to the list",
        statistics.median(times),
        "ms",
        statistics.median(took for took, *_ in empty),
        "no chats",
        note=f"median of {len(times)}, worst {max(times):.0f}",
    )
    yield Figure(
        "window: memory of its process then",
        statistics.median(memory for _, memory, _ in listed),
        "MB",
        statistics.median(memory for _, memory, _ in empty),
        "no chats",
    )


def _switches(use: "_Use", long_chat: int) -> Iterator[Figure]:
    blank = max(use.begin_new() for _ in range(3))
    took = [use.click(use.chats()[number]) for number in range(10, 20 + 5 * use.effort.runs)]
    usual = statistics.median(took)
    yield Figure(
        "window: click on a chat to its text",
        max(took),
        "ms",
        blank,
        "a new chat",
        GOAL_MS,
        note=f"worst of {len(took)}, median {usual:.0f}",
    )
    took, pulse = [], use.pulse()
    for number in range(1 + use.effort.runs):
        use.click(use.chats()[1 + number])
        took.append(use.click(long_chat))
    yield Figure(
        "window: … of a chat with 5,000 messages",
        max(took),
        "ms",
        usual,
        "a usual chat",
        GOAL_MS,
        note=f"worst of {len(took)}, median {statistics.median(took):.0f}",
    )
    yield use.gap("window: longest gap, switching to such a chat and back", pulse)


def _searches(use: "_Use") -> Iterator[Figure]:
    pulse = use.pulse()
    for text in _SEARCHES:
        took = [use.search(text) for _ in range(2 + use.effort.runs)]
        yield Figure(
            f"window: Enter to the hits of “{text}”",
            max(took),
            "ms",
            goal=GOAL_MS,
            note=f"worst of {len(took)}, median {statistics.median(took):.0f}; "
            "Enter does not wait for a pause in typing",
        )
    yield use.gap("window: longest gap, searching", pulse)


def _scrolling(use: "_Use") -> Iterator[Figure]:
    bar, model = use.list.verticalScrollBar(), use.model
    goal, waits = min(DEEP, use.count_chats()), []
    began, pulse = time.perf_counter(), use.pulse()
    while len(model.rows) < goal:
        rows, asked = len(model.rows), time.perf_counter()
        bar.setValue(bar.maximum())
        use.program.wait(lambda rows=rows: len(model.rows) > rows)  # type: ignore[misc]
        waits.append((time.perf_counter() - asked) * 1000)
    seconds, rows = time.perf_counter() - began, len(model.rows)
    yield use.gap("window: longest gap, scrolling far down the list", pulse)
    yield Figure(
        "window: longest wait for more of the list",
        max(waits),
        "ms",
        statistics.median(waits),
        "median wait",
        GOAL_MS,
        note=f"{len(waits)} waits on the way to row {rows:,}, {seconds:.1f} s in all",
    )
    pulse = use.pulse()
    for _ in range(20):
        bar.triggerAction(bar.SliderAction.SliderPageStepSub)
        use.program.live(0.03)
    yield use.gap("window: longest gap, paging there", pulse)
    pulse = use.pulse()
    for chat in use.chats()[-3:]:
        use.rename(chat)
    yield use.gap("window: longest gap, a chat is renamed there", pulse)


def _all_while_typing(use: "_Use", long_chat: int) -> Figure:
    timer, keys = QTimer(), 0

    def press() -> None:
        nonlocal keys
        keys += 1
        QTest.keyClick(use.prompt, Qt.Key.Key_A)

    timer.timeout.connect(press)
    pulse = use.pulse()
    timer.start(_KEY_EVERY_MS)
    for number in range(4 + 2 * use.effort.runs):
        use.click(use.chats()[1 + number])
        use.search(_SEARCHES[number % len(_SEARCHES)])
        use.click(long_chat)
    timer.stop()
    return use.gap(f"window: longest gap, all that while {keys} keys are typed", pulse)


class _Use:
    """What a person does in a window, and how long it takes until it is painted."""

    def __init__(self, program: Program, effort: Effort) -> None:
        self.program = program
        self.effort = effort
        self._bar = program.window.conversation_list
        self.list = program.part(QListView, "conversationList")
        self._field = program.part(QLineEdit, "searchEdit")
        self.prompt = program.edit
        model = self.list.model()
        assert isinstance(model, ConversationModel)
        self.model = model

    def pulse(self) -> Pulse:
        """Begin to watch the main thread."""
        self.program.live(0.3)
        pulse = Pulse(self.effort.stacks)
        pulse.start()
        return pulse

    def gap(self, name: str, pulse: Pulse) -> Figure:
        """The longest gap since then, beside that of a window where nothing happens."""
        self.program.live(0.1)
        ours: Gaps = pulse.stop()
        for stack, count in pulse.late_stacks().most_common(5):
            self.effort.say(f"    late, seen {count}: {stack}")
        idle = Pulse()
        idle.start()
        self.program.live(min(ours.seconds, 2.0))
        return Figure(
            name,
            ours.longest,
            "ms",
            idle.stop().longest,
            "idle window",
            LONG_MS,
            note=f"of which at work {ours.worked:.0f}, without a core {ours.queued:.0f}; "
            f"{ours.over} over {LONG_MS:.0f} in {ours.seconds:.1f} s",
        )

    def first_start(self, home: Path) -> Figure:
        """The first seconds of a day, until the copy of the day is made."""
        pulse = Pulse(self.effort.stacks)
        pulse.start()
        self.program.wait(lambda: bool(self.model.rows))
        self.program.wait(lambda: bool(_copies(home)), 600)
        return self.gap("window: longest gap, it starts and makes the copy of the day", pulse)

    def chats(self) -> list[int]:
        """The chats of the list, from the top."""
        return [row.id for row in self.model.rows if row.kind in CHATS]

    def count_chats(self) -> int:
        """How many chats there are, listed or not."""
        return int(self._one("SELECT count(*) FROM chats"))

    def begin_new(self) -> float:
        """Begin a new chat."""
        self.click(self.chats()[0])
        return self._painted(self.program.window.empty_state, self.program.new_chat, lambda: True)

    def click(self, chat: int) -> float:
        """Click on a chat in the list."""
        last = self._one(f"SELECT text FROM messages WHERE chat = {chat} ORDER BY id DESC LIMIT 1")
        document = self.program.view.document()
        index = self.model.index(self.model.place_of(chat, *CHATS))
        self.list.scrollTo(index)
        self.program.live(0.05)
        place = QPoint(40, self.list.visualRect(index).center().y())
        return self._painted(
            self.program.view.viewport(),
            lambda: _click(self.list.viewport(), place),
            lambda: last[-40:] in document.toPlainText(),
        )

    def search(self, text: str) -> float:
        """Press Enter in the search field; afterwards the list is there again."""
        QTest.keyClicks(self._field, text)
        took = self._painted(
            self.list.viewport(),
            lambda: QTest.keyClick(self._field, Qt.Key.Key_Return),
            lambda: not self.model.rows or self.model.rows[0].kind == TITLE,
        )
        self._field.clear()
        self.program.live(0.05)
        return took

    def rename(self, chat: int) -> float:
        """Give a chat another title, as its editor in the list does."""
        title = f"Renamed at {time.monotonic()}"
        return self._painted(
            self.list.viewport(),
            lambda: self._bar.renamed.emit(chat, title),
            lambda: self.model.rows[self.model.place_of(chat, *CHATS)].text == title,
        )

    def _one(self, query: str) -> str:
        path = Path(os.environ["PYCHATBOT_HOME"]) / "data" / "conversations.db"
        with contextlib.closing(sqlite3.connect(path)) as bare:
            return str(bare.execute(query).fetchone()[0])

    def _painted(
        self, widget: QWidget, act: Callable[[], object], is_there: Callable[[], bool]
    ) -> float:
        """Milliseconds from `act` to the end of the first painting that shows it."""
        watch = _Painting(widget, is_there)
        began = time.perf_counter()
        act()
        seconds = watch.wait() - began
        return seconds * 1000


class _Painting(QObject):
    """Waits for a widget to be painted when something is there."""

    def __init__(self, widget: QWidget, is_there: Callable[[], bool]) -> None:
        super().__init__()
        self._is_there = is_there
        self._loop = QEventLoop()
        self._is_painting = False
        self._painted_at = 0.0
        self._widget = widget
        widget.installEventFilter(self)

    def wait(self) -> float:
        """When it was; `TimeoutError` where it does not happen."""
        QTimer.singleShot(_PATIENCE_MS, self._loop, lambda: self._loop.exit(1))
        if not self._painted_at and self._loop.exec():
            raise TimeoutError("it was never painted")
        self._widget.removeEventFilter(self)
        return self._painted_at

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Paint here and now: other work may wait in the event loop, and is none of this."""
        if event.type() != QEvent.Type.Paint or self._is_painting or not self._is_there():
            return super().eventFilter(watched, event)
        self._is_painting = True
        QCoreApplication.sendEvent(watched, event)
        self._painted_at = time.perf_counter()
        self._loop.quit()
        return True


def _copies(home: Path) -> list[Path]:
    return list((home / "data" / "backups").glob("conversations-*.db"))


def _click(widget: QWidget, place: QPoint) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
