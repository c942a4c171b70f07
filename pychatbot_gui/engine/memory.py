"""What a model and its context will take of this machine, from what the file says about itself."""

import sys
from dataclasses import dataclass

import psutil

from pychatbot_gui.core.errors import OutOfMemory
from pychatbot_gui.core.settings import N_CTX_STEP
from pychatbot_gui.engine.gguf import ModelFile

_BATCH = 512  # tokens evaluated at once: llama.cpp's n_ubatch
_FLOAT = 4
_RECURRENT = frozenset(["mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"])


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes for the weights, for the context, and for the work on one batch of tokens."""

    weights: int
    kv_cache: int
    compute: int

    @property
    def total(self) -> int:
        """All together, in bytes."""
        return self.weights + self.kv_cache + self.compute


def estimate(file: ModelFile, n_ctx: int, kv_bytes: float = 2.0) -> MemoryEstimate:
    """Memory for a context of `n_ctx` tokens at `kv_bytes` a number of the cache (2 = F16).

    Sliding windows are not taken into account, which errs on the side of too much.
    """
    cache = int(_cache_numbers(file) * n_ctx * kv_bytes) + _recurrent_state(file)
    return MemoryEstimate(file.size, cache, _compute(file, n_ctx))


def largest_n_ctx(file: ModelFile, free: int, multiple: int = 256) -> int:
    """Largest context, a multiple of `multiple` tokens, whose cache and work fit into `free` bytes.

    0 where not even the smallest fits. The weights are not counted.
    """
    low, high = 0, 2**31 // multiple
    while low < high:
        middle = (low + high + 1) // 2
        need = estimate(file, middle * multiple)
        if need.kv_cache + need.compute <= free:
            low = middle
        else:
            high = middle - 1
    return low * multiple


def refuse_what_cannot_fit(file: ModelFile, n_ctx: int, mlock: bool) -> None:
    """Raise `OutOfMemory`, with the largest context that fits, where `n_ctx` tokens do not.

    The weights count only under `mlock`: otherwise the system reads them from the file as needed.
    """
    free = psutil.virtual_memory().available
    need = estimate(file, n_ctx)
    locked = need.weights if mlock else 0
    total = need.kv_cache + need.compute + locked
    if total <= free:
        return
    largest = largest_n_ctx(file, free - locked)
    advice = (
        f"Set the context length to {largest:,} or less."
        if largest >= N_CTX_STEP
        else "Close other programs or choose a smaller model."
    )
    raise OutOfMemory(
        f"A context of {n_ctx:,} tokens needs {total / 2**30:.1f} GB of memory for this model, "
        f"and {free / 2**30:.1f} GB are free. {advice}"
    )


def spare_memory() -> int:
    """Bytes that may be taken for what only saves time: a small part of what is free."""
    free: int = psutil.virtual_memory().available
    return min(256 * 2**20, free // 16)


def processor_cores() -> int:
    """Cores this process may use, not counting hyper-threads."""
    physical = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    if sys.platform == "linux":
        return min(len(psutil.Process().cpu_affinity()), physical)
    return physical


def _number(file: ModelFile, key: str, default: int = 0) -> int:
    value = file.metadata.get(f"{file.architecture}.{key}")
    if isinstance(value, tuple):
        return max(value, default=default)
    return value if isinstance(value, int) else default


def _by_layer(file: ModelFile, key: str, default: list[int]) -> list[int]:
    value = file.metadata.get(f"{file.architecture}.{key}")
    if isinstance(value, tuple) and len(value) >= file.n_layers:
        return list(value[: file.n_layers])
    return [value] * file.n_layers if isinstance(value, int) else default


def _attention_layers(file: ModelFile) -> list[bool]:
    """Whether each layer keeps something in the cache for every token."""
    layers = file.n_layers
    interval = _number(file, "full_attention_interval")
    own_cache = layers - _number(file, "attention.shared_kv_layers")
    if file.architecture in _RECURRENT:
        return [False] * layers
    return [
        layer < own_cache and (interval < 2 or (layer + 1) % interval == 0)
        for layer in range(layers)
    ]


def _cache_numbers(file: ModelFile) -> int:
    """Numbers kept for each token of the context, all layers together."""
    heads = _by_layer(file, "attention.head_count", [0] * file.n_layers)
    kv_heads = _by_layer(file, "attention.head_count_kv", heads)
    head = file.n_embd // max(*heads, 1) if heads else 0
    key = _number(file, "attention.key_length", head)
    value = _number(file, "attention.value_length", head)
    used = zip(kv_heads, _attention_layers(file), strict=True)
    return sum(count * (key + value) for count, keeps in used if keeps)


def _recurrent_state(file: ModelFile) -> int:
    """Bytes of the state that recurrent layers keep instead of a cache, whatever the context."""
    inner, state = _number(file, "ssm.inner_size"), _number(file, "ssm.state_size")
    kv_heads = _by_layer(file, "attention.head_count_kv", [0] * file.n_layers)
    attention = zip(kv_heads, _attention_layers(file), strict=True)
    layers = sum(not (count and keeps) for count, keeps in attention)
    convolution = max(_number(file, "ssm.conv_kernel") - 1, 0)
    groups = _number(file, "ssm.group_count")
    numbers = inner * state + convolution * (inner + 2 * groups * state)
    head = _number(file, "wkv.head_size")
    return layers * _FLOAT * (numbers + (file.n_embd * (head + 2) if head else 0))


def _compute(file: ModelFile, n_ctx: int) -> int:
    """Bytes for one batch: the widest place of a layer with the attention mask, or the output.

    The factors are read off llama.cpp's own figures, with flash attention, as it is by default.
    """
    batch = min(_BATCH, n_ctx)
    wide = max(
        _number(file, "feed_forward_length"),
        _number(file, "expert_feed_forward_length") * _number(file, "expert_used_count", 1),
    )
    layer = batch * (_FLOAT * (3 * wide + 4 * file.n_embd) + 2 * n_ctx)
    output = batch * _FLOAT * (file.n_vocab + 2 * file.n_embd)
    return max(layer, output)
