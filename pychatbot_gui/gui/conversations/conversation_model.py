"""The rows of the list of conversations as Qt's views want them."""

import time
from collections.abc import Callable, Collection, Sequence

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QStringListModel, Qt

from pychatbot_gui.gui.conversations.conversation_rows import (
    CHATS,
    FOLDER,
    GONE,
    HEADING,
    SILENT,
    TITLE,
    Row,
    name_of,
    short_date,
    spoken,
)

Key = tuple[str, int]
_Index = QModelIndex | QPersistentModelIndex
_AT_A_TIME = 500


class ConversationModel(QStringListModel):
    """Holds rows; `set_rows` keeps selection and editors on the rows they are on.

    A view asks how many rows there are twice for every row that it lays out: the list of as many
    empty strings has Qt answer that by itself, ten times as fast.

    `open_chat`: the one that the window shows; `writing`: the one whose answer is being written.
    """

    def __init__(self, parent: QObject | None = None, now: Callable[[], float] = time.time) -> None:
        super().__init__(parent)
        self.rows: Sequence[Row] = ()
        self.now = now
        self.open_chat = 0
        self.writing = 0

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Other rows of the same list: what is selected or edited stays so, if it is still there."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        keys = [key_of(self.rows[index.row()]) for index in before]
        self.rows = rows
        places = self.places(keys) if keys else {}
        self.blockSignals(True)  # the change of the layout says it all
        self._make_room(max(len(rows), self.rowCount()))
        after = [self.index(places[key]) if key in places else QModelIndex() for key in keys]
        self.changePersistentIndexList(before, after)
        self._make_room(len(rows))
        self.blockSignals(False)
        self.layoutChanged.emit()

    def reset_rows(self, rows: Sequence[Row]) -> None:
        """Rows that have nothing to do with those before."""
        self.rows = rows
        self.setStringList([""] * len(rows))

    def mark(self, open_chat: int, writing: int) -> None:
        """Say which chat the window shows and which one is being written; 0 for none."""
        self.open_chat, self.writing = open_chat, writing
        if self.rows:
            self.dataChanged.emit(self.index(0), self.index(len(self.rows) - 1))

    def places(self, keys: Collection[Key]) -> dict[Key, int]:
        """Where the rows with these keys are now, those that there are."""
        ids, found = {id for _, id in keys}, {}
        for number, row in enumerate(self.rows):
            if row[1] in ids and key_of(row) in keys:
                found.setdefault(key_of(row), number)
        return found

    def place_of(self, id: int, *kinds: str) -> int:
        """The number of the first row of this id and one of these kinds, -1 for none."""
        return next(
            (n for n, row in enumerate(self.rows) if row[1] == id and row[0] in kinds),
            -1,
        )

    def row(self, index: _Index) -> Row | None:
        """The row of an index, None where there is none."""
        at = index.row()
        return self.rows[at] if 0 <= at < len(self.rows) else None

    def _make_room(self, wanted: int) -> None:
        there = self.rowCount()
        if there > wanted:
            self.removeRows(wanted, there - wanted)
        while there < wanted:
            # Qt inserts one by one, each before the others: many at a time would take long.
            more = min(_AT_A_TIME, wanted - there)
            self.insertRows(there, more)
            there += more

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Headings can be neither chosen nor reached, chats can be dragged."""
        row = self.row(index)
        if row is None or row.kind in SILENT:
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if row.kind in CHATS:
            flags |= Qt.ItemFlag.ItemIsDragEnabled
        if row.kind in (*CHATS, FOLDER):
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The name, what a screen reader says, and the tooltip."""
        row = self.row(index)
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return name_of(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            is_chat = row.kind in CHATS
            is_open = is_chat and row.id == self.open_chat
            return spoken(row, self.now(), is_open, is_chat and row.id == self.writing)
        if role == Qt.ItemDataRole.ToolTipRole and row.kind not in (HEADING, TITLE):
            return self._tooltip(row)
        return None

    def _tooltip(self, row: Row) -> str:
        lines = [name_of(row)]
        if row.kind in CHATS:
            date = short_date(row.at, self.now())
            lines += [f"Last used: {date}"] if date else []
            lines += ["Its answer is being written."] if row.id == self.writing else []
        elif row.kind == GONE:
            lines.append("Restore puts it back into the list.")
        # A tooltip that looks like HTML would be drawn as HTML.
        return "\n".join(lines).replace("<", "‹")


def key_of(row: Row) -> Key:
    """What a row is about: a chat is the same one under any heading."""
    return (CHATS[0] if row.kind in CHATS else row.kind, row.id)
