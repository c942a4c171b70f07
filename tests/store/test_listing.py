"""The list of conversations as the store gives it: folders, order, how many."""

from contextlib import closing
from pathlib import Path

from pychatbot_gui.store.chats import ChatStore, open_store
from tests.store.conftest import exchange


def test_the_list(store: ChatStore) -> None:
    a, b, c, d, e = (exchange(store, f"About {name}")[0] for name in "vwxyz")
    folder = store.add_folder("Work")
    empty = store.add_folder("An empty one")
    store.pin(a, True)
    store.move(b, folder)
    store.move(d, folder)
    store.delete(c)
    listing = store.listing()
    assert [entry.id for entry in listing.pinned] == [a]
    assert [(f.id, f.name, [x.id for x in f.chats]) for f in listing.folders] == [
        (empty, "An empty one", []),
        (folder, "Work", [d, b]),
    ]
    assert [entry.id for entry in listing.chats] == [e]
    assert [entry.id for entry in listing.deleted] == [c]
    assert not listing.more
    assert store.search("About x") == []
    store.restore(c)
    store.rename_folder(folder, "Play")
    assert store.listing().folders[1].name == "Play"
    store.delete_folder(folder)
    assert [entry.id for entry in store.listing().chats] == [e, d, c, b]
    assert store.chat_ids() == [e, d, c, b, a]


def test_more_than_is_listed(store: ChatStore) -> None:
    chats = [exchange(store)[0] for _ in range(5)]
    assert [entry.id for entry in store.listing(3).chats] == chats[:1:-1]
    assert store.listing(3).more
    assert not store.listing(5).more


def test_the_newest_is_first_even_when_the_clock_goes_back(path: Path) -> None:
    now = [2_000_000_000.0]
    with closing(open_store(path, clock=lambda: now[0])[0]) as store:
        first = exchange(store)[0]
        now[0] = 1_000_000_000.0
        second = exchange(store)[0]
        third = exchange(store)[0]
        assert store.chat_ids() == [third, second, first]
        exchange(store, chat=first, parent=store.chat(first).head)
        assert store.latest_chat() == first
        assert store.chat(first).updated == 1_000_000_000.0
        store.delete(third)
        now[0] = 500_000_000.0
        store.delete(second)
        deleted = store.listing().deleted
        assert [entry.id for entry in deleted] == [second, third]
        assert [entry.updated for entry in deleted] == [1_000_000_000.0, 1_000_000_000.0]
