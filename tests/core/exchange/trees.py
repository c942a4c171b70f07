"""Conversations to test with: one of every kind of trouble, and random trees."""

from hypothesis import strategies as st

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.history import SavedChat, SavedMessage

U, A = Role.USER, Role.ASSISTANT

ANSWER = """# Plan
Some *text* with `code`, a [link](https://example.org/a?b=1&c=2), [bad](javascript:alert(1)),
![picture](http://tracker.example/x.png), <b>raw</b> and a task.

Steps
---

1. one
   - nested

| a | b |
|---|--:|
| 1 | 2 |

```python
print("<script>alert(1)</script>")
```

السلام عليكم · שלום · 你好，世界 · नमस्ते · สวัสดี · こんにちは · 한국어 · 😀
"""


def talk(*texts: str, title: str = "A talk", **fields: object) -> SavedChat:
    """A conversation of these texts, questions and answers in turn."""
    messages = tuple(
        SavedMessage(n, n - 1, A if n % 2 == 0 else U, text, 1_700_000_000.0 + n,
                     "stop" if n % 2 == 0 else "", "Tiny 0.5B" if n % 2 == 0 else "")
        for n, text in enumerate(texts, 1)
    )  # fmt: skip
    return SavedChat(7, "u7", title, created=1_700_000_000.0, head=len(texts), messages=messages,
                     **fields)  # type: ignore[arg-type]  # fmt: skip


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NUMBER = st.floats(0, 1e6)
TIME = st.floats(1.0, 4e9)
SAMPLING = st.dictionaries(TEXT, st.floats(-1e9, 1e9), max_size=3)


@st.composite
def trees(draw: st.DrawFn) -> SavedChat:
    """Random conversations: any tree, any text, numbers with gaps."""
    count = draw(st.integers(1, 12))
    ids = draw(st.lists(st.integers(1, 10_000), min_size=count, max_size=count, unique=True))
    messages = []
    for at, number in enumerate(ids):
        role = draw(st.sampled_from([U, A]))
        messages.append(
            SavedMessage(
                id=number,
                parent=draw(st.sampled_from([0, *ids[:at]])),
                role=role,
                text=draw(TEXT),
                created=draw(TIME),
                ended=draw(
                    st.sampled_from(["", "stop", "length", "context", "cancelled", "crash"])
                ),
                model=draw(TEXT),
                sampling=draw(SAMPLING),
                prompt_tokens=draw(st.integers(0, 10**6)),
                reply_tokens=draw(st.integers(0, 10**6)),
                tokens_per_second=draw(NUMBER),
            )
        )
    return SavedChat(
        id=0,
        uid=draw(TEXT),
        title=draw(TEXT),
        titled_by=draw(st.sampled_from(["start", "model", "person"])),
        created=draw(TIME),
        updated=draw(TIME),
        system=draw(TEXT),
        preset=draw(TEXT),
        sampling=draw(SAMPLING),
        draft=draw(TEXT),
        hidden_turns=draw(st.integers(0, 50)),
        pinned=draw(st.booleans()),
        head=draw(st.sampled_from(ids)),
        messages=tuple(messages),
    )
