"""`LlamaEngine` on llama-cpp-python. The only file that imports `llama_cpp`.

It drives the library's lower level, not its `Llama` class: that one reads metadata, templates and
logs in ways that hide a file's faults, and does work for each token that grows with the reply.
"""

import collections
import contextlib
import ctypes
import inspect
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import llama_cpp.llama_chat_format as chat_formats
import llama_cpp.llama_cpp as lib

from pychatbot_gui.core.errors import (
    Cancelled,
    ModelFileError,
    OutOfMemory,
    PychatbotError,
    TemplateError,
)
from pychatbot_gui.core.settings import CHAT_FORMATS, N_CTX_STEP
from pychatbot_gui.engine.engine import (
    CancelToken,
    Event,
    Finished,
    ModelInfo,
    ModelSpec,
    Reading,
    Rendering,
    ReplyRequest,
    Sampling,
    Text,
)
from pychatbot_gui.engine.fitting import PromptFitter, common_beginning
from pychatbot_gui.engine.gguf import ModelFile, read_model_file
from pychatbot_gui.engine.memory import processor_cores, refuse_what_cannot_fit
from pychatbot_gui.engine.model_log import ModelLog
from pychatbot_gui.engine.prompts import CHATML, Formatter, PromptWriter, jinja_formatter
from pychatbot_gui.engine.writing import Beginning, Writer, beginning_of, tokens_for

_KEPT_ANSWERS = 4
_BATCH = 512  # tokens read between two progress events
_PENALTY_TOKENS = 64  # so many of the latest tokens a repeat penalty looks at
_ABORTED = 2  # what llama_decode returns after its abort callback said so


