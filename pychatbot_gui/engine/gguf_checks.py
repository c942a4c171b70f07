"""Checks on a model's header that llama.cpp answers with a crash, or with words nobody understands.

Each check gives a sentence without its subject ("is an adapter ..."), or None where all is well.
What llama.cpp itself refuses politely, such as an architecture it does not know, is left to it.
"""

from collections import Counter
from collections.abc import Callable

from pychatbot_gui.engine.gguf_reader import Array, Header

_DAMAGED = "Download it again or choose another model."
_NO_CHAT = "It cannot chat. Choose a model made for chatting."
_MOST_LAYERS = 512
_MOST_EXPERTS = 1024

_ENCODERS = frozenset(
    [
        *("bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3"),
        *("modern-bert", "eurobert", "t5encoder", "gemma-embedding", "llama-embed", "gte", "new"),
    ]
)
_OTHER_KINDS = {
    "clip": "is the part of a model that sees pictures or hears (a projector), not the model",
    "wavtokenizer-dec": "is a part of a model that speaks, not a model",
    "t5": "is a translating model (T5)",
    **dict.fromkeys(
        (
            "flux",
            "sd1",
            "sd3",
            "sdxl",
            "aura",
            "hidream",
            "cosmos",
            "ltxv",
            "hyvid",
            "wan",
            "lumina2",
            "qwen_image",
        ),
        "is a model that makes pictures or films",
    ),
}
_TYPES = {
    "adapter": (
        "is an adapter (LoRA), an addition to a model, not a model. "
        "Choose the .gguf file of the model itself."
    ),
    "mmproj": (
        "is the part of a model that sees pictures or hears (a projector), not the model. "
        "Choose the .gguf file of the model itself."
    ),
    "imatrix": "holds measurements for compressing a model, not a model. Choose a .gguf model.",
    "vocab": ("holds only a vocabulary, not the model. Choose the .gguf file of the model itself."),
}
_RANK = 4  # the last of llama.cpp's pooling types
_ROPE_SCALING = frozenset(["none", "linear", "yarn", "longrope"])
_TENSOR_ALIGNMENT = 32  # ggml's, for weights that are mapped into memory
# Bytes that occur in UTF-8.
_UTF8_BYTES = (*range(0xC0), *range(0xC2, 0xF5))


def find_fault(header: Header, n_tensors: int) -> tuple[str, str] | None:
    """What makes the model unusable: a sentence without its subject, and technical words.

    `header` is that of the first part, `n_tensors` counts those of all parts.
    """
    checks: tuple[Callable[[Header], tuple[str, str] | None], ...] = (
        _kind,
        lambda _: _no_weights(n_tensors),
        _layers,
        _sizes,
        _experts,
        _arithmetic,
        _vocabulary,
        _byte_tokens,
    )
    for check in checks:
        fault = check(header)
        if fault is not None:
            return fault
    return None


def architecture(header: Header) -> str:
    """The model's kind, or an empty string where the file does not say."""
    value = header.metadata.get("general.architecture")
    return value if isinstance(value, str) else ""


def number(header: Header, key: str) -> int | None:
    """A whole number about the model (`key` without the architecture), None where there is none."""
    value = header.metadata.get(f"{architecture(header)}.{key}")
    return value if isinstance(value, int) else None


def numbers(header: Header, key: str) -> tuple[int, ...]:
    """As `number`, for what may differ from layer to layer; empty where there is none."""
    value = header.metadata.get(f"{architecture(header)}.{key}")
    if isinstance(value, Array):
        return value.numbers
    return (value,) if isinstance(value, int) else ()


def _kind(header: Header) -> tuple[str, str] | None:
    general_type = header.metadata.get("general.type")
    if isinstance(general_type, str) and general_type in _TYPES:
        return _TYPES[general_type], f"general.type = {general_type}"
    kind = architecture(header)
    if not kind:
        return (
            f"does not say what kind of model it holds. {_DAMAGED}",
            "general.architecture is missing",
        )
    if kind in _OTHER_KINDS:
        return f"{_OTHER_KINDS[kind]}. {_NO_CHAT}", f"architecture {kind}"
    pooling = number(header, "pooling_type") or 0
    causal = header.metadata.get(f"{kind}.attention.causal", True)
    if kind in _ENCODERS or 0 < pooling <= _RANK or not causal:
        return (
            "is a model that compares texts or fills gaps (it makes embeddings). " + _NO_CHAT,
            f"architecture {kind}, pooling type {pooling}, causal {causal}",
        )
    return None


def _no_weights(n_tensors: int) -> tuple[str, str] | None:
    if n_tensors:
        return None
    return _TYPES["vocab"], "no tensors"


