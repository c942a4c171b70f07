"""Real GGUF files for the tests, built from numbers: nothing is downloaded, nothing is faked.

`build_model` makes a tiny llama with random weights, `build_scripted_model` one whose answer is
known word by word, `build_large_model` one of a real model's size. Every builder is a pure
function of its arguments: the same call writes the same bytes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from tests.vocabularies import CONTROL, UNKNOWN, WORDS, as_token, byte_bpe, invented_words, spm

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def chatml(messages: Iterable[tuple[str, str]]) -> str:
    """What `CHATML` makes of roles and texts, with the beginning of an answer."""
    turns = (f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in messages)
    return "".join(turns) + "<|im_start|>assistant\n"


@dataclass
class GgufFile:
    """The content of a GGUF file before it is written; a test may change any of it.

    `metadata` values: bool, int (uint32, or uint64 where too large), numpy's uint16 and int32, float
    (float32), str, bytes (a string written as it is), lists of one of them. `tensors`: float32, float16, or uint8 rows
    of blocks of the kind `blocks`.
    """

    metadata: dict[str, object]
    tensors: dict[str, NDArray[np.generic]] = field(default_factory=dict)
    blocks: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.Q8_0

    def write(self, path: Path) -> Path:
        """Write the file, little-endian, version 3; returns `path`."""
        writer = gguf.GGUFWriter(path, "")
        writer.kv_data[0].clear()
        for key, value in self.metadata.items():
            writer.add_key_value(key, value, _value_type(value))
        alignment = self.metadata.get("general.alignment")
        if isinstance(alignment, int) and alignment > 0:
            writer.data_alignment = alignment
        for name, tensor in self.tensors.items():
            quantised = self.blocks if tensor.dtype == np.uint8 else None
            writer.add_tensor(name, tensor, raw_dtype=quantised)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path


def _value_type(value: object) -> gguf.GGUFValueType:
    if isinstance(value, bool):
        return gguf.GGUFValueType.BOOL
    if isinstance(value, np.uint16):
        return gguf.GGUFValueType.UINT16
    if isinstance(value, np.int32):
        return gguf.GGUFValueType.INT32
    if isinstance(value, int):
        return gguf.GGUFValueType.UINT32 if value < 2**32 else gguf.GGUFValueType.UINT64
    if isinstance(value, float):
        return gguf.GGUFValueType.FLOAT32
    if isinstance(value, (str, bytes)):
        return gguf.GGUFValueType.STRING
    return gguf.GGUFValueType.ARRAY


def layer_matrices(
    n_embd: int, n_heads: int, n_kv_heads: int, n_ff: int
) -> dict[str, tuple[int, int]]:
    """Rows and columns of each matrix of a llama's layer."""
    n_kv = n_embd // n_heads * n_kv_heads
    return {
        "attn_q": (n_embd, n_embd),
        "attn_k": (n_kv, n_embd),
        "attn_v": (n_kv, n_embd),
        "attn_output": (n_embd, n_embd),
        "ffn_gate": (n_ff, n_embd),
        "ffn_up": (n_ff, n_embd),
        "ffn_down": (n_embd, n_ff),
    }


@dataclass(frozen=True)
class _Shape:
    n_layers: int
    n_embd: int
    n_heads: int
    n_kv_heads: int
    n_ctx_train: int
    n_ff: int

    def metadata(self, name: str, file_type: int) -> dict[str, object]:
        return {
            "general.architecture": "llama",
            "general.name": name,
            "general.file_type": file_type,
            "llama.context_length": self.n_ctx_train,
            "llama.embedding_length": self.n_embd,
            "llama.block_count": self.n_layers,
            "llama.feed_forward_length": self.n_ff,
            "llama.attention.head_count": self.n_heads,
            "llama.attention.head_count_kv": self.n_kv_heads,
            "llama.attention.layer_norm_rms_epsilon": 1e-5,
            "llama.rope.dimension_count": self.n_embd // self.n_heads,
            "llama.rope.freq_base": 10000.0,
        }

    def layer_matrices(self) -> dict[str, tuple[int, int]]:
        """Rows and columns of each matrix of a layer."""
        return layer_matrices(self.n_embd, self.n_heads, self.n_kv_heads, self.n_ff)