class LlamaEngine:
    """An `Engine` in the process it is created in. One thread; tokens cancel from any."""

    def __init__(self, log: ModelLog | None = None) -> None:
        self._log = log or ModelLog(None)
        self._log_callback = lib.llama_log_callback(self._write_log)
        lib.llama_log_set(self._log_callback, ctypes.c_void_p(0))
        lib.llama_backend_init()
        self._loaded: _Loaded | None = None
        # The library asks `strlen` of these two bytes, natively and within a millisecond, whether
        # to give up an evaluation: "\1\0" is 1 (yes), "\0\0" is 0. A callback in Python would
        # take the interpreter lock for each node of the graph.
        self._abort_flag = ctypes.create_string_buffer(2)

    def load(
        self,
        spec: ModelSpec,
        on_progress: Callable[[float], None],
        token: CancelToken,
        on_rendering: Callable[[], None] = lambda: None,
    ) -> ModelInfo:
        """See `Engine.load`. `on_rendering` is called before the chat template is tried."""
        self._unload()
        self._log.begin(spec.verbose)
        file = read_model_file(spec.path)
        refuse_what_cannot_fit(file, spec.n_ctx, spec.mlock)
        if token.is_cancelled():
            raise Cancelled
        loaded = _Loaded(file, spec, self._log, self._abort_flag)
        try:
            with self._aborted_by(token):
                loaded.open(on_progress, token)
                loaded.warm_up()
            if token.is_cancelled():
                raise Cancelled
            on_rendering()
            notices = loaded.prepare_prompts()
        except BaseException:
            loaded.close()
            raise
        self._loaded = loaded
        return ModelInfo(
            path=spec.path,
            name=file.name,
            size=file.size,
            parameters=file.parameters,
            n_ctx=loaded.n_ctx,
            n_ctx_train=file.n_ctx_train,
            notices=(*file.notices, *notices),
        )

    def reply(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
        """See `Engine.reply`."""
        loaded = self._loaded
        if loaded is None:
            raise PychatbotError("No model is open. Open a .gguf file first.")
        with self._aborted_by(token):
            began = time.monotonic()
            yield Rendering(request.id)
            beginning = loaded.begin(request.prefix)
            prompt, tokens, dropped = loaded.prompts.fit(
                request.messages, request.sampling.max_tokens, beginning.tokens
            )
            reused = loaded.keep_prefix(tokens)
            for done in loaded.read(tokens):
                yield Reading(request.id, done, len(tokens), dropped)
                if token.is_cancelled():
                    break
            answering = time.monotonic()
            reason, count = "cancelled", 0
            if not token.is_cancelled():
                with loaded.writing(prompt.stop, request.sampling, token, beginning) as writer:
                    for piece in writer.write():
                        yield Text(request.id, piece)
                reason, count = writer.reason, writer.count
            yield Finished(
                request.id,
                reason,
                prompt_tokens=len(tokens),
                reused_tokens=reused,
                reply_tokens=count,
                reading_seconds=answering - began,
                writing_seconds=time.monotonic() - answering,
            )

    def close(self) -> None:
        """See `Engine.close`."""
        self._unload()
        # The library keeps the last log callback for good; without this it would call freed memory.
        lib.llama_log_set(_SILENT, ctypes.c_void_p(0))

    @contextlib.contextmanager
    def _aborted_by(self, token: CancelToken) -> Iterator[None]:
        self._abort_flag[0] = b"\0"
        token.on_cancel(self._abort)
        try:
            yield
        finally:
            token.on_cancel(None)

    def _abort(self) -> None:
        self._abort_flag[0] = b"\1"

    def _unload(self) -> None:
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded.close()

    def _write_log(self, level: int, text: bytes, _: ctypes.c_void_p) -> None:
        self._log.write(level, text.decode("utf-8", errors="replace"))


_SILENT = lib.llama_log_callback(lambda *_: None)


class _Loaded:
    """One model and its context: the native handles and the tokens its cache holds."""

    def __init__(
        self,
        file: ModelFile,
        spec: ModelSpec,
        log: ModelLog,
        abort_flag: ctypes.Array[ctypes.c_char],
    ) -> None:
        self.file = file
        self.spec = spec
        self.log = log
        self.n_ctx = -(-spec.n_ctx // N_CTX_STEP) * N_CTX_STEP
        self._abort_flag = abort_flag
        self.prompts: PromptFitter
        self.tokens: list[int] = []  # exactly what the cache holds, in order
        self.n_vocab = 0
        # The tokens of the last answers, so that a cut one goes on exactly where it was.
        self._written: collections.deque[list[int]] = collections.deque(maxlen=_KEPT_ANSWERS)
        self._pieces: dict[int, bytes] = {}
        self._model: Any = None  # native handles
        self.ctx: Any = None
        self._vocab: Any = None
        self._memory: Any = None

    def open(self, on_progress: Callable[[float], None], token: CancelToken) -> None:
        """Load the weights and make the context."""

        def progress(fraction: float, _: ctypes.c_void_p) -> bool:
            on_progress(fraction)
            return not token.is_cancelled()

        callback = lib.llama_progress_callback(progress)  # kept alive while the library uses it
        params = lib.llama_model_default_params()
        params.load_mode = (
            lib.LLAMA_LOAD_MODE_MMAP_MLOCK if self.spec.mlock else lib.LLAMA_LOAD_MODE_MMAP
        )
        params.n_gpu_layers = self.spec.n_gpu_layers
        params.use_extra_bufts = not self.spec.plain_weights
        params.progress_callback = callback
        self._model = lib.llama_model_load_from_file(os.fsencode(self.file.path), params)
        if not self._model:
            if token.is_cancelled():
                raise Cancelled
            raise self.log.load_error(self.file.name, self.file.architecture)
        if lib.llama_model_has_encoder(self._model) or not lib.llama_model_has_decoder(self._model):
            raise ModelFileError(
                f"“{self.file.name}” is not a model that can chat (it has an encoder). Choose a "
                "model made for chat, often called “instruct” or “chat”."
            )
        self._vocab = lib.llama_model_get_vocab(self._model)
        self.n_vocab = lib.llama_vocab_n_tokens(self._vocab)
        self.ctx = lib.llama_init_from_model(self._model, self._context_params())
        if not self.ctx:
            raise OutOfMemory(
                f"There is not enough memory for a context of {self.n_ctx:,} tokens. Choose a "
                "smaller context length in the settings.",
                self.log.tail(),
            )
        self._memory = lib.llama_get_memory(self.ctx)

    def warm_up(self) -> None:
        """Evaluate two tokens and forget them.

        Reads the weights from the disk while the person sees a load, and lets a processor or a
        file that the library crashes with show itself now instead of at the first message.
        """
        bos, eos = lib.llama_vocab_bos(self._vocab), lib.llama_vocab_eos(self._vocab)
        self.evaluate([max(bos, 0), max(eos, 0)])
        lib.llama_memory_clear(self._memory, True)
        self.tokens.clear()

    def _context_params(self) -> "lib.llama_context_params":
        params = lib.llama_context_default_params()
        params.n_ctx = self.n_ctx
        params.n_batch = params.n_ubatch = min(_BATCH, self.n_ctx)
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = self.spec.n_threads or processor_cores()
        params.abort_callback = _strlen()
        params.abort_callback_data = ctypes.addressof(self._abort_flag)
        return params

    def prepare_prompts(self) -> list[str]:
        """Make and try the chat template; returns notices."""
        notices = []
        formatter, notice = self._formatter()
        control = (i for i in range(self.n_vocab) if lib.llama_vocab_is_control(self._vocab, i))
        writer = PromptWriter(formatter, map(self._token_text, control))
        notices += [notice, writer.probe()]
        self.prompts = PromptFitter(writer, self.tokenize, self.n_ctx)
        if self.spec.mlock and "failed to mlock" in self.log.tail():
            notices.append(
                "The system did not allow the model to be kept in memory (mlock). It works all "
                "the same; raise the limit of locked memory or switch mlock off."
            )
        trained = self.file.n_ctx_train
        if 0 < trained < self.n_ctx:
            notices.append(
                f"The model was trained for {trained:,} tokens of context, {self.n_ctx:,} are set: "
                "long conversations may go wrong."
            )
        return [n for n in notices if n]

    def _formatter(self) -> tuple[Formatter, str]:
        if self.spec.chat_format:
            return named_formatter(self.spec.chat_format), ""
        bos = self._token_text(lib.llama_vocab_bos(self._vocab))
        eos = self._token_text(lib.llama_vocab_eos(self._vocab))
        if self.file.chat_template and self.file.chat_template.strip():
            return jinja_formatter(self.file.chat_template, bos, eos), ""
        return jinja_formatter(CHATML, bos, eos), (
            "This file has no chat template, so ChatML is used. If answers look odd or never end, "
            "choose another chat format in the settings."
        )

    def keep_prefix(self, tokens: list[int]) -> int:
        """Drop from the cache what differs from `tokens`; returns how many need no reading."""
        # The last one is evaluated again for its logits.
        same = min(common_beginning(self.tokens, tokens), len(tokens) - 1)
        if not lib.llama_memory_seq_rm(self._memory, 0, same, -1):
            lib.llama_memory_clear(self._memory, True)
            same = 0
        del self.tokens[same:]
        return same

    def read(self, tokens: list[int]) -> Iterator[int]:
        """Evaluate what the cache lacks, in batches; yields how many tokens it then holds."""
        while len(self.tokens) < len(tokens):
            if not self.evaluate(tokens[len(self.tokens) : len(self.tokens) + _BATCH]):
                return
            yield len(self.tokens)

    def evaluate(self, tokens: list[int]) -> bool:
        """Evaluate up to a batch of tokens at the end of the cache; False after a cancel."""
        array = (ctypes.c_int32 * len(tokens))(*tokens)
        code = lib.llama_decode(self.ctx, lib.llama_batch_get_one(array, len(tokens)))
        if code == 0:
            self.tokens += tokens
            return True
        # What a failed batch left behind must go, or it would be read as part of the past.
        if not lib.llama_memory_seq_rm(self._memory, 0, len(self.tokens), -1):
            lib.llama_memory_clear(self._memory, True)
            self.tokens.clear()
        if code == _ABORTED:
            return False
        raise PychatbotError(
            "The model could not work on this text. Send it again, or open the model again.",
            f"llama_decode returned {code}\n{self.log.tail()}",
        )

    def piece(self, token: int) -> bytes:
        """The bytes of a token; none for a control token."""
        known = self._pieces.get(token)
        if known is None:
            size = 64
            buffer = ctypes.create_string_buffer(size)
            n = lib.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
            if n < 0:
                buffer = ctypes.create_string_buffer(-n)
                n = lib.llama_token_to_piece(self._vocab, token, buffer, -n, 0, False)
            known = self._pieces[token] = buffer.raw[:n]
        return known

    def begin(self, text: str) -> Beginning:
        """The tokens of an answer that begins with `text`."""
        return beginning_of(text, reversed(self._written), self.tokenize, self.piece, self.n_vocab)

    @contextlib.contextmanager
    def writing(
        self, stop: Sequence[str], sampling: Sampling, token: CancelToken, beginning: Beginning
    ) -> Iterator[Writer]:
        """Write an answer; its tokens are remembered."""
        sampler = _Sampler(self, sampling, beginning.tokens)
        writer = Writer(self, sampler.choose, stop, sampling.max_tokens, token, beginning)
        try:
            yield writer
        finally:
            self._written.append(writer.tokens)
            sampler.close()

    def ends_answer(self, token: int) -> bool:
        """Whether the vocabulary calls this token an end of generation."""
        return bool(lib.llama_vocab_is_eog(self._vocab, token))

    def tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        raw = text.encode("utf-8", errors="replace")
        size = len(raw) + 8
        buffer = (ctypes.c_int32 * size)()
        n = lib.llama_tokenize(self._vocab, raw, len(raw), buffer, size, add_special, parse_special)
        if n < 0:
            raise ModelFileError("The model's vocabulary cannot read this text.", self.log.tail())
        return buffer[:n]

    def _token_text(self, token: int) -> str:
        text = lib.llama_vocab_get_text(self._vocab, token) if token >= 0 else b""
        return (text or b"").decode("utf-8", errors="replace")

    def close(self) -> None:
        """Free the native memory, the context before the model."""
        if self.ctx:
            lib.llama_free(self.ctx)
        if self._model:
            lib.llama_model_free(self._model)
        self.ctx = self._model = None


class _Sampler:
    """Chooses the tokens of one answer. `before`: those that the answer begins with."""

    def __init__(self, loaded: _Loaded, sampling: Sampling, before: Sequence[int]) -> None:
        self._loaded = loaded
        self._chain = _chain(sampling, loaded.n_vocab)
        # A repeat penalty counts them as if they had been chosen now.
        for token in before[-_PENALTY_TOKENS:]:
            lib.llama_sampler_accept(self._chain, token)

    def choose(self, owed: bytes) -> int:
        """The next token: one that begins with `owed`, where that is given."""
        if not owed:
            return int(lib.llama_sampler_sample(self._chain, self._loaded.ctx, -1))
        allowed = tokens_for(owed, self._loaded.n_vocab, self._loaded.piece)
        logits = lib.llama_get_logits_ith(self._loaded.ctx, -1)
        data = (lib.llama_token_data * len(allowed))(*((t, logits[t], 0.0) for t in allowed))
        array = lib.llama_token_data_array(data, len(allowed), -1, False)
        lib.llama_sampler_apply(self._chain, ctypes.byref(array))
        token = int(array.data[array.selected].id)
        lib.llama_sampler_accept(self._chain, token)
        return token

    def close(self) -> None:
        """Free the native memory."""
        lib.llama_sampler_free(self._chain)


def _chain(s: Sampling, n_vocab: int) -> "lib.llama_sampler_p":
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


def named_formatter(name: str) -> Formatter:
    """One of llama-cpp-python's own chat formats. Raises `TemplateError` for an unknown name."""
    registry = chat_formats.LlamaChatCompletionHandlerRegistry()
    if name not in CHAT_FORMATS:
        raise TemplateError(f"The chat format “{name}” is not known. Choose one in the settings.")
    handler = registry.get_chat_completion_handler_by_name(name)
    # The library wraps the formatter in a function that also answers; only the former is wanted.
    formatter = inspect.getclosurevars(handler).nonlocals["chat_formatter"]

    def write(messages: list[dict[str, str]]) -> tuple[str, tuple[str, ...], bool]:
        result = formatter(messages=messages)
        stop = [result.stop] if isinstance(result.stop, str) else (result.stop or [])
        return result.prompt, tuple(stop), bool(result.added_special)

    return write


def _strlen() -> Any:
    library = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
    address = ctypes.cast(library.strlen, ctypes.c_void_p).value
    return lib.ggml_abort_callback(address)
