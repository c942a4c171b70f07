"""A conversation from ChatGPT's export: a `mapping` of nodes, of which every one may be odd."""

import re
from dataclasses import dataclass, replace
from typing import Any

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.exchange.foreign import Losses, arranged, text_of, time_of, title_of, uid_of
from pychatbot_gui.core.history import SavedChat, SavedMessage, title_from

# Marks that its pages replace by links: a private character, a payload, another one.
_CITATION = re.compile("\ue200[^\ue200\ue201]*\ue201")
_LEFT_OUT = {
    "thoughts": "reasoning", "model_editable_context": "memory", "execution_output": "tool",
    "tether_browsing_display": "tool", "tether_browsing_code": "tool", "tether_quote": "tool",
    "sonic_webpage": "tool", "computer_output": "tool", "citable_code_output": "tool",
    "system_error": "tool", "computer_initialize_state": "tool",
}  # fmt: skip
_ENDED = {"max_tokens": "length", "interrupted": "cancelled"}


def is_chatgpt(entry: dict[str, Any]) -> bool:
    """Whether this entry is a conversation of ChatGPT's export."""
    return isinstance(entry.get("mapping"), dict)


@dataclass
class _Reading:
    losses: Losses
    model: str
    system: str = ""


def chatgpt_chat(entry: dict[str, Any], losses: Losses) -> SavedChat:
    """The conversation with all branches; tools, pictures and hidden messages are counted."""
    nodes = {text_of(key): node for key, node in entry["mapping"].items()}
    above = _parents(nodes)
    reading = _Reading(losses, text_of(entry.get("default_model_slug"))[:200])
    numbers = {key: number for number, key in enumerate(nodes, 1)}
    kept: dict[str, SavedMessage] = {}
    for key, node in nodes.items():
        message = _message(node, reading, numbers[key])
        if message is not None:
            kept[key] = message
    nearest = {key: _nearest(key, above, kept) for key in nodes}
    messages = [
        replace(message, parent=_number(nearest.get(above.get(key, ""), ""), numbers))
        for key, message in kept.items()
    ]
    messages, joined = _joined(arranged(messages, losses, by_time=True))
    ids = {message.id: number for number, message in enumerate(messages, 1)}
    messages = [replace(m, id=ids[m.id], parent=ids.get(m.parent, 0)) for m in messages]
    head = _number(nearest.get(text_of(entry.get("current_node")), ""), numbers)
    first = next((m.text for m in messages if m.role is Role.USER), "")
    times = [m.created for m in messages if m.created]
    created = time_of(entry.get("create_time"), losses) or min(times, default=0.0)
    name = entry.get("conversation_id") or entry.get("id")
    return SavedChat(
        id=0,
        uid=uid_of("chatgpt", name) if isinstance(name, str) else uid_of("chatgpt", entry),
        title=title_of(entry.get("title"), losses) or title_from(first),
        titled_by="person",
        created=created,
        updated=time_of(entry.get("update_time"), losses) or max(times, default=created),
        system=reading.system,
        head=ids.get(joined.get(head, head), messages[-1].id if messages else 0),
        messages=tuple(messages),
    )


def _number(key: str, numbers: dict[str, int]) -> int:
    return numbers.get(key, 0)


def _parents(nodes: dict[str, Any]) -> dict[str, str]:
    """The node above each; some exports say only which are below."""
    above: dict[str, str] = {}
    for key, node in nodes.items():
        children = node.get("children") if isinstance(node, dict) else None
        for child in children if isinstance(children, list) else ():
            if isinstance(child, str):
                above.setdefault(child, key)
    for key, node in nodes.items():
        parent = node.get("parent") if isinstance(node, dict) else None
        if isinstance(parent, str) and parent:
            above[key] = parent
    return above


def _nearest(key: str, above: dict[str, str], kept: dict[str, SavedMessage]) -> str:
    """This node, or the first one above it that was kept."""
    seen = set()
    while key and key not in kept and key not in seen:
        seen.add(key)
        key = above.get(key, "")
    return key


def _message(node: Any, reading: _Reading, number: int) -> SavedMessage | None:
    message = node.get("message") if isinstance(node, dict) else None
    if message is None:
        if not isinstance(node, dict):
            reading.losses.count("message")
        return None
    if not isinstance(message, dict):
        reading.losses.count("message")
        return None
    author = message.get("author")
    role = text_of(author.get("role") if isinstance(author, dict) else author)
    metadata = message.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    text = _text(message, metadata, reading, role)
    if text is None:
        return None
    created = time_of(message.get("create_time"), reading.losses)
    if role == "user":
        return SavedMessage(number, 0, Role.USER, text, created)
    model = text_of(metadata.get("model_slug"))[:200] or reading.model
    return SavedMessage(number, 0, Role.ASSISTANT, text, created, _ended(message, metadata), model)


