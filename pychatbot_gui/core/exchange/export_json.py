"""Conversations as JSON: everything that is known of them, as `import` takes it back."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pychatbot_gui.core.history import SavedChat, SavedMessage

FORMAT = "pychatbot-conversations"
VERSION = 1


def json_chunks(chats: Iterable[SavedChat], count: int) -> Iterator[str]:
    """A JSON document of `count` conversations, a line and a chunk for each message.

    A chat's place in the list (its id, its folder) is not part of it.
    """
    head = {"format": FORMAT, "version": VERSION, "count": count}
    yield json.dumps(head)[:-1] + ', "conversations": ['
    comma = ""
    for chat in chats:
        yield f'{comma}\n{_json(_about(chat))[:-1]}, "messages": ['
        for number, message in enumerate(chat.messages):
            yield f"{',' if number else ''}\n  {_json(_of_message(message))}"
        yield "\n]}"
        comma = ","
    yield "\n]}\n"


def _about(chat: SavedChat) -> dict[str, Any]:
    return {
        "uid": chat.uid,
        "title": chat.title,
        "titled_by": chat.titled_by,
        "created": _number(chat.created),
        "updated": _number(chat.updated),
        "system": chat.system,
        "preset": chat.preset,
        "sampling": _numbers(chat.sampling),
        "draft": chat.draft,
        "hidden_turns": chat.hidden_turns,
        "pinned": chat.pinned,
        "head": chat.head,
    }


def _of_message(message: SavedMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "parent": message.parent,
        "role": message.role.value,
        "text": message.text,
        "created": _number(message.created),
        "ended": message.ended,
        "model": message.model,
        "sampling": _numbers(message.sampling),
        "prompt_tokens": message.prompt_tokens,
        "reply_tokens": message.reply_tokens,
        "tokens_per_second": _number(message.tokens_per_second),
    }


def _number(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _numbers(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _json(value: dict[str, Any]) -> str:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)  # half of a split character
    # U+2028 and U+2029 are valid JSON, but other readers take them for line ends.
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
