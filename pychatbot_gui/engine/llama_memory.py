"""llama.cpp's memory of one sequence: cut, copied, saved and restored. See `cache.Memory`."""

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pychatbot_gui.engine.model_log import ModelLog


class LlamaMemory:
    """What a native context remembers of its one sequence; see `cache.Memory`.

    `lib`: llama.cpp's functions; `abort`: a native callback and what it is called with, which says
    whether to give up an evaluation.
    """

    def __init__(
        self, lib: Any, model: Any, context: Any, abort: tuple[Any, int], log: ModelLog
    ) -> None:
        self._lib = lib
        self._context = context
        self._abort, self._never = abort, lib.ggml_abort_callback(0)
        self._memory = lib.llama_get_memory(context)
        self._log = log
        whole = lib.llama_model_is_recurrent(model) or lib.llama_model_is_hybrid(model)
        self.window = None if whole else max(1, lib.llama_model_n_swa(model))
        # What a model without rotary positions read is good in its own place only.
        self.can_shift = (
            self.window == 1
            and lib.llama_model_rope_type(model) != lib.LLAMA_ROPE_TYPE_NONE
            and bool(lib.llama_memory_can_shift(self._memory))
        )
        self._listen(True)

    def oldest(self) -> int:
        """The first position from which on all is there."""
        return int(self._lib.llama_memory_seq_pos_min(self._memory, 0))

    def cut(self, length: int) -> bool:
        """Forget everything from this position on."""
        return bool(self._lib.llama_memory_seq_rm(self._memory, 0, length, -1))

    def shift(self, start: int, count: int, following: int) -> bool:
        """Forget `count` tokens from position `start` on, and move up those after them."""
        lib, end = self._lib, start + count
        if not lib.llama_memory_seq_rm(self._memory, 0, start, end):
            return False
        lib.llama_memory_seq_add(self._memory, 0, end, -1, -count)
        # They are moved with the next evaluation. Given up in the middle, it would leave some of
        # them moved, and nobody could tell which.
        self._listen(False)
        try:
            return self.decode([following]) == 0
        finally:
            self._listen(True)

    def clear(self) -> None:
        """Forget everything."""
        self._lib.llama_memory_clear(self._memory, False)

    def decode(self, tokens: Sequence[int], every: bool = False) -> int:
        """Evaluate tokens; 0 where that went well. `every`: with logits for each, not the last."""
        if self.window is None:
            # A single token is over soon, and given up it would take the whole state with it.
            self._listen(len(tokens) > 1)
        array = (ctypes.c_int32 * len(tokens))(*tokens)
        batch = self._lib.llama_batch_get_one(array, len(tokens))
        if every:
            flags = (ctypes.c_int8 * len(tokens))(*[1] * len(tokens))
            batch.logits = flags
        return int(self._lib.llama_decode(self._context, batch))

    def trouble(self) -> str:
        """The library's last words."""
        return self._log.tail()

    def size(self, partial: bool) -> int:
        """Bytes of a copy."""
        return int(self._lib.llama_state_seq_get_size_ext(self._context, 0, int(partial)))

    def copy(self, partial: bool) -> memoryview | None:
        """A copy of the state."""
        size = self.size(partial)
        try:
            data = (ctypes.c_uint8 * size)()
        except MemoryError:
            return None
        written = self._lib.llama_state_seq_get_data_ext(self._context, data, size, 0, int(partial))
        return memoryview(data).cast("B") if written == size else None

    def restore(self, data: memoryview, partial: bool) -> bool:
        """Put a copy in place of the state there is."""
        raw = (ctypes.c_uint8 * len(data)).from_buffer(data)
        read = self._lib.llama_state_seq_set_data_ext(
            self._context, raw, len(data), 0, int(partial)
        )
        return int(read) == len(data)

    def save(self, path: Path, tokens: Sequence[int]) -> bool:
        """Write the whole state to a file."""
        ids = (ctypes.c_int32 * len(tokens))(*tokens)
        name = os.fsencode(path)
        return bool(self._lib.llama_state_seq_save_file(self._context, name, 0, ids, len(tokens)))

    def load(self, path: Path, tokens: Sequence[int]) -> bool:
        """Take a state from a file."""
        count = len(tokens)
        ids, found = (ctypes.c_int32 * count)(), ctypes.c_size_t()
        name = os.fsencode(path)
        read = self._lib.llama_state_seq_load_file(
            self._context, name, 0, ids, count, ctypes.byref(found)
        )
        return bool(read) and found.value == count and list(ids) == list(tokens)

    def _listen(self, to_cancel: bool) -> None:
        callback, data = self._abort
        self._lib.llama_set_abort_callback(
            self._context, callback if to_cancel else self._never, data
        )


def abort_callback(lib: Any) -> Any:
    """The system's `strlen` as a callback: it says yes where the text is not empty."""
    library = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
    address = ctypes.cast(library.strlen, ctypes.c_void_p).value
    return lib.ggml_abort_callback(address)
