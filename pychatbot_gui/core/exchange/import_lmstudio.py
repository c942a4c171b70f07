"""A conversation from LM Studio's chat files, in the shape of 0.3 and later and of 0.2."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.exchange.foreign import (
    Losses,
    count_of,
    number_of,
    text_of,
    time_of,
    title_of,
    uid_of,
)
from pychatbot_gui.core.history import SavedChat, SavedMessage, title_from

_SYSTEM_PROMPT = "llm.prediction.systemPrompt"
_STEP_TIME = re.compile(r"(\d{12,14})-")
_ENDED = {
    "userStopped": "cancelled", "maxPredictedTokensReached": "length",
    "contextLengthReached": "context", "failed": "error", "modelUnloaded": "error",
}  # fmt: skip
_SILENT_STEPS = ("debugInfoBlock", "status")


def is_lmstudio(entry: dict[str, Any]) -> bool:
    """Whether this entry is one of its chats: a list of messages, each with versions or a role."""
    messages = entry.get("messages")
    return isinstance(messages, list) and (
        not messages
        or any(isinstance(m, dict) and ("versions" in m or "role" in m) for m in messages)
    )


@dataclass
class _Version:
    """What one version of a message says."""

    role: str = ""
    text: str = ""
    created: float = 0.0
    ended: str = "stop"
    model: str = ""
    prompt_tokens: int = 0
    reply_tokens: int = 0
    speed: float = 0.0


def lmstudio_chat(entry: dict[str, Any], losses: Losses, name: str) -> SavedChat:
    """The conversation, all versions of its messages as branches. `name`: of its file."""
    system, head = _system(entry), 0
    messages: list[SavedMessage] = []
    for item in entry["messages"]:
        versions, selected = _versions(item, losses)
        follows = 0
        for number, version in enumerate(versions):
            read = _version(version, losses)
            if read is None:
                continue
            if read.role == "system":
                if system and system != read.text:
                    losses.count("system")
                system = system or read.text
                continue
            messages.append(_saved(read, len(messages) + 1, head))
            if number == selected or not follows:
                follows = messages[-1].id
        head = follows or head
    first = next((m.text for m in messages if m.role is Role.USER), "")
    created = time_of(entry.get("createdAt"), losses)
    if not created and (match := re.match(r"\d{12,14}", name)):
        created = time_of(int(match[0]), losses)
    times = [m.created for m in messages if m.created]
    title = title_of(entry.get("name") or entry.get("title"), losses)
    return SavedChat(
        id=0,
        uid=uid_of("lmstudio", name, entry.get("createdAt")),
        title=title or title_from(first),
        titled_by="person",
        created=created or min(times, default=0.0),
        updated=max(times, default=created),
        system=system,
        pinned=entry.get("pinned") is True,
        head=head,
        messages=tuple(messages),
    )


def _saved(read: _Version, number: int, parent: int) -> SavedMessage:
    if read.role == "user":
        return SavedMessage(number, parent, Role.USER, read.text, read.created)
    return SavedMessage(
        number,
        parent,
        Role.ASSISTANT,
        read.text,
        read.created,
        read.ended,
        read.model,
        prompt_tokens=read.prompt_tokens,
        reply_tokens=read.reply_tokens,
        tokens_per_second=read.speed,
    )


def _system(entry: dict[str, Any]) -> str:
    """The system prompt, wherever this version of the program kept it."""
    if text := text_of(entry.get("systemPrompt")):
        return text
    config = entry.get("perChatPredictionConfig")
    fields = config.get("fields") if isinstance(config, dict) else None
    for item in fields if isinstance(fields, list) else ():
        if isinstance(item, dict) and item.get("key") == _SYSTEM_PROMPT:
            return text_of(item.get("value"))
    older = entry.get("inference_params")
    return text_of(older.get("pre_prompt")) if isinstance(older, dict) else ""


def _versions(item: Any, losses: Losses) -> tuple[list[Any], int]:
    """The versions of a message and which one is shown (from 0)."""
    if not isinstance(item, dict):
        losses.count("message")
        return [], 0
    versions = item.get("versions")
    if not isinstance(versions, list):
        return [item], 0
    selected = item.get("currentlySelected")
    if isinstance(selected, bool) or not isinstance(selected, int):
        selected = len(versions) - 1
    return versions, min(max(selected, 0), len(versions) - 1)


def _version(version: Any, losses: Losses) -> _Version | None:
    if not isinstance(version, dict):
        losses.count("message")
        return None
    role = text_of(version.get("role"))
    if role not in ("user", "assistant", "system"):
        losses.count("tool" if role == "tool" else "role")
        return None
    read = _Version(role)
    sender = version.get("senderInfo")
    if role == "assistant" and isinstance(sender, dict):
        read.model = text_of(sender.get("senderName"))[:200]
    pieces = list(_texts(version.get("content"), losses))
    steps = version.get("steps")
    for step in steps if isinstance(steps, list) else ():
        # In some files the text stands in both places.
        pieces += [text for text in _step(step, read, losses) if text not in pieces]
    read.text = "\n\n".join(piece for piece in pieces if piece.strip())
    if not read.text:
        losses.count("empty")
        return None
    return read


def _step(step: Any, read: _Version, losses: Losses) -> Iterator[str]:
    if not isinstance(step, dict):
        losses.count("part")
        return
    kind = text_of(step.get("type"))
    if kind in _SILENT_STEPS:
        return
    if kind != "contentBlock":
        losses.count("tool" if "tool" in kind.lower() else "part")
        return
    _generated(step, read, losses)
    style = step.get("style")
    if isinstance(style, dict) and style.get("type") == "thinking":
        losses.count("reasoning")
        return
    yield from ("".join(_texts(step.get("content"), losses)),)


def _generated(step: dict[str, Any], read: _Version, losses: Losses) -> None:
    """When and by what this step was written."""
    if match := _STEP_TIME.match(text_of(step.get("stepIdentifier"))):
        read.created = read.created or time_of(int(match[1]), losses)
    info = step.get("genInfo")
    if not isinstance(info, dict):
        return
    model = text_of(info.get("identifier")) or text_of(info.get("indexedModelIdentifier"))
    read.model = read.model or model[:200]
    stats = info.get("stats")
    if not isinstance(stats, dict):
        return
    reason = stats.get("stopReason")
    read.ended = _ENDED.get(reason, "stop") if isinstance(reason, str) else "stop"
    read.prompt_tokens = count_of(stats.get("promptTokensCount"), losses) or read.prompt_tokens
    read.reply_tokens += count_of(stats.get("predictedTokensCount"), losses)
    read.speed = number_of(stats.get("tokensPerSecond"), losses)


def _texts(content: Any, losses: Losses) -> Iterator[str]:
    """The texts of a message's parts; all other parts are counted."""
    if isinstance(content, str):
        yield text_of(content)
        return
    for part in content if isinstance(content, list) else ():
        kind = text_of(part.get("type")) if isinstance(part, dict) else ""
        if kind == "text":
            yield text_of(part.get("text"))
        elif kind == "file":
            image = "image" in text_of(part.get("fileType")).lower()
            losses.count("image" if image else "file")
        elif "tool" in kind.lower():
            losses.count("tool")
        else:
            losses.count("image" if "image" in kind else "part")
