import pytest
from pytestqt.qtbot import QtBot

from pychatbot_gui.gui.chat.chat_view import ChatView


@pytest.fixture
def view(qtbot: QtBot) -> ChatView:
    """An empty chat, shown by itself."""
    chat = ChatView()
    qtbot.addWidget(chat)
    chat.resize(900, 600)
    chat.show()
    qtbot.waitExposed(chat)
    return chat
