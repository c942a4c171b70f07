"""The reference for speed: libllama alone, evaluate and sample, with nothing around it.

`python -m tests.benchmarks.bare_loop MODEL N_CTX THREADS` answers wishes as `references` sends them.
"""

import ctypes
import sys
import time
from collections.abc import Sequence

import llama_cpp.llama_cpp as lib

from tests.benchmarks.bare import context_params, read, tokens_of
from tests.benchmarks.references import Wish, Written, serve
from tests.models import chatml


class Bare:
    """A model and a context."""

    def __init__(self, path: str, n_ctx: int, threads: int, flash: bool = False) -> None:
        self._quiet = lib.llama_log_callback(lambda *_: None)
        lib.llama_log_set(self._quiet, ctypes.c_void_p(0))
        lib.llama_backend_init()
        load = lib.llama_model_default_params()
        load.use_extra_bufts = has_sound_processor()
        self._model = lib.llama_model_load_from_file(path.encode(), load)
        self._context = lib.llama_init_from_model(
            self._model, context_params(n_ctx, threads, flash)
        )

    def write(self, wish: Wish) -> Written:
        """Read the prompt, then evaluate and sample."""
        context = self._context
        began = time.perf_counter()
        self.read(0, tokens_of(self._model, chatml(wish.messages).encode()))
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

    def read(self, start: int, tokens: Sequence[int]) -> None:
        """Evaluate these after the first `start` that are there."""
        lib.llama_memory_seq_rm(lib.llama_get_memory(self._context), 0, start, -1)
        read(self._context, tokens)

    def close(self) -> None:
        """Free the native memory."""
        lib.llama_free(self._context)
        lib.llama_model_free(self._model)
        # The library keeps its callback to the end of the process, `quiet` ends before.
        lib.llama_log_set(lib.llama_log_callback(), ctypes.c_void_p(0))


def has_sound_processor() -> bool:
    """False where llama.cpp's AMX kernels would be used: they crash on batches.

    See ggml-org/llama.cpp#20824. The program notices that by itself and does without them.
    """
    return b"AMX_INT8 = 1" not in lib.llama_print_system_info()


if __name__ == "__main__":
    bare = Bare(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    serve(bare.write)
    bare.close()
