"""Chat history on disk. The only part that knows sqlite3; everything is synchronous and Qt-free."""
