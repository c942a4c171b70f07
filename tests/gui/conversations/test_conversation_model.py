"""The rows of the list as Qt sees them: as many as there are, and what is marked stays marked."""

import pytest
from PySide6.QtCore import QItemSelectionModel, QPersistentModelIndex
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from pychatbot_gui.gui.conversations.conversation_model import ConversationModel
from pychatbot_gui.gui.conversations.conversation_rows import CHAT, HEADING, Row


def chats(*ids: int) -> list[Row]:
    return [Row(HEADING, 0, "Today"), *(Row(CHAT, id, f"Chat {id}") for id in ids)]


@pytest.mark.parametrize("after", [chats(2), chats(), [], chats(9, 2), chats(*range(1, 1400))])
def test_what_is_marked_stays_on_its_chat(qapp: object, after: list[Row]) -> None:
    model = ConversationModel()
    model.set_rows(chats(1, 2, 3, 4))
    selection = QItemSelectionModel(model)
    selection.select(model.index(2), QItemSelectionModel.SelectionFlag.Select)
    kept = [QPersistentModelIndex(model.index(n)) for n in range(model.rowCount())]
    model.set_rows(after)
    assert model.rowCount() == len(after)
    at = next((n for n, row in enumerate(after) if row.id == 2), -1)
    assert [index.row() for index in selection.selectedIndexes()] == [at] * (at >= 0)
    for index, id in zip(kept[1:], (1, 2, 3, 4), strict=True):
        there = next((n for n, row in enumerate(after) if row.id == id), -1)
        assert index.row() == there
    model.set_rows(chats(2, 1))
    model.reset_rows(chats(7))
    assert model.rowCount() == 2
    assert not selection.hasSelection()


def test_a_view_can_trust_it(qtmodeltester: ModelTester, qtbot: QtBot) -> None:
    model = ConversationModel()
    model.set_rows(chats(1, 2, 3))
    qtmodeltester.check(model, force_py=True)
    model.set_rows(chats(3))
    model.set_rows(chats(*range(2000)))
    qtmodeltester.check(model, force_py=True)
