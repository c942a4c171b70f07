"""How much of the model's context is used, what is being written included: a slim bar and numbers."""

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QWidget

from pychatbot_gui.gui.plain_text import ElidedLabel

NEAR = 0.75
FULL = 0.90
LONG_READING = 256  # tokens: fewer are read before anybody could read that they are
_UNREAD = 150  # of 255: how much of the colour is taken from what is not read yet


class _Bar(QProgressBar):
    """Its part from `read` on is paler."""

    def __init__(self) -> None:
        super().__init__()
        self.read: int | None = None  # None where all is

    def paintEvent(self, event: QPaintEvent) -> None:
        """The bar as the style sheet has it, then a veil over what is not read."""
        super().paintEvent(event)
        if self.read is None or self.read >= self.value() or self.maximum() < 1:
            return
        scale = self.width() / self.maximum()
        veil = QRect(round(self.read * scale), 0, self.width(), self.height())
        veil.setRight(round(self.value() * scale) - 1)
        shape = QPainterPath()
        shape.addRoundedRect(self.rect(), 3, 3)
        colour = self.palette().color(QPalette.ColorRole.Window)
        colour.setAlpha(_UNREAD)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipPath(shape)
        painter.fillRect(veil, colour)


class ContextMeter(QWidget):
    """Shows "1,204 / 2,048 tokens", and how far the model has read them. Empty until `set_usage`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("contextMeter")
        self._usage: tuple[int, int] | None = None
        self._fits = True
        self._level = "calm"
        self._bar = _Bar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(6)
        self._bar.setMinimumWidth(16)
        self._bar.setMaximumWidth(96)
        self._bar.setAccessibleName("Context used")
        self._label = QLabel()
        for widget in (self._bar, self._label):
            widget.setProperty("level", self._level)
        self._ahead = ElidedLabel()
        self._ahead.setObjectName("readingAheadLabel")
        self._ahead.setAccessibleName("Reading ahead")
        self._ahead.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._bar)
        row.addWidget(self._label)
        row.addWidget(self._ahead, 1)
        self.clear()

    def set_usage(self, used: int, total: int, fits: bool = True) -> None:
        """Show `used` of `total` tokens; `used` may be larger, `total` below 1 means unknown.

        `fits`: false where the message that is being written is too long to be sent.
        """
        if total < 1:
            self.clear()
            return
        if (used, total, fits) == (*(self._usage or ()), self._fits):
            return
        if self._usage is None or self._usage[1] != total:
            self._bar.setRange(0, total)
            # The widest numbers keep the bar from moving while an answer streams.
            widest = self._label.fontMetrics().horizontalAdvance(f"{total:,} / {total:,} tokens")
            self._label.setMinimumWidth(widest + 4)
        self._usage, self._fits = (used, total), fits
        self._bar.setValue(min(max(used, 0), total))
        self._label.setText(f"{used:,} / {total:,} tokens")
        self._set_level(used / total if fits else 1.0)
        if not fits:
            self.set_reading(0, 0)
            self._ahead.setText("Too long to be sent")
        elif self._bar.read is None:
            self._ahead.clear()
        self._bar.show()
        self._describe(used, total)

    def set_reading(self, done: int, total: int) -> None:
        """The model has read ahead `done` of `total` tokens; the same of both: no more is read.

        It is said in words where that takes a moment.
        """
        if not self._fits:
            return
        is_said = bool(self._ahead.text())
        if done >= total or self._usage is None:
            self._bar.read = None
            self._ahead.clear()
        else:
            self._bar.read = done
            if is_said or total - done >= LONG_READING:
                self._ahead.setText(f"Reading ahead: {done:,} of {total:,}")
        self._bar.update()
        if self._usage is not None and bool(self._ahead.text()) | is_said:
            self._describe(*self._usage)

    def clear(self) -> None:
        """Show nothing: no model is loaded."""
        self._usage, self._fits = None, True
        self._bar.read = None
        self._ahead.clear()
        self._bar.reset()
        self._bar.hide()
        self._label.clear()
        self._label.setMinimumWidth(0)
        self._set_level(0)
        self.setToolTip("")
        self.setAccessibleName("Context used")
        self.setAccessibleDescription("No model is loaded.")

    def text(self) -> str:
        """The numbers as they are shown, "" when there are none."""
        return self._label.text()

    def reading(self) -> str:
        """What is said of the reading ahead, "" for nothing."""
        return self._ahead.text()

    def level(self) -> str:
        """ "calm", "near" from 75 % on, "full" from 90 % on."""
        return self._level

    def _describe(self, used: int, total: int) -> None:
        share = f"{used / total:.0%}".replace("%", " %")
        self.setAccessibleName(f"Context used: {used:,} of {total:,} tokens")
        too_long = " The message is too long: shorten it, or set a larger context length."
        advice = {
            "calm": "",
            "near": " It is getting full.",
            "full": " It is nearly full: the oldest messages are left out when it is.",
        }[self._level]
        advice = advice if self._fits else too_long
        if self._bar.read is not None and self._ahead.text():
            advice += f" The model has read {self._bar.read:,} of them ahead."
        description = (
            f"The conversation takes {used:,} of the {total:,} tokens that the model can see at "
            f"once ({share}), with what you are writing.{advice}"
        )
        self.setAccessibleDescription(description)
        self._bar.setAccessibleDescription(description)
        self.setToolTip(
            f"{description}\nA token is a piece of a word. Settings, Context length makes room "
            "for more; it needs more memory."
        )

    def _set_level(self, share: float) -> None:
        level = "full" if share >= FULL else "near" if share >= NEAR else "calm"
        if level == self._level:
            return
        self._level = level
        for widget in (self._bar, self._label):
            widget.setProperty("level", level)
            # A style sheet reads a property only when it is applied anew.
            widget.style().unpolish(widget)
            widget.style().polish(widget)
