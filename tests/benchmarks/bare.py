"""What the references on the bare library share; imports nothing more, for one of them is weighed."""

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as lib

from pychatbot_gui.engine.cache import BATCH


def context_params(n_ctx: int, threads: int, flash: bool = False) -> Any:
    """The same as the program's, so that what is measured is what it adds."""
    params = lib.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = n_ctx, BATCH, BATCH
    params.n_threads = params.n_threads_batch = threads
    params.flash_attn_type = int(flash)
    params.swa_full = False
    return params


def tokens_of(model: Any, prompt: bytes) -> Sequence[int]:
    """A prompt as the vocabulary of `model` cuts it."""
    vocabulary = lib.llama_model_get_vocab(model)
    tokens = (ctypes.c_int32 * (len(prompt) + 8))()
    n = lib.llama_tokenize(vocabulary, prompt, len(prompt), tokens, len(tokens), True, True)
    return list(tokens[:n])


def read(context: Any, tokens: Sequence[int]) -> None:
    """Evaluate these after those that are there, in batches."""
    for at in range(0, len(tokens), BATCH):
        part = tokens[at : at + BATCH]
        array = (ctypes.c_int32 * len(part))(*part)
        lib.llama_decode(context, lib.llama_batch_get_one(array, len(part)))