def model_content(
    *,
    seed: int = 0,
    n_layers: int = 2,
    n_embd: int = 64,
    n_heads: int = 4,
    n_kv_heads: int | None = None,
    n_ff: int | None = None,
    n_ctx_train: int = 4096,
    vocab: str = "byte-bpe",
    template: str | None = CHATML,
) -> GgufFile:
    """Content of a llama with random float32 weights; `vocab` is "byte-bpe" or "spm".

    No control token is ever the likeliest one, so at temperature 0 an answer ends only at
    `max_tokens` or at the end of the context.
    """
    shape = _Shape(
        n_layers, n_embd, n_heads, n_kv_heads or n_heads, n_ctx_train, n_ff or 2 * n_embd
    )
    vocabulary = spm() if vocab == "spm" else byte_bpe(WORDS)
    numbers = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> NDArray[np.float32]:
        values = numbers.standard_normal((rows, columns), dtype=np.float32)
        return values / np.float32(np.sqrt(columns))

    n_vocab = len(vocabulary.tokens)
    tensors: dict[str, NDArray[np.generic]] = {
        "token_embd.weight": numbers.standard_normal((n_vocab, n_embd), dtype=np.float32),
        "output_norm.weight": np.ones(n_embd, np.float32),
    }
    output = matrix(n_vocab, n_embd)
    output[np.isin(vocabulary.types, (CONTROL, UNKNOWN))] = 0
    tensors["output.weight"] = output
    for layer in range(n_layers):
        for norm in ("attn_norm", "ffn_norm"):
            tensors[f"blk.{layer}.{norm}.weight"] = np.ones(n_embd, np.float32)
        for name, (rows, columns) in shape.layer_matrices().items():
            tensors[f"blk.{layer}.{name}.weight"] = matrix(rows, columns)
    metadata = shape.metadata("Tiny random model", 0) | vocabulary.metadata
    if template is not None:
        metadata["tokenizer.chat_template"] = template
    return GgufFile(metadata, tensors)


def build_model(
    path: Path,
    *,
    seed: int = 0,
    n_layers: int = 2,
    n_embd: int = 64,
    n_heads: int = 4,
    n_kv_heads: int | None = None,
    n_ff: int | None = None,
    n_ctx_train: int = 4096,
    vocab: str = "byte-bpe",
    template: str | None = CHATML,
    metadata: Mapping[str, object] | None = None,
) -> Path:
    """Write `model_content` to `path`; a None in `metadata` removes that key."""
    content = model_content(
        seed=seed,
        n_layers=n_layers,
        n_embd=n_embd,
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        n_ff=n_ff,
        n_ctx_train=n_ctx_train,
        vocab=vocab,
        template=template,
    )
    return _write_changed(content, path, metadata)


def _write_changed(
    content: GgufFile, path: Path, metadata: Mapping[str, object] | None = None
) -> Path:
    changed = content.metadata | dict(metadata or {})
    content.metadata = {key: value for key, value in changed.items() if value is not None}
    return content.write(path)


def script_pieces(text: str) -> list[bytes]:
    """Cut `text` into pieces that all differ, as short as that allows: one token each.

    A character of more than one byte is cut in the middle where possible, as real models do.
    """
    atoms: list[bytes] = []
    for atom in re.findall(r" ?\w+|\s+|.", text):
        written = atom.encode()
        half = len(atom[-1].encode()) // 2
        atoms += [written[:-half], written[-half:]] if half else [written]
    pieces: dict[bytes, None] = {}
    piece = b""
    for part in atoms:
        piece += part
        if piece not in pieces and piece.strip():
            pieces[piece] = None
            piece = b""
    ordered = list(pieces)
    while piece and (piece in pieces or not piece.strip()):
        if not ordered:
            raise ValueError("a script needs something to say")
        last = ordered.pop()
        del pieces[last]
        piece = last + piece
    return [*ordered, piece] if piece else ordered


def build_scripted_model(
    path: Path,
    text: str | Sequence[str | bytes],
    *,
    repeat: bool = False,
    n_layers: int = 1,
    n_embd: int = 128,
    n_heads: int = 4,
    n_ctx_train: int = 8192,
    template: str | None = CHATML,
    metadata: Mapping[str, object] | None = None,
) -> Path:
    """Write a model whose every answer is `text`, piece by piece, and then its end.

    The layers add nothing, so the next token depends on the last one only: each piece leads to the
    piece after it, anything else to the first. It holds at any usual temperature and with a
    repeat penalty. `repeat` starts again instead of ending: an answer without an end. A list
    gives the pieces (tokens) yourself; no two may be equal and none may be a bare line break,
    with which a template ends.
    """
    given = script_pieces(text) if isinstance(text, str) else text
    pieces = [as_token(piece.encode() if isinstance(piece, str) else piece) for piece in given]
    if not pieces or len(set(pieces)) != len(pieces) or {"", "Ċ", "ĊĊ"} & set(pieces):
        raise ValueError("the pieces of a script must differ, and none may be a bare line break")
    shape = _Shape(n_layers, n_embd, n_heads, n_heads, n_ctx_train, 2 * n_embd)
    vocabulary = byte_bpe(WORDS)
    ids = {token: place for place, token in enumerate(vocabulary.tokens)}
    chain = [ids[piece] if piece in ids else vocabulary.add(piece) for piece in pieces]
    # Whole words are read back as one token, so that answers do not swell in later turns.
    words = dict.fromkeys(word for piece in pieces for word in re.findall(r"Ġ?[A-Za-z]+", piece))
    for word in words:
        if word not in ids and word not in pieces:
            vocabulary.add(word)

    numbers = np.random.default_rng(0)
    n_vocab = len(vocabulary.tokens)
    start = numbers.choice(np.array([-1, 1], np.float32), n_embd)
    embeddings = np.tile(start, (n_vocab, 1))
    embeddings[chain] = numbers.choice(np.array([-1, 1], np.float32), (len(chain), n_embd))
    output = np.zeros((n_vocab, n_embd), np.float32)
    output[chain[0]] = start
    output[chain[1:]] = embeddings[chain[:-1]]
    end = chain[0] if repeat else ids["<|im_end|>"]
    output[end] += embeddings[chain[-1]]

    tensors: dict[str, NDArray[np.generic]] = {
        "token_embd.weight": embeddings,
        "output_norm.weight": np.ones(n_embd, np.float32),
        "output.weight": output,
    }
    for layer in range(n_layers):
        for norm in ("attn_norm", "ffn_norm"):
            tensors[f"blk.{layer}.{norm}.weight"] = np.ones(n_embd, np.float32)
        for name, size in shape.layer_matrices().items():
            tensors[f"blk.{layer}.{name}.weight"] = np.zeros(size, np.float32)
    content = GgufFile(shape.metadata("Scripted model", 0) | vocabulary.metadata, tensors)
    if template is not None:
        content.metadata["tokenizer.chat_template"] = template
    return _write_changed(content, path, metadata)


