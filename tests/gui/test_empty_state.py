"""What stands in place of the chat: welcome, loading, ready."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton
from pytestqt.qtbot import QtBot

from pychatbot_gui.gui.empty_state import MOST_RECENT, PROMPTS, CardButton, EmptyState


@pytest.fixture
def state(qtbot: QtBot) -> EmptyState:
    state = EmptyState()
    state.resize(700, 600)
    qtbot.addWidget(state)
    state.show()
    return state


def cards(state: EmptyState) -> list[CardButton]:
    return [card for card in state.findChildren(CardButton) if card.isVisible()]


def named(state: EmptyState, name: str) -> QPushButton:
    found = state.findChild(QPushButton, name)
    assert found is not None
    return found


def test_welcome_offers_to_open(state: EmptyState, qtbot: QtBot) -> None:
    assert state.state() == "welcome"
    assert cards(state) == []
    with qtbot.waitSignal(state.open_requested):
        named(state, "openModelButton").click()


def test_recent_models(state: EmptyState) -> None:
    chosen: list[str] = []
    state.recent_chosen.connect(chosen.append)
    paths = [f"/models/<b>R&D</b>/model-{number}.gguf" for number in range(8)]
    state.set_recent(paths)
    shown = cards(state)
    assert len(shown) == MOST_RECENT
    assert "model-0.gguf" in shown[0].accessibleName()
    assert "model-0.gguf" in shown[0].toolTip()
    assert "<" not in shown[0].toolTip()
    shown[1].click()
    assert chosen == [paths[1]]
    state.set_recent(paths[:1])
    assert len(cards(state)) == 1


def test_home_is_shortened(state: EmptyState) -> None:
    state.set_recent([str(Path.home() / "models" / "a.gguf")])
    assert cards(state)[0].accessibleName() == "a.gguf, ~/models"


def test_long_paths_do_not_widen_the_window(state: EmptyState) -> None:
    state.resize(360, 400)
    state.set_recent(["/" + "folder/" * 60 + "x" * 200 + ".gguf"])
    assert cards(state)[0].width() < 360
    assert state.horizontalScrollBar().maximum() == 0


def test_loading(state: EmptyState, qtbot: QtBot) -> None:
    state.set_loading("tiny.gguf", -1)
    progress = state.findChild(QProgressBar)
    assert progress is not None
    assert (state.state(), progress.value()) == ("loading", 0)
    state.set_loading("tiny.gguf", 0.421)
    assert progress.value() == 421
    state.set_loading("tiny.gguf", 1.5)
    assert progress.value() == progress.maximum()
    with qtbot.waitSignal(state.cancel_requested):
        named(state, "cancelLoadButton").click()
    state.set_welcome()
    assert state.state() == "welcome"


def test_ready_offers_prompts(state: EmptyState) -> None:
    chosen: list[str] = []
    state.prompt_chosen.connect(chosen.append)
    state.set_ready("Tiny")
    assert state.state() == "ready"
    for card in cards(state):
        card.click()
    assert chosen == list(PROMPTS)


def test_a_hidden_page_does_not_make_it_tall(state: EmptyState, qtbot: QtBot) -> None:
    state.resize(500, 420)
    state.set_recent([f"/models/model-{number}.gguf" for number in range(5)])
    qtbot.waitUntil(lambda: state.verticalScrollBar().maximum() > 0)
    state.set_ready("Tiny")
    qtbot.waitUntil(lambda: state.verticalScrollBar().maximum() == 0)


def test_the_need_of_memory_is_said_while_loading(state: EmptyState) -> None:
    state.set_loading("tiny.gguf", 0.1)
    label = state.findChild(QLabel, "memoryNeed")
    assert isinstance(label, QLabel)
    assert not label.isVisible()
    state.set_need("Needs about <b>1</b> GB")
    assert label.isVisible() and label.text() == "Needs about <b>1</b> GB"
    assert label.textFormat() == Qt.TextFormat.PlainText
    state.set_need("")
    assert not label.isVisible()
