import contextlib
from collections.abc import Iterator

import pytest

from pychatbot_gui.core.chat import Conversation, Message, Role, user_message
from pychatbot_gui.core.errors import ContextOverflow, ModelDied, TemplateError
from pychatbot_gui.engine.engine import (
    CancelToken,
    Event,
    Finished,
    Loading,
    Reading,
    ReplyRequest,
    Sampling,
    Text,
)
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


def test_the_engine_is_told_what_left_the_models_sight() -> None:
    engine = FakeEngine()
    engine.answers = [["a1"], ["a2"], ["a3"], ["a4"]]
    chat = ChatSession(engine)
    chat.conversation = Conversation("sys")
    _ask(chat, "q1")
    _ask(chat, "q2")
    engine.dropped = 2  # the first question and its answer
    _ask(chat, "q3")
    engine.dropped = 2
    _ask(chat, "q4")
    assert [request.hidden_turns for request in engine.history] == [0, 0, 0, 1]
    assert len(engine.history[3].messages) == 8, "they may come back"
    assert chat.conversation.hidden_turns == 1
    engine.answers = [["a5"]]
    _ask(chat, "q5")
    assert chat.conversation.hidden_turns == 0, "all is in sight again"


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


def test_a_conversation_is_answered_as_it_stands() -> None:
    engine = FakeEngine()
    engine.answers = [["answer"]]
    chat = ChatSession(engine)
    chat.conversation = Conversation("sys", (user_message("one"),))
    list(chat.answer(Sampling(), CancelToken()))
    assert [m.text for m in engine.history[0].messages] == ["sys", "one"]
    assert _texts(chat) == [("one", False), ("answer", False)]


def test_a_continued_answer_is_its_beginning_and_what_is_new() -> None:
    engine, token = FakeEngine(), CancelToken()
    engine.answers = [["b", token.cancel], ["", " c"], [ModelDied("gone")]]
    for text, unfinished in (("a b", True), ("a  c", False), ("a ", True)):
        chat = ChatSession(engine)
        chat.conversation = Conversation("", (user_message("one"),))
        with contextlib.suppress(ModelDied):
            list(chat.answer(Sampling(), token, "a "))
        token = CancelToken()
        assert _texts(chat) == [("one", False), (text, unfinished)]
    assert [request.prefix for request in engine.history] == ["a "] * 3


def test_a_refused_continuation_adds_nothing() -> None:
    engine = FakeEngine()
    engine.answers = [[ContextOverflow("long")]]
    chat = ChatSession(engine)
    chat.conversation = before = Conversation("", (user_message("one"),))
    with pytest.raises(ContextOverflow):
        list(chat.answer(Sampling(), CancelToken(), "begun"))
    assert chat.conversation == before


def test_how_many_turns_are_hidden_is_known_afterwards() -> None:
    engine = FakeEngine()
    chat = ChatSession(engine)
    turn = (user_message("q"), Message(Role.ASSISTANT, "a"))
    chat.conversation = Conversation("", turn * 4 + turn[:1], hidden_turns=1)
    engine.answers, engine.dropped = [["fine"]], 4
    list(chat.answer(Sampling(), CancelToken()))
    assert chat.conversation.hidden_turns == 2


def test_turns_that_leave_while_an_answer_is_written_are_counted_too() -> None:
    class Long(FakeEngine):
        def reply(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
            yield Reading(request.id, 9, 9)
            yield Text(request.id, "begun")
            yield Reading(request.id, 5, 5, dropped=2)
            yield Finished(request.id, "stop")

    chat = ChatSession(Long())
    turn = (user_message("q"), Message(Role.ASSISTANT, "a"))
    chat.conversation = Conversation("sys", turn * 2 + turn[:1])
    list(chat.answer(Sampling(), CancelToken()))
    assert chat.conversation.hidden_turns == 1
    assert _texts(chat)[-1] == ("begun", False)


def test_a_title_leaves_the_conversation_as_it_is() -> None:
    engine = FakeEngine()
    engine.answers = [["A ", "title\n\nand more"], ["cut", "off"], ["<think>"]]
    chat = ChatSession(engine)
    talked = Conversation("", (user_message("q"), Message(Role.ASSISTANT, "<think>x</think>a")))
    assert chat.title(talked, CancelToken()) == "A title"
    assert engine.history[0].prefix.startswith("<think>"), "no thoughts about a title"
    stopped = CancelToken()
    stopped.cancel()
    assert chat.title(talked, stopped) == ""
    assert chat.title(talked, CancelToken()) == ""
    assert chat.conversation == Conversation()


def test_no_model_is_loaded_again_for_a_title() -> None:
    class Dead(FakeEngine):
        def reply(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
            yield Loading(request.id, 0.0)
            yield Finished(request.id, "cancelled" if token.is_cancelled() else "stop")

    token = CancelToken()
    assert ChatSession(Dead()).title(Conversation(), token) == ""
    assert token.is_cancelled()
