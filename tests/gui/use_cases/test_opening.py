"""Opening a model, above all when nobody chose one: the guide steps in."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from PySide6.QtWidgets import QLabel, QPushButton

from pychatbot_gui.core import guide
from pychatbot_gui.core.guide import GUIDE_NAME, QUESTIONS
from pychatbot_gui.gui.dialogs.settings_dialog import SettingsDialog
from pychatbot_gui.gui.engine_thread import EngineThread
from pychatbot_gui.gui.use_cases.opening import ModelOpening
from tests.gui.conftest import Person
from tests.models import build_model, build_scripted_model, model_content

Start = Callable[..., Person]
GUIDED = "I am the stand-in for the guide."


@pytest.fixture
def a_guide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Another file in the guide's place, so that its answer is known."""
    path = build_scripted_model(tmp_path / "guide.gguf", GUIDED)
    monkeypatch.setattr(guide, "_GUIDE", path)
    return path


def _button(person: Person, text: str) -> QPushButton:
    buttons = person.window.findChildren(QPushButton)
    return next(b for b in buttons if b.isVisible() and b.text().replace("&", "").startswith(text))


def test_the_first_start_has_a_live_chat(start: Start, a_guide: Path, home: Path) -> None:
    person = start()
    assert person.window.model_label.text().startswith(GUIDE_NAME)
    assert _button(person, "Open model…").isEnabled()
    assert GUIDED in person.ask("Hello?")
    assert GUIDE_NAME in person.chat()
    assert not person.notices()


def test_a_question_can_be_clicked(start: Start, a_guide: Path) -> None:
    person = start()
    card = next(
        b
        for b in person.window.findChildren(QPushButton)
        if b.isVisible() and QUESTIONS[1] in (b.text(), b.accessibleName())
    )
    card.click()
    person.wait()
    assert QUESTIONS[1] in person.chat() and GUIDED in person.chat()


def test_the_guide_is_not_remembered_as_a_model(start: Start, a_guide: Path) -> None:
    start().window.close()
    person = start()
    assert person.window.model_label.text().startswith(GUIDE_NAME)
    assert "Opened before" not in [w.text() for w in person.window.findChildren(QPushButton)]


def test_a_last_model_that_is_gone_falls_back_to_the_guide(
    start: Start, a_guide: Path, tmp_path: Path
) -> None:
    path = build_model(tmp_path / "gone.gguf")
    start(path).window.close()
    path.unlink()
    person = start()
    assert any("not there any more" in notice for notice in person.notices())
    assert GUIDED in person.ask("Hello?")


@pytest.mark.parametrize("damage", ["missing", "cut", "noise"])
def test_without_a_usable_guide_the_program_works(
    start: Start, a_guide: Path, scripted_model: Path, damage: str
) -> None:
    content = a_guide.read_bytes()
    if damage == "missing":
        a_guide.unlink()
    elif damage == "cut":
        a_guide.write_bytes(content[: len(content) // 2])
    else:
        a_guide.write_bytes(b"GGUF" + b"\xff" * 5000)
    person = start()
    assert any("guide cannot be used" in notice for notice in person.notices())
    assert person.window.model_label.text() == "No model"
    person.window.model_dropped.emit(str(scripted_model))
    person.wait()
    assert "Hello!" in person.ask("Hi")


def test_a_bad_file_leads_back_to_the_guide(start: Start, a_guide: Path, tmp_path: Path) -> None:
    person = start()
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"%PDF-1.7")
    person.window.model_dropped.emit(str(bad))
    person.wait()
    _button(person, "Go back to").click()
    person.wait()
    assert person.window.model_label.text().startswith(GUIDE_NAME)


def test_what_a_model_needs_is_said_while_it_loads(start: Start, tmp_path: Path) -> None:
    path = build_model(tmp_path / "m.gguf")
    person = start()
    labels: list[str] = []
    engine = person.window.findChild(EngineThread)
    assert engine is not None
    engine.needed.connect(lambda _: labels.append(person.window.model_label.text()))
    person.window.model_dropped.emit(str(path))
    person.wait()
    need = person.window.findChild(QLabel, "memoryNeed")
    assert isinstance(need, QLabel)
    assert need.text().startswith("Needs about ") and need.text().endswith(" free")
    assert labels and labels[-1] == f"Loading m.gguf… · {need.text()}"
    assert "Needs" not in person.window.model_label.text()


def test_the_open_model_has_its_own_room_to_itself(
    start: Start, a_guide: Path, tmp_path: Path
) -> None:
    person = start()
    opening = person.window.findChild(ModelOpening)
    assert opening is not None
    assert not opening.memory()[0], "the guide has a context of its own"
    person.window.model_dropped.emit(str(build_model(tmp_path / "m.gguf")))
    person.wait()
    memory, free = opening.memory()
    assert opening.model is not None and memory == opening.model.memory
    assert free > memory.kv_cache(opening.model.n_ctx)


def build_wide_model(path: Path) -> Path:
    """A small file with a great cache: 100 GB for a million tokens."""
    content = model_content(n_layers=12, n_embd=64, n_heads=1, n_ff=64)
    size = 2048
    for name, tensor in content.tensors.items():
        if ".attn_" in name and "norm" not in name:
            repeats = (1, size // 64) if "output" in name else (size // 64, 1)
            content.tensors[name] = np.tile(tensor, repeats)
    sizes = ("attention.key_length", "attention.value_length", "rope.dimension_count")
    content.metadata |= {f"llama.{key}": size for key in sizes}
    return content.write(path)


def test_a_context_that_does_not_fit_leads_to_the_settings_and_back(
    start: Start, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if psutil.virtual_memory().total > 90 * 10**9:
        pytest.skip("this machine has the memory")
    (home / "config").mkdir(parents=True)
    (home / "config" / "model_parameters.json").write_text('{"n_ctx": 1048576}')
    wide = build_wide_model(tmp_path / "wide.gguf")
    said: list[str] = []

    def choose_less(dialog: SettingsDialog) -> int:
        remark = dialog.findChild(QLabel, "n_ctxRemark")
        assert isinstance(remark, QLabel)
        said.append(remark.text())
        dialog.field("n_ctx").set_value(256)
        dialog.accept()
        return 1

    monkeypatch.setattr(SettingsDialog, "exec", choose_less)
    person = start(wide)
    assert any("Set the context length to" in notice for notice in person.notices())
    _button(person, "Settings").click()
    person.wait()
    assert "Set the context length to" in said[0]
    assert person.window.model_label.text().startswith("Tiny random model")