def _layers(header: Header) -> tuple[str, str] | None:
    layers = number(header, "block_count")
    if layers is None or 0 < layers <= _MOST_LAYERS:
        return None
    return (
        f"says that it has {layers:,} layers; a model has 1 to {_MOST_LAYERS}. {_DAMAGED}",
        f"block_count = {layers}",
    )


def _sizes(header: Header) -> tuple[str, str] | None:
    for key in ("embedding_length", "attention.key_length", "attention.value_length"):
        value = number(header, key)
        if value is not None and not 0 < value < 2**31:
            return f"says that a size of the model is {value}. {_DAMAGED}", f"{key} = {value}"
    heads = numbers(header, "attention.head_count")
    kv_heads = numbers(header, "attention.head_count_kv")
    for query, shared in zip(heads, kv_heads, strict=False):
        if shared > 0 and query % shared:
            return (
                f"contradicts itself about its attention heads ({query} and {shared}). {_DAMAGED}",
                f"head_count = {query}, head_count_kv = {shared}",
            )
    return None


def _experts(header: Header) -> tuple[str, str] | None:
    count = number(header, "expert_count") or 0
    used = max(numbers(header, "expert_used_count"), default=0)
    if count > _MOST_EXPERTS or used > count or bool(used) != bool(count):
        return (
            f"says that it uses {used:,} of {count:,} experts, which cannot be. {_DAMAGED}",
            f"expert_count = {count}, expert_used_count = {used}, at most {_MOST_EXPERTS}",
        )
    groups = number(header, "expert_group_count") or 0
    groups_used = number(header, "expert_group_used_count") or 0
    # A single group, or none, means that the experts are not grouped.
    uneven = groups > 1 and (count % groups or not 0 < groups_used < groups)
    if uneven or (groups and groups >= count):
        return (
            f"says that its {count:,} experts are in {groups:,} groups, {groups_used:,} of them "
            f"used, which cannot be. {_DAMAGED}",
            f"expert_group_count = {groups}, expert_group_used_count = {groups_used}",
        )
    return None


def _arithmetic(header: Header) -> tuple[str, str] | None:
    kind = architecture(header)
    contradiction = f"contradicts itself about how it computes. {_DAMAGED}"
    for key in ("attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"):
        epsilon = header.metadata.get(f"{kind}.{key}", 0.0)
        # Written so that "not a number" is refused too.
        if isinstance(epsilon, float) and not epsilon >= 0:
            return contradiction, f"{key} = {epsilon}"
    scaling = header.metadata.get(f"{kind}.rope.scaling.type", "none")
    if isinstance(scaling, str) and scaling not in _ROPE_SCALING:
        return contradiction, f"rope.scaling.type = {scaling[:80]}"
    extra, layers = number(header, "nextn_predict_layers"), number(header, "block_count")
    if extra and layers and extra > layers:
        return contradiction, f"nextn_predict_layers = {extra}, block_count = {layers}"
    if header.data_start % _TENSOR_ALIGNMENT:
        return contradiction, f"the weights start at byte {header.data_start}"
    return None


def _vocabulary(header: Header) -> tuple[str, str] | None:
    count = len(header.tokens)
    if not count or header.metadata.get("tokenizer.ggml.model") in (None, "none", "no_vocab"):
        return f"has no vocabulary. {_NO_CHAT}", "no tokens"
    for key in ("tokenizer.ggml.scores", "tokenizer.ggml.token_type"):
        array = header.metadata.get(key)
        if array is not None and (not isinstance(array, Array) or array.length != count):
            length = array.length if isinstance(array, Array) else "no array"
            return f"has a damaged vocabulary. {_DAMAGED}", f"{key}: {length}, {count} tokens"
        if isinstance(array, Array) and array.item_type not in (4, 5, 6):
            return f"has a damaged vocabulary. {_DAMAGED}", f"{key}: type {array.item_type}"
    # llama.cpp gives empty tokens a name of their own.
    named = [token for token in _as_c_strings(header.tokens) if token]
    if len(set(named)) != len(named):
        twice = next(token for token, count in Counter(named).items() if count > 1)
        return (
            f"has a damaged vocabulary: a token is in it twice. {_DAMAGED}",
            f"duplicate token {twice[:80]!r}",
        )
    return None


def _as_c_strings(tokens: list[bytes]) -> list[bytes]:
    """The tokens as llama.cpp sees them: to the first NUL."""
    return [token.partition(b"\0")[0] for token in tokens]


def _byte_tokens(header: Header) -> tuple[str, str] | None:
    if header.metadata.get("tokenizer.ggml.model") != "llama":
        return None
    known = set(_as_c_strings(header.tokens))
    for byte in _UTF8_BYTES:
        if b"<0x%02X>" % byte not in known and bytes((byte,)) not in known:
            return (
                "has an incomplete vocabulary: it lacks the tokens for single bytes, without "
                f"which not every text can be read. {_DAMAGED}",
                f"no token <0x{byte:02X}>",
            )
    return None
