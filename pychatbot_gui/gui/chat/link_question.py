"""Asks before an address that a model wrote is opened."""

from collections.abc import Callable

from PySide6.QtCore import Qt, QUrl
from PySide6.QtWidgets import QMessageBox, QWidget

_LONGEST = 300


def ask_to_open(parent: QWidget, url: QUrl, agreed: Callable[[str], object]) -> QMessageBox:
    """Ask whether to open an http or https address, with its real host in the question.

    The host is shown as it is sent, so that letters of other scripts cannot pass for another
    name. Returns at once; `agreed` is called with the address when the answer is yes.
    """
    encoded = QUrl.ComponentFormattingOption.FullyEncoded
    address = url.toString(encoded)
    box = QMessageBox(parent)
    box.setObjectName("openLinkQuestion")
    box.setWindowTitle("Open a link")
    box.setIcon(QMessageBox.Icon.Question)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"Open {url.host(encoded)} in your browser?")
    box.setInformativeText(address if len(address) <= _LONGEST else address[:_LONGEST] + "…")
    box.setStandardButtons(QMessageBox.StandardButton.Open | QMessageBox.StandardButton.Cancel)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.accepted.connect(lambda: agreed(address))
    box.open()
    return box
