"""The list of conversations, read in the order it is shown."""

import sqlite3

from pychatbot_gui.core.history import ChatEntry, Folder, Listing
from pychatbot_gui.store.rows import ENTRY_COLUMNS, LISTED_TITLE, entries_of, text_of

_UNNAMED = "Folder without a name"


def read_listing(connection: sqlite3.Connection, limit: int) -> Listing:
    """Of the pinned, of every folder, of the rest and of the deleted the newest `limit`."""
    pinned = _part(connection, "deleted = 0 AND pinned != 0", limit)
    rest = _part(connection, "deleted = 0 AND pinned = 0 AND folder = 0", limit)
    # What is told of a deleted one is when it was deleted.
    gone = ENTRY_COLUMNS.replace("updated", "deleted")
    deleted = _part(connection, "deleted != 0", limit, order="deleted_rank", columns=gone)
    folders = tuple(_folders(connection, limit))
    parts = [pinned, rest, deleted, *(folder.chats for folder in folders)]
    return Listing(
        pinned[:limit],
        tuple(Folder(f.id, f.name, f.chats[:limit]) for f in folders),
        rest[:limit],
        more=any(len(part) > limit for part in parts),
        deleted=deleted[:limit],
    )


def _part(
    connection: sqlite3.Connection,
    where: str,
    limit: int,
    *values: int,
    order: str = "rank",
    columns: str = ENTRY_COLUMNS,
) -> tuple[ChatEntry, ...]:
    # One more than is shown tells whether there are more. The conditions are those of an index.
    rows = connection.execute(
        f"SELECT {columns} FROM chats WHERE {where} ORDER BY {order} DESC LIMIT ?",
        (*values, limit + 1),
    )
    return entries_of(rows)


def _folders(connection: sqlite3.Connection, limit: int) -> list[Folder]:
    names = {
        folder: text_of(name)[:LISTED_TITLE]
        for folder, name in connection.execute("SELECT id, name FROM folders")
    }
    inside = "deleted = 0 AND pinned = 0 AND folder != 0"
    # Chats of a folder that is lost are shown all the same.
    for (folder,) in connection.execute(f"SELECT DISTINCT folder FROM chats WHERE {inside}"):
        if isinstance(folder, int):
            names.setdefault(folder, _UNNAMED)
    ordered = sorted(names.items(), key=lambda item: (item[1].casefold(), item[0]))
    return [
        Folder(folder, name, _part(connection, f"{inside} AND folder = ?", limit, folder))
        for folder, name in ordered
    ]
