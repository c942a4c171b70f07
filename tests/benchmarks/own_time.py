"""What a process does for each token besides the library's evaluation and sampling."""

import time
from collections.abc import Callable
from typing import Any


class OwnTime:
    """Processor time of the thread that drives the library, outside of it.

    `marks`: seconds so far, one for each single token that was evaluated since `start`, where it
    was asked for. `evaluated`: how many tokens that were. The clock itself costs some 2 µs a token.
    """

    def __init__(self, lib: Any) -> None:
        self.marks: list[float] = []
        self.evaluated = 0
        self._inside = 0.0
        self._is_timed = False
        decode = lib.llama_decode

        def counted(context: Any, batch: Any) -> Any:
            self.evaluated += 1
            if not self._is_timed:
                return decode(context, batch)
            result = self._spent_inside(decode, context, batch)
            if batch.n_tokens == 1:
                self.marks.append(time.thread_time() - self._inside)
            return result

        sample = lib.llama_sampler_sample

        def timed(*given: Any) -> Any:
            return self._spent_inside(sample, *given) if self._is_timed else sample(*given)

        lib.llama_decode, lib.llama_sampler_sample = counted, timed

    def start(self, is_timed: bool) -> None:
        """A new answer begins."""
        self.marks, self.evaluated, self._inside, self._is_timed = [], 0, 0.0, is_timed

    def _spent_inside(self, function: Callable[..., Any], *given: Any) -> Any:
        began = time.thread_time()
        result = function(*given)
        self._inside += time.thread_time() - began
        return result
