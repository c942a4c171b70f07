from typing import Any

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.exchange.foreign import Losses
from pychatbot_gui.core.exchange.import_chatgpt import chatgpt_chat
from pychatbot_gui.core.history import SavedChat


def node(parent: str | None, role: str = "", *parts: Any, **more: Any) -> dict[str, Any]:
    """A node of the mapping; `more`: of the message, `kind` and `children` apart."""
    children = more.pop("children", [])
    if not role:
        return {"message": None, "parent": parent, "children": children}
    content = more.pop("content", {"content_type": more.pop("kind", "text"), "parts": list(parts)})
    message = {"author": {"role": role}, "content": content, "recipient": "all", **more}
    return {"message": message, "parent": parent, "children": children}


def read(nodes: dict[str, Any], at: str = "", **more: Any) -> tuple[SavedChat, str]:
    losses = Losses()
    entry = {"title": "T", "mapping": nodes, "current_node": at or list(nodes)[-1], **more}
    return chatgpt_chat(entry, losses), losses.sentence()


def texts(chat: SavedChat) -> list[str]:
    return [message.text for message in chat.path()]


def test_a_conversation_with_branches() -> None:
    chat, lost = read(
        {
            "root": node(None),
            "sys": node("root", "system", "", metadata={"is_visually_hidden_from_conversation": True}),
            "q": node("sys", "user", "Hi", create_time=100.5),
            "a1": node("q", "assistant", "One", create_time=101, metadata={
                "model_slug": "gpt-4o", "finish_details": {"type": "stop"}}),
            "a2": node("q", "assistant", "Two", create_time=102, metadata={
                "finish_details": {"type": "max_tokens"}}),
            "q2": node("a1", "user", "More", create_time=103),
        },
        at="a2", create_time=99, update_time=104, conversation_id="c1",
        default_model_slug="gpt-4",
    )  # fmt: skip
    assert texts(chat) == ["Hi", "Two"]
    assert [m.text for m in chat.messages] == ["Hi", "One", "Two", "More"]
    assert [m.parent for m in chat.messages] == [0, 1, 1, 2]
    assert [m.model for m in chat.messages] == ["", "gpt-4o", "gpt-4", ""]
    assert [m.ended for m in chat.messages] == ["", "stop", "length", ""]
    assert (chat.created, chat.updated, chat.messages[0].created) == (99, 104, 100.5)
    assert lost == ""


def test_an_answer_with_tools_in_between_is_one() -> None:
    chat, lost = read(
        {
            "q": node(None, "user", "Search", create_time=1),
            "a1": node("q", "assistant", "Let me see.", create_time=2),
            "call": node("a1", "assistant", "search()", recipient="browser", create_time=3),
            "tool": node("call", "tool", "result", create_time=4),
            "think": node(
                "tool", "assistant", content={"content_type": "thoughts", "thoughts": []}
            ),
            "a2": node(
                "think", "assistant", "Here \ue200cite\ue202turn0\ue201it is.", create_time=5
            ),
            "q2": node("a2", "user", "Thanks", create_time=6),
        }
    )
    assert texts(chat) == ["Search", "Let me see.\n\nHere it is.", "Thanks"]
    assert lost == (
        "left out: 2 tool calls and results, the reasoning before an answer, "
        "a reference to a source"
    )


def test_two_answers_after_an_answer_stay_apart() -> None:
    chat, _ = read(
        {
            "q": node(None, "user", "Hi"),
            "a": node("q", "assistant", "A"),
            "b": node("a", "assistant", "B"),
            "c": node("a", "assistant", "C"),
        }
    )
    assert texts(chat) == ["Hi", "A", "C"]
    assert len(chat.messages) == 4


def test_pictures_and_recordings_are_counted() -> None:
    chat, lost = read(
        {
            "q": node(None, "user", {"content_type": "image_asset_pointer"}, "What is this?",
                      {"content_type": "image_asset_pointer"}, kind="multimodal_text"),
            "a": node("q", "assistant",
                      {"content_type": "audio_transcription", "text": "A cat."},
                      {"content_type": "audio_asset_pointer"}, 5, None, {"x": 1},
                      kind="multimodal_text"),
        }
    )  # fmt: skip
    assert texts(chat) == ["What is this?", "A cat."]
    assert lost == "left out: 2 images, a recording, 2 parts of unknown kinds"


def test_the_persons_instructions_are_the_system_prompt() -> None:
    content = {
        "content_type": "user_editable_context",
        "user_profile": "I am five.",
        "user_instructions": "Be short.",
    }
    chat, _ = read({"c": node(None, "user", content=content), "q": node("c", "user", "Hi")})
    assert chat.system == "I am five.\n\nBe short."
    assert texts(chat) == ["Hi"]


def test_code_and_unknown_kinds() -> None:
    chat, lost = read(
        {
            "q": node(None, "user", content="plain words"),
            "a": node("q", "assistant", content={"content_type": "code", "language": "python",
                                                 "text": "1 < 2"}),
            "q2": node("a", "user", content={"content_type": "poem", "text": "Roses"}),
            "x": node("q2", "narrator", "Once"),
            "h": node("x", "assistant", "hidden", metadata={
                "is_visually_hidden_from_conversation": True}),
        }
    )  # fmt: skip
    assert texts(chat) == ["plain words", "```python\n1 < 2\n```", "Roses"]
    assert lost == (
        "left out: a hidden message, a message of an unknown role, a part of an unknown kind"
    )


def test_broken_trees() -> None:
    chat, lost = read(
        {
            "a": node("b", "user", "A"),
            "b": node("a", "assistant", "B"),
            "lost": node("nowhere", "user", "C"),
            "d": node("lost", "assistant", "D"),
            "odd": 5,
            "odder": {"message": "words"},
        },
        at="missing",
    )
    assert sorted(m.text for m in chat.messages) == ["A", "B", "C", "D"]
    assert {m.text: m.parent for m in chat.messages}["D"]
    assert chat.path()
    assert "2 damaged messages" in lost
    assert "place was damaged" in lost


def test_only_children_are_given() -> None:
    nodes = {
        "c": {"message": node(None, "user", "More")["message"], "children": []},
        "a": {"message": node(None, "user", "Hi")["message"], "children": ["b"]},
        "b": {"message": node(None, "assistant", "Ho")["message"], "children": ["c"]},
    }
    assert texts(read(nodes, at="c")[0]) == ["Hi", "Ho", "More"]


def test_odd_values() -> None:
    chat, lost = read(
        {
            "q": node(None, "user", "Hi", create_time=float("nan"), metadata=[1], author="user"),
            "a": node("q", "assistant", "Ho", create_time="2024-05-01T12:00:00Z", status="in_progress"),
            "e": node("a", "user", ""),
        },
        at="e", title="  two\nlines ", create_time=True, conversation_id=5,
    )  # fmt: skip
    assert chat.title == "two lines"
    assert texts(chat) == ["Hi", "Ho"]
    assert chat.messages[1].created == 1714564800
    assert chat.messages[1].ended == "cancelled"
    assert lost == "left out: an empty message, 2 times that make no sense"


def test_a_very_long_conversation() -> None:
    nodes = {"n0": node(None)}
    for n in range(1, 20_001):
        nodes[f"n{n}"] = node(f"n{n - 1}", "user" if n % 2 else "assistant", str(n))
    chat, _ = read(nodes)
    assert len(chat.path()) == 20_000
    assert chat.messages[0].role is Role.USER
