"""The reference for speed: libllama alone, evaluate and sample, with nothing around it.

`python -m tests.benchmarks.bare_loop MODEL N_CTX THREADS` answers wishes as `references` sends them.
"""

import ctypes
import sys
import time
from typing import Any

import llama_cpp.llama_cpp as lib

from tests.benchmarks.references import Wish, Written, serve
from tests.models import chatml

_BATCH = 512


class Bare:
    """A model and a context."""

    def __init__(self, path: str, n_ctx: int, threads: int) -> None:
        self._quiet = lib.llama_log_callback(lambda *_: None)
        lib.llama_log_set(self._quiet, ctypes.c_void_p(0))
        lib.llama_backend_init()
        load = lib.llama_model_default_params()
        load.use_extra_bufts = has_sound_processor()
        self._model = lib.llama_model_load_from_file(path.encode(), load)
        params = lib.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = n_ctx, _BATCH, _BATCH
        params.n_threads = params.n_threads_batch = threads
        self._context = lib.llama_init_from_model(self._model, params)

    def write(self, wish: Wish) -> Written:
        """Read the prompt, then evaluate and sample."""
        context = self._context
        began = time.perf_counter()
        lib.llama_memory_clear(lib.llama_get_memory(context), False)
        tokens = self._tokens(chatml(wish.messages).encode())
        for at in range(0, len(tokens), _BATCH):
            part = (ctypes.c_int32 * len(tokens[at : at + _BATCH]))(*tokens[at : at + _BATCH])
            lib.llama_decode(context, lib.llama_batch_get_one(part, len(part)))
        sampler = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        lib.llama_sampler_chain_add(sampler, lib.llama_sampler_init_greedy())
        one = (ctypes.c_int32 * 1)()
        one[0] = lib.llama_sampler_sample(sampler, context, -1)
        first = time.perf_counter()
        for _ in range(wish.tokens - 1):
            lib.llama_decode(context, lib.llama_batch_get_one(one, 1))
            one[0] = lib.llama_sampler_sample(sampler, context, -1)
        writing = time.perf_counter() - first
        lib.llama_sampler_free(sampler)
        return Written(first - began, writing, wish.tokens)

    def close(self) -> None:
        """Free the native memory."""
        lib.llama_free(self._context)
        lib.llama_model_free(self._model)
        # The library keeps its callback to the end of the process, `quiet` ends before.
        lib.llama_log_set(lib.llama_log_callback(), ctypes.c_void_p(0))

    def _tokens(self, prompt: bytes) -> Any:
        vocabulary = lib.llama_model_get_vocab(self._model)
        tokens = (ctypes.c_int32 * (len(prompt) + 8))()
        n = lib.llama_tokenize(vocabulary, prompt, len(prompt), tokens, len(tokens), True, True)
        return tokens[:n]


def has_sound_processor() -> bool:
    """False where llama.cpp's AMX kernels would be used: they crash on batches.

    See ggml-org/llama.cpp#20824. The program notices that by itself and does without them.
    """
    return b"AMX_INT8 = 1" not in lib.llama_print_system_info()


if __name__ == "__main__":
    bare = Bare(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    serve(bare.write)
    bare.close()
