"""The list itself: what keys, clicks and drags on its rows mean."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from pychatbot_gui.gui.conversations.conversation_model import ConversationModel, Key, key_of
from pychatbot_gui.gui.conversations.conversation_rows import (
    CHAT,
    CHATS,
    DOTS,
    FILED,
    FOLDER,
    FOLDS,
    GONE,
    HEADING,
    NOTE,
    PIN_HEADING,
    RESTORE,
    SILENT,
    Row,
)

if TYPE_CHECKING:
    from pychatbot_gui.gui.conversations.conversation_delegate import ConversationDelegate

_DRAGGED = "application/x-pychatbot-chat"
_NEAR_END = 300  # pixels
_EDITING = QAbstractItemView.State.EditingState
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class ConversationView(QListView):
    """Shows the rows of a model and tells what the person does with them."""

    chosen = Signal(object)  # a Row, by Enter or a click
    fold_wanted = Signal(object, bool)  # a Row of FOLDS; whether it is to be open
    menu_wanted = Signal(object, QPoint)  # a Row or None; where on the screen
    restore_wanted = Signal(object)
    delete_wanted = Signal(object)
    renamed = Signal(object, str)
    dropped = Signal(object, object)  # a chat and the folder it was dropped on, 0 for none
    went_above = Signal()
    left = Signal()

    def __init__(self, model: ConversationModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("conversationList")
        self.setAccessibleName("Conversations")
        self._rows = model
        self._sentence = ""
        self._armed: tuple[int, str] = (-1, "")
        self._dragged: Row | None = None
        self.setModel(model)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QListView.SelectionMode.SingleSelection)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setDragEnabled(True)
        self.setAcceptDrops(True)
        self.setDropIndicatorShown(False)
        self.setMouseTracking(True)
        self.clicked.connect(self._choose)

    def prepare(self) -> None:
        """Be ready to draw rows."""
        self.setItemDelegate(self._delegate)

    @cached_property
    def _delegate(self) -> ConversationDelegate:
        """What draws the rows; made with the first of them, which come after the first paint."""
        from pychatbot_gui.gui.conversations.conversation_delegate import ConversationDelegate

        delegate = ConversationDelegate(self._rows, self)
        delegate.renamed.connect(self.renamed)
        return delegate

    def replace_rows(self, rows: Sequence[Row], uniform: bool) -> None:
        """Show rows that have nothing to do with those before, from the top."""
        self.setUniformItemSizes(uniform)
        mode = QListView.ResizeMode
        self.setResizeMode(mode.Fixed if uniform else mode.Adjust)
        self.prepare()
        self._rows.reset_rows(rows)
        self._delegate.hovered = -1
        self.scrollToTop()

    def update_rows(self, rows: Sequence[Row]) -> None:
        """Show the rows after a change: what is seen, selected and edited stays where it is."""
        seen = self._seen() if self.verticalScrollBar().value() > 0 else {}
        cursor = self.currentIndex().row()
        self.prepare()
        self._rows.set_rows(rows)
        if seen:
            places = self._rows.places(seen)
            moved = sorted(places[key] - at for key, at in seen.items() if key in places)
            # The middle one: a chat that went to the top must not take the view along.
            shift = moved[len(moved) // 2] if moved else 0
            self.executeDelayedItemsLayout()
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + shift * self.sizeHintForRow(0))
        if cursor >= 0 and not self.currentIndex().isValid():
            if self.state() == _EDITING:
                # Qt drops the editor of a row that is gone, but goes on waiting for its end.
                self.setState(QAbstractItemView.State.NoState)
            self.go_to(self._nearest(cursor))
        if self.viewport().underMouse():
            self._follow_pointer(self.viewport().mapFromGlobal(self.cursor().pos()))

    def set_sentence(self, sentence: str) -> None:
        """What is said where there are no rows."""
        self._sentence = sentence
        self.setAccessibleDescription(self.sentence())
        self.viewport().update()

    def sentence(self) -> str:
        """What is said, "" where there are rows."""
        return self._sentence if not self._rows.rows else ""

    def scroll_to(self, pixels: int) -> None:
        """Scroll so far from the top."""
        self.executeDelayedItemsLayout()
        self.verticalScrollBar().setValue(pixels)

    def is_near_end(self) -> bool:
        """Whether the last rows are in view, or soon will be."""
        self.executeDelayedItemsLayout()
        bar = self.verticalScrollBar()
        return bar.value() >= bar.maximum() - _NEAR_END

    def go_to(self, number: int) -> None:
        """Put the cursor on a row and bring it into view; -1 does nothing."""
        if number >= 0:
            self.setCurrentIndex(self._rows.index(number))

    def go_to_end(self, last: bool) -> None:
        """Put the cursor on the first or the last row that can be chosen."""
        self.go_to(self._nearest(len(self._rows.rows) - 1 if last else 0))

    def rename(self, number: int) -> None:
        """Open the editor in a row."""
        self.go_to(number)
        if number >= 0 and self.state() != _EDITING:
            self.edit(self._rows.index(number))

    def event(self, event: QEvent) -> bool:
        """Keys that mean a row here, whatever they mean in the window."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            if event.key() in (Qt.Key.Key_F2, Qt.Key.Key_Delete, *_ENTER) and not event.modifiers():
                event.accept()
                return True
        elif event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.viewport().update()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter chooses, F2 renames, Del deletes, arrows open, close and move, Esc leaves."""
        index, key = self.currentIndex(), event.key()
        row = self._rows.row(index)
        is_menu = key == Qt.Key.Key_Menu or (
            key == Qt.Key.Key_F10 and event.modifiers() == Qt.KeyboardModifier.ShiftModifier
        )
        if key == Qt.Key.Key_Escape:
            self.left.emit()
        elif key == Qt.Key.Key_Up and index.row() <= self._nearest(0):
            self.went_above.emit()
        elif row is None or self.state() == _EDITING:
            super().keyPressEvent(event)
        elif key in _ENTER and row.kind == GONE:
            self._open_menu(index)
        elif key in _ENTER:
            self._choose(index)
        elif key == Qt.Key.Key_F2:
            if row.kind in (*CHATS, FOLDER):
                self.rename(index.row())
        elif key == Qt.Key.Key_Delete:
            self.delete_wanted.emit(row)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._fold_or_move(row, key == Qt.Key.Key_Right)
        elif is_menu:
            self._open_menu(index)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The menu of the row below the pointer."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self._open_menu(self.currentIndex())
            return
        index = self.indexAt(event.pos())
        self.menu_wanted.emit(self._rows.row(index), event.globalPos())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A button of a row, or the row itself."""
        index, zone = self._zone_at(event.position().toPoint())
        self._armed = (-1, "")
        if zone and event.button() == Qt.MouseButton.LeftButton:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self.setCurrentIndex(index)
            self._armed = (index.row(), zone)
            if zone == DOTS:
                place = self._zones(index)[DOTS]
                self._ask_for_menu(index, place)
            return
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Restore, if that was pressed."""
        index, zone = self._zone_at(event.position().toPoint())
        armed, self._armed = self._armed, (-1, "")
        if armed[1]:
            row = self._rows.row(index)
            if armed == (index.row(), RESTORE) and zone == RESTORE:
                self.restore_wanted.emit(row)
            return
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """The second click of two does nothing more than the first; on a button it is one more."""
        if self._zone_at(event.position().toPoint())[1]:
            self.mousePressEvent(event)
        else:
            self._armed = (-1, "row")

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Light up what is below the pointer."""
        self._follow_pointer(event.position().toPoint())
        if not self._armed[1]:
            super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is below the pointer."""
        self._set_hover(-1, "")
        super().leaveEvent(event)

    def startDrag(self, supported: Qt.DropAction) -> None:  # noqa: ARG002
        """Drag a chat, to put it into a folder or take it out."""
        row = self._rows.row(self.currentIndex())
        if row is None or row.kind not in CHATS:
            return
        data = QMimeData()
        data.setData(_DRAGGED, str(row.id).encode("ascii"))
        self._dragged = row
        place = self.visualRect(self.currentIndex())
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.setPixmap(self.viewport().grab(place))
        drag.setHotSpot(QPoint(-12, -8))  # the name of the folder below the pointer stays readable
        drag.exec(Qt.DropAction.MoveAction)
        self._dragged = None
        self._set_target(None)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take chats of this list."""
        super().dragEnterEvent(event)
        event.setAccepted(self._chat_of(event) is not None)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Show where the chat would go; near an edge the list scrolls."""
        super().dragMoveEvent(event)
        folder = self._folder_at(event)
        self._set_target(folder)
        event.setDropAction(Qt.DropAction.MoveAction)
        event.setAccepted(folder is not None)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """The chat stays where it is."""
        self._set_target(None)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell where the chat is to go."""
        row, folder = self._chat_of(event), self._folder_at(event)
        self._set_target(None)
        # Ends the scrolling at the edges; Qt's own drop would move rows of the model.
        super().dragLeaveEvent(QDragLeaveEvent())
        event.setDropAction(Qt.DropAction.MoveAction)
        event.setAccepted(row is not None and folder is not None)
        if row is not None and folder is not None:
            self.dropped.emit(row.id, folder)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The rows, or a sentence where there are none."""
        super().paintEvent(event)
        if self._rows.rows or not self._sentence:
            return
        from pychatbot_gui.gui.conversations.conversation_paint import draw_sentence

        painter = QPainter(self.viewport())
        draw_sentence(painter, self.viewport().rect(), self._sentence)
        painter.end()

    def _choose(self, index: QModelIndex) -> None:
        row = self._rows.row(index)
        if row is None:
            return
        if row.kind in FOLDS:
            self.fold_wanted.emit(row, not row.is_open)
        elif row.kind != GONE:
            self.chosen.emit(row)

    def _fold_or_move(self, row: Row, right: bool) -> None:
        if row.kind in FOLDS:
            if row.is_open != right:
                self.fold_wanted.emit(row, right)
        elif not right and row.kind == FILED:
            self.go_to(self._rows.place_of(row.folder, FOLDER))

    def _open_menu(self, index: QModelIndex) -> None:
        place = self.visualRect(index)
        self._ask_for_menu(index, place if place.isValid() else self.viewport().rect())

    def _ask_for_menu(self, index: QModelIndex, place: QRect) -> None:
        corner = self.viewport().mapToGlobal(place.bottomLeft() + QPoint(0, 2))
        self.menu_wanted.emit(self._rows.row(index), corner)

    def _seen(self) -> dict[Key, int]:
        """What is in view, and where it is in the list."""
        first = max(self.indexAt(QPoint(4, 1)).row(), 0)
        last = self.indexAt(QPoint(4, self.viewport().height() - 1)).row()
        stop = last + 1 if last >= 0 else len(self._rows.rows)
        rows = enumerate(self._rows.rows[first:stop], first)
        return {key_of(row): number for number, row in rows if row.kind not in SILENT}

    def _nearest(self, number: int) -> int:
        """The row at a place, or the next one below or else above, that can be chosen."""
        rows = self._rows.rows
        number = min(number, len(rows) - 1)
        ways = chain(range(max(number, 0), len(rows)), range(number - 1, -1, -1))
        return next((n for n in ways if rows[n].kind not in SILENT), -1)

    def _zones(self, index: QModelIndex) -> dict[str, QRect]:
        row = self._rows.row(index)
        if row is None:
            return {}
        is_cursor = self.hasFocus() and index == self.currentIndex()
        if not self._delegate.shows_buttons(row, index.row(), is_cursor):
            return {}
        from pychatbot_gui.gui.conversations.conversation_paint import zones

        return zones(row, self.visualRect(index), self.fontMetrics())

    def _zone_at(self, pos: QPoint) -> tuple[QModelIndex, str]:
        index = self.indexAt(pos)
        self._set_hover(index.row(), self._delegate.hot)
        places = self._zones(index)
        return index, next((name for name, place in places.items() if place.contains(pos)), "")

    def _follow_pointer(self, pos: QPoint) -> None:
        if not self.viewport().rect().contains(pos) or not self.isVisible():
            self._set_hover(-1, "")
            return
        index, zone = self._zone_at(pos)
        self._set_hover(index.row(), zone)

    def _set_hover(self, number: int, hot: str) -> None:
        if (number, hot) != (self._delegate.hovered, self._delegate.hot):
            self._delegate.hovered, self._delegate.hot = number, hot
            self.viewport().update()

    def _chat_of(self, event: QDropEvent) -> Row | None:
        return self._dragged if event.mimeData().hasFormat(_DRAGGED) else None

    def _folder_at(self, event: QDropEvent) -> int | None:
        """The folder that a drop here means, 0 for none, None where nothing can be dropped."""
        dragged = self._chat_of(event)
        row = self._rows.row(self.indexAt(event.position().toPoint()))
        folder: int | None = None
        if row is None or row.kind == CHAT or (row.kind == HEADING and row.text != PIN_HEADING):
            folder = 0
        elif row.kind == FOLDER:
            folder = row.id
        elif row.kind in (FILED, NOTE):
            folder = row.folder
        return folder if dragged is not None and folder != dragged.folder else None

    def _set_target(self, folder: int | None) -> None:
        target = self._rows.place_of(folder, FOLDER) if folder else -1
        if target != self._delegate.target:
            self._delegate.target = target
            self.viewport().update()
