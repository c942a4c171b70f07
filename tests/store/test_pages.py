"""Rows read without the library: the same that it finds."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pychatbot_gui.store.chats import open_store
from pychatbot_gui.store.pages import Row, read_rows
from tests.store.conftest import exchange


def of_messages(rows: list[Row]) -> dict[int, str]:
    return {row.id: str(row.values[11]) for row in rows if len(row.values) == 12}


def test_the_same_rows_as_the_library(path: Path) -> None:
    with closing(open_store(path)[0]) as store, closing(sqlite3.connect(path)) as raw:
        for length in (0, 1, 100, 3000, 4000, 4050, 4100, 8200, 100_000):
            exchange(store, "é" * length, "x" * length)
        # All of it is among the changes, nothing in the database itself.
        found = of_messages(list(read_rows(path)))
        assert len(found) == 18
        assert found == dict(raw.execute("SELECT id, text FROM messages"))
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert of_messages(list(read_rows(path))) == found
        exchange(store, "newest")
        assert "newest" in of_messages(list(read_rows(path))).values()
        store.erase(1)
        found = of_messages(list(read_rows(path)))
        assert found == dict(raw.execute("SELECT id, text FROM messages"))


def test_only_what_was_committed(path: Path, tmp_path: Path) -> None:
    with closing(open_store(path)[0]) as store:
        exchange(store, "first")
        changes = path.with_name("conversations.db-wal")
        before = len(changes.read_bytes())
        exchange(store, "second", "x" * 20_000)
        whole, data = changes.read_bytes(), path.read_bytes()
    copy = tmp_path / "copy.db"
    copy.write_bytes(data)
    for length in range(before, len(whole), 3000):
        copy.with_name("copy.db-wal").write_bytes(whole[:length])
        with closing(sqlite3.connect(copy)) as raw:
            expected = dict(raw.execute("SELECT id, text FROM messages"))
        copy.write_bytes(data)
        copy.with_name("copy.db-wal").write_bytes(whole[:length])
        assert of_messages(list(read_rows(copy))) == expected


@pytest.mark.parametrize("page_size", [512, 1024, 65536])
def test_other_page_sizes(tmp_path: Path, page_size: int) -> None:
    file = tmp_path / "a.db"
    with closing(sqlite3.connect(file)) as raw:
        raw.execute(f"PRAGMA page_size = {page_size}")
        raw.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c)")
        rows = [(i, i * -7_000_000_000, i / 3, "ab" * i * 40) for i in range(-20, 200)]
        raw.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
        raw.commit()
    found = {r.id: (r.id, *r.values[1:]) for r in read_rows(file) if len(r.values) == 4}
    assert found == {row[0]: row for row in rows}


def test_noise_is_no_row(tmp_path: Path) -> None:
    rng = random.Random(3)
    file = tmp_path / "noise"
    for _ in range(20):
        # Every page says that it is a leaf.
        file.write_bytes(b"".join(b"\x0d" + rng.randbytes(4095) for _ in range(8)))
        (tmp_path / "noise-wal").write_bytes(rng.randbytes(5000))
        list(read_rows(file))
    file.write_bytes(b"")
    assert list(read_rows(file)) == []
    assert list(read_rows(tmp_path / "none")) == []
