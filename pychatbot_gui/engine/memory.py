"""What a model and its context will take of this machine, from what the file says about itself.

The rules are llama.cpp's own; tests hold the result against the buffers that it says it allocates.
"""

from collections.abc import Collection

from pychatbot_gui.core.memory import ModelMemory
from pychatbot_gui.engine.arranged_weights import arranged_copies
from pychatbot_gui.engine.cache import BATCH
from pychatbot_gui.engine.gguf import ModelFile

# Tokens of a batch whose logits are asked for: the library sets room aside for as many, and ends
# the process where there are more.
OUTPUTS = 32

_FLOAT = 4  # bytes
_PROGRAM = 49 * 10**6  # bytes of the process with its libraries and an empty model
_TOKEN, _MERGE = 165, 125  # bytes of a token, and of a rule that makes one, in the vocabulary
_RECURRENT = frozenset(["mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"])
_BOTH_IN_EACH_LAYER = frozenset(["falcon-h1"])
_INTERVALS = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "minimax-01": 8}
# Every so many layers one sees everything; the others have a sliding window. A file may say so
# itself; with other kinds of models the library does without the window, whatever the file says.
_PATTERNS = {
    "afmoe": 4, "cohere2": 4, "cohere2moe": 4, "exaone-moe": 4, "exaone4": 4, "gemma2": 2, "gemma3": 6, "gemma3n": 5,
    "gemma4": 6, "gpt-oss": 2, "granite-swa": 4, "laguna": 4, "llama4": 4, "mellum": 4, "muse-glimmer": 4, "olmo2": 4,
    "plamo3": 8, "smallthinker": 4, "step35": 4,
}  # fmt: skip
_FULL_FIRST = frozenset(["cohere2moe", "laguna", "smallthinker"])
_WINDOWS = {"gemma2": 4096, "llama4": 8192, "smallthinker": 4096, "exaone-moe": 128}


def model_memory(file: ModelFile, features: Collection[str] = (), kv_bytes: int = 2) -> ModelMemory:
    """What the model in `file` needs.

    `features`: of the processor, by the library's names, where weights are arranged for it.
    `kv_bytes`: a number of the cache (2 = F16).
    """
    every, windowed = _cache_numbers(file)
    return ModelMemory(
        weights=sum(tensor.size for tensor in file.tensors) or file.size,
        copies=arranged_copies(file.tensors, features),
        token=every * kv_bytes,
        window=_window(file) if windowed else 0,
        window_token=windowed * kv_bytes,
        state=_recurrent_state(file),
        row=_FLOAT * max(_feed_forward_row(file), _recurrent_row(file)),
        attention=_FLOAT * _attention_row(file),
        score=_FLOAT * max(_heads(file)[0], default=0),
        batch=BATCH,
        output=_FLOAT * OUTPUTS * (file.n_vocab + file.n_embd),
        program=_PROGRAM + _TOKEN * file.n_vocab + _MERGE * _count(file, "tokenizer.ggml.merges"),
    )


def _number(file: ModelFile, key: str, default: int = 0) -> int:
    value = file.metadata.get(f"{file.architecture}.{key}")
    if isinstance(value, tuple):
        return max(value, default=default)
    return value if isinstance(value, int) else default


def _count(file: ModelFile, key: str) -> int:
    value = file.metadata.get(key)
    return len(value) if isinstance(value, tuple) else value if isinstance(value, int) else 0


def _by_layer(file: ModelFile, key: str, default: list[int]) -> list[int]:
    value = file.metadata.get(f"{file.architecture}.{key}")
    if isinstance(value, tuple) and len(value) >= file.n_layers:
        return list(value[: file.n_layers])
    return [value] * file.n_layers if isinstance(value, int) else default


def _attention_layers(file: ModelFile) -> list[bool]:
    """Whether each layer keeps something in the cache for every token."""
    layers = file.n_layers
    if file.architecture in _RECURRENT:
        return [False] * layers
    own_cache = layers - _number(file, "attention.shared_kv_layers")
    recurrent = _by_layer(file, "attention.recurrent_layers", [])
    if not recurrent:
        every = _number(file, "full_attention_interval", _INTERVALS.get(file.architecture, 1))
        recurrent = [int(every > 1 and (layer + 1) % every != 0) for layer in range(layers)]
    return [layer < own_cache and not recurrent[layer] for layer in range(layers)]


