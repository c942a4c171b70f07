"""The reference most programs are built on: llama-cpp-python's own chat call, streaming.

`python -m tests.benchmarks.chat_call MODEL N_CTX THREADS` answers wishes as `references` sends them.
"""

import sys
import time

import llama_cpp
import llama_cpp.llama_cpp as lib

from tests.benchmarks.bare_loop import has_sound_processor
from tests.benchmarks.own_time import OwnTime
from tests.benchmarks.references import Wish, Written, serve


def without_what_crashes() -> None:
    """Have the library load weights as they are in the file where its own choice would crash."""
    if has_sound_processor():
        return
    usual = lib.llama_model_default_params

    def plain() -> "lib.llama_model_params":
        params = usual()
        params.use_extra_bufts = False
        return params

    lib.llama_model_default_params = plain


def main(path: str, n_ctx: int, threads: int) -> None:
    """Serve wishes until there are no more."""
    without_what_crashes()
    own = OwnTime(lib)
    model = llama_cpp.Llama(
        path, n_ctx=n_ctx, n_threads=threads, n_threads_batch=threads, verbose=False
    )

    def write(wish: Wish) -> Written:
        messages = [{"role": role, "content": text} for role, text in wish.messages]
        moments: list[float] = []
        pieces: list[str] = []
        began = time.perf_counter()
        own.start(wish.timed)
        for chunk in model.create_chat_completion(
            messages, temperature=0, repeat_penalty=1.0, max_tokens=wish.tokens, stream=True
        ):
            piece = chunk["choices"][0]["delta"].get("content")
            if piece:
                moments.append(time.perf_counter())
                pieces.append(piece)
        # A chunk may be of several tokens, where a character is not whole.
        tokens = max(own.evaluated, len(moments))
        writing = moments[-1] - moments[0]
        return Written(moments[0] - began, writing, tokens, "".join(pieces), own.marks)

    serve(write)
    model.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
