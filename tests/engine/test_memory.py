"""The estimate of memory, held against what llama.cpp says that it allocates."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gguf
import numpy as np
import pytest

from pychatbot_gui.engine.gguf import ModelFile, read_model_file
from pychatbot_gui.engine.memory import model_memory
from tests.engine import kinds
from tests.models import GgufFile, build_model, model_content
from tests.vocabularies import WORDS, byte_bpe, invented_words

MIB = 2**20

# A process of its own: the library keeps a log callback for good.
_MEASURE = """
import ctypes, json, re, sys
import llama_cpp as lib
from pychatbot_gui.engine.cache import BATCH
from pychatbot_gui.engine.memory import OUTPUTS

lines = []
callback = lib.llama_log_callback(lambda level, text, data: lines.append(text.decode()))
lib.llama_log_set(callback, ctypes.c_void_p(0))

def mib(what):
    sizes = re.findall(what + r" buffer size = +([0-9.]+) MiB", "".join(lines))
    return sum(map(float, sizes))

found = []
for path, n_ctxs in json.loads(sys.argv[1]):
    lines.clear()
    model = lib.llama_model_load_from_file(path.encode(), lib.llama_model_default_params())
    mapped = mib("Mapped model")
    weights = [mapped, mib("model") - mapped]
    for n_ctx in n_ctxs:
        lines.clear()
        params = lib.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = n_ctx, BATCH, BATCH
        params.flash_attn_type = lib.llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.n_outputs_max, params.swa_full = OUTPUTS, False
        context = lib.llama_init_from_model(model, params)
        found.append([*weights, mib("KV") + mib("RS"), mib("compute")])
        lib.llama_free(context)
    lib.llama_model_free(model)
