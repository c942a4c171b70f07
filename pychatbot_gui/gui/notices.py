"""One door for what the person is told; what goes through it is in the log as well."""

import logging
from collections.abc import Callable

from PySide6.QtCore import QObject

from pychatbot_gui.core.errors import PychatbotError
from pychatbot_gui.gui.notice_bar import NoticeBar

_log = logging.getLogger("pychatbot")


class Notices(QObject):
    """Shows sentences above the chat and logs them."""

    def __init__(self, bar: NoticeBar, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bar = bar

    def info(
        self, text: str, action_label: str = "", action: Callable[[], object] | None = None
    ) -> None:
        """Something worth knowing, with a button for what can be done."""
        _log.info("%s", text)
        self._bar.show_notice(text, kind="info", action_label=action_label, action=action)

    def warning(
        self, text: str, action_label: str = "", action: Callable[[], object] | None = None
    ) -> None:
        """Something that may need the person, with a button for what can be done."""
        _log.warning("%s", text)
        self._bar.show_notice(text, kind="warning", action_label=action_label, action=action)

    def error(
        self,
        error: PychatbotError,
        action_label: str = "",
        action: Callable[[], object] | None = None,
    ) -> None:
        """Something that failed: its sentence, with the technical words to unfold."""
        _log.error("%s: %s\n%s", type(error).__name__, error, error.detail)
        self._bar.show_notice(
            str(error),
            kind="error",
            detail=error.detail,
            action_label=action_label,
            action=action,
        )

    def take_away(self, text: str) -> None:
        """Take away the one that says this: it is over."""
        self._bar.take_away(text)

    def clear(self) -> None:
        """Take the notices away: what they spoke of is over."""
        self._bar.close_all()
