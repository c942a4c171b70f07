"""The side bar: the list of conversations, and the search through all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from pychatbot_gui.gui.conversations.conversation_model import ConversationModel
from pychatbot_gui.gui.conversations.conversation_rows import (
    BIN,
    CHATS,
    FOLDER,
    GONE,
    HIT,
    NO_CHATS,
    SILENT,
    TITLE,
    Row,
    hit_rows,
    listing_rows,
    nothing_found,
    plain,
)
from pychatbot_gui.gui.conversations.conversation_view import ConversationView
from pychatbot_gui.gui.conversations.search_edit import SearchEdit

if TYPE_CHECKING:
    from pychatbot_gui.core.history import Folder, Hit, Listing
    from pychatbot_gui.gui.conversations.conversation_menu import RowMenu


class ConversationList(QWidget):
    """Shows a `Listing`, or hits while there is a search text, and tells what is wanted.

    Ids are those of the store; a folder 0 is none. It changes nothing itself: what it asked for
    comes back as another listing. `now`: seconds since 1970.
    """

    chat_chosen = Signal(object)
    hit_chosen = Signal(object, object, str)  # chat, message (0: the title), what was searched for
    search_changed = Signal(str)
    more_wanted = Signal()
    left = Signal()
    renamed = Signal(object, str)
    pin_wanted = Signal(object, bool)
    move_wanted = Signal(object, object)
    folder_wanted = Signal(str, object)  # a new folder, and the chat that goes into it or 0
    folder_renamed = Signal(object, str)
    folder_delete_wanted = Signal(object)
    delete_wanted = Signal(object)
    restore_wanted = Signal(object)
    erase_wanted = Signal(object)
    export_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None, now: Callable[[], float] = time.time) -> None:
        super().__init__(parent)
        self.setObjectName("conversationBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(120)
        self.setMaximumWidth(420)
        self._now = now
        self._listing: Listing | None = None
        self._day = date.min
        self._opened: set[int] = set()
        self._is_bin_open = False
        self._to_reveal = 0
        self._hits: tuple[str, tuple[Hit, ...]] | None = None  # None: the listing is shown
        self._searched = ""
        self._scroll = 0  # of the listing, while hits are shown
        self._is_more_asked = False
        self._model = ConversationModel(self, now)
        self._search = SearchEdit()
        self._view = ConversationView(self._model)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 10, 0, 0)
        column.setSpacing(6)
        top = QVBoxLayout()
        top.setContentsMargins(8, 0, 8, 0)
        top.addWidget(self._search)
        column.addLayout(top)
        column.addWidget(self._view, 1)
        self.setFocusProxy(self._view)
        self._connect()

    def prepare(self) -> None:
        """Load what draws the rows, before a first listing has to wait for it."""
        self._view.prepare()

    def sizeHint(self) -> QSize:
        """A side bar that leaves room for the chat."""
        return QSize(250, 500)

    def show_listing(self, listing: Listing) -> None:
        """Show the conversations as they are now. An equal listing changes nothing."""
        if listing == self._listing and self._today() == self._day:
            return
        is_first = self._listing is None
        self._listing = listing
        self._is_more_asked = False
        self._refresh()
        if is_first and self._hits is None:
            self._view.scrollToTop()
        self._ask_for_more()

    def show_sentence(self, sentence: str) -> None:
        """Say this until there is a listing."""
        if self._listing is None and self._hits is None:
            self._view.set_sentence(sentence)

    def set_current(self, chat: int) -> None:
        """Mark the chat that the window shows, and bring it into view; 0 for none."""
        if chat == self._model.open_chat:
            return
        self._model.mark(chat, self._model.writing)
        self._to_reveal = chat
        self._reveal()

    def set_writing(self, chat: int) -> None:
        """Mark the chat whose answer is being written; 0 for none."""
        if chat != self._model.writing:
            self._model.mark(self._model.open_chat, chat)

    def show_hits(self, text: str, hits: Sequence[Hit]) -> None:
        """Show what was found for a text, unless the search has ended meanwhile."""
        if not self.search_text() or self._hits == (text, tuple(hits)):
            return
        if self._hits is None:
            self._scroll = self._view.verticalScrollBar().value()
        self._hits = (text, tuple(hits))
        self._view.replace_rows(hit_rows(hits), uniform=False)
        self._view.set_sentence(nothing_found(text))

    def search_text(self) -> str:
        """What is searched for, "" for nothing."""
        return self._search.text().strip()

    def focus_search(self) -> None:
        """Go to the search field, with its text selected."""
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._search.selectAll()

    def start_rename(self, chat: int) -> None:
        """Open the editor in the row of a chat; a chat that is not listed is left alone."""
        self._search.end()
        self._open_folder_of(chat)
        self._view.rename(self._model.place_of(chat, *CHATS))

    def show_deleted(self) -> None:
        """Unfold the deleted chats and go there."""
        self._search.end()
        self._set_fold(Row(BIN, 0, ""), True)
        place = self._model.place_of(0, BIN)
        if place >= 0:
            self._view.setFocus()
            self._view.go_to(place)
            self._view.scrollTo(self._model.index(place), ConversationView.ScrollHint.PositionAtTop)

    def toPlainText(self) -> str:
        """What is to be read from top to bottom."""
        lines = [plain(row, self._now()) for row in self._model.rows]
        return "\n".join(lines or [self._view.sentence()])

    def event(self, event: QEvent) -> bool:
        """Somebody who comes back the next day finds the headings of that day."""
        if event.type() == QEvent.Type.WindowActivate and self._day not in (
            date.min,
            self._today(),
        ):
            self._refresh()
        return super().event(event)

    def showEvent(self, event: QShowEvent) -> None:
        """A list that is not full asks for more."""
        super().showEvent(event)
        QTimer.singleShot(0, self, self._ask_for_more)

    def _connect(self) -> None:
        search, view = self._search, self._view
        search.searched.connect(self._change_search)
        search.entered.connect(self._choose_first_hit)
        search.went_below.connect(self._go_to_list)
        search.left.connect(self.left)
        view.went_above.connect(self.focus_search)
        view.left.connect(self._leave)
        view.chosen.connect(self._choose)
        view.fold_wanted.connect(lambda row, is_open: self._set_fold(row, is_open))
        view.menu_wanted.connect(self._show_menu)
        view.delete_wanted.connect(self._delete)
        view.restore_wanted.connect(lambda row: self.restore_wanted.emit(row.id))
        view.renamed.connect(self._rename)
        view.dropped.connect(self.move_wanted)
        bar = view.verticalScrollBar()
        bar.valueChanged.connect(self._ask_for_more)
        bar.rangeChanged.connect(self._ask_for_more)

    def _today(self) -> date:
        return date.fromtimestamp(self._now())

    def _folders(self) -> tuple[Folder, ...]:
        return self._listing.folders if self._listing is not None else ()

    def _rows_of_listing(self) -> list[Row]:
        if self._listing is None:
            return []
        self._day = self._today()
        self._opened &= {folder.id for folder in self._folders()}
        return listing_rows(self._listing, self._opened, self._is_bin_open, self._now())

    def _refresh(self) -> None:
        """Show the listing as it is; hits stay until the search ends."""
        if self._hits is None and self._listing is not None:
            self._view.update_rows(self._rows_of_listing())
            self._view.set_sentence(NO_CHATS)
            self._reveal()
            self._to_reveal = 0

    def _reveal(self) -> None:
        if self._to_reveal and self._hits is None:
            self._open_folder_of(self._to_reveal)
            place = self._model.place_of(self._to_reveal, *CHATS)
            self._view.go_to(place)
            if place >= 0:
                self._to_reveal = 0

    def _open_folder_of(self, chat: int) -> None:
        for folder in self._folders():
            if folder.id not in self._opened and any(c.id == chat for c in folder.chats):
                self._set_fold(Row(FOLDER, folder.id, ""), True)

    def _set_fold(self, row: Row, is_open: bool) -> None:
        if row.kind == BIN:
            self._is_bin_open = is_open
        elif is_open:
            self._opened.add(row.id)
        else:
            self._opened.discard(row.id)
        if self._hits is None and self._listing is not None:
            self._view.update_rows(self._rows_of_listing())

    def _change_search(self, text: str) -> None:
        if not text and self._hits is not None:
            self._hits = None
            self._view.replace_rows(self._rows_of_listing(), uniform=True)
            self._view.set_sentence(NO_CHATS if self._listing is not None else "")
            self._view.go_to(self._model.place_of(self._model.open_chat, *CHATS))
            self._view.scroll_to(self._scroll)
        if text != self._searched:
            self._searched = text
            self.search_changed.emit(text)

    def _choose_first_hit(self) -> None:
        if self._hits is not None and self._model.rows:
            self._choose(self._model.rows[0])

    def _go_to_list(self, last: bool) -> None:
        self._view.setFocus(Qt.FocusReason.TabFocusReason)
        self._view.go_to_end(last)

    def _leave(self) -> None:
        self._search.end()
        self.left.emit()

    def _choose(self, row: Row) -> None:
        if row.kind in CHATS:
            self.chat_chosen.emit(row.id)
        elif row.kind in (TITLE, HIT) and self._hits is not None:
            message = row.hit.message if row.hit is not None else 0
            self.hit_chosen.emit(row.id, message, self._hits[0])

    def _delete(self, row: Row) -> None:
        if row.kind in CHATS:
            self.delete_wanted.emit(row.id)
        elif row.kind == GONE:
            from pychatbot_gui.gui.conversations.conversation_menu import ask_to_erase

            ask_to_erase(self, row.text, lambda: self.erase_wanted.emit(row.id))

    def _rename(self, row: Row, name: str) -> None:
        signal = self.folder_renamed if row.kind == FOLDER else self.renamed
        signal.emit(row.id, _cleaned(name))

    def _ask_for_more(self) -> None:
        is_wanted = self._listing is not None and self._listing.more and not self._is_more_asked
        if is_wanted and self._hits is None and self.isVisible() and self._view.is_near_end():
            self._is_more_asked = True
            self.more_wanted.emit()

    def _show_menu(self, row: Row | None, corner: QPoint) -> None:
        from pychatbot_gui.gui.conversations.conversation_menu import RowMenu

        menu = RowMenu("Conversation", self)
        if row is None or row.kind in SILENT:
            self._offer_new_folder(menu, 0)
        elif row.kind in CHATS:
            self._fill_chat_menu(menu, row)
        elif row.kind == FOLDER:
            menu.add("&Rename", lambda: self._edit(row), "F2")
            self._offer_new_folder(menu, 0)
            menu.addSeparator()
            delete = menu.add(
                "&Delete folder, keep its chats", lambda: self.folder_delete_wanted.emit(row.id)
            )
            delete.setToolTip("Its chats go back to the list.")
        elif row.kind == GONE:
            menu.add("&Restore", lambda: self.restore_wanted.emit(row.id))
            menu.add("&Delete for good…", lambda: self._delete(row), "Del")
        menu.popup_at(corner)

    def _fill_chat_menu(self, menu: RowMenu, row: Row) -> None:
        menu.add("&Rename", lambda: self._edit(row), "F2")
        pin = "Un&pin" if row.pinned else "&Pin"
        menu.add(pin, lambda: self.pin_wanted.emit(row.id, not row.pinned))
        menu.add_folders(
            self._folders(),
            row.folder,
            lambda folder: self.move_wanted.emit(row.id, folder),
            lambda: self._ask_for_folder(row.id),
        )
        menu.add("&Export…", lambda: self.export_wanted.emit(row.id))
        menu.addSeparator()
        menu.add("&Delete", lambda: self._delete(row), "Del")

    def _offer_new_folder(self, menu: RowMenu, chat: int) -> None:
        menu.add("&New folder…", lambda: self._ask_for_folder(chat))

    def _ask_for_folder(self, chat: int) -> None:
        from pychatbot_gui.gui.conversations.conversation_menu import ask_for_folder

        ask_for_folder(self, lambda name: self.folder_wanted.emit(_cleaned(name), chat))

    def _edit(self, row: Row) -> None:
        kinds = (FOLDER,) if row.kind == FOLDER else CHATS
        self._view.rename(self._model.place_of(row.id, *kinds))


def _cleaned(name: str) -> str:
    from pychatbot_gui.core.chat import clean_text  # the first paint does not wait for it

    return clean_text(name)
