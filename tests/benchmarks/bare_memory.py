"""The reference for memory: libllama alone reads a prompt and answers.

`python -m tests.benchmarks.bare_memory MODEL N_CTX THREADS TOKENS COPIES`, the prompt on standard
input; COPIES 1 lets the library arrange weights for the processor. Writes the resident bytes.
"""

import ctypes
import sys

import llama_cpp.llama_cpp as lib
import psutil

from tests.benchmarks.bare import context_params, read, tokens_of


def main(path: str, n_ctx: int, threads: int, count: int, copies: bool, prompt: bytes) -> int:
    """Resident bytes of this process after the answer, at temperature 0."""
    quiet = lib.llama_log_callback(lambda *_: None)
    lib.llama_log_set(quiet, ctypes.c_void_p(0))
    lib.llama_backend_init()
    load = lib.llama_model_default_params()
    load.use_extra_bufts = copies
    model = lib.llama_model_load_from_file(path.encode(), load)
    context = lib.llama_init_from_model(model, context_params(n_ctx, threads))
    read(context, tokens_of(model, prompt))
    sampler = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    lib.llama_sampler_chain_add(sampler, lib.llama_sampler_init_greedy())
    one = (ctypes.c_int32 * 1)()
    for _ in range(count):
        one[0] = lib.llama_sampler_sample(sampler, context, -1)
        lib.llama_decode(context, lib.llama_batch_get_one(one, 1))
    resident: int = psutil.Process().memory_info().rss
    # The library keeps its callback to the end of the process, `quiet` ends with this function.
    lib.llama_log_set(lib.llama_log_callback(), ctypes.c_void_p(0))
    return resident


if __name__ == "__main__":
    given = sys.argv[1:]
    numbers = [int(word) for word in given[1:4]]
    print(main(given[0], *numbers, given[4] == "1", sys.stdin.buffer.read()))
