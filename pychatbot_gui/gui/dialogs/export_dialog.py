"""Which conversations are to be exported, and as what."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication, QPainter, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QListWidget,
    QListWidgetItem,
    QRadioButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from pychatbot_gui.core.exchange.export import FORMATS
from pychatbot_gui.gui.dialogs.dialog_layout import lay_out
from pychatbot_gui.gui.plain_text import PlainLabel
from pychatbot_gui.gui.visible_text import visible

_NAME = Qt.ItemDataRole.UserRole.value
_ABOUT = _NAME + 1
_LONGEST_TITLE = 60
_SIDE, _TOP, _GAP = 12, 8, 2

Index = QModelIndex | QPersistentModelIndex


class ExportDialog(QDialog):
    """Emits `chosen(format, everything)` and closes. Remembers nothing.

    `current_title` is that of the conversation that is shown, "" for none; `count`: how many
    conversations there are.
    """

    chosen = Signal(str, bool)

    def __init__(self, current_title: str, count: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("exportDialog")
        self.setWindowTitle("Export conversations")
        title = visible(" ".join(current_title[:1000].split()))
        if len(title) > _LONGEST_TITLE:
            title = title[: _LONGEST_TITLE - 1] + "…"
        self._this = QRadioButton(f"&This conversation: {title.replace('&', '&&')}")
        self._this.setObjectName("exportThis")
        self._this.setAccessibleName(f"This conversation: {title}")
        words = "the only conversation" if count == 1 else f"all {count:,} conversations"
        self._all = QRadioButton(f"{words[0].upper()}&{words[1:]}")
        self._all.setObjectName("exportAll")
        self._all.setAccessibleName(words)
        self._formats = QListWidget()
        self._where = PlainLabel("", "muted")
        self._where.setObjectName("exportWhere")
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._export = self._buttons.addButton("&Export…", QDialogButtonBox.ButtonRole.AcceptRole)
        self._export.setObjectName("exportButton")
        self._this.setEnabled(bool(current_title))
        self._all.setEnabled(count > 0)
        (self._this if current_title else self._all).setChecked(True)
        self._export.setEnabled(bool(current_title) or count > 0)
        self._fill()
        self._build()
        # Only inside the window does it take the place of Cancel.
        self._export.setDefault(True)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self._formats.itemDoubleClicked.connect(self.accept)
        self._formats.currentItemChanged.connect(self._refresh)
        self._all.toggled.connect(self._refresh)
        self._refresh()
        self._formats.setFocus()

    def format(self) -> str:
        """The name of the format that is chosen."""
        item = self._formats.currentItem()
        return str(item.data(_NAME)) if item is not None else FORMATS[0].name

    def everything(self) -> bool:
        """Whether all conversations are to be exported."""
        return self._all.isChecked()

    def accept(self) -> None:
        """Close and say what was chosen."""
        if not self._export.isEnabled():
            return
        super().accept()
        self.chosen.emit(self.format(), self.everything())

    def _fill(self) -> None:
        self._formats.setObjectName("exportFormats")
        self._formats.setAccessibleName("File format")
        self._formats.setItemDelegate(_TwoLines(self._formats))
        self._formats.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._formats.setUniformItemSizes(True)
        for known in FORMATS:
            item = QListWidgetItem(known.label)
            item.setData(_NAME, known.name)
            item.setData(_ABOUT, known.about)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{known.label}. {known.about}")
            self._formats.addItem(item)
        self._formats.setCurrentRow(0)
        rows = self._formats.sizeHintForRow(0) * len(FORMATS) + 12
        self._formats.setMinimumHeight(min(rows, 300))

    def _build(self) -> None:
        column = QVBoxLayout()
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(6)
        what, how = PlainLabel("What"), PlainLabel("Format")
        for label in (what, how):
            label.setProperty("heading", "group")
        column.addWidget(what)
        column.addWidget(self._this)
        column.addWidget(self._all)
        column.addSpacing(10)
        column.addWidget(how)
        column.addWidget(self._formats, 1)
        column.addWidget(self._where)
        foot = QVBoxLayout()
        foot.addWidget(self._buttons)
        lay_out(self, column, foot)
        self.setMinimumWidth(460)
        # The line about files may come and go; the buttons stay where they are.
        self._where.setMinimumHeight(self._where.fontMetrics().lineSpacing() * 2)

    def _refresh(self) -> None:
        one_file = next(known.one_file for known in FORMATS if known.name == self.format())
        if not self.everything():
            words = (
                "All versions of every message."
                if one_file
                else "The versions that are shown; JSON has all of them."
            )
        elif one_file:
            words = "All of them in one file."
        else:
            words = "A file for each, in a folder of your choice."
        self._where.setText(words)


class _TwoLines(QStyledItemDelegate):
    """An entry with a name and, below it, a line about it."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw the ground as the style does, and two lines on it."""
        option = QStyleOptionViewItem(option)
        self.initStyleOption(option, index)
        option.text = ""
        style = option.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        bold = _bold(option.font)
        rect = option.rect.adjusted(_SIDE, _TOP, -_SIDE, -_TOP)
        height = QFontMetrics(bold).height()
        role = QPalette.ColorRole
        text = option.widget.palette().color(role.Text)
        # Not the list's own, which a style sheet makes half transparent.
        muted = QGuiApplication.palette().color(role.PlaceholderText)
        painter.save()
        for line, font, colour, top in (
            (str(index.data()), bold, text, rect.top()),
            (str(index.data(_ABOUT)), option.font, muted, rect.top() + height + _GAP),
        ):
            painter.setFont(font)
            painter.setPen(colour)
            metrics = QFontMetrics(font)
            shown = metrics.elidedText(line, Qt.TextElideMode.ElideRight, rect.width())
            place = QRect(rect.left(), top, rect.width(), metrics.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, shown)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Two lines, and no wider than the longer one."""
        lines = QFontMetrics(_bold(option.font)).height() + option.fontMetrics.height() + _GAP
        width = option.fontMetrics.horizontalAdvance(str(index.data(_ABOUT)))
        return QSize(width + 2 * _SIDE, lines + 2 * _TOP)


def _bold(font: QFont) -> QFont:
    bold = QFont(font)
    bold.setWeight(QFont.Weight.DemiBold)
    return bold
