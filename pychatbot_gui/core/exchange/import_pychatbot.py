"""A conversation from our own JSON, as `core/export_json.py` writes it."""

from dataclasses import replace
from typing import Any

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.exchange.foreign import (
    LONGEST_TITLE,
    Losses,
    arranged,
    count_of,
    number_of,
    text_of,
    time_of,
    title_of,
)
from pychatbot_gui.core.history import WRITING, SavedChat, SavedMessage

_ENDED = ("", "stop", "length", "context", "cancelled", "error", "crash")


def is_pychatbot(entry: dict[str, Any]) -> bool:
    """Whether this entry is a conversation that PyChatbot wrote."""
    messages = entry.get("messages")
    return "uid" in entry and "head" in entry and isinstance(messages, list)


def pychatbot_chat(entry: dict[str, Any], losses: Losses) -> SavedChat:
    """The conversation with its whole tree; what is damaged in it is counted in `losses`."""
    messages = arranged(_messages(entry["messages"], losses), losses)
    ids = {message.id for message in messages}
    head = entry.get("head")
    if messages and (isinstance(head, bool) or not isinstance(head, int) or head not in ids):
        losses.count("head")
        head = messages[-1].id
    title = text_of(entry.get("title"))
    titled_by = entry.get("titled_by")
    return SavedChat(
        id=0,
        uid=text_of(entry.get("uid"))[:100],
        title=title if len(title) <= LONGEST_TITLE else title_of(title, losses),
        titled_by=titled_by if titled_by in ("start", "model", "person") else "person",
        created=time_of(entry.get("created"), losses),
        updated=time_of(entry.get("updated"), losses),
        system=text_of(entry.get("system")),
        preset=text_of(entry.get("preset"))[:200],
        sampling=_sampling(entry.get("sampling"), losses),
        draft=text_of(entry.get("draft")),
        hidden_turns=count_of(entry.get("hidden_turns"), losses),
        pinned=entry.get("pinned") is True,
        head=head if messages and isinstance(head, int) else 0,
        messages=tuple(messages),
    )


def _messages(listed: list[Any], losses: Losses) -> list[SavedMessage]:
    found: list[SavedMessage] = []
    used: set[int] = set()
    numbers = (item.get("id") for item in listed if isinstance(item, dict))
    highest = max((n for n in numbers if isinstance(n, int) and n <= 2**53), default=0)
    for item in listed:
        message = _message(item, losses) if isinstance(item, dict) else None
        if message is None:
            losses.count("message")
            continue
        if message.id in used or message.id == 0:
            losses.count("id")
            highest += 1
            message = replace(message, id=highest)
        used.add(message.id)
        found.append(message)
    return found


def _message(item: dict[str, Any], losses: Losses) -> SavedMessage | None:
    try:
        role = Role(item.get("role"))
    except ValueError:
        return None
    if not isinstance(item.get("text"), str):
        return None
    ended = item.get("ended")
    if ended == WRITING:
        ended = "crash"  # what wrote it is not running here
    elif ended not in _ENDED:
        losses.count("value")
        ended = "" if role is Role.USER else "stop"
    return SavedMessage(
        id=count_of(item.get("id"), losses),
        parent=count_of(item.get("parent"), losses),
        role=role,
        text=text_of(item["text"]),
        created=time_of(item.get("created"), losses),
        ended=str(ended),
        model=text_of(item.get("model"))[:500],
        sampling=_sampling(item.get("sampling"), losses),
        prompt_tokens=count_of(item.get("prompt_tokens"), losses),
        reply_tokens=count_of(item.get("reply_tokens"), losses),
        tokens_per_second=number_of(item.get("tokens_per_second"), losses),
    )


def _sampling(value: Any, losses: Losses) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        losses.count("value")
        return {}
    found = {}
    for name, number in value.items():
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            losses.count("value")
        else:
            found[text_of(name)[:100]] = number_of(number, losses)
    return found
