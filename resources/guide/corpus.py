"""The guide's text: read, completed with the program's own names, and varied for training.

A text file is line based: `## intent` begins an intent; then `A:` an answer (several are
alternatives), `Q:` a question, `H:` a question held out of training, `F: question => intent` a
follow-up to this intent's answer, `HF:` one held out. `{a|b|}` in a question stands for one of its
alternatives; `{menu:NAME}`, `{key:NAME}`, `{setting:NAME}`, `{default:NAME}`, `{min:NAME}`,
`{max:NAME}`, `{title:TEXT}`, `{shortcut:KEY}` in an answer for what the program's definitions say
(`facts.json`). Further files may add lines to an intent, but not answers.
"""

import itertools
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEXT = HERE / "text"
OUT_OF_SCOPE = "out_of_scope"
# What the guide looks at, in characters: as much of its last answer as tells which one it was, as
# much of a system prompt as it was trained with, and the two ends of a long message.
CONTEXT_CHARACTERS = 80
FIRST_CHARACTERS, LAST_CHARACTERS = 160, 80

_HEADING = re.compile(r"##\s*([a-z0-9_]+)\s*$")
_LINE = re.compile(r"(A|Q|H|F|HF):\s*(.+?)\s*$")
_PLACEHOLDER = re.compile(r"\{(menu|key|setting|default|min|max|title|shortcut):([^{}]+)\}")
_INNERMOST = re.compile(r"\{([^{}]*)\}")
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")


class TextError(Exception):
    """A line of the text that breaks the format; the message names file and line."""


@dataclass
class Intent:
    """One thing the guide can be asked. Questions still hold their alternatives."""

    name: str
    file: str
    answers: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)
    follow_ups: list[tuple[str, str]] = field(default_factory=list)
    held_out_follow_ups: list[tuple[str, str]] = field(default_factory=list)


def read_corpus(folder: Path = TEXT, facts: dict[str, str] | None = None) -> dict[str, Intent]:
    """Every intent by name, answers completed with `facts`. Raises `TextError`."""
    if facts is None:
        facts = json.loads((HERE / "facts.json").read_text(encoding="utf-8"))
    intents: dict[str, Intent] = {}
    for path in sorted(folder.glob("*.txt"), key=lambda p: (p.stem == "more", p.name)):
        _read_file(path, facts, intents)
    _check(intents)
    return intents


def _read_file(path: Path, facts: dict[str, str], intents: dict[str, Intent]) -> None:
    intent: Intent | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = f"{path.name}:{number}"
        heading, entry = _HEADING.match(line), _LINE.match(line)
        if heading:
            name = heading[1]
            intent = intents.setdefault(name, Intent(name, path.name))
        elif entry:
            if intent is None and path.stem == OUT_OF_SCOPE:
                intent = intents.setdefault(OUT_OF_SCOPE, Intent(OUT_OF_SCOPE, path.name))
            if intent is None:
                raise TextError(f"{where}: a line before the first intent")
            if entry[1] == "A" and intent.file != path.name:
                raise TextError(f"{where}: {intent.name} has its answer in {intent.file}")
            _add(intent, entry[1], entry[2], facts, where)
        elif line.strip() and not line.startswith(("#", "//")):
            raise TextError(f"{where}: not understood: {line[:60]}")


def _add(intent: Intent, kind: str, text: str, facts: dict[str, str], where: str) -> None:
    if kind == "A":
        intent.answers.append(complete(text, facts, where))
    elif kind in ("F", "HF"):
        question, arrow, target = text.rpartition("=>")
        if not arrow:
            raise TextError(f"{where}: a follow-up without “=> intent”")
        list_ = intent.follow_ups if kind == "F" else intent.held_out_follow_ups
        list_.append((question.strip(), target.strip()))
    else:
        if text.count("{") != text.count("}"):
            raise TextError(f"{where}: braces do not match: {text}")
        (intent.questions if kind == "Q" else intent.held_out).append(text)