def _ended(message: dict[str, Any], metadata: dict[str, Any]) -> str:
    if message.get("status") == "in_progress":
        return "cancelled"
    details = metadata.get("finish_details")
    kind = details.get("type") if isinstance(details, dict) else ""
    return _ENDED.get(kind, "stop") if isinstance(kind, str) else "stop"


def _text(
    message: dict[str, Any], metadata: dict[str, Any], reading: _Reading, role: str
) -> str | None:
    """The text of a message that a person saw; None, and counted, for all others."""
    losses, content = reading.losses, message.get("content")
    content = content if isinstance(content, dict) else {"parts": [content]}
    kind = text_of(content.get("content_type")) or "text"
    if kind == "user_editable_context":
        _instructions(content, metadata, reading)
        return None
    if kind == "reasoning_recap":
        return None  # how long it thought
    if kind in _LEFT_OUT:
        losses.count(_LEFT_OUT[kind])
        return None
    texts = _parts(content, kind, losses)
    text = "\n".join(part for part in texts if part)
    text, cited = _CITATION.subn("", text)
    recipient = message.get("recipient")
    if not text.strip():
        # Every export has empty system messages, and answers that were only a call of a tool.
        if role in ("user", "assistant") and recipient in (None, "all"):
            losses.count("empty")
        return None
    if role == "tool" or (role == "assistant" and recipient not in (None, "", "all")):
        losses.count("tool")
    elif metadata.get("is_visually_hidden_from_conversation") is True:
        losses.count("hidden")
    elif role == "system":
        if reading.system or metadata.get("is_user_system_message") is True:
            losses.count("system")
        else:
            reading.system = text
    elif role not in ("user", "assistant"):
        losses.count("role")
    else:
        losses.count("citation", cited)
        return text
    return None


def _parts(content: dict[str, Any], kind: str, losses: Losses) -> list[str]:
    if kind == "code":
        language = text_of(content.get("language"))[:30]
        language = "" if language == "unknown" else language
        code = text_of(content.get("text"))
        return [f"```{language}\n{code}\n```"] if code.strip() else []
    parts = content.get("parts")
    if not isinstance(parts, list):
        # Newer kinds that are not known here keep their words under these names.
        text = text_of(content.get("text")) or text_of(content.get("content"))
        if kind != "text" or not text:
            losses.count("part")
        return [text]
    return [_part(part, losses) for part in parts]


def _part(part: Any, losses: Losses) -> str:
    if isinstance(part, str):
        return text_of(part)
    if not isinstance(part, dict):
        if part is not None:
            losses.count("part")
        return ""
    kind = text_of(part.get("content_type"))
    if "image" in kind:
        losses.count("image")
    elif kind != "audio_transcription" and ("audio" in kind or "video" in kind):
        losses.count("audio")
    elif isinstance(part.get("text"), str):
        return text_of(part["text"])
    else:
        losses.count("part")
    return ""


def _instructions(content: dict[str, Any], metadata: dict[str, Any], reading: _Reading) -> None:
    """The person's own instructions were part of the prompt, so they become the system prompt."""
    data = metadata.get("user_context_message_data")
    data = data if isinstance(data, dict) else {}
    texts = [text_of(data.get(name)) for name in ("about_user_message", "about_model_message")]
    if not any(texts):
        texts = [text_of(content.get(name)) for name in ("user_profile", "user_instructions")]
    reading.system = reading.system or "\n\n".join(text for text in texts if text.strip())


def _joined(messages: list[SavedMessage]) -> tuple[list[SavedMessage], dict[int, int]]:
    """One answer for each row of answers, and which number each of those has now.

    Where it called tools in between, an answer comes as several messages.
    """
    count: dict[int, int] = {}
    for message in messages:
        count[message.parent] = count.get(message.parent, 0) + 1
    kept: dict[int, SavedMessage] = {}
    pieces: dict[int, list[str]] = {}
    joined: dict[int, int] = {}
    for message in messages:
        parent = joined.get(message.parent, message.parent)
        above = kept.get(parent)
        if (
            above is not None
            and message.role is Role.ASSISTANT is above.role
            and count[message.parent] == 1
        ):
            pieces[parent].append(message.text)
            kept[parent] = replace(above, ended=message.ended)
            joined[message.id] = parent
        else:
            kept[message.id] = replace(message, parent=parent)
            pieces[message.id] = [message.text]
            joined[message.id] = message.id
    return [replace(m, text="\n\n".join(pieces[m.id])) for m in kept.values()], joined
