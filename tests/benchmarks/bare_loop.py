"""The reference for speed: libllama alone, evaluate and sample, with nothing around it.

`python -m tests.benchmarks.bare_loop MODEL N_CTX THREADS TOKENS`, the prompt on standard input;
writes the tokens a second.
"""

import ctypes
import sys
import time

import llama_cpp.llama_cpp as lib

_BATCH = 512


def main(path: str, n_ctx: int, threads: int, count: int, prompt: bytes) -> float:
    """Tokens a second after the first one, at temperature 0."""
    quiet = lib.llama_log_callback(lambda *_: None)
    lib.llama_log_set(quiet, ctypes.c_void_p(0))
    lib.llama_backend_init()
    load = lib.llama_model_default_params()
    # As the engine does: llama.cpp's AMX kernels crash on batches (ggml-org/llama.cpp#20824).
    load.use_extra_bufts = b"AMX_INT8 = 1" not in lib.llama_print_system_info()
    model = lib.llama_model_load_from_file(path.encode(), load)
    params = lib.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = n_ctx, _BATCH, _BATCH
    params.n_threads = params.n_threads_batch = threads
    context = lib.llama_init_from_model(model, params)
    vocabulary = lib.llama_model_get_vocab(model)
    tokens = (ctypes.c_int32 * (len(prompt) + 8))()
    n = lib.llama_tokenize(vocabulary, prompt, len(prompt), tokens, len(tokens), True, True)
    for at in range(0, n, _BATCH):
        part = (ctypes.c_int32 * len(tokens[at : min(at + _BATCH, n)]))(*tokens[at:n][:_BATCH])
        lib.llama_decode(context, lib.llama_batch_get_one(part, len(part)))
    sampler = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    lib.llama_sampler_chain_add(sampler, lib.llama_sampler_init_greedy())
    one = (ctypes.c_int32 * 1)()
    one[0] = lib.llama_sampler_sample(sampler, context, -1)
    began = time.perf_counter()
    for _ in range(count - 1):
        lib.llama_decode(context, lib.llama_batch_get_one(one, 1))
        one[0] = lib.llama_sampler_sample(sampler, context, -1)
    took = time.perf_counter() - began
    # The library keeps its callback to the end of the process, `quiet` ends with this function.
    lib.llama_log_set(lib.llama_log_callback(), ctypes.c_void_p(0))
    return (count - 1) / took


if __name__ == "__main__":
    given = sys.argv[1:]
    print(main(given[0], int(given[1]), int(given[2]), int(given[3]), sys.stdin.buffer.read()))
