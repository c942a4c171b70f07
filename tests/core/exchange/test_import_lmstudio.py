from typing import Any

import pytest

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.exchange.foreign import Losses
from pychatbot_gui.core.exchange.import_lmstudio import lmstudio_chat
from pychatbot_gui.core.history import SavedChat


def read(*messages: Any, name: str = "1", **more: Any) -> tuple[SavedChat, str]:
    losses = Losses()
    return lmstudio_chat({"messages": list(messages), **more}, losses, name), losses.sentence()


def part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def question(*texts: str, selected: int = 0) -> dict[str, Any]:
    versions = [{"type": "singleStep", "role": "user", "content": [part(t)]} for t in texts]
    return {"versions": versions, "currentlySelected": selected}


def step(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "contentBlock", "content": [part(text)], **more}


def answer(*steps: Any, selected: int = 0, **more: Any) -> dict[str, Any]:
    version = {"type": "multiStep", "role": "assistant", "steps": list(steps), **more}
    return {"versions": [version], "currentlySelected": selected}


def texts(chat: SavedChat) -> list[str]:
    return [message.text for message in chat.path()]


def test_a_chat_with_versions() -> None:
    info = {
        "identifier": "qwen3",
        "stats": {"stopReason": "userStopped", "promptTokensCount": 11,
                  "predictedTokensCount": 192, "tokensPerSecond": 89.9},
    }  # fmt: skip
    first = answer(step("One"), senderInfo={"senderName": "qwen3-8b"})
    first["versions"] += [
        {"type": "multiStep", "role": "assistant",
         "steps": [step("Two", genInfo=info, stepIdentifier="1780959836856-0.2")]},
        {"type": "multiStep", "role": "assistant", "steps": [step("Three")]},
    ]  # fmt: skip
    first["currentlySelected"] = 1
    chat, lost = read(
        question("Hi"), first, question("More"),
        name="1736789912980", createdAt=1736789912980, systemPrompt="Be kind", pinned=True,
    )  # fmt: skip
    assert chat.title == "Hi"
    assert texts(chat) == ["Hi", "Two", "More"]
    assert [m.text for m in chat.messages] == ["Hi", "One", "Two", "Three", "More"]
    assert chat.versions(3) == (2, 3, 4)
    two = chat.messages[2]
    assert (two.model, two.ended, two.prompt_tokens, two.reply_tokens) == (
        "qwen3", "cancelled", 11, 192,
    )  # fmt: skip
    assert two.tokens_per_second == 89.9
    assert two.created == pytest.approx(1780959836.856)
    assert chat.messages[1].model == "qwen3-8b"
    assert (chat.system, chat.pinned, chat.created) == (
        "Be kind",
        True,
        pytest.approx(1736789912.98),
    )
    assert lost == ""


def test_what_cannot_be_taken_is_counted() -> None:
    asked = question("Look")
    asked["versions"][0]["content"] += [
        {"type": "file", "fileType": "image", "fileIdentifier": "x"},
        {"type": "file", "fileType": "text/plain"},
        {"type": "hologram"},
        7,
    ]
    answered = answer(
        step("I think", style={"type": "thinking"}),
        step("It is"),
        {"type": "contentBlock", "content": [{"type": "toolCallRequest"}]},
        {"type": "toolStatus"},
        {"type": "debugInfoBlock"},
        "words",
        step("a cat."),
    )
    chat, lost = read(asked, answered, answer(), {"versions": [{"role": "ghost"}]}, 5)
    assert texts(chat) == ["Look", "It is\n\na cat."]
    assert lost == (
        "left out: an image, an attached file, 2 tool calls and results, the reasoning before an "
        "answer, a message of an unknown role, an empty message, 3 parts of unknown kinds, "
        "a damaged message"
    )


def test_the_older_shape() -> None:
    chat, lost = read(
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Ho"},
        title="Old",
    )
    assert (chat.title, chat.system) == ("Old", "Be brief")
    assert texts(chat) == ["Hi", "Ho"]
    assert [m.role for m in chat.messages] == [Role.USER, Role.ASSISTANT]
    assert lost == ""


@pytest.mark.parametrize(
    "more",
    [
        {"systemPrompt": "Be kind"},
        {"perChatPredictionConfig": {"fields": [
            {"key": "llm.prediction.systemPrompt", "value": "Be kind"}]}},
        {"inference_params": {"pre_prompt": "Be kind"}},
    ],
)  # fmt: skip
def test_the_system_prompt_wherever_it_is(more: dict[str, Any]) -> None:
    assert read(question("Hi"), **more)[0].system == "Be kind"


@pytest.mark.parametrize("selected", [-1, 5, "1", None, True, 1.5])
def test_an_odd_selection(selected: Any) -> None:
    asked = question("One", "Two")
    asked["currentlySelected"] = selected
    chat, _ = read(asked, answer(step("Answer")))
    assert len(chat.messages) == 3
    assert texts(chat)[1:] == ["Answer"]


def test_a_text_that_stands_twice_is_taken_once() -> None:
    chat, _ = read(question("Hi"), answer(step("Ho"), content=[part("Ho")]))
    assert texts(chat) == ["Hi", "Ho"]
