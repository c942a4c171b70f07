"""Tiny random models of the kinds that cannot simply forget the end of what they read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.models import CHATML, GgufFile
from tests.vocabularies import CONTROL, UNKNOWN, WORDS, Vocabulary, byte_bpe

_STATE, _KERNEL, _RANK = 8, 4, 4
WINDOW = 64  # tokens that a sliding-window layer sees
# A vocabulary of bytes and one word nobody uses: every text can be cut into tokens in one way only,
# so that what a model wrote reads the same when it is read again.
BYTES = ("\x01\x01",)

# Templates as they are in use: one that drops what the model thought before, and trims.
THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{{ m.content.split('e')[-1] | trim }}"
    "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class _Weights:
    """Random tensors under their names, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._numbers = np.random.default_rng(seed)
        self.tensors: dict[str, NDArray[np.generic]] = {}

    def matrix(self, name: str, rows: int, columns: int) -> None:
        values = self._numbers.standard_normal((rows, columns), dtype=np.float32)
        self.tensors[f"{name}.weight"] = values / np.float32(np.sqrt(columns))

    def ones(self, *names: str, size: int) -> None:
        for name in names:
            self.tensors[f"{name}.weight"] = np.ones(size, np.float32)

    def vocabulary(self, vocabulary: Vocabulary, n_embd: int, scale: float = 1.0) -> None:
        """Embeddings and an output that only ever writes what can be read again as it is."""
        n_vocab = len(vocabulary.tokens)
        embeddings = self._numbers.standard_normal((n_vocab, n_embd), dtype=np.float32)
        self.tensors["token_embd.weight"] = embeddings * np.float32(scale)
        self.matrix("output", n_vocab, n_embd)
        silent = np.isin(vocabulary.types, (CONTROL, UNKNOWN))
        silent |= np.array(
            [len(t) == 1 and not (t.isascii() or t in "ĠĊ") for t in vocabulary.tokens]
        )
        self.tensors["output.weight"][silent] = 0
        self.ones("output_norm", size=n_embd)

    def attention(self, at: str, n_embd: int, n_kv: int) -> None:
        for part, rows in (("q", n_embd), ("k", n_kv), ("v", n_kv), ("output", n_embd)):
            self.matrix(f"{at}.attn_{part}", rows, n_embd)

    def feed_forward(self, at: str, n_embd: int, n_ff: int) -> None:
        self.matrix(f"{at}.ffn_gate", n_ff, n_embd)
        self.matrix(f"{at}.ffn_up", n_ff, n_embd)
        self.matrix(f"{at}.ffn_down", n_embd, n_ff)

    def state_space(self, at: str, n_embd: int, norms: bool) -> None:
        inner = 2 * n_embd
        self.matrix(f"{at}.ssm_in", 2 * inner, n_embd)
        self.matrix(f"{at}.ssm_conv1d", inner, _KERNEL)
        self.matrix(f"{at}.ssm_x", _RANK + 2 * _STATE, inner)
        self.matrix(f"{at}.ssm_dt", inner, _RANK)
        self.matrix(f"{at}.ssm_out", n_embd, inner)
        decay = -np.tile(np.arange(1, _STATE + 1, dtype=np.float32), (inner, 1)) / _STATE
        self.tensors[f"{at}.ssm_a"] = decay
        self.tensors[f"{at}.ssm_d"] = np.ones(inner, np.float32)
        self.tensors[f"{at}.ssm_conv1d.bias"] = np.zeros(inner, np.float32)
        self.tensors[f"{at}.ssm_dt.bias"] = np.full(inner, -2, np.float32)
        if norms:
            self.ones(f"{at}.ssm_dt_norm", size=_RANK)
            self.ones(f"{at}.ssm_b_norm", f"{at}.ssm_c_norm", size=_STATE)


def _state_space(n_embd: int) -> dict[str, object]:
    return {
        "ssm.conv_kernel": _KERNEL,
        "ssm.inner_size": 2 * n_embd,
        "ssm.state_size": _STATE,
        "ssm.time_step_rank": _RANK,
    }


