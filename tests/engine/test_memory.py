"""The estimate of memory, held against what llama.cpp says that it allocates."""

import json
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest

from pychatbot_gui.engine.gguf import ModelFile, read_model_file
from pychatbot_gui.engine.memory import estimate, largest_n_ctx
from tests.models import build_model

MIB = 2**20

# A process of its own: the library keeps a log callback for good.
_MEASURE = """
import ctypes, json, re, sys
import llama_cpp as lib

lines = []
callback = lib.llama_log_callback(lambda level, text, data: lines.append(text.decode()))
lib.llama_log_set(callback, ctypes.c_void_p(0))
found = []
for path, n_ctx in json.loads(sys.argv[1]):
    lines.clear()
    model = lib.llama_model_load_from_file(path.encode(), lib.llama_model_default_params())
    params = lib.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = n_ctx, 512, 512
    context = lib.llama_init_from_model(model, params)
    text = "".join(lines)
    for what in ("KV", "compute"):
        found.append(float(re.search(what + r" buffer size = +([0-9.]+) MiB", text)[1]))
    lib.llama_free(context)
    lib.llama_model_free(model)
print("FOUND", json.dumps(found))
"""

SHAPES: list[dict[str, int]] = [
    {"n_layers": 2, "n_embd": 256, "n_heads": 8, "n_kv_heads": 2, "n_ff": 1024},
    {"n_layers": 3, "n_embd": 512, "n_heads": 8, "n_kv_heads": 8, "n_ff": 2048},
    {"n_layers": 6, "n_embd": 128, "n_heads": 4, "n_kv_heads": 1, "n_ff": 512},
]


def test_estimate_is_what_the_library_allocates(tmp_path: Path) -> None:
    cases = [
        (build_model(tmp_path / f"{number}.gguf", **shape), n_ctx)
        for number, shape in enumerate(SHAPES)
        for n_ctx in (2048, 16384)
    ]
    request = json.dumps([(str(path), n_ctx) for path, n_ctx in cases])
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, request], capture_output=True, text=True, timeout=50
    )
    found = json.loads(done.stdout.partition("FOUND ")[2])
    for place, (path, n_ctx) in enumerate(cases):
        guess = estimate(read_model_file(str(path)), n_ctx)
        cache, compute = found[2 * place : 2 * place + 2]
        assert guess.kv_cache / MIB == pytest.approx(cache, rel=0.02)
        assert guess.compute / MIB == pytest.approx(compute, rel=0.3)


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


def test_weights_are_the_file() -> None:
    file = described(attention__head_count=32)
    guess = estimate(file, 1024)
    assert guess.weights == 10**9
    assert guess.total == guess.weights + guess.kv_cache + guess.compute


def test_cache_counts_heads_layer_by_layer() -> None:
    heads = (8, 0, 8, 0, 8, 0, 8, 0)
    file = described(attention__head_count=32, attention__head_count_kv=heads)
    assert estimate(file, 1000).kv_cache == 4 * 8 * (128 + 128) * 1000 * 2


def test_cache_uses_the_head_sizes_that_are_given() -> None:
    file = described(
        attention__head_count=32,
        attention__head_count_kv=4,
        attention__key_length=192,
        attention__value_length=64,
    )
    assert estimate(file, 1000).kv_cache == 8 * 4 * (192 + 64) * 1000 * 2
    assert estimate(file, 1000, kv_bytes=1.0).kv_cache == 8 * 4 * (192 + 64) * 1000


def test_layers_that_share_a_cache_are_counted_once() -> None:
    alone = described(attention__head_count=32)
    sharing = described(attention__head_count=32, attention__shared_kv_layers=6)
    assert estimate(sharing, 1000).kv_cache * 4 == estimate(alone, 1000).kv_cache


def test_recurrent_state_does_not_grow_with_the_context() -> None:
    file = described(
        attention__head_count=0, ssm__inner_size=2048, ssm__state_size=16, ssm__conv_kernel=4
    )
    state = 8 * 4 * (2048 * 16 + 3 * 2048)
    assert estimate(file, 256).kv_cache == estimate(file, 10**6).kv_cache == state


def test_file_that_says_nothing_has_an_estimate() -> None:
    assert estimate(described(), 1024).kv_cache == 0


@pytest.mark.parametrize("free", [10**8, 10**9, 7 * 10**9])
def test_largest_context_just_fits(free: int) -> None:
    file = described(attention__head_count=32, attention__head_count_kv=8)
    largest = largest_n_ctx(file, free)
    assert largest % 256 == 0
    here, more = estimate(file, largest), estimate(file, largest + 256)
    assert here.kv_cache + here.compute <= free < more.kv_cache + more.compute


def test_no_context_fits_into_nothing() -> None:
    assert largest_n_ctx(described(attention__head_count=32), 0) == 0
    assert largest_n_ctx(described(attention__head_count=32), -(10**9)) == 0
