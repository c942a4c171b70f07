"""Conversations that come whole: forks and imports."""

from contextlib import closing
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.history import SavedChat, SavedMessage
from pychatbot_gui.store.chats import ChatStore, open_memory
from tests.store.conftest import exchange, texts


def test_a_fork_is_a_chat_of_its_own(store: ChatStore) -> None:
    chat, _, answer = exchange(store, "First", "one")
    store.set_system(chat, "System")
    exchange(store, "Second", "two", chat, answer)
    fork = store.fork(chat, answer)
    copied = store.chat(fork)
    assert copied.title == "First (fork)"
    assert copied.system == "System"
    assert copied.uid != store.chat(chat).uid
    assert texts(copied) == ["First", "one"]
    assert {hit.chat for hit in store.search("one")} == {chat, fork}
    exchange(store, "Elsewhere", "three", fork, copied.head)
    assert texts(store.chat(chat)) == ["First", "one", "Second", "two"]
    assert store.latest_chat() == fork


def a_tree() -> SavedChat:
    user, model = Role.USER, Role.ASSISTANT
    return SavedChat(
        7,
        "the-uid",
        "Imported",
        "person",
        1.0,
        2.0,
        "System",
        sampling={"top_p": 0.9},
        head=40,
        messages=(
            SavedMessage(10, 0, user, "Q", 1.0),
            SavedMessage(20, 10, model, "A1", 1.5, "stop", "m", {"seed": 2}, 3, 4, 5.5),
            SavedMessage(30, 10, model, "A2", 1.6, "cancelled"),
            SavedMessage(40, 20, user, "Q2", 1.7),
        ),
    )


def shape(chat: SavedChat) -> list[object]:
    places = {m.id: i for i, m in enumerate(chat.messages)} | {0: -1}
    return [replace(m, id=places[m.id], parent=places[m.parent]) for m in chat.messages]


def test_an_import_is_the_same_tree(store: ChatStore) -> None:
    exchange(store)
    chat = store.add_imported(a_tree())
    saved = store.chat(chat)
    assert shape(saved) == shape(a_tree())
    assert saved.uid == "the-uid"
    assert (saved.title, saved.created, saved.updated) == ("Imported", 1.0, 2.0)
    assert texts(saved) == ["Q", "A1", "Q2"]
    assert [hit.message for hit in store.search("A2")] == [saved.messages[2].id]
    assert store.add_imported(a_tree()) == 0
    assert store.add_imported(saved) == 0
    # What was talked in long ago does not come to the top of the list.
    assert store.chat_ids()[-1] == chat


def test_the_same_uid_with_other_content_is_another_chat(store: ChatStore) -> None:
    first = store.add_imported(a_tree())
    changed = replace(a_tree(), messages=a_tree().messages[:3], head=20)
    second = store.add_imported(changed)
    assert second not in (0, first)
    assert store.chat(second).uid != "the-uid"
    assert len(store.chat(first).messages) == 4
    store.delete(first)
    assert store.add_imported(a_tree()) != 0


def test_an_import_with_nonsense_in_it(store: ChatStore) -> None:
    circle = (
        SavedMessage(1, 2, Role.USER, "a"),
        SavedMessage(2, 1, Role.ASSISTANT, "b", ended="writing"),
        SavedMessage(3, 99, Role.SYSTEM, "c \ud800"),
    )
    chat = store.add_imported(SavedChat(1, messages=circle, head=77, title="\udfff"))
    saved = store.chat(chat)
    assert saved.uid
    assert [m.text for m in saved.messages] == ["a", "b", "c \ufffd"]
    assert saved.messages[1].ended == "crash"
    assert saved.head == saved.messages[2].id
    assert store.chat(store.add_imported(SavedChat(1))).messages == ()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 8),
            st.sampled_from(Role),
            st.text(max_size=30),
            st.sampled_from(["", "stop", "length", "error"]),
        ),
        max_size=12,
    )
)
def test_any_tree_survives(drawn: list[tuple[int, Role, str, str]]) -> None:
    messages = tuple(
        SavedMessage(i, min(parent, i - 1), role, text, ended=ended)
        for i, (parent, role, text, ended) in enumerate(drawn, 1)
    )
    chat = SavedChat(1, "u", "t", messages=messages, head=len(messages))
    with closing(open_memory()) as store:
        saved = store.chat(store.add_imported(chat))
        assert shape(saved) == shape(chat)
        assert store.add_imported(replace(saved, title="another")) == 0
        assert shape(store.chat(store.add_imported(replace(saved, system="x")))) == shape(chat)