def _window(file: ModelFile) -> int:
    default = _WINDOWS.get(file.architecture, 0)
    if file.architecture == "exaone4" and file.n_layers != 64:  # only the largest one has it
        return 0
    return _number(file, "attention.sliding_window", default)


def _windowed_layers(file: ModelFile) -> list[bool]:
    """Whether each layer sees only the last tokens."""
    layers = range(file.n_layers)
    if not _window(file) or file.architecture not in _PATTERNS:
        return [False for _ in layers]
    key = "attention.sliding_window_pattern"
    if isinstance(file.metadata.get(f"{file.architecture}.{key}"), tuple):
        return [bool(value) for value in _by_layer(file, key, [0] * file.n_layers)]
    pattern = max(1, _number(file, key, _PATTERNS[file.architecture]))
    full = 0 if file.architecture in _FULL_FIRST else pattern - 1
    return [layer % pattern != full for layer in layers]


def _heads(file: ModelFile) -> tuple[list[int], list[int]]:
    """Of each layer: heads, and those with a cache of their own."""
    heads = _by_layer(file, "attention.head_count", [0] * file.n_layers)
    return heads, _by_layer(file, "attention.head_count_kv", heads)


def _head_sizes(file: ModelFile, windowed: bool) -> tuple[int, int]:
    """Numbers of a head's key and value."""
    heads, _ = _heads(file)
    head = file.n_embd // max(*heads, 1) if heads else 0
    key = _number(file, "attention.key_length", head)
    value = _number(file, "attention.value_length", head)
    if windowed:
        key = _number(file, "attention.key_length_swa", key)
        value = _number(file, "attention.value_length_swa", value)
    return key, value


def _cache_numbers(file: ModelFile) -> tuple[int, int]:
    """Numbers kept for each token: in layers that see everything, in those with a window."""
    _, kv_heads = _heads(file)
    # With multi-head latent attention the values are a part of the keys.
    has_values = not _number(file, "attention.key_length_mla")
    sums = [0, 0]
    layers = zip(kv_heads, _attention_layers(file), _windowed_layers(file), strict=True)
    for count, keeps, windowed in layers:
        key, value = _head_sizes(file, windowed)
        sums[windowed] += count * (key + value * has_values) * keeps
    return sums[0], sums[1]


def _recurrent_state(file: ModelFile) -> int:
    """Bytes of the state that recurrent layers keep instead of a cache, whatever the context."""
    inner, state = _number(file, "ssm.inner_size"), _number(file, "ssm.state_size")
    _, kv_heads = _heads(file)
    attention = zip(kv_heads, _attention_layers(file), strict=True)
    layers = sum(not (count and keeps) for count, keeps in attention)
    if file.architecture in _BOTH_IN_EACH_LAYER:
        layers = file.n_layers
    convolution = max(_number(file, "ssm.conv_kernel") - 1, 0)
    numbers = inner * state + convolution * (inner + 2 * _number(file, "ssm.group_count") * state)
    numbers += file.n_embd * max(_number(file, "shortconv.l_cache") - 1, 0)
    head = _number(file, "wkv.head_size")
    return layers * _FLOAT * (numbers + (file.n_embd * (head + 2) if head else 0))


# The numbers that are there at once for each token of a batch, at the widest place of a layer.
# They are read off llama.cpp's own figures, without flash attention.


def _attention_row(file: ModelFile) -> int:
    heads, kv_heads = _heads(file)
    key, value = _head_sizes(file, windowed=False)
    return (
        2 * file.n_embd + 3 * max(heads, default=0) * key + max(kv_heads, default=0) * (key + value)
    )


def _feed_forward_row(file: ModelFile) -> int:
    wide, n_embd, joined = _number(file, "feed_forward_length"), file.n_embd, 0
    experts = _number(file, "expert_used_count") if _number(file, "expert_count") else 0
    if experts:
        wide = max(wide, experts * _number(file, "expert_feed_forward_length", wide))
        joined = 2 * (experts + 1) * n_embd
    beside = 4 if wide > 2 * n_embd else 3 if wide > n_embd else 2
    return max(3 * wide + beside * n_embd, joined)


def _recurrent_row(file: ModelFile) -> int:
    inner = _number(file, "ssm.inner_size")
    return 6 * inner + file.n_embd if inner else 0
