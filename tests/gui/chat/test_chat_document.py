import pytest
from PySide6.QtCore import QObject

from pychatbot_gui.gui.chat.chat_document import ChatDocument, ConversationDocument
from pychatbot_gui.gui.chat.chat_looks import Look
from pychatbot_gui.gui.chat.chat_reading import code_block_at, plain_text, utf16_slice
from pychatbot_gui.gui.theme import DARK, LIGHT
from tests.gui.chat.markdown_samples import TOUR


@pytest.fixture
def document(qapp):
    owner = QObject()
    made = ConversationDocument(owner)
    made.documentLayout()  # without one a document does not tell of its changes
    yield made
    owner.deleteLater()


@pytest.fixture
def chat(document):
    return ChatDocument(document, Look(LIGHT, 11.0))


def ask(chat: ChatDocument, text: str) -> None:
    chat.begin_user(text)
    while chat.more_user():
        pass


def read(document: ConversationDocument) -> str:
    return plain_text(document, 0, document.characterCount() - 1)


@pytest.mark.parametrize(
    ("begin", "piece", "limit"),
    [
        ("", "A paragraph of words.\n\n", 60),
        ("", "word and ", 2500),
        ("```\n", "a line of code\n", 40),
        ("| a | b |\n|---|---|\n", "| cell | cell |\n", 200),
        ("", "- an item of a list\n", 60),
        ("", "some **bold** and `code` ", 2500),
    ],
)
def test_what_was_written_long_ago_is_not_touched_again(chat, document, begin, piece, limit):
    ask(chat, "Question")
    chat.begin_answer("Model")
    chat.append(begin)
    reached = []
    document.contentsChange.connect(
        lambda position, removed, _added: reached.append(
            document.characterCount() + removed - position
        )
    )
    for _ in range(200):
        chat.append(piece)
    # How far from the end of the document each change began: flat, however long the answer.
    assert len(reached) >= 150
    assert max(reached[10:]) < limit * 2
    assert sorted(reached)[len(reached) // 2] < limit


def test_what_is_shown_already_is_not_written_again(chat, document):
    chat.begin_answer("Model")
    chat.append("A paragraph")
    changes = []
    document.contentsChange.connect(lambda *change: changes.append(change[1:]))
    chat.append(" goes on")
    chat.append(" and on")
    assert changes == [(0, 8), (0, 7)]
    chat.append("\n")
    chat.end_answer()
    assert changes == [(0, 8), (0, 7)]


def test_a_name_is_shown_on_one_line_and_with_marks(chat, document):
    chat.begin_answer("Model\n\u202eB")
    assert read(document).startswith("Model ⟨U+202E⟩B\n")
    chat.end_answer()
    chat.begin_answer("")
    assert "Assistant\nThinking…" in read(document)


def test_text_without_an_answer_is_ignored(chat, document):
    chat.append("lost")
    chat.set_status("lost")
    chat.end_answer("lost")
    assert read(document) == ""


def test_messages_are_found_by_position(chat, document):
    assert chat.message_at(0) is None
    ask(chat, "Question")
    chat.begin_answer("Model")
    chat.append("Answer")
    chat.end_answer()
    for number, word in enumerate(("Question", "Answer")):
        position = document.find(word).position()
        assert chat.message_at(position) is chat.messages[number]
        assert chat.messages[number].source == word


@pytest.mark.parametrize("look", [Look(DARK, 11.0), Look(LIGHT, 11.0, 1.75), Look(DARK, 9.0, 0.7)])
def test_a_document_dressed_again_is_as_one_dressed_so_from_the_start(qapp, look):
    owner = QObject()
    documents = ConversationDocument(owner), ConversationDocument(owner)
    chats = ChatDocument(documents[0], Look(LIGHT, 11.0)), ChatDocument(documents[1], look)
    for chat in chats:
        chat.fit_bubbles(700)
        ask(chat, "Question\n\twith a tab")
        chat.begin_answer("Model")
        chat.append(TOUR)
        chat.end_answer("Stopped")
    chats[0].set_look(look)
    assert documents[0].toHtml() == documents[1].toHtml()
    owner.deleteLater()


def test_a_code_block_is_read_whole_from_any_of_its_lines(chat, document):
    long = "x = 1; " * 900
    chat.begin_answer("Model")
    chat.append(f"```\na\n\n{long}\nb\n```\n```\nother\n```")
    chat.end_answer()
    for word in ("a", "x", "b"):
        block = document.find(word, document.find("Model").position()).block()
        assert code_block_at(block) == f"a\n\n{long}\nb"
    assert code_block_at(document.find("other").block()) == "other"
    assert code_block_at(document.begin()) is None


def test_positions_are_counted_as_qt_does():
    assert utf16_slice("a👍b", 1, 3) == "👍"
    assert utf16_slice("a👍b", 3, 4) == "b"
    assert utf16_slice("abc", 1, 2) == "b"
