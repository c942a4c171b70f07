from pychatbot_gui.core.chat import (
    Conversation,
    Message,
    Role,
    clean_text,
    user_message,
    without_oldest_turns,
)


def _ask(text: str) -> Message:
    return Message(Role.USER, text)


def _answer(text: str) -> Message:
    return Message(Role.ASSISTANT, text)


def test_a_prompt_is_system_then_messages_in_order() -> None:
    chat = Conversation("Be kind.").with_message(_ask("a")).with_message(_answer("b"))
    assert [(m.role.value, m.text) for m in chat.with_message(_ask("c")).prompt()] == [
        ("system", "Be kind."),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
    ]


def test_a_blank_system_prompt_is_none() -> None:
    assert Conversation(" \n").with_message(_ask("a")).prompt() == (_ask("a"),)


def test_questions_without_an_answer_become_one_message() -> None:
    chat = Conversation("", (_ask("a"), _ask("b"), _answer("c"), _ask("d"), _ask("e")))
    assert [m.text for m in chat.prompt()] == ["a\n\nb", "c", "d\n\ne"]


def test_oldest_turns_leave_but_the_last_one_and_the_system_prompt_stay() -> None:
    turns = (_ask("a"), _answer("b"), _ask("c"), _ask("c2"), _answer("d"), _ask("e"))
    whole = Conversation("sys", turns, hidden_turns=1).prompt()
    assert [m.text for m in whole] == ["sys", "a", "b", "c\n\nc2", "d", "e"]
    for out, texts in ((1, ["c\n\nc2", "d", "e"]), (2, ["e"]), (99, ["e"])):
        assert [m.text for m in without_oldest_turns(whole, out)] == ["sys", *texts]


def test_lone_surrogates_are_replaced_and_nothing_else() -> None:
    assert clean_text("a\ud800b\udfff") == "a\ufffdb\ufffd"
    kept = "😀 \u202e \x00 مرحبا"
    assert user_message(kept).text == kept
    user_message("\ud800").text.encode()