print("FOUND", json.dumps([lib.llama_print_system_info().decode(), found]))
"""


def llama(**shape: int) -> Callable[[Path], Path]:
    return lambda path: build_model(path, **shape)


def quantised(kind: gguf.GGMLQuantizationType, tied: bool = False) -> Callable[[Path], Path]:
    """A llama whose matrices are in this format; they are never evaluated."""

    def build(path: Path) -> Path:
        content = model_content(n_layers=3, n_embd=256, n_heads=4, n_kv_heads=2, n_ff=768)
        content.blocks = kind
        block, size = gguf.GGML_QUANT_SIZES[kind]
        for name, tensor in content.tensors.items():
            if tensor.ndim == 2:
                rows, columns = tensor.shape
                content.tensors[name] = np.zeros((rows, columns // block * size), np.uint8)
        if tied:
            del content.tensors["output.weight"]
        return content.write(path)

    return build


def half_precision(path: Path) -> Path:
    content = model_content(n_layers=3, n_embd=256, n_ff=768)
    for name, tensor in content.tensors.items():
        if tensor.ndim == 2:
            content.tensors[name] = tensor.astype(np.float16)
    return content.write(path)


def experts(path: Path, count: int = 8, used: int = 2, n_ff: int = 512) -> Path:
    content: GgufFile = model_content(n_layers=2, n_embd=128, n_heads=4, n_kv_heads=2, n_ff=n_ff)
    for layer in range(2):
        for part in ("gate", "up", "down"):
            one = content.tensors.pop(f"blk.{layer}.ffn_{part}.weight")
            content.tensors[f"blk.{layer}.ffn_{part}_exps.weight"] = np.stack([one] * count)
        content.tensors[f"blk.{layer}.ffn_gate_inp.weight"] = np.ones((count, 128), np.float32)
    content.metadata |= {"llama.expert_count": count, "llama.expert_used_count": used}
    return content.write(path)


def large_vocabulary(path: Path) -> Path:
    vocabulary = byte_bpe([*WORDS, *invented_words(20_000)], 20_000)
    content = model_content(n_layers=1, n_embd=32, n_heads=2)
    content.metadata |= vocabulary.metadata
    for name in ("token_embd.weight", "output.weight"):
        content.tensors[name] = np.zeros((len(vocabulary.tokens), 32), np.float16)
    return content.write(path)


Q = gguf.GGMLQuantizationType
BUILDERS: dict[str, Callable[[Path], Path]] = {
    "grouped heads": llama(n_layers=2, n_embd=256, n_heads=8, n_kv_heads=2, n_ff=1024),
    "all heads": llama(n_layers=4, n_embd=256, n_heads=8, n_kv_heads=8, n_ff=512),
    "one head": llama(n_layers=6, n_embd=128, n_heads=4, n_kv_heads=1, n_ff=768),
    "narrow": llama(n_layers=3, n_embd=256, n_heads=4, n_kv_heads=4, n_ff=256),
    "recurrent": lambda path: kinds.build_recurrent(path, n_embd=256),
    "hybrid": lambda path: kinds.build_hybrid(path, n_embd=256),
    "sliding window": lambda path: kinds.build_sliding(path, n_embd=256),
    "experts": experts,
    "large vocabulary": large_vocabulary,
    "F16": half_precision,
    "Q4_0": quantised(Q.Q4_0),
    "Q4_0, tied": quantised(Q.Q4_0, tied=True),
    "Q8_0": quantised(Q.Q8_0),
    "Q4_K": quantised(Q.Q4_K),
    "IQ4_NL": quantised(Q.IQ4_NL),
    "Q2_K": quantised(Q.Q2_K),
}
N_CTXS = (256, 8192)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Any]:
    """Of each model and context: what the estimate says, what the library says, in bytes."""
    folder = tmp_path_factory.mktemp("models")
    paths = {name: build(folder / f"{name}.gguf") for name, build in BUILDERS.items()}
    request = json.dumps([(str(path), N_CTXS) for path in paths.values()])
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, request], capture_output=True, text=True, timeout=50
    )
    info, found = json.loads(done.stdout.partition("FOUND ")[2])
    features = {part.split(" = ")[0].split()[-1] for part in info.split("|") if " = 1" in part}
    rows = iter(found)
    result = {}
    for name, path in paths.items():
        memory = model_memory(read_model_file(str(path)), features)
        for n_ctx in N_CTXS:
            result[name, n_ctx] = (memory, [mib * MIB for mib in next(rows)])
    return result


@pytest.mark.parametrize("n_ctx", N_CTXS)
@pytest.mark.parametrize("name", BUILDERS)
def test_estimate_is_what_the_library_allocates(
    library: dict[tuple[str, int], Any], name: str, n_ctx: int
) -> None:
    memory, (mapped, copied, cache, compute) = library[name, n_ctx]
    rounding = 0.02 * MIB  # of the library's own words
    assert memory.copies == pytest.approx(copied, rel=0.01, abs=rounding)
    if not copied:
        assert memory.weights == pytest.approx(mapped, rel=0.01, abs=rounding)
    assert memory.kv_cache(n_ctx) == pytest.approx(cache, rel=0.01, abs=rounding)
    assert memory.compute(n_ctx) == pytest.approx(compute, rel=0.1, abs=rounding)


def described(**metadata: object) -> ModelFile:
    """A file of the kind "some" that says `metadata` about itself: 8 layers of 4,096 numbers."""
    named = {f"some.{key.replace('__', '.')}": value for key, value in metadata.items()}
    return ModelFile(
        path="m.gguf",
        size=10**9,
        parts=("m.gguf",),
        version=3,
        architecture="some",
        name="M",
        file_type="Q4_0",
        parameters=2 * 10**9,
        n_ctx_train=8192,
        n_layers=8,
        n_embd=4096,
        n_vocab=32_000,
        chat_template=None,
        metadata=MappingProxyType(named),
    )


def cache_of(file: ModelFile, kv_bytes: int = 2) -> int:
    """Bytes for 1,024 tokens."""
    return model_memory(file, kv_bytes=kv_bytes).kv_cache(1024)


def test_cache_counts_heads_layer_by_layer() -> None:
    heads = (8, 0, 8, 0, 8, 0, 8, 0)
    file = described(attention__head_count=32, attention__head_count_kv=heads)
    assert cache_of(file) == 4 * 8 * (128 + 128) * 1024 * 2


def test_cache_uses_the_head_sizes_that_are_given() -> None:
    file = described(
        attention__head_count=32,
        attention__head_count_kv=4,
        attention__key_length=192,
        attention__value_length=64,
    )
    assert cache_of(file) == 8 * 4 * (192 + 64) * 1024 * 2
    assert cache_of(file, kv_bytes=1) == 8 * 4 * (192 + 64) * 1024


def test_layers_that_share_a_cache_are_counted_once() -> None:
    alone = described(attention__head_count=32)
    sharing = described(attention__head_count=32, attention__shared_kv_layers=6)
    assert cache_of(sharing) * 4 == cache_of(alone)


def test_latent_attention_keeps_no_values() -> None:
    sizes = {"attention__key_length": 576, "attention__value_length": 512}
    file = described(attention__head_count=1, attention__key_length_mla=192, **sizes)
    assert cache_of(file) == 8 * 576 * 1024 * 2


def test_recurrent_layers_by_an_interval_or_by_name_keep_no_cache() -> None:
    every = cache_of(described(attention__head_count=32))
    interval = described(attention__head_count=32, full_attention_interval=4)
    named = (1, 1, 1, 0, 1, 1, 1, 0)
    listed = described(attention__head_count=32, attention__recurrent_layers=named)
    assert cache_of(interval) == cache_of(listed) == every // 4


def test_a_window_counts_only_where_the_library_has_one() -> None:
    file = described(attention__head_count=32, attention__sliding_window=512)
    assert model_memory(file).window == 0


def test_recurrent_state_does_not_grow_with_the_context() -> None:
    file = described(
        attention__head_count=0, ssm__inner_size=2048, ssm__state_size=16, ssm__conv_kernel=4
    )
    memory = model_memory(file)
    assert memory.kv_cache(256) == memory.kv_cache(10**6) == 8 * 4 * (2048 * 16 + 3 * 2048)


def test_file_that_says_nothing_has_an_estimate() -> None:
    memory = model_memory(described())
    assert (memory.weights, memory.kv_cache(1024)) == (10**9, 0)
