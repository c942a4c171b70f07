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


def _text_width(toggle: QToolButton) -> int:
    return toggle.fontMetrics().horizontalAdvance(toggle.text())


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


def test_the_preset_stands_at_the_right_of_the_same_row(qtbot: QtBot) -> None:
    prompt, toggle, edit = _made(qtbot)
    box = prompt.preset_box
    assert box.objectName() == "presetBox"
    for width in (900, 380):
        prompt.set_text("You are kind. " * 20)
        box.set_current("A name longer than there is room for in this row")
        prompt.resize(width, prompt.sizeHint().height())
        assert prompt.width() == width
        qtbot.waitUntil(lambda: box.geometry().right() >= prompt.width() - 2)
        assert toggle.geometry().right() < box.x()
        assert abs(toggle.geometry().center().y() - box.geometry().center().y()) <= 2
        assert toggle.text().startswith("System prompt")
        qtbot.waitUntil(lambda: _text_width(toggle) < toggle.width())
    prompt.open_for_editing()
    qtbot.waitUntil(lambda: edit.geometry().top() > box.geometry().bottom())


def test_what_a_file_brought_is_shown_as_it_is(qtbot: QtBot) -> None:
    prompt, toggle, _ = _made(qtbot)
    prompt.set_text("R&D \u202eabc")
    assert toggle.text() == "System prompt: R&&D ⟨U+202E⟩abc"
