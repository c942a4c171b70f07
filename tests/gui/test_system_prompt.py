from PySide6.QtWidgets import QPlainTextEdit, QToolButton
from pytestqt.qtbot import QtBot

from pychatbot_gui.gui.system_prompt import SystemPrompt


def _made(qtbot: QtBot) -> tuple[SystemPrompt, QToolButton, QPlainTextEdit]:
    prompt = SystemPrompt()
    qtbot.addWidget(prompt)
    prompt.show()
    toggle, edit = prompt.findChild(QToolButton), prompt.findChild(QPlainTextEdit)
    assert isinstance(toggle, QToolButton) and isinstance(edit, QPlainTextEdit)
    return prompt, toggle, edit


def test_folded_it_shows_the_beginning(qtbot: QtBot) -> None:
    prompt, toggle, edit = _made(qtbot)
    assert toggle.text() == "System prompt"
    prompt.set_text("You are\n  kind. " + "x" * 200)
    assert toggle.text().startswith("System prompt: You are kind. xxx")
    assert len(toggle.text()) < 100
    assert not edit.isVisible()


def test_unfolded_it_can_be_edited_and_says_so(qtbot: QtBot) -> None:
    prompt, toggle, edit = _made(qtbot)
    heard: list[str] = []
    prompt.edited.connect(heard.append)
    toggle.click()
    assert edit.isVisible()
    qtbot.keyClicks(edit, "Hi")
    assert heard == ["H", "Hi"]
    assert prompt.text() == "Hi"
    prompt.open_for_editing()
    assert not edit.isVisible()
