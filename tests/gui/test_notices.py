import logging

import pytest
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.errors import ModelFileError
from pychatbot_gui.gui.notice_bar import NoticeBar
from pychatbot_gui.gui.notices import Notices


def test_what_is_told_is_also_logged(qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    bar = NoticeBar()
    qtbot.addWidget(bar)
    notices = Notices(bar)
    with caplog.at_level(logging.INFO, "pychatbot"):
        notices.info("worth knowing")
        notices.warning("look here", "Do it", lambda: None)
        notices.error(ModelFileError("the sentence", "the library's words"))
    assert bar.texts() == ["worth knowing", "look here", "the sentence"]
    assert "the library's words" in caplog.text and "ModelFileError" in caplog.text
    notices.clear()
    assert bar.texts() == []