def markdown_answer(tokens: int = 2000) -> str:
    """A Markdown text with every kind of block, that `script_pieces` cuts into about `tokens`."""
    words = iter(dict.fromkeys(invented_words(4 * tokens + 200)))
    blocks: list[str] = []
    count = 0
    while count < tokens:
        some = [next(words) for _ in range(40)]
        kind = len(blocks) % 5
        if kind == 0:
            block = f"## {' '.join(some[:4]).title()}"
        elif kind == 1:
            block = f"{' '.join(some[:20])} **{some[20]}** and *{some[21]}*, {' '.join(some[22:])}."
        elif kind == 2:
            block = "\n".join(f"- {some[i]} `{some[i + 1]}` {some[i + 2]}" for i in range(0, 18, 3))
        elif kind == 3:
            lines = "\n".join(f"    {some[i]}({some[i + 1]})" for i in range(0, 12, 2))
            block = f"```python\ndef {some[12]}():\n{lines}\n```"
        else:
            rows = "\n".join(f"| {some[i]} | {some[i + 1]} |" for i in range(0, 12, 2))
            block = f"| {some[12]} | {some[13]} |\n|---|---|\n{rows}"
        blocks.append(block)
        count = len(script_pieces("\n\n".join(blocks)))
    return "\n\n".join(blocks)


def build_large_model(path: Path, megabytes: int = 300, *, n_vocab: int = 32768) -> Path:
    """Write a model of about `megabytes` (10^6 bytes) of random Q8_0 weights; at least 100."""
    n_embd = 1024
    shape = _Shape(0, n_embd, 16, 8, 32768, 2 * n_embd)
    row = n_embd // 32 * 34
    layer = sum(rows * columns // 32 * 34 for rows, columns in shape.layer_matrices().values())
    n_layers = max(1, round((megabytes * 10**6 - 2 * n_vocab * row) / layer))
    shape = replace(shape, n_layers=n_layers)
    vocabulary = byte_bpe([*WORDS, *invented_words(n_vocab)], n_vocab)
    if len(vocabulary.tokens) != n_vocab:
        raise ValueError(f"the invented words give {len(vocabulary.tokens)} tokens only")
    numbers = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> NDArray[np.uint8]:
        blocks = np.frombuffer(numbers.bytes(rows * columns // 32 * 34), np.uint8)
        blocks = blocks.reshape(rows, columns // 32, 34).copy()
        # Bytes spread evenly over -128..127 have a deviation of 74.
        blocks[:, :, :2] = np.array([1 / (74 * np.sqrt(columns))], np.float16).view(np.uint8)
        return blocks.reshape(rows, -1)

    tensors: dict[str, NDArray[np.generic]] = {
        "token_embd.weight": matrix(n_vocab, n_embd),
        "output_norm.weight": np.ones(n_embd, np.float32),
        "output.weight": matrix(n_vocab, n_embd),
    }
    for index in range(n_layers):
        for norm in ("attn_norm", "ffn_norm"):
            tensors[f"blk.{index}.{norm}.weight"] = np.ones(n_embd, np.float32)
        for name, (rows, columns) in shape.layer_matrices().items():
            tensors[f"blk.{index}.{name}.weight"] = matrix(rows, columns)
    metadata = shape.metadata("Large random model", 7) | vocabulary.metadata
    metadata["tokenizer.chat_template"] = CHATML
    return GgufFile(metadata, tensors).write(path)
