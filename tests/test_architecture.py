"""The plan of the house as tests: who imports whom, and how large a room may be."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "pychatbot_gui"
REPOSITORY = Path(__file__).resolve().parent.parent
ROOT = REPOSITORY / PACKAGE
FILES = sorted(ROOT.rglob("*.py"))
LONGEST_FILE = 410  # lines
LONGEST_FUNCTION = 60

QT = "PySide6"
# A module of this name anywhere in the package says that nobody thought about what it is for.
DRAWERS = {"utils", "util", "helpers", "misc", "common", "manager", "managers", "registry"}
# In the window's process these would cost start-up time and memory.
HEAVY = ("llama_cpp", "numpy", "jinja2", "gguf")


def name_of(path: Path) -> str:
    """Dotted name of a file: pychatbot_gui.core.chat, or pychatbot_gui.core for its __init__."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> set[str]:
    """Full names of what a file imports anywhere, also in functions and for type checkers.

    `from a import b` counts as a.b: b may be a module. Relative imports are made absolute.
    """
    found: set[str] = set()
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def is_in(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def part(path: Path) -> str:
    """The folder a file is in: core, engine, store, gui, or "" for the files beside them."""
    inside = path.relative_to(ROOT).parts
    return inside[0] if len(inside) > 1 else ""


def own(*parts: str) -> tuple[str, ...]:
    return tuple(f"{PACKAGE}.{name}" for name in parts)


def importers(*packages: str) -> set[str]:
    """Which files import any of these, as paths inside the package."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        if any(is_in(name, *packages) for name in imports(path))
    }


def calls(path: Path) -> Iterator[str]:
    """Dotted names of everything that is called: threading.Thread, QThread, self.close."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_the_files_are_found() -> None:
    """So that none of the other tests passes because there was nothing to look at."""
    names = {name_of(path) for path in FILES}
    assert set(own("core.chat", "engine.llama", "gui.main_window", "app", "terminal")) <= names
    assert f"{PACKAGE}.gui.main_window.MainWindow" in imports(ROOT / "app.py")
    assert f"{PACKAGE}.core.errors.StorageError" in imports(ROOT / "app.py")


# -- who imports whom -----------------------------------------------------------------------

FORBIDDEN = {
    "core": (*own("engine", "store", "gui", "app", "terminal"), QT, "llama_cpp", "sqlite3"),
    "engine": (*own("store", "gui", "app", "terminal"), QT, "sqlite3"),
    "store": (*own("engine", "gui", "app", "terminal"), QT, "llama_cpp"),
    "gui": (*own("app", "terminal"), "llama_cpp", "sqlite3"),
    "": ("llama_cpp", "sqlite3"),
}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_part_imports_only_what_is_below_it(path: Path) -> None:
    allowed = {"engine/llama.py": ("llama_cpp",)}.get(path.relative_to(ROOT).as_posix(), ())
    wrong = {
        name
        for name in imports(path)
        if is_in(name, *FORBIDDEN[part(path)]) and not is_in(name, *allowed)
    }
    assert not wrong


def test_the_terminal_knows_no_qt() -> None:
    for file in ("terminal.py", "arguments.py", "__main__.py"):
        assert not {n for n in imports(ROOT / file) if is_in(n, QT, *own("gui"))}, file


def test_widgets_know_values_but_neither_engine_nor_store() -> None:
    joining = (
        "gui/use_cases/",
        "gui/controller.py",
        "gui/engine_thread.py",
        "gui/engine_worker.py",
        "gui/store_thread.py",
    )
    of_gui = {file for file in importers(*own("engine", "store")) if file.startswith("gui/")}
    assert {file for file in of_gui if not file.startswith(joining)} == set()
    assert of_gui, "nothing joins them any more"


def test_the_widgets_know_neither_the_controller_nor_the_use_cases() -> None:
    assert importers(*own("gui.controller")) == {"app.py"}
    of_gui = importers(*own("gui.use_cases"))
    joining = ("gui/use_cases/", "gui/controller.py")
    assert {file for file in of_gui if not file.startswith(joining)} == set()


def test_one_gate_for_each_library() -> None:
    assert importers("llama_cpp") == {"engine/llama.py"}
    assert importers("platformdirs") == {"core/paths.py"}
    assert all(file.startswith("store/") for file in importers("sqlite3"))
    assert all(
        file.startswith("gui/") or file == "core/exchange/markdown_text.py"
        for file in importers("markdown_it")
    )
    assert all(file.startswith("engine/") for file in importers("jinja2", "numpy", "gguf"))


def test_only_the_composition_root_makes_engines_and_threads() -> None:
    made = {
        (path.relative_to(ROOT).as_posix(), call)
        for path in FILES
        for call in calls(path)
        if call.split(".")[-1]
        in ("LlamaEngine", "ModelProcess", "ChatStore", "EngineThread", "Controller")
    }
    # In the model process its own main function is the composition root.
    assert {file for file, _ in made} <= {"app.py", "terminal.py", "engine/model_host.py"}
    assert ("engine/model_host.py", "LlamaEngine") in made
    assert {call for file, call in made if file == "engine/model_host.py"} == {"LlamaEngine"}


def test_threads_are_made_in_one_file_for_each_resource() -> None:
    makers = ("Thread", "Timer", "QThread", "QThreadPool", "ThreadPoolExecutor", "start_new_thread")
    of_pools = ("concurrent.futures", "asyncio", "_thread", "multiprocessing.pool")
    made = {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        if any(call.split(".")[-1] in makers for call in calls(path))
    }
    assert made == {"gui/engine_thread.py", "gui/store_thread.py", "engine/model_host.py"}
    assert not importers(*of_pools)


def test_nothing_is_pickled_and_nothing_polls() -> None:
    assert not importers("pickle", "shelve", "marshal")
    polling = {"processEvents", "sleep", "msleep", "usleep"}
    found = {
        (path.relative_to(ROOT).as_posix(), call)
        for path in FILES
        for call in calls(path)
        if call.split(".")[-1] in polling
    }
    assert not found


# -- what starting costs --------------------------------------------------------------------

IN_TERMINAL = """
import sys
from pychatbot_gui.__main__ import main
assert main(["--terminal", sys.argv[1]]) == 0
"""
IN_WINDOW = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QPlainTextEdit
application = QApplication(sys.argv[:1])
from pychatbot_gui.app import create_window
from pychatbot_gui.gui.engine_thread import EngineThread
window = create_window([sys.argv[1]])
engine = window.findChild(EngineThread)
prompt = window.findChild(QPlainTextEdit, "promptEdit")
engine.loaded.connect(lambda _: (prompt.setPlainText("Hi"), prompt.send_pressed.emit()))
engine.answer_finished.connect(lambda _: QTimer.singleShot(0, window.close))
QTimer.singleShot(50_000, lambda: application.exit(3))
assert application.exec() == 0
assert "Good bye." in window.chat_view.toPlainText()
"""
UNTIL_PAINTED = """
import linecache, sys
from pychatbot_gui.__main__ import main
from pychatbot_gui.gui.main_window import MainWindow
loaded = []
paint = MainWindow.paintEvent
def painted(self, event):
    paint(self, event)
    loaded.append(" ".join(sorted(sys.modules)))
    self.first_painted.connect(self.close)
MainWindow.paintEvent = painted
assert main([]) == 0
assert not [file for file in linecache.cache if file.endswith("controller.py")], "read again"
print("loaded:", loaded[0])
"""
# What the first paint does not need: it is imported after it, or when it is first used.
LATER = (
    *HEAVY,
    *("markdown_it", "sqlite3", "psutil", "subprocess", "multiprocessing", "logging.handlers"),
    *("PySide6.QtNetwork", "PySide6.QtSvg", "PySide6.QtPrintSupport", "PySide6.QtTest"),
    *own("core.chat", "core.exchange", "core.folding", "core.history", "core.presets"),
    *own("core.titles", "engine", "store", "terminal", "terminal_chats", "launcher"),
    *own("gui.chat", "gui.controller", "gui.dialogs", "gui.empty_state", "gui.engine_thread"),
    *own("gui.export_pdf", "gui.store_thread", "gui.use_cases"),
    *own("gui.conversations.conversation_menu", "gui.conversations.conversation_delegate"),
    *own("gui.conversations.conversation_paint"),
)
WHAT_IS_LOADED = """
print("loaded:", *sorted({name.split(".")[0] for name in sys.modules}))
"""


def loaded_modules(program: str, model: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", program + WHAT_IS_LOADED, str(model)],
        input="Hi\n",
        capture_output=True,
        encoding="utf-8",
        cwd=REPOSITORY,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded:")[2].split())


@pytest.mark.timeout(120)
def test_a_chat_in_the_terminal_needs_neither_qt_nor_the_model_library(
    scripted_model: Path,
) -> None:
    loaded = loaded_modules(IN_TERMINAL, scripted_model)
    assert PACKAGE in loaded
    assert not loaded & {*HEAVY, QT, "shiboken6", "markdown_it"}


@pytest.mark.timeout(120)
def test_a_chat_in_the_window_needs_no_model_library_in_its_process(scripted_model: Path) -> None:
    loaded = loaded_modules(IN_WINDOW, scripted_model)
    assert QT in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.timeout(120)
def test_the_first_paint_waits_for_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNTIL_PAINTED],
        capture_output=True,
        encoding="utf-8",
        cwd=REPOSITORY,
        env=os.environ | {"PYCHATBOT_HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.rpartition("loaded:")[2].split()
    assert f"{PACKAGE}.gui.main_window" in loaded
    assert not [name for name in loaded if is_in(name, *LATER)]


# -- how it is written ----------------------------------------------------------------------


def test_no_module_level_singletons() -> None:
    """Modules hold constants: no object of Qt or of the program's own mutable classes."""
    wrong = []
    for path in FILES:
        qt = {n.rpartition(".")[2] for n in imports(path) if is_in(n, QT)}
        for node in parsed(path).body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                wrong += [
                    f"{name_of(path)}:{call.lineno}: {ast.unparse(call)}"
                    for call in calls_made_now(node.value)
                    if is_living(ast.unparse(call.func).split(".")[-1], qt)
                ]
    assert not wrong
    assert not [name_of(path) for path in FILES if uses_global(path)]


def calls_made_now(node: ast.expr) -> Iterator[ast.Call]:
    """Calls in an expression that are made when it is evaluated: not those in a lambda."""
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from calls_made_now(child)


def is_living(name: str, qt: set[str]) -> bool:
    """Whether this class makes things that change or belong to a thread; colours do not."""
    values = {"QColor", "QSize", "QPoint", "QUrl", "QKeySequence", "QRegularExpression", "QMargins"}
    ours = ("Engine", "Process", "Store", "Session", "Controller", "Thread", "Window", "Manager")
    return (name in qt and name not in values) or (name.endswith(ours) and name[:1].isupper())


def uses_global(path: Path) -> bool:
    return any(isinstance(node, ast.Global) for node in ast.walk(parsed(path)))


def test_files_are_short() -> None:
    lengths = {name_of(p): len(p.read_text(encoding="utf-8").splitlines()) for p in FILES}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_functions_are_short() -> None:
    long = {}
    for path in FILES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno is not None
                length = node.end_lineno - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long[f"{name_of(path)}.{node.name}"] = length
    assert long == {}


def test_every_file_says_what_it_is_for() -> None:
    assert [name_of(path) for path in FILES if not ast.get_docstring(parsed(path))] == []


def test_no_drawers() -> None:
    assert [name_of(path) for path in FILES if path.stem in DRAWERS] == []
    folders = {folder.name for folder in ROOT.rglob("*") if folder.is_dir()}
    assert not folders & DRAWERS


def test_the_tests_mirror_the_package() -> None:
    """tests/gui/test_chat_view.py is for gui/chat_view.py, or for several files of one subject."""
    tests = REPOSITORY / "tests"
    subjects = {path.relative_to(ROOT).with_suffix("").as_posix() for path in FILES}
    # Beside the package: what holds for the project as a whole.
    subjects |= {"main", "architecture", "guide", "models", "packaging", "program"}
    subjects |= {"engine/bad_files", "engine/shortcuts", "gui/chat/seen_from"}
    subjects |= {"benchmarks"}
    subjects |= {"run/set_up", "run/start", "run/steps", "run/system_packages"}
    strays = []
    for path in sorted(tests.rglob("test_*.py")):
        folder = path.relative_to(tests).parent
        if (folder / path.stem.removeprefix("test_")).as_posix() not in subjects:
            strays.append(path.relative_to(tests).as_posix())
    assert strays == []
