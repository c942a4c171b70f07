"""How the next token is chosen: llama.cpp's own samplers, in the order it uses them itself."""

import ctypes
import random
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from pychatbot_gui.engine.answers import Piece
from pychatbot_gui.engine.engine import Sampling
from pychatbot_gui.engine.writing import tokens_for

_PENALTY_TOKENS = 64  # so many of the latest tokens a repeat penalty looks at
# Evaluated together, tokens got logits that differed by up to 0.15 where several threads share the
# work of a single one, by less than 0.03 with one thread.
_CLEAR = 0.25


class Sampler:
    """Chooses the tokens of one answer. `before`: those that the answer begins with.

    `lib`: llama.cpp's functions; `context`: the native context; `piece`: the bytes of a token.
    """

    def __init__(
        self,
        lib: Any,
        context: Any,
        sampling: Sampling,
        n_vocab: int,
        piece: Piece,
        before: Sequence[int],
    ) -> None:
        self._lib = lib
        self._context = context
        self._n_vocab = n_vocab
        self._piece = piece
        self._greedy = sampling.temperature <= 0
        self._penalty = sampling.repeat_penalty
        self._latest = deque(before, _PENALTY_TOKENS)
        self._chain = _chain(lib, sampling, n_vocab)
        # A repeat penalty counts them as if they had been chosen now.
        for token in self._latest:
            lib.llama_sampler_accept(self._chain, token)

    def choose(self, owed: bytes, row: int = -1) -> int:
        """The next token: one that begins with `owed`, where that is given.

        `row`: by which of the last evaluated tokens, -1 for the last one, -2 for that before.
        """
        token = self._one_that_begins(owed, row) if owed else self._any(row)
        self._latest.append(token)
        return token

    def is_clear(self, row: int) -> bool:
        """Whether the last bits of the logits of this row (see `choose`) do not matter.

        With a temperature they always do a little, and change no probability worth mentioning.
        """
        if not self._greedy:
            return True
        pointer = self._lib.llama_get_logits_ith(self._context, row)
        logits = np.ctypeslib.as_array(pointer, (self._n_vocab,))
        if self._penalty != 1.0:
            logits, used = logits.copy(), list(set(self._latest))
            some = logits[used]
            logits[used] = np.where(some > 0, some / self._penalty, some * self._penalty)
        return int(np.count_nonzero(logits >= logits.max() - _CLEAR)) == 1

    def close(self) -> None:
        """Free the native memory."""
        self._lib.llama_sampler_free(self._chain)

    def _any(self, row: int) -> int:
        return int(self._lib.llama_sampler_sample(self._chain, self._context, row))

    def _one_that_begins(self, owed: bytes, row: int) -> int:
        lib = self._lib
        allowed = tokens_for(owed, self._n_vocab, self._piece)
        logits = lib.llama_get_logits_ith(self._context, row)
        data = (lib.llama_token_data * len(allowed))(*((t, logits[t], 0.0) for t in allowed))
        array = lib.llama_token_data_array(data, len(allowed), -1, False)
        lib.llama_sampler_apply(self._chain, ctypes.byref(array))
        token = int(array.data[array.selected].id)
        lib.llama_sampler_accept(self._chain, token)
        return token


def _chain(lib: Any, s: Sampling, n_vocab: int) -> Any:
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    steps = []
    if s.repeat_penalty != 1.0:
        steps.append(
            lib.llama_sampler_init_penalties(n_vocab, _PENALTY_TOKENS, s.repeat_penalty, 0.0, 0.0)
        )
    if s.temperature <= 0:
        steps.append(lib.llama_sampler_init_greedy())
    else:
        seed = s.seed if s.seed >= 0 else random.getrandbits(31)
        steps += [
            lib.llama_sampler_init_top_k(s.top_k),
            lib.llama_sampler_init_top_p(s.top_p, 1),
            lib.llama_sampler_init_min_p(s.min_p, 1),
            lib.llama_sampler_init_temp(s.temperature),
            lib.llama_sampler_init_dist(seed),
        ]
    for step in steps:
        lib.llama_sampler_chain_add(chain, step)
    return chain
