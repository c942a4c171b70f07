"""Draws the rows of the list of conversations, and edits a name in its row."""

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from pychatbot_gui.gui.conversations.conversation_model import ConversationModel
from pychatbot_gui.gui.conversations.conversation_paint import (
    EDGE,
    PAD,
    Colours,
    bold,
    colours,
    draw_aside,
    draw_buttons,
    draw_chevron,
    draw_found,
    draw_heading,
    draw_hit,
    draw_pin,
    hit_lines,
    small,
    zones,
)
from pychatbot_gui.gui.conversations.conversation_rows import (
    BIN,
    CHATS,
    FILED,
    FOLDER,
    FOLDS,
    GONE,
    HEADING,
    HIT,
    LONGEST_NAME,
    NOTE,
    TITLE,
    Row,
    days_left,
    excerpt_of,
    name_of,
)

_Index = QModelIndex | QPersistentModelIndex
_INDENT = 14  # of what is in a folder, pixels
_ENDS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
_ABOVE_TITLE = 6  # pixels between the hits of one chat and the next


class ConversationDelegate(QStyledItemDelegate):
    """Draws rows. `hovered`: the number of the row below the pointer, -1 for none; `hot`: the
    button of it that the pointer is on; `target`: the row that a dragged chat would go to.
    """

    renamed = Signal(object, str)  # a Row and its new name

    def __init__(self, model: ConversationModel, view: QAbstractScrollArea) -> None:
        super().__init__(view)
        self._view = view
        self._model = model
        self.hovered = -1
        self.hot = ""
        self.target = -1

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Rows are of one height; those of a search are as high as what they show."""
        row = self._model.row(index)
        line = QFontMetrics(option.font).height() + 16
        if row is not None and row.kind == HIT:
            width = self._view.viewport().width() - 2 * (EDGE + PAD)
            lines = hit_lines(row, option.font, width, self._model.now())
            return QSize(60, lines * QFontMetrics(small(option.font)).height() + 12)
        return QSize(60, line + (_ABOVE_TITLE if row is not None and row.kind == TITLE else 0))

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: _Index,
    ) -> None:
        """Draw a row with its background, marks and buttons."""
        row = self._model.row(index)
        if row is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(option.font)
        palette = colours()
        if row.kind == HEADING:
            draw_heading(painter, row, option.rect, palette)
        else:
            self._draw_body(painter, option, row, index.row(), palette)
            body = option.rect.adjusted(EDGE + PAD, 0, -EDGE - PAD, 0)
            if row.kind == TITLE:
                body.setTop(body.top() + _ABOVE_TITLE)
            if row.kind == HIT:
                draw_hit(painter, row, body.adjusted(0, 6, 0, -6), palette, self._model.now())
            else:
                self._draw_line(painter, option, row, index.row(), palette, body)
        painter.restore()

    def createEditor(
        self,
        parent: QWidget,
        option: QStyleOptionViewItem,  # noqa: ARG002
        index: _Index,
    ) -> QWidget:
        """A field for the name, with the present one selected."""
        row = self._model.row(index)
        edit = QLineEdit(parent)
        edit.setObjectName("renameEdit")
        edit.setAccessibleName("New name")
        edit.setMaxLength(LONGEST_NAME)
        if row is not None:
            edit.setText(name_of(row))
        edit.selectAll()
        edit.setProperty("before", edit.text())
        return edit

    def updateEditorGeometry(
        self,
        editor: QWidget,
        option: QStyleOptionViewItem,
        index: _Index,
    ) -> None:
        """Over the name."""
        row = self._model.row(index)
        indent = _INDENT if row is not None and row.kind == FILED else 0
        editor.setGeometry(option.rect.adjusted(EDGE + indent, 1, -EDGE, -1))

    def setEditorData(self, editor: QWidget, index: _Index) -> None:
        """Nothing: what is being typed outlives a change of the list."""

    def setModelData(self, editor: QWidget, model: object, index: QModelIndex) -> None:  # noqa: ARG002
        """Tell the new name, if it is one."""
        row = self._model.row(index)
        assert isinstance(editor, QLineEdit)
        name = " ".join(editor.text().split())
        if row is not None and name and editor.text() != editor.property("before"):
            self.renamed.emit(row, name)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter and Tab end the editing, and do nothing more in the list."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = event.key()
            if isinstance(watched, QLineEdit) and key in _ENDS:
                self.commitData.emit(watched)
                self.closeEditor.emit(watched, QStyledItemDelegate.EndEditHint.NoHint)
                return True
        return super().eventFilter(watched, event)

    def shows_buttons(self, row: Row, number: int, is_cursor: bool) -> bool:
        """Whether the buttons of a row are to be seen, and so can be clicked."""
        is_open = row.kind in CHATS and row.id == self._model.open_chat
        return number == self.hovered or is_cursor or is_open

    def _draw_body(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        row: Row,
        number: int,
        palette: Colours,
    ) -> None:
        above = _ABOVE_TITLE if row.kind == TITLE else 0
        body = QRectF(option.rect).adjusted(EDGE, 1 + above, -EDGE, -1)
        fill = ""
        if row.kind in CHATS and row.id == self._model.open_chat:
            fill = palette.when_open()
        elif row.kind != NOTE and (number == self.hovered or _is_cursor(option)):
            fill = palette.at_hover()
        painter.setPen(Qt.PenStyle.NoPen)
        if fill:
            painter.setBrush(QColor(fill))
            painter.drawRoundedRect(body, 7, 7)
        if number == self.target or _is_cursor(option):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(palette.accent), 2))
            painter.drawRoundedRect(body.adjusted(1, 1, -1, -1), 6, 6)

    def _draw_line(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        row: Row,
        number: int,
        palette: Colours,
        body: QRect,
    ) -> None:
        left = body.left() + (_INDENT if row.kind in (FILED, NOTE, GONE) else 0)
        if row.kind in FOLDS:
            draw_chevron(painter, QPointF(left + 4, body.center().y() + 1), row.is_open, palette)
            left += _INDENT
        right = body.right()
        places = zones(row, option.rect, painter.fontMetrics())
        if places and self.shows_buttons(row, number, _is_cursor(option)):
            hot = self.hot if number == self.hovered else ""
            draw_buttons(painter, places, hot, palette)
            right = min(place.left() for place in places.values()) - 2
        elif row.kind == GONE or row.kind in FOLDS:
            text = f"{row.count:,}" if row.kind in FOLDS else days_left(row.at, self._model.now())
            right -= draw_aside(painter, text, QRect(body), palette)
        right -= self._draw_marks(painter, row, right, body, palette)
        is_quiet = row.kind in (BIN, GONE, NOTE)
        painter.setPen(QColor(palette.muted if is_quiet else palette.text))
        painter.setFont(bold(option.font) if row.kind in (TITLE, FOLDER) else option.font)
        room = QRect(left, body.top(), max(right - left, 0), body.height())
        if row.kind == TITLE and row.hit is not None:
            draw_found(painter, excerpt_of(row.hit), room, palette)
            return
        name = painter.fontMetrics().elidedText(
            name_of(row), Qt.TextElideMode.ElideRight, room.width()
        )
        # A title of Hebrew or Arabic letters begins, and is cut, where its readers expect it.
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, name)

    def _draw_marks(
        self, painter: QPainter, row: Row, right: int, body: QRect, palette: Colours
    ) -> int:
        """Draw pin and writing mark; how much room they take."""
        middle, taken = body.center().y() + 1.0, 0
        if row.kind in CHATS and row.id == self._model.writing:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(palette.accent))
            painter.drawEllipse(QPointF(right - 5, middle), 4, 4)
            taken += 16
        if row.kind in CHATS and row.pinned:
            draw_pin(painter, QPointF(right - taken - 6, middle), palette)
            taken += 18
        return taken


def _is_cursor(option: QStyleOptionViewItem) -> bool:
    return bool(option.state & QStyle.StateFlag.State_HasFocus)
