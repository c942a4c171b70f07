from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QPaintEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QToolBar,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from pychatbot_gui.gui.main_window import MainWindow

PROMISED = (
    "chatView", "promptEdit", "sendButton", "stopButton", "newChatAction", "openModelAction",
    "settingsAction", "modelLabel", "contextMeter", "systemPromptEdit",
)  # fmt: skip


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = MainWindow()
    made.complete()
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_the_names_that_others_rely_on(window: MainWindow) -> None:
    for name in PROMISED:
        kind = QAction if name.endswith("Action") else QWidget
        assert window.findChild(kind, name) is not None, name


class Painted(MainWindow):
    """Knows where its parts were at each paint."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[dict[str, QRect]] = []

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        parts = [w for w in self.findChildren(QWidget) if w.isVisibleTo(self) and w.objectName()]
        self.places.append(
            {w.objectName(): QRect(w.mapTo(self, QPoint(0, 0)), w.size()) for w in parts}
        )


@pytest.mark.parametrize("draft", ["", "One\ntwo\nthree"])
def test_nothing_that_is_seen_moves_when_the_rest_comes(qtbot: QtBot, draft: str) -> None:
    window = Painted()
    qtbot.addWidget(window)
    window.prompt_box.set_text(draft)
    with qtbot.waitSignal(window.first_painted):
        window.show()
    first = window.places[0]
    assert {"promptEdit", "sendButton", "conversationList", "systemPromptToggle"} <= first.keys()
    assert {"mainToolBar", "modelLabel", "contextMeter", "searchEdit"} <= first.keys()
    window.complete()
    window.show_chat(False)
    window.load_progress.show()
    window.set_model("A model")
    window.update()
    qtbot.waitUntil(lambda: "emptyState" in window.places[-1])
    assert {name: window.places[-1][name] for name in first} == first


def test_tab_goes_from_the_top_to_the_prompt_at_the_bottom(window: MainWindow) -> None:
    names = []
    at = window.nextInFocusChain()
    while at is not None and at is not window:
        names.append(at.objectName())
        at = at.nextInFocusChain()
    wanted = ("searchEdit", "presetBox", "findEdit", "chatView", "promptEdit", "sendButton")
    assert [name for name in names if name in wanted] == list(wanted)


def _drop(window: MainWindow, urls: list[QUrl], text: str = "") -> tuple[bool, list[str]]:
    mime = QMimeData()
    if urls:
        mime.setUrls(urls)
    if text:
        mime.setText(text)
    heard: list[str] = []
    window.model_dropped.connect(heard.append)
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys)
    enter.ignore()
    window.dragEnterEvent(enter)
    window.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys))
    return enter.isAccepted(), heard


def test_a_file_dropped_on_the_window(window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "my model ü.gguf"
    assert _drop(window, [QUrl.fromLocalFile(str(path))]) == (True, [str(path)])


def test_a_page_dropped_on_the_window_is_not_taken(window: MainWindow) -> None:
    assert _drop(window, [QUrl("https://example.com/a.gguf")], "a.gguf") == (False, [])


def test_size_and_place_come_back_and_noise_is_ignored(window: MainWindow) -> None:
    window.resize(640, 500)
    place = window.geometry_text()
    window.resize(900, 700)
    window.restore_geometry("no geometry ü", "nor a split ü")
    assert (window.width(), window.height()) == (900, 700)
    window.restore_geometry(*place)
    assert (window.width(), window.height()) == (640, 500)


def test_the_list_of_conversations_can_be_hidden_and_comes_back(window: MainWindow) -> None:
    assert window.conversation_list.isVisible()
    window.side_bar_action.trigger()
    assert not window.conversation_list.isVisible()
    hidden = window.geometry_text()
    window.search_action.trigger()
    assert window.conversation_list.isVisible() and window.side_bar_action.isChecked()
    assert window.is_somewhere_else()
    width = window.conversation_list.width()
    window.restore_geometry(*hidden)
    assert not window.conversation_list.isVisible() and not window.side_bar_action.isChecked()
    window.side_bar_action.trigger()
    assert window.conversation_list.isVisible()
    assert window.conversation_list.width() == width
    window.prompt_box.setFocus()
    assert not window.is_somewhere_else()


def test_a_narrow_window_gives_the_room_of_the_list_to_the_chat(window: MainWindow) -> None:
    window.resize(420, 500)
    assert not window.conversation_list.isVisible()
    narrow = window.geometry_text()
    window.search_all()
    assert window.conversation_list.isVisible()
    send = window.prompt_box.mapTo(window, window.prompt_box.rect().topRight())
    assert window.conversation_list.width() < send.x() < window.width() == 420
    window.side_bar_action.trigger()
    assert not window.is_somewhere_else()
    window.side_bar_action.trigger()
    window.resize(900, 500)
    assert window.conversation_list.isVisible()
    window.side_bar_action.trigger()
    window.resize(420, 500)
    window.resize(900, 500)
    assert not window.conversation_list.isVisible()
    window.restore_geometry(*narrow)
    window.resize(900, 500)
    assert window.conversation_list.isVisible()


def test_what_cannot_be_done_is_not_offered(window: MainWindow) -> None:
    window.set_chat_actions(saved=False, pinned=False, cut=False)
    assert not window.delete_chat_action.isEnabled()
    assert not window.regenerate_action.isEnabled()
    window.set_chat_actions(saved=True, pinned=True, cut=False)
    assert window.pin_chat_action.isChecked()
    assert window.regenerate_action.isEnabled() and not window.continue_action.isEnabled()
    window.set_chat_actions(saved=True, pinned=False, cut=True)
    assert window.continue_action.isEnabled()
    window.set_busy(True)
    assert not window.continue_action.isEnabled() and not window.regenerate_action.isEnabled()
    assert window.delete_chat_action.isEnabled() and window.stop_action.isEnabled()
    window.set_busy(True, here=False)
    assert not window.stop_action.isEnabled()
    window.set_busy(False)
    assert window.continue_action.isEnabled()


def test_recent_models_are_in_the_menu_and_a_click_opens_one(window: MainWindow) -> None:
    heard: list[str] = []
    window.recent_chosen.connect(heard.append)
    window.set_recent(("/models/a & b.gguf", "/models/c.gguf"))
    menu = next(m for m in window.findChildren(QMenu) if m.title() == "Open &recent")
    assert [a.text() for a in menu.actions()] == ["a && b.gguf", "c.gguf"]
    menu.actions()[0].trigger()
    assert heard == ["/models/a & b.gguf"]


def test_the_model_names_label_and_title(window: MainWindow) -> None:
    window.set_model("Llama · 4.1 GB", "/models/llama.gguf")
    assert window.model_label.text() == "Llama · 4.1 GB"
    assert window.model_label.toolTip() == "/models/llama.gguf"
    assert window.windowTitle() == "Llama – PyChatbot"
    window.set_model("")
    assert (window.model_label.text(), window.windowTitle()) == ("No model", "PyChatbot")


def test_every_menu_item_has_a_key_of_its_own(window: MainWindow) -> None:
    shortcuts = [
        key.toString() for action in window.findChildren(QAction) for key in action.shortcuts()
    ]
    assert len(shortcuts) == len(set(shortcuts))
    letters = []
    for menu in window.menuBar().actions():
        letters.append(menu.text()[menu.text().index("&") + 1].lower())
        items = [a.text() for a in menu.menu().actions() if a.text()]  # type: ignore[union-attr]
        keys = [t[t.index("&") + 1].lower() for t in items if "&" in t]
        assert len(keys) == len(items) == len(set(keys)), items
    assert len(letters) == len(set(letters))


def test_tool_bar_buttons_can_be_reached_by_tab(window: MainWindow) -> None:
    tools = window.findChild(QToolBar)
    assert isinstance(tools, QToolBar)
    buttons = [b for b in tools.findChildren(QToolButton) if b.defaultAction() is not None]
    assert buttons
    assert all(b.focusPolicy() & Qt.FocusPolicy.TabFocus for b in buttons)


@pytest.mark.parametrize("width", [420, 700, 1600])
def test_nothing_is_cut_off_at_any_width(window: MainWindow, width: int) -> None:
    window.set_model("A model with quite a long name Q4_K_M instruct · 12.3 GB")
    window.resize(width, 600)
    QApplication.processEvents()
    for widget in (window.prompt_box, window.context_meter, window.model_label):
        place = widget.mapTo(window, QPoint(0, 0))
        assert place.x() >= 0
        assert place.x() + widget.width() <= window.width()
    for button in window.findChildren(QToolButton):
        if button.defaultAction() is window.settings_action:
            assert button.isVisible()
            assert button.width() >= button.sizeHint().width() - 1


def test_the_keyboard_goes_back_to_the_prompt(qtbot: QtBot, window: MainWindow) -> None:
    window.activateWindow()
    qtbot.waitActive(window)
    prompt = window.prompt_box.focusProxy() or window.prompt_box
    done: list[str] = []
    window.notice_bar.show_notice("Gone.", action_label="Undo", action=lambda: done.append("undo"))
    button = window.findChild(QPushButton, "noticeAction")
    assert button is not None
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert done == ["undo"]
    assert window.focusWidget() is prompt
    window.system_prompt_action.trigger()
    assert window.focusWidget() is window.findChild(QPlainTextEdit, "systemPromptEdit")
    window.system_prompt_action.trigger()
    assert window.focusWidget() is prompt


def test_a_notice_that_is_taken_away_leaves_the_keyboard_where_it_is(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.activateWindow()
    qtbot.waitActive(window)
    window.search_all()
    search = window.focusWidget()
    window.notice_bar.show_notice("Gone.")
    window.notice_bar.close_all()
    assert window.focusWidget() is search


@pytest.mark.parametrize(
    ("speed", "text"),
    [(0, ""), (7.25, "7.2 tokens/s"), (104.6, "105 tokens/s"), (1628.9, "1,629 tokens/s")],
)
def test_how_fast_it_was(window: MainWindow, speed: float, text: str) -> None:
    window.set_speed(speed)
    assert window.speed_label.text() == text
