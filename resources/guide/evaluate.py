"""Asks the finished GGUF file the questions that were held out of training, and counts.

`python resources/guide/evaluate.py` needs llama-cpp-python, not PyTorch. An answer is right when it
is one of its intent's answers, word for word.
"""

import copy
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import corpus
import llama_cpp

HERE = Path(__file__).resolve().parent
LONGEST = 120  # tokens in which an answer has to end
_KEYS = re.compile(r"\b(?:(?:Ctrl|Shift|Alt|Cmd|Meta)\+)+(?:[A-Z][a-z]+|\S)|\bF(?:[1-9]|1[0-2])\b")
_OPTIONS = re.compile(r"(?<!\S)--[a-z][a-z-]+")
_NAMES = re.compile(r"(?<!/)\b[a-z]+(?:_[a-z]+)+\b(?!\.json)")
_MENUS = re.compile(r"\b([A-Z][a-z]+) menu\b")
# What every text field has, and what is said of others' models.
_USUAL = {"Ctrl+A", "Ctrl+C", "Ctrl+V", "Ctrl+X", "Ctrl+Z", "Shift+Enter"}


@dataclass(frozen=True)
class Asked:
    """A question, what was answered, and whether that was right."""

    kind: str  # "in scope", "out of scope", "follow-up"
    intent: str
    question: str
    answer: str
    given: str  # the intent whose answer it was, "" for none
    tokens: int
    ended: bool

    @property
    def right(self) -> bool:
        """The answer was the intent's."""
        return self.given == self.intent


@dataclass
class Result:
    """All questions of one evaluation."""

    asked: list[Asked] = field(default_factory=list)
    load_seconds: float = 0.0
    seconds: float = 0.0

    def share(self, kind: str) -> float:
        """Right answers among those of a kind, 0 to 1."""
        found = [a.right for a in self.asked if a.kind == kind]
        return sum(found) / len(found) if found else 0.0

    def wrong(self) -> list[Asked]:
        """What was not right."""
        return [a for a in self.asked if not a.right]


class Chat:
    """The GGUF file behind llama-cpp-python, its own chat template and temperature."""

    def __init__(self, path: Path, temperature: float = 0.0, threads: int = 2) -> None:
        began = time.monotonic()
        self._llama = llama_cpp.Llama(
            str(path), n_ctx=1024, n_threads=threads, n_threads_batch=threads, verbose=False
        )
        self.load_seconds = time.monotonic() - began
        self._temperature = temperature

    def at(self, temperature: float) -> "Chat":
        """The same loaded model at another temperature."""
        other = copy.copy(self)
        other._temperature = temperature
        return other

    def answer(self, messages: list[dict[str, str]]) -> tuple[str, int, bool]:
        """The text, its tokens, and whether it ended by itself."""
        reply = self._llama.create_chat_completion(
            messages,  # type: ignore[arg-type]
            temperature=self._temperature,
            top_k=40,
            top_p=0.95,
            min_p=0.05,
            repeat_penalty=1.0,
            max_tokens=LONGEST,
        )
        choice = reply["choices"][0]
        text = choice["message"]["content"] or ""
        return text.strip(), reply["usage"]["completion_tokens"], choice["finish_reason"] == "stop"


def evaluate(
    intents: dict[str, corpus.Intent], chat: Chat, strange_context: bool = False
) -> Result:
    """Ask every held-out question; `strange_context`: after an answer to something else."""
    whose = {corpus.normal(a): i.name for i in intents.values() for a in i.answers}
    dice = random.Random(3)
    result = Result(load_seconds=chat.load_seconds)
    began = time.monotonic()

    def ask(kind: str, intent: str, question: str, before: str) -> None:
        messages = [{"role": "user", "content": question}]
        if before:
            first = [{"role": "user", "content": "?"}, {"role": "assistant", "content": before}]
            messages = [*first, *messages]
        text, tokens, ended = chat.answer(messages)
        given = whose.get(corpus.normal(text), "")
        result.asked.append(Asked(kind, intent, question, text, given, tokens, ended))

    names = sorted(intents)
    for intent in intents.values():
        kind = "out of scope" if intent.name == corpus.OUT_OF_SCOPE else "in scope"
        for line in intent.held_out:
            before = intents[dice.choice(names)].answers[0] if strange_context else ""
            ask(kind, intent.name, corpus.pick(line, dice), before)
        if not strange_context:
            for line, target in intent.held_out_follow_ups:
                ask("follow-up", target, corpus.pick(line, dice), intent.answers[0])
            for line, target in intent.follow_ups:
                ask("trained follow-up", target, corpus.pick(line, dice), intent.answers[0])
    result.seconds = time.monotonic() - began
    return result


def strange_names(texts: Iterable[str], facts: dict[str, str]) -> list[str]:
    """Keys, options, settings and menus in the texts that the program does not have."""
    known = _USUAL | set(facts.values()) | {key.partition(":")[2] for key in facts}
    found = []
    for text in texts:
        found += [m[0] for m in _KEYS.finditer(text) if m[0] not in known]
        found += [m[0] for m in _OPTIONS.finditer(text) if m[0] not in known]
        found += [m[0] for m in _NAMES.finditer(text) if m[0] not in known]
        found += [f"{m[1]} menu" for m in _MENUS.finditer(text) if m[1] not in known]
    return sorted(set(found))


def by_intent(result: Result) -> dict[str, tuple[int, int]]:
    """Right answers and questions of each intent."""
    right = Counter(a.intent for a in result.asked if a.right)
    return {name: (right[name], n) for name, n in Counter(a.intent for a in result.asked).items()}


def main() -> None:
    """Print the figures and what went wrong."""
    intents = corpus.read_corpus()
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "guide.gguf"
    result = evaluate(intents, Chat(path))
    for asked in result.wrong():
        print(f"{asked.intent} -> {asked.given or asked.answer!r}: {asked.question}")
    for kind in ("in scope", "out of scope", "follow-up"):
        print(f"{kind}: {result.share(kind):.1%}")
    facts = json.loads((HERE / "facts.json").read_text(encoding="utf-8"))
    print("strange names:", strange_names((a.answer for a in result.asked), facts) or "none")
    print(f"not ended within {LONGEST} tokens:", sum(not a.ended for a in result.asked))
    print(f"loaded in {result.load_seconds:.3f} s")


if __name__ == "__main__":
    main()
