"""Which weights llama.cpp keeps a second time, arranged for the processor.

It reads the file as a map, and copies what a fast kernel of its own wants in another order. How
many bytes that are follows from the processor's features and each tensor's format and shape.
"""

from collections.abc import Collection, Sequence

from pychatbot_gui.engine.gguf_reader import Tensor

_F16, _Q4_0, _Q4_1, _Q8_0 = 1, 2, 3, 8
_Q2_K, _Q4_K, _Q5_K, _Q6_K, _IQ4_NL, _IQ4_XS, _MXFP4 = 10, 12, 13, 14, 20, 23, 39
# Bytes of a block, and those added to it; the length of a row must be a multiple of the last.
_AMX = {
    _F16: (1, 0, 16),
    _Q4_0: (18, 0, 32),
    _Q4_1: (20, 0, 32),
    _Q8_0: (34, 4, 32),
    _Q4_K: (144, 4, 256),
    _Q5_K: (176, 4, 256),
    _Q6_K: (210, 0, 256),
    _IQ4_XS: (136, 2, 256),
}
# Formats that are copied as they are, where the processor has the feature.
_REPACKED = {
    "AVX2": (_Q4_0, _Q4_K, _IQ4_NL, _MXFP4),
    "AVX512": (_Q2_K,),
    "MATMUL_INT8": (_Q4_0, _Q4_K, _Q5_K, _Q6_K, _Q8_0),
    "DOTPROD": (_Q4_0, _Q4_K, _Q5_K, _Q6_K, _IQ4_NL, _MXFP4, _Q8_0),
}
_NOT_MULTIPLIED = ("token_embd", "per_layer_token_embd", "position_embd", "token_types")
_EXPERTS = "_exps.weight"


def arranged_copies(tensors: Sequence[Tensor], features: Collection[str]) -> int:
    """Bytes of all copies. `features`: by the names of llama.cpp's system information."""
    names = {tensor.name for tensor in tensors}
    tied = "output.weight" not in names  # then the embeddings serve as the output too
    return sum(_copy(tensor, features) for tensor in tensors if _is_multiplied(tensor.name, tied))


def _is_multiplied(name: str, tied: bool) -> bool:
    if not name.endswith(".weight") or "conv1d" in name:
        return False
    return not name.startswith(_NOT_MULTIPLIED) or (tied and name == "token_embd.weight")


def _copy(tensor: Tensor, features: Collection[str]) -> int:
    if len(tensor.shape) < 2 or tensor.shape[1] == 1:
        return 0
    row, rows = tensor.shape[0], tensor.shape[1]
    is_experts = tensor.name.endswith(_EXPERTS)
    if "AMX_INT8" in features and not is_experts and tensor.type in _AMX:
        block, added, multiple = _AMX[tensor.type]
        if rows % 32 == 0 and row % multiple == 0:
            return tensor.size // block * (block + added)
    if "REPACK" not in features:
        return 0
    types = {kind for name, kinds in _REPACKED.items() if name in features for kind in kinds}
    return tensor.size if tensor.type in types and rows % 8 == 0 else 0
