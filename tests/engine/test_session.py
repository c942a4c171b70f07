import pytest

from pychatbot_gui.core.chat import Conversation, Role
from pychatbot_gui.core.errors import ContextOverflow, ModelDied, TemplateError
from pychatbot_gui.engine.engine import CancelToken, Sampling
from pychatbot_gui.engine.session import ChatSession
from tests.engines import FakeEngine


def _texts(chat: ChatSession) -> list[tuple[str, bool]]:
    return [(m.text, m.unfinished) for m in chat.conversation.messages]


def _ask(chat: ChatSession, text: str, token: CancelToken | None = None) -> None:
    list(chat.ask(text, Sampling(), token or CancelToken()))


def test_each_question_and_answer_is_added_and_sent() -> None:
    engine = FakeEngine()
    engine.answers = [["an", "swer"], ["more"]]
    chat = ChatSession(engine)
    chat.conversation = Conversation("Be kind.")
    _ask(chat, "one")
    _ask(chat, "two \ud800")
    sent = [(m.role.value, m.text) for m in engine.history[1].messages]
    assert sent == [
        ("system", "Be kind."),
        ("user", "one"),
        ("assistant", "answer"),
        ("user", "two \ufffd"),
    ]
    assert engine.history[0].id != engine.history[1].id


def test_a_stopped_answer_is_kept_as_unfinished() -> None:
    engine, token = FakeEngine(), CancelToken()
    engine.answers = [["a", "b", token.cancel, "c"]]
    chat = ChatSession(engine)
    _ask(chat, "one", token)
    assert _texts(chat) == [("one", False), ("ab", True)]


def test_a_broken_answer_is_kept_as_unfinished() -> None:
    engine = FakeEngine()
    engine.answers = [["half", ModelDied("gone")], [ModelDied("gone")], ["whole"]]
    chat = ChatSession(engine)
    for text in ("one", "two"):
        with pytest.raises(ModelDied):
            _ask(chat, text)
    _ask(chat, "three")
    assert _texts(chat) == [
        ("one", False),
        ("half", True),
        ("two", False),
        ("three", False),
        ("whole", False),
    ]
    assert [m.text for m in engine.history[2].messages] == ["one", "half", "two\n\nthree"]


@pytest.mark.parametrize("error", [ContextOverflow("long"), TemplateError("no")])
def test_a_refused_message_is_not_added(error: Exception) -> None:
    engine = FakeEngine()
    engine.answers = [["fine"], [error]]
    chat = ChatSession(engine)
    _ask(chat, "one")
    before = chat.conversation
    with pytest.raises(type(error)):
        _ask(chat, "too long")
    assert chat.conversation == before


def test_what_left_the_models_sight_stays_out() -> None:
    engine = FakeEngine()
    engine.answers = [["a1"], ["a2"], ["a3"], ["a4"]]
    chat = ChatSession(engine)
    chat.conversation = Conversation("sys")
    _ask(chat, "q1")
    _ask(chat, "q2")
    engine.dropped = 2  # the first question and its answer
    _ask(chat, "q3")
    _ask(chat, "q4")
    assert [m.text for m in engine.history[3].messages] == ["sys", "q2", "a2", "q3", "a3", "q4"]
    assert len(chat.conversation.messages) == 8, "nothing is lost from the conversation"


def test_a_reader_that_goes_away_leaves_the_answer_so_far() -> None:
    engine = FakeEngine()
    engine.answers = [["a", "b", "c"]]
    chat = ChatSession(engine)
    events = chat.ask("one", Sampling(), CancelToken())
    for event in events:
        if getattr(event, "piece", "") == "b":
            break
    events.close()  # type: ignore[attr-defined]
    assert _texts(chat) == [("one", False), ("ab", True)]
    assert chat.conversation.messages[-1].role is Role.ASSISTANT