def _write(
    path: Path,
    architecture: str,
    weights: _Weights,
    vocabulary: Vocabulary,
    metadata: dict[str, object],
    template: str,
) -> Path:
    general: dict[str, object] = {
        "general.architecture": architecture,
        "general.name": f"Tiny {architecture}",
        "general.file_type": 0,
        f"{architecture}.context_length": 4096,
        f"{architecture}.attention.layer_norm_rms_epsilon": 1e-5,
    }
    own = {f"{architecture}.{key}": value for key, value in metadata.items()}
    content = GgufFile(general | own | vocabulary.metadata, weights.tensors)
    content.metadata["tokenizer.chat_template"] = template
    return content.write(path)


def build_plain(
    path: Path, *, words: Sequence[str] = WORDS, n_embd: int = 64, template: str = CHATML
) -> Path:
    """A llama: its cache can be cut anywhere."""
    weights, vocabulary = _Weights(0), byte_bpe(words)
    weights.vocabulary(vocabulary, n_embd)
    for layer in range(2):
        at = f"blk.{layer}"
        weights.ones(f"{at}.attn_norm", f"{at}.ffn_norm", size=n_embd)
        weights.attention(at, n_embd, n_embd // 2)
        weights.feed_forward(at, n_embd, 2 * n_embd)
    metadata: dict[str, object] = {
        "embedding_length": n_embd,
        "block_count": 2,
        "feed_forward_length": 2 * n_embd,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "rope.freq_base": 10000.0,
    }
    return _write(path, "llama", weights, vocabulary, metadata, template)


def build_recurrent(
    path: Path, *, words: Sequence[str] = WORDS, n_embd: int = 64, template: str = CHATML
) -> Path:
    """A mamba: a state of fixed size instead of a cache."""
    weights, vocabulary = _Weights(1), byte_bpe(words)
    weights.vocabulary(vocabulary, n_embd)
    for layer in range(2):
        weights.ones(f"blk.{layer}.attn_norm", size=n_embd)
        weights.state_space(f"blk.{layer}", n_embd, norms=False)
    metadata: dict[str, object] = {
        "embedding_length": n_embd,
        "block_count": 2,
        "feed_forward_length": 0,
        "attention.head_count": 0,
    }
    return _write(path, "mamba", weights, vocabulary, metadata | _state_space(n_embd), template)


def build_hybrid(
    path: Path, *, words: Sequence[str] = WORDS, n_embd: int = 64, template: str = CHATML
) -> Path:
    """A jamba: layers with a state, and every other one with a cache."""
    weights, vocabulary = _Weights(2), byte_bpe(words)
    weights.vocabulary(vocabulary, n_embd)
    for layer in range(4):
        at = f"blk.{layer}"
        weights.ones(f"{at}.attn_norm", f"{at}.ffn_norm", size=n_embd)
        if layer % 2:
            weights.attention(at, n_embd, n_embd // 2)
        else:
            weights.state_space(at, n_embd, norms=True)
        weights.feed_forward(at, n_embd, 2 * n_embd)
    metadata: dict[str, object] = {
        "embedding_length": n_embd,
        "block_count": 4,
        "feed_forward_length": 2 * n_embd,
        "attention.head_count": 4,
        "attention.head_count_kv": [0, 2] * 2,
    }
    return _write(path, "jamba", weights, vocabulary, metadata | _state_space(n_embd), template)


def build_sliding(
    path: Path, *, words: Sequence[str] = WORDS, n_embd: int = 64, template: str = CHATML
) -> Path:
    """A gemma3: five layers that see `WINDOW` tokens, and one that sees all."""
    weights, vocabulary = _Weights(3), byte_bpe(words)
    weights.vocabulary(vocabulary, n_embd, 1 / np.sqrt(n_embd))
    for layer in range(6):
        at = f"blk.{layer}"
        norms = ("attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm")
        weights.ones(*(f"{at}.{norm}" for norm in norms), size=n_embd)
        weights.ones(f"{at}.attn_q_norm", f"{at}.attn_k_norm", size=n_embd // 4)
        weights.attention(at, n_embd, n_embd // 2)
        weights.feed_forward(at, n_embd, 2 * n_embd)
    metadata: dict[str, object] = {
        "embedding_length": n_embd,
        "block_count": 6,
        "feed_forward_length": 2 * n_embd,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.key_length": n_embd // 4,
        "attention.value_length": n_embd // 4,
        "attention.sliding_window": WINDOW,
        "rope.freq_base": 10000.0,
    }
    return _write(path, "gemma3", weights, vocabulary, metadata, template)