def complete(answer: str, facts: dict[str, str], where: str = "") -> str:
    """The answer with its placeholders filled in. Raises `TextError` for an unknown one."""

    def fact(match: re.Match[str]) -> str:
        key = f"{match[1]}:{match[2]}"
        if key not in facts:
            raise TextError(f"{where}: the program has no {key}")
        return facts[key]

    done = _PLACEHOLDER.sub(fact, answer)
    if "{" in done or "}" in done:
        raise TextError(f"{where}: a placeholder that is none: {done}")
    return done


def _check(intents: dict[str, Intent]) -> None:
    for intent in intents.values():
        if not intent.answers:
            raise TextError(f"{intent.file}: {intent.name} has no answer")
        for _, target in intent.follow_ups + intent.held_out_follow_ups:
            if target not in intents:
                raise TextError(f"{intent.file}: {intent.name} leads to an unknown {target}")
        trained = {normal(q) for line in intent.questions for q in expand(line)}
        for line in intent.held_out:
            for question in expand(line):
                if normal(question) in trained:
                    raise TextError(f"{intent.file}: held out and trained: {question}")


def expand(line: str, limit: int = 1000) -> list[str]:
    """The texts a line with alternatives stands for, at most `limit` of them."""
    return list(dict.fromkeys(itertools.islice(_expansions(line), limit)))


def _expansions(line: str) -> Iterator[str]:
    match = _INNERMOST.search(line)
    if not match:
        yield _tidy(line)
        return
    for choice in match[1].split("|"):
        yield from _expansions(line[: match.start()] + choice + line[match.end() :])


def pick(line: str, dice: random.Random) -> str:
    """One of the texts a line stands for."""
    while match := _INNERMOST.search(line):
        line = line[: match.start()] + dice.choice(match[1].split("|")) + line[match.end() :]
    return _tidy(line)


def _tidy(text: str) -> str:
    return re.sub(r"\s+([?!.,])", r"\1", re.sub(r"\s+", " ", text)).strip()


def normal(text: str) -> str:
    """A text for comparisons: lower case, no punctuation, single spaces."""
    return " ".join(re.findall(r"\w+", text.lower()))


def as_the_template_does(text: str) -> str:
    """What the chat template makes of a person's message before the model sees it."""
    if len(text) > FIRST_CHARACTERS + LAST_CHARACTERS:
        text = f"{text[:FIRST_CHARACTERS]} {text[-LAST_CHARACTERS:]}"
    return text.lower().replace("’", "'").strip()


