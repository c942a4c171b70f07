"""Vocabularies for the models that the tests build: every text can be read and written with them."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

CONTROL_TOKENS = (
    "<bos>",
    "<|im_start|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
)

_TEXT = (
    "the of and to in is you that it he was for on are as with his they at be this have from or "
    "one had by word but not what all were we when your can said there use an each which she do "
    "how their if will up other about out many then them these so some her would make like him "
    "into time has look two more write go see number no way could people my than first water "
    "been call who oil its now find long down day did get come made may part over new sound take "
    "only little work know place year live me back give most very after thing our just name good "
    "sentence man think say great where help through much before line right too mean old any same "
    "tell boy follow came want show also around form three small set put end does another well "
    "user assistant system hello world message answer question context model chat please thanks"
)
WORDS = _TEXT.split()

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


@dataclass
class Vocabulary:
    tokens: list[str]
    types: list[int]
    metadata: dict[str, object]

    def add(self, token: str, kind: int = NORMAL) -> int:
        self.tokens.append(token)
        self.types.append(kind)
        return len(self.tokens) - 1


def _byte_letters() -> dict[int, str]:
    """The printable letter that byte-level BPE writes for each byte (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in printable}
    others = (byte for byte in range(256) if byte not in letters)
    letters.update({byte: chr(256 + place) for place, byte in enumerate(others)})
    return letters


_LETTERS = _byte_letters()


def as_token(piece: bytes) -> str:
    return "".join(_LETTERS[byte] for byte in piece)


def invented_words(count: int) -> list[str]:
    """Pronounceable words, the same ones each time; some may repeat."""
    chooser = random.Random(1)
    syllables = [c + v for c in "bdfgklmnprstvz" for v in ("a", "e", "i", "o", "u", "an", "er")]
    return ["".join(chooser.choices(syllables, k=chooser.randint(2, 4))) for _ in range(count)]


def byte_bpe(words: Iterable[str], size: int | None = None) -> Vocabulary:
    """All 256 bytes, then every beginning of every word, with and without a space before it."""
    tokens = [_LETTERS[byte] for byte in range(256)]
    known = set(tokens)
    merges: list[str] = []
    limit = None if size is None else size - len(CONTROL_TOKENS)
    for written in (form for word in words for form in (" " + word, word)):
        token = as_token(written.encode())
        for end in range(2, len(token) + 1):
            if token[:end] not in known and (limit is None or len(tokens) < limit):
                known.add(token[:end])
                tokens.append(token[:end])
                merges.append(f"{token[: end - 1]} {token[end - 1]}")
    vocabulary = Vocabulary(tokens, [NORMAL] * len(tokens), {})
    ids = {token: vocabulary.add(token, CONTROL) for token in CONTROL_TOKENS}
    vocabulary.metadata = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "llama-bpe",
        "tokenizer.ggml.tokens": vocabulary.tokens,
        "tokenizer.ggml.token_type": vocabulary.types,
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": ids["<bos>"],
        "tokenizer.ggml.eos_token_id": ids["<|im_end|>"],
        "tokenizer.ggml.eot_token_id": ids["<|eot_id|>"],
        "tokenizer.ggml.padding_token_id": ids["<bos>"],
        "tokenizer.ggml.add_bos_token": True,
    }
    return vocabulary


def spm() -> Vocabulary:
    """Byte tokens for everything, and the words with SentencePiece's mark for a space."""
    vocabulary = Vocabulary([], [], {})
    vocabulary.add("<unk>", UNKNOWN)
    vocabulary.add("<s>", CONTROL)
    vocabulary.add("</s>", CONTROL)
    for byte in range(256):
        vocabulary.add(f"<0x{byte:02X}>", BYTE)
    forms = [form for word in WORDS for form in ("\u2581" + word, word)]
    beginnings = ["\u2581", *(form[:end] for form in forms for end in range(1, len(form) + 1))]
    for beginning in dict.fromkeys(beginnings):
        vocabulary.add(beginning)
    for token in CONTROL_TOKENS[1:]:
        vocabulary.add(token, CONTROL)
    vocabulary.metadata = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": vocabulary.tokens,
        "tokenizer.ggml.scores": [-float(place) for place in range(len(vocabulary.tokens))],
        "tokenizer.ggml.token_type": vocabulary.types,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.eot_token_id": vocabulary.tokens.index("<|im_end|>"),
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.ggml.add_bos_token": True,
    }
    return vocabulary
