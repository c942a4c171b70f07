from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from tests.gui.conversations.bar import LISTING, Bar


@pytest.fixture
def bar(qtbot: QtBot) -> Iterator[Bar]:
    bar = Bar(qtbot)
    bar.widget.show_listing(LISTING)
    bar.said.clear()
    yield bar
    menu = bar.menu()
    if menu is not None:
        menu.close()