class Varier:
    """Makes a question look like another person's: other words, typing errors, politeness."""

    def __init__(
        self, intents: dict[str, Intent], folder: Path = TEXT, strength: float = 1.0
    ) -> None:
        self.strength = strength
        lists = _read_words(folder / "words.lst")
        self._before = _phrases(lists["before"])
        self._after = _phrases(lists["after"])
        self._frames = lists["frames"]
        self._topics = _phrases(lists["topics"])
        self.systems = lists["systems"]
        self._swaps: dict[str, list[str]] = {}
        for group in (_phrases([line]) for line in lists["same"]):
            for phrase in group:
                self._swaps.setdefault(phrase, []).extend(p for p in group if p != phrase)
        phrases = sorted(self._swaps, key=len, reverse=True)
        self._phrase = re.compile(
            r"(?<![\w-])(" + "|".join(map(re.escape, phrases)) + r")(?![\w-])"
        )
        self._rarity = _rarity(intents)
        self._words = sorted(self._rarity)

    def vary(self, question: str, dice: random.Random, foreign: bool = False) -> str:
        """A variant of `question`; `foreign` ones (out of scope) keep all their words."""
        text = as_the_template_does(question)
        s = self.strength
        if not foreign and dice.random() < 0.6 * s:
            text = self._swap(text, dice)
        if dice.random() < 0.35 * s:
            text = self._drop(text, dice, foreign)
        if not foreign and dice.random() < 0.08 * s:
            text = self._insert(text, dice)
        if dice.random() < 0.25 * s:
            text = mistype(text, dice)
        if "'" in text and dice.random() < 0.4:
            text = text.replace("'", "")
        text = self._punctuate(text, dice)
        if dice.random() < 0.2 * s:
            text = f"{dice.choice(self._before)} {text}"
        if dice.random() < 0.12 * s:
            text = f"{text} {dice.choice(self._after)}"
        return as_the_template_does(_tidy(text)) or as_the_template_does(question)

    def unrelated(self, dice: random.Random) -> str:
        """A question about one of the listed subjects that are not the guide's."""
        return pick(dice.choice(self._frames).replace("X", dice.choice(self._topics), 1), dice)

    def _swap(self, text: str, dice: random.Random) -> str:
        def other(match: re.Match[str]) -> str:
            return dice.choice(self._swaps[match[1]]) if dice.random() < 0.35 else match[1]

        return self._phrase.sub(other, text)

    def _drop(self, text: str, dice: random.Random, foreign: bool) -> str:
        words = text.split()
        if len(words) < 3:
            return text
        rarest = max(words, key=lambda w: self._rarity.get(w.strip("?!.,"), 9.0))
        kept = [
            w
            for w in words
            if dice.random() > 0.2 or (w == rarest and (foreign or dice.random() < 0.8))
        ]
        return " ".join(kept or [rarest])

    def _insert(self, text: str, dice: random.Random) -> str:
        words = text.split()
        stray = dice.choice(["", dice.choice(self._topics)]) or dice.choice(self._words)
        words.insert(dice.randrange(len(words) + 1), stray.split()[0])
        return " ".join(words)

    def _punctuate(self, text: str, dice: random.Random) -> str:
        roll = dice.random()
        if roll < 0.45:
            return text.rstrip(" ?!.")
        if roll < 0.7:
            return text.rstrip(" ?!.") + "?"
        if roll < 0.76:
            return text.rstrip(" ?!.") + dice.choice(["??", "...", "!", ".", " ?"])
        return text


def _read_words(path: Path) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    name = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            name = line[3:].strip()
        elif line.strip() and not line.startswith("#"):
            lists.setdefault(name, []).append(line.strip())
    return lists


def _phrases(lines: list[str]) -> list[str]:
    """Comma separated phrases of all lines."""
    return [p.strip() for line in lines for p in line.split(",") if p.strip()]


def _rarity(intents: dict[str, Intent]) -> dict[str, float]:
    """How much a word tells about the intent: 0 in all of them, 1 in a single one."""
    seen: dict[str, set[str]] = {}
    for intent in intents.values():
        for line in intent.questions:
            for word in set(_WORD.findall(line.lower())):
                seen.setdefault(word, set()).add(intent.name)
    return {word: 1.0 - (len(names) - 1) / len(intents) for word, names in seen.items()}


_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> dict[str, str]:
    near: dict[str, str] = {}
    for y, row in enumerate(_ROWS):
        for x, key in enumerate(row):
            around = row[max(0, x - 1) : x] + row[x + 1 : x + 2]
            for other in (y - 1, y + 1):
                if 0 <= other < len(_ROWS):
                    around += _ROWS[other][max(0, x - 1) : x + 1]
            near[key] = around
    return near


_NEAR = _neighbours()


def mistype(text: str, dice: random.Random) -> str:
    """The text with one or two typing errors in words of four letters or more."""
    for _ in range(1 if dice.random() < 0.7 else 2):
        words = [m for m in _WORD.finditer(text) if len(m[0]) >= 4]
        if not words:
            return text
        match = dice.choice(words)
        at = match.start() + dice.randrange(1, len(match[0]))
        letter = text[at]
        kind = dice.random()
        if kind < 0.3:
            text = text[:at] + text[at + 1 :]
        elif kind < 0.55 and at + 1 < match.end():
            text = text[:at] + text[at + 1] + letter + text[at + 2 :]
        elif kind < 0.75:
            text = text[:at] + letter + text[at:]
        else:
            text = text[:at] + dice.choice(_NEAR.get(letter, letter) or letter) + text[at + 1 :]
    return text
