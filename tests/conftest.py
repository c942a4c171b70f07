"""What every test gets: a home of its own, real models, and a neighbour who dislikes noise."""

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from tests.models import build_model, build_scripted_model
from tests.terminal_talk import Talk

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# As the model process does it for itself: threads that wait for each other spin only for a moment.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# A shell's background job ignores Ctrl-C, and so would every program that a test starts from it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A time limit of 200 ms for an example says more about a busy machine than about the program.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

ANSWER = (
    "Hello! 😀 I am a *scripted* model.\n\nHere is `code` and 你好, then a list:\n"
    "- one\n- two\n\nGood bye."
)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def scripted_model(model_folder: Path) -> Path:
    """A model whose every answer is `ANSWER`."""
    return build_scripted_model(model_folder / "scripted.gguf", ANSWER)


@pytest.fixture(scope="session")
def endless_model(model_folder: Path) -> Path:
    """A model whose answer ends only when the context does."""
    return build_scripted_model(
        model_folder / "endless.gguf",
        "Over and over again it says the very same thing until somebody stops it. ",
        repeat=True,
        n_layers=6,
        n_embd=256,
        n_ctx_train=32768,
    )


@pytest.fixture(scope="session")
def random_model(model_folder: Path) -> Path:
    """A model with random weights: at temperature 0 its answer depends on every token before."""
    return build_model(model_folder / "random.gguf")


@pytest.fixture(scope="session")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder for temporary files of this run alone, so that one left behind is seen."""
    folder = tmp_path_factory.mktemp("t")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)
        yield folder


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder the program may write to in this test; the person's real home is out of reach."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PYCHATBOT_HOME", str(folder / "pychatbot"))
    monkeypatch.setenv("HOME", str(folder))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder / "pychatbot"


@pytest.fixture
def database(home: Path) -> Path:
    """Where the program keeps the conversations of this test."""
    return home / "data" / "conversations.db"


@pytest.fixture(autouse=True)
def no_noise(home: Path, temporary: Path) -> Iterator[None]:
    """A thread, process, window or file left behind fails the test that left it."""
    threads = set(threading.enumerate())
    processes = set(psutil.Process().children(recursive=True))
    yield
    assert not set(threading.enumerate()) - threads, "a thread was left running"
    left = [p for p in psutil.Process().children(recursive=True) if p not in processes]
    assert not left, f"processes were left running: {left}"
    _assert_no_windows()
    stray = [p for p in home.parent.iterdir() if p != home]
    assert not stray, f"files outside PYCHATBOT_HOME: {stray}"
    left_behind = list(temporary.iterdir())
    assert not left_behind, f"temporary files were left: {left_behind}"


def _assert_no_windows() -> None:
    import sys

    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets is not None and widgets.QApplication.instance() is not None:
        shown = [w for w in widgets.QApplication.topLevelWidgets() if w.isVisible()]
        assert not shown, f"windows were left open: {shown}"


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Wait for a condition that no signal tells of, at most 20 seconds."""
    import time

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.005)

    return wait


@pytest.fixture
def talk() -> Iterator[Callable[..., Talk]]:
    """Talk with the program in a terminal, with arguments; it is gone at the end of the test."""
    begun: list[Talk] = []

    def begin(*arguments: str | Path, on_terminal: bool = False) -> Talk:
        begun.append(Talk(*arguments, on_terminal=on_terminal))
        return begun[-1]

    yield begin
    for one in begun:
        one.clean_up()
