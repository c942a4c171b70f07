"""The guide's tokenizer: byte-level BPE as llama.cpp's "gpt2" model with the "gpt-2" splitting.

Every byte is a token, so any text can be read. Each intent has a control token of its own: the
model writes it first (it is never shown), then the answer that belongs to it.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import corpus
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

N_WORDS = 4608  # byte and word tokens, before the control tokens
SPECIAL = END, USER, GUIDE, SYSTEM = "<|end|>", "<|user|>", "<|guide|>", "<|system|>"
N_SPECIAL = len(SPECIAL)

# What the guide sees of a conversation: the beginning of a system prompt and of its last answer, and
# the question in lower case; of a long one both ends.
CHAT_TEMPLATE = (
    "{% if messages and messages[0].role == 'system' %}"
    "<|system|>{{ messages[0].content[:CONTEXT] }}<|end|>{% endif %}"
    "{% if messages|length > 1 and messages[-1].role == 'user'"
    " and messages[-2].role == 'assistant' %}"
    "<|guide|>{{ messages[-2].content[:CONTEXT] }}<|end|>{% endif %}"
    "{% if messages and messages[-1].role == 'user' %}"
    "{% set text = messages[-1].content %}"
    "{% if text|length > BOTH %}{% set text = text[:FIRST] ~ ' ' ~ text[-LAST:] %}{% endif %}"
    "<|user|> {{ text|lower|replace('’', \"'\")|trim }}<|end|>{% endif %}"
    "{% if add_generation_prompt %}<|guide|>{% endif %}"
)
for _name, _value in (
    ("CONTEXT", corpus.CONTEXT_CHARACTERS),
    ("BOTH", corpus.FIRST_CHARACTERS + corpus.LAST_CHARACTERS),
    ("FIRST", corpus.FIRST_CHARACTERS),
    ("LAST", corpus.LAST_CHARACTERS),
):
    CHAT_TEMPLATE = CHAT_TEMPLATE.replace(_name, str(_value))


@dataclass(frozen=True)
class Vocabulary:
    """Words, control tokens and the tokenizer of the words.

    `controls` maps a control token's text to its number; the words have the numbers before them.
    """

    words: Tokenizer
    n_words: int
    controls: dict[str, int]

    @property
    def size(self) -> int:
        """All tokens."""
        return self.n_words + len(self.controls)

    def intent(self, name: str) -> int:
        """The control token of an intent."""
        return self.controls[f"<|{name}|>"]

    def encode(self, text: str) -> list[int]:
        """The tokens of plain text; control tokens in it are read as text."""
        return self.words.encode(text).ids

    def encode_loosely(self, text: str, chance: float) -> list[int]:
        """As `encode`, leaving out merges at random, so that words fall into varying pieces."""
        self.words.model.dropout = chance
        try:
            return self.words.encode(text).ids
        finally:
            self.words.model.dropout = None

    def question(self, ids: list[int], before: str = "", system: str = "") -> list[int]:
        """The prompt that asks for an answer, as `CHAT_TEMPLATE` writes it."""
        prompt = []
        if system:
            prompt += [
                self.controls[SYSTEM],
                *self.encode(system[: corpus.CONTEXT_CHARACTERS]),
                self.controls[END],
            ]
        if before:
            shown = before[: corpus.CONTEXT_CHARACTERS]
            prompt += [self.controls[GUIDE], *self.encode(shown), self.controls[END]]
        return [*prompt, self.controls[USER], *ids, self.controls[END], self.controls[GUIDE]]

    @property
    def first_intent(self) -> int:
        """The number of the first intent's token; the others follow."""
        return self.n_words + N_SPECIAL

    def merges(self) -> list[str]:
        """The merges in order, each "left right"."""
        model = json.loads(self.words.to_str())["model"]
        return [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]

    def token_texts(self) -> list[str]:
        """Every token's text in the byte alphabet of GPT-2, in order."""
        words = sorted(self.words.get_vocab(), key=self.words.get_vocab().__getitem__)
        return [*words, *self.controls]


def train(intents: dict[str, corpus.Intent], varier: corpus.Varier, path: Path) -> Vocabulary:
    """Learn the merges from all text but what is held out; write them to `path`."""
    words = Tokenizer(models.BPE(byte_fallback=False))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=N_WORDS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    words.train_from_iterator(_texts(intents, varier), trainer)
    words.save(str(path))
    return _with_controls(words, intents)


def load(intents: dict[str, corpus.Intent], path: Path | str) -> Vocabulary:
    """The tokenizer that `train` wrote."""
    return _with_controls(Tokenizer.from_file(str(path)), intents)


def _with_controls(words: Tokenizer, intents: dict[str, corpus.Intent]) -> Vocabulary:
    n_words = words.get_vocab_size()
    names = [*SPECIAL, *(f"<|{name}|>" for name in sorted(intents))]
    return Vocabulary(words, n_words, {name: n_words + i for i, name in enumerate(names)})


def _texts(intents: dict[str, corpus.Intent], varier: corpus.Varier) -> list[str]:
    dice = random.Random(0)
    texts = []
    for intent in intents.values():
        texts += intent.answers * 3
        for line in intent.questions:
            texts += [f" {corpus.as_the_template_does(corpus.pick(line, dice))}" for _ in range(3)]
    texts += [f" {varier.unrelated(dice)}" for _ in range(1500)]
    return texts
