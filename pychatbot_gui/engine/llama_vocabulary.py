"""llama.cpp's vocabulary of one model: text to tokens, and back."""

import ctypes
from collections.abc import Iterator
from typing import Any

from pychatbot_gui.core.errors import ModelFileError
from pychatbot_gui.engine.model_log import ModelLog


class LlamaVocabulary:
    """`lib`: llama.cpp's functions; `model`: the native model, which has to live as long."""

    def __init__(self, lib: Any, model: Any, log: ModelLog) -> None:
        self._lib = lib
        self._log = log
        self._native = lib.llama_model_get_vocab(model)
        self._pieces: dict[int, bytes] = {}
        self.size = int(lib.llama_vocab_n_tokens(self._native))
        """How many tokens there are."""
        self.bos = int(lib.llama_vocab_bos(self._native))
        """The token at the beginning of a text; -1 for none."""
        self.eos = int(lib.llama_vocab_eos(self._native))
        """The token at the end of a text; -1 for none."""

    def piece(self, token: int) -> bytes:
        """The bytes of a token; none for a control token."""
        known = self._pieces.get(token)
        if known is None:
            size = 64
            buffer = ctypes.create_string_buffer(size)
            n = self._lib.llama_token_to_piece(self._native, token, buffer, size, 0, False)
            if n < 0:
                buffer = ctypes.create_string_buffer(-n)
                n = self._lib.llama_token_to_piece(self._native, token, buffer, -n, 0, False)
            known = self._pieces[token] = buffer.raw[:n]
        return known

    def name(self, token: int) -> str:
        """How the vocabulary writes a token, a control token, too; "" for -1."""
        text = self._lib.llama_vocab_get_text(self._native, token) if token >= 0 else b""
        return (text or b"").decode("utf-8", errors="replace")

    def control_names(self) -> Iterator[str]:
        """The names of all control tokens."""
        is_control = self._lib.llama_vocab_is_control
        return (self.name(i) for i in range(self.size) if is_control(self._native, i))

    def ends_answer(self, token: int) -> bool:
        """Whether the vocabulary calls this token an end of generation."""
        return bool(self._lib.llama_vocab_is_eog(self._native, token))

    def tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        """`text` as tokens. Raises `ModelFileError` where the vocabulary cannot read it.

        `add_special`: with those that belong around any text; `parse_special`: what looks like a
        control token is one.
        """
        raw = text.encode("utf-8", errors="replace")
        size = len(raw) + 8
        buffer = (ctypes.c_int32 * size)()
        n = self._lib.llama_tokenize(
            self._native, raw, len(raw), buffer, size, add_special, parse_special
        )
        if n < 0:
            raise ModelFileError("The model's vocabulary cannot read this text.", self._log.tail())
        return buffer[:n]
