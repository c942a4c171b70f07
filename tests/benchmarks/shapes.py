"""Models of random weights in the shape of real ones, and of their speed. They write nonsense."""

from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np
from numpy.typing import NDArray

from tests.models import CHATML, GgufFile, layer_matrices
from tests.vocabularies import CONTROL, WORDS, byte_bpe, invented_words

_BLOCK, _BLOCK_BYTES = 32, 18  # numbers in a block of Q4_0: a float16 scale and 32 times 4 bits
# Four bits mean -8 to 7. Without -8 they have no mean, which layer upon layer would add up until
# the model writes one word for ever.
_EVEN = np.array([((b >> 4) or 8) << 4 | ((b & 15) or 8) for b in range(256)], np.uint8)
_DEVIATION = 4.2


class Shape(NamedTuple):
    """The measures of a llama whose output is its embedding turned round."""

    name: str
    n_layers: int
    n_embd: int
    n_heads: int
    n_kv_heads: int
    n_ff: int
    n_vocab: int
    n_ctx_train: int = 32768

    def matrices(self) -> dict[str, tuple[int, int]]:
        """Rows and columns of each matrix of a layer."""
        return layer_matrices(self.n_embd, self.n_heads, self.n_kv_heads, self.n_ff)

    @property
    def parameters(self) -> int:
        """How many weights."""
        layer = sum(rows * columns for rows, columns in self.matrices().values())
        return self.n_vocab * self.n_embd + self.n_layers * layer


TWO_MILLION = Shape("Random 2M", 4, 128, 4, 2, 384, 10_240)
# As Qwen2.5-0.5B.
HALF_BILLION = Shape("Random 0.5B", 24, 896, 14, 2, 4864, 151_936)


def build_shape(path: Path, shape: Shape, seed: int = 0) -> Path:
    """Write a model of this shape in Q4_0; the same arguments write the same bytes.

    Every byte is a token, so that each text can be read, and what it writes is text. At temperature
    0 it writes until it is stopped: no control token is ever the likeliest.
    """
    vocabulary = byte_bpe([*WORDS, *invented_words(shape.n_vocab)], shape.n_vocab)
    if len(vocabulary.tokens) != shape.n_vocab:
        raise ValueError(f"the invented words give {len(vocabulary.tokens)} tokens only")
    numbers = np.random.default_rng(seed)
    embeddings = _matrix(numbers, shape.n_vocab, shape.n_embd)
    embeddings[np.array(vocabulary.types) == CONTROL] = 0
    tensors: dict[str, NDArray[np.generic]] = {
        "token_embd.weight": embeddings,
        "output_norm.weight": np.ones(shape.n_embd, np.float32),
    }
    for layer in range(shape.n_layers):
        for norm in ("attn_norm", "ffn_norm"):
            tensors[f"blk.{layer}.{norm}.weight"] = np.ones(shape.n_embd, np.float32)
        for name, (rows, columns) in shape.matrices().items():
            tensors[f"blk.{layer}.{name}.weight"] = _matrix(numbers, rows, columns)
    metadata: dict[str, object] = {
        "general.architecture": "llama",
        "general.name": shape.name,
        "general.file_type": int(gguf.LlamaFileType.MOSTLY_Q4_0),
        "llama.context_length": shape.n_ctx_train,
        "llama.embedding_length": shape.n_embd,
        "llama.block_count": shape.n_layers,
        "llama.feed_forward_length": shape.n_ff,
        "llama.attention.head_count": shape.n_heads,
        "llama.attention.head_count_kv": shape.n_kv_heads,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": shape.n_embd // shape.n_heads,
        "llama.rope.freq_base": 10000.0,
        "tokenizer.chat_template": CHATML,
    }
    content = GgufFile(metadata | vocabulary.metadata, tensors, gguf.GGMLQuantizationType.Q4_0)
    return content.write(path)


def _matrix(numbers: np.random.Generator, rows: int, columns: int) -> NDArray[np.uint8]:
    raw = np.frombuffer(numbers.bytes(rows * columns // _BLOCK * _BLOCK_BYTES), np.uint8)
    blocks: NDArray[np.uint8] = raw.reshape(-1, _BLOCK_BYTES).copy()
    blocks[:, 2:] = _EVEN[blocks[:, 2:]]
    scale = np.array([1 / (_DEVIATION * np.sqrt(columns))], np.float16)
    blocks[:, :2] = scale.view(np.uint8)
    rows_of_blocks: NDArray[np.uint8] = blocks.reshape(rows, -1)
    return rows_of_blocks
