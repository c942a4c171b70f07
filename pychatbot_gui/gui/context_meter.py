"""How much of the model's context is used: a slim bar and the numbers."""

from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QWidget

NEAR = 0.75
FULL = 0.90


class ContextMeter(QWidget):
    """Shows "1,204 / 2,048 tokens". Empty until `set_usage`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("contextMeter")
        self._usage: tuple[int, int] | None = None
        self._level = "calm"
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(6)
        self._bar.setMinimumWidth(16)
        self._bar.setMaximumWidth(96)
        self._bar.setAccessibleName("Context used")
        self._label = QLabel()
        for widget in (self._bar, self._label):
            widget.setProperty("level", self._level)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._bar)
        row.addWidget(self._label)
        self.clear()

    def set_usage(self, used: int, total: int) -> None:
        """Show `used` of `total` tokens; `used` may be larger, `total` below 1 means unknown."""
        if total < 1:
            self.clear()
            return
        if (used, total) == self._usage:
            return
        if self._usage is None or self._usage[1] != total:
            self._bar.setRange(0, total)
            # The widest numbers keep the bar from moving while an answer streams.
            widest = self._label.fontMetrics().horizontalAdvance(f"{total:,} / {total:,} tokens")
            self._label.setMinimumWidth(widest + 4)
        self._usage = (used, total)
        self._bar.setValue(min(max(used, 0), total))
        self._label.setText(f"{used:,} / {total:,} tokens")
        self._set_level(used / total)
        self._bar.show()
        self._describe(used, total)

    def clear(self) -> None:
        """Show nothing: no model is loaded."""
        self._usage = None
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

    def level(self) -> str:
        """ "calm", "near" from 75 % on, "full" from 90 % on."""
        return self._level

    def _describe(self, used: int, total: int) -> None:
        share = f"{used / total:.0%}".replace("%", " %")
        self.setAccessibleName(f"Context used: {used:,} of {total:,} tokens")
        advice = {
            "calm": "",
            "near": " It is getting full.",
            "full": " It is nearly full: the oldest messages are left out when it is.",
        }[self._level]
        description = (
            f"The conversation takes {used:,} of the {total:,} tokens that the model can see at "
            f"once ({share}).{advice}"
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
