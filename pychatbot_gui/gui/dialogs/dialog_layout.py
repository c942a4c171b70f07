"""How a dialog of this program is laid out: what it is about, a line across, and what is done."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QDialog, QFrame, QScrollArea, QVBoxLayout, QWidget


def lay_out(dialog: QDialog, middle: QWidget | QBoxLayout, foot: QBoxLayout) -> None:
    """Fill `dialog`: `middle` takes the room there is, `foot` with the buttons stays below it."""
    frame = QFrame()
    frame.setObjectName("dialogFoot")
    foot.setContentsMargins(24, 12, 24, 14)
    foot.setSpacing(10)
    frame.setLayout(foot)
    outer = QVBoxLayout(dialog)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.setSpacing(0)
    if isinstance(middle, QWidget):
        outer.addWidget(middle, 1)
    else:
        outer.addLayout(middle, 1)
    outer.addWidget(frame)


def scrolled(contents: QWidget, name: str) -> QScrollArea:
    """`contents` in an area that scrolls up and down; `name` is what a screen reader says."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setAccessibleName(name)
    area.setWidget(contents)
    return area
