"""`LlamaEngine` on llama-cpp-python. The only file that imports `llama_cpp`.

It drives the library's lower level, not its `Llama` class: that one reads metadata, templates and
logs in ways that hide a file's faults, and does work for each token that grows with the reply.
"""

import contextlib
import ctypes
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import llama_cpp
import llama_cpp.llama_chat_format as chat_formats
import llama_cpp.llama_cpp as lib

from pychatbot_gui.core.errors import (
    Cancelled,
    ModelFileError,
    OutOfMemory,
    PychatbotError,
)
from pychatbot_gui.core.settings import N_CTX_STEP
from pychatbot_gui.engine.answers import Answers, Beginning
from pychatbot_gui.engine.cache import Cache
from pychatbot_gui.engine.chat_formats import named_formatter
from pychatbot_gui.engine.engine import (
    CancelToken,
    Event,
    Finished,
    ModelInfo,
    ModelSpec,
    Needed,
    Rendering,
    ReplyRequest,
    Text,
)
from pychatbot_gui.engine.filling import Filling
from pychatbot_gui.engine.fitting import PromptFitter
from pychatbot_gui.engine.gguf import ModelFile, read_model_file
from pychatbot_gui.engine.llama_memory import LlamaMemory, abort_callback
from pychatbot_gui.engine.llama_vocabulary import LlamaVocabulary
from pychatbot_gui.engine.lookup import Drafts, Lookup
from pychatbot_gui.engine.memory import OUTPUTS
from pychatbot_gui.engine.model_log import ModelLog
from pychatbot_gui.engine.prompts import CHATML, Formatter, PromptWriter, jinja_formatter
from pychatbot_gui.engine.recall import Recall
from pychatbot_gui.engine.room import Room, find_room, free_memory, processor_cores
from pychatbot_gui.engine.sampler import Sampler
from pychatbot_gui.engine.snapshots import SnapshotFolder, model_print
from pychatbot_gui.engine.writing import Writer, beginning_of


class LlamaEngine:
    """An `Engine` in the process it is created in. One thread; tokens cancel from any.

    `snapshots`: a folder for what was read in each chat; None for none on disk.
    """

    def __init__(self, log: ModelLog | None = None, snapshots: Path | None = None) -> None:
        self._folder = SnapshotFolder(snapshots) if snapshots is not None else None
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
        on_need: Callable[[Needed], None] = lambda _: None,
        on_rendering: Callable[[], None] = lambda: None,
    ) -> ModelInfo:
        """See `Engine.load`. `on_rendering` is called before the chat template is tried."""
        self._unload()
        self._log.begin(spec.verbose)
        file = read_model_file(spec.path)
        loaded = _Loaded(file, spec, self._log, self._abort_flag)
        loaded.find_room(on_need)
        if token.is_cancelled():
            raise Cancelled
        try:
            with self._aborted_by(token):
                loaded.open(on_progress, token)
                loaded.warm_up()
            if token.is_cancelled():
                raise Cancelled
            on_rendering()
            notices = loaded.prepare_prompts()
            loaded.prepare_snapshots(self._folder)
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
            notices=(*file.notices, *notices, *loaded.recall.take_notice()),
            memory=loaded.room.told,
        )

    def reply(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
        """See `Engine.reply`."""
        loaded = self._loaded
        if loaded is None:
            raise PychatbotError("No model is open. Open a .gguf file first.")
        with self._aborted_by(token):
            began = time.monotonic()
            yield Rendering(request.id)
            loaded.recall.remember(request.chat)
            beginning = loaded.begin(request.prefix)
            filling = Filling(request, loaded.prompts, loaded.recall, loaded.cache, token)
            yield from filling.begin(beginning.tokens)
            prompt_tokens, stop = len(filling.fitted.tokens), filling.fitted.prompt.stop
            answering = time.monotonic()
            reason, count, drafted, accepted = "cancelled", 0, 0, 0
            if not token.is_cancelled():
                with loaded.writing(request, stop, token, beginning) as (writer, pieces):
                    for piece in writer.write():
                        if piece is None:
                            yield from filling.make_room(writer.tokens)
                        else:
                            pieces.append(piece)
                            yield Text(request.id, piece)
                reason, count = writer.reason, writer.count
                drafted, accepted = writer.drafts.drafted, writer.drafts.accepted
            yield Finished(
                request.id,
                reason,
                prompt_tokens=prompt_tokens,
                reused_tokens=filling.reused,
                reply_tokens=count,
                reading_seconds=answering - began,
                writing_seconds=time.monotonic() - answering,
                drafted_tokens=drafted,
                accepted_tokens=accepted,
                context_tokens=len(loaded.tokens),
            )

    def read_ahead(self, request: ReplyRequest, token: CancelToken) -> Iterator[Event]:
        """See `Engine.read_ahead`."""
        loaded = self._loaded
        if loaded is None:
            return
        with self._aborted_by(token):
            yield from loaded.recall.read_ahead(request, token)

    def save(self, is_wanted: Callable[[], bool] = lambda: False) -> None:
        """Keep on disk what a restart would have to read again, until something else `is_wanted`."""
        if self._loaded is not None:
            self._loaded.recall.snapshots.save(is_wanted)

    def forget(self, chat: str) -> None:
        """See `Engine.forget`."""
        if self._loaded is not None:
            self._loaded.recall.snapshots.forget(chat)
        if self._folder is not None:
            self._folder.forget(chat)

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
            loaded.recall.snapshots.save()
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
        self.room: Room
        self.prompts: PromptFitter
        self.cache: Cache
        self.recall: Recall
        self.vocabulary: LlamaVocabulary
        self.answers = Answers(self.piece)
        self._model: Any = None  # native handles
        self.ctx: Any = None

    def find_room(self, on_need: Callable[[Needed], None]) -> None:
        """See what the model will take. Raises `OutOfMemory` where that is more than there is."""
        on_card = self.spec.n_gpu_layers != 0 and lib.llama_supports_gpu_offload()
        info = lib.llama_print_system_info().decode(errors="replace").split("|")
        features = {part.split(" = ")[0].split()[-1] for part in info if part.endswith(" = 1 ")}
        free = free_memory()
        self.room = find_room(self.file, self.spec, self.n_ctx, features, free, on_card)
        for event in self.room.needed:
            on_need(event)
        self.room.refuse_what_cannot_fit()

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
        params.use_extra_bufts = not self.room.plain_weights
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
        self.vocabulary = LlamaVocabulary(lib, self._model, self.log)
        self.ctx = lib.llama_init_from_model(self._model, self._context_params())
        if not self.ctx:
            raise OutOfMemory(
                f"There is not enough memory for a context of {self.n_ctx:,} tokens. Choose a "
                "smaller context length in the settings.",
                self.log.tail(),
            )
        abort = abort_callback(lib), ctypes.addressof(self._abort_flag)
        memory = LlamaMemory(lib, self._model, self.ctx, abort, self.log)
        self.cache = Cache(memory, self.room.checkpoints, self.room.batch)

    def warm_up(self) -> None:
        """Evaluate two tokens and forget them.

        Reads the weights from the disk while the person sees a load, and lets a processor or a
        file that the library crashes with show itself now instead of at the first message.
        """
        self.evaluate([max(self.vocabulary.bos, 0), max(self.vocabulary.eos, 0)])
        self.cache.clear()

    def _context_params(self) -> "lib.llama_context_params":
        params = lib.llama_context_default_params()
        params.n_ctx = self.n_ctx
        params.n_batch = params.n_ubatch = min(self.room.batch, self.n_ctx)
        if not self.room.on_card:
            # On a processor it is slow for the few tokens of a next turn in a long conversation:
            # `python -m tests.benchmarks attention`.
            params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.n_seq_max = 1
        # Or room is set aside for the logits of a whole batch: 300 MB with a large vocabulary.
        params.n_outputs_max = min(OUTPUTS, self.n_ctx)
        # The layers of a sliding window keep their window, which is what it is for.
        params.swa_full = False
        params.n_threads = params.n_threads_batch = self.spec.n_threads or processor_cores()
        return params

    def prepare_prompts(self) -> list[str]:
        """Make and try the chat template; returns notices."""
        notices = self.room.notices()
        formatter, notice = self._formatter()
        vocabulary = self.vocabulary
        writer = PromptWriter(formatter, vocabulary.control_names())
        notices += [notice, writer.probe()]
        self.prompts = PromptFitter(
            writer, vocabulary.tokenize, self.n_ctx, self.answers, vocabulary.piece
        )
        self.recall = Recall(
            self.cache, self.prompts, self.answers, vocabulary.size, self.room.snapshots
        )
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
            return named_formatter(self.spec.chat_format, chat_formats), ""
        bos, eos = (self.vocabulary.name(i) for i in (self.vocabulary.bos, self.vocabulary.eos))
        if self.file.chat_template and self.file.chat_template.strip():
            return jinja_formatter(self.file.chat_template, bos, eos), ""
        return jinja_formatter(CHATML, bos, eos), (
            "This file has no chat template, so ChatML is used. If answers look odd or never end, "
            "choose another chat format in the settings."
        )

    def prepare_snapshots(self, folder: SnapshotFolder | None) -> None:
        """Use the folder for what was read in each chat, or empty it where that is not wanted."""
        if folder is None:
            return
        if not self.spec.snapshots:
            folder.forget_all()
            return
        library = Path(lib._lib._name).stat()
        circumstances = (
            f"{model_print(Path(self.file.path))} n_ctx={self.n_ctx} kv=f16 card={self.room.on_card:d} {self.spec.chat_format} "
            f"{llama_cpp.__version__} {library.st_size} {library.st_mtime_ns}"
        )
        limit = self.spec.snapshot_limit_mb * 10**6
        self.recall.snapshots.keep_on_disk(
            folder, os.path.realpath(self.file.path), circumstances, limit
        )

    @property
    def tokens(self) -> list[int]:
        """Exactly what the cache holds, in order."""
        return self.cache.tokens

    def evaluate(self, tokens: list[int]) -> bool:
        """See `Cache.evaluate`; with logits for each token."""
        return self.cache.evaluate(tokens, every=len(tokens) > 1)

    def cut(self, length: int) -> None:
        """See `Cache.cut`."""
        self.cache.cut(length)

    def piece(self, token: int) -> bytes:
        """See `LlamaVocabulary.piece`."""
        return self.vocabulary.piece(token)

    def ends_answer(self, token: int) -> bool:
        """See `LlamaVocabulary.ends_answer`."""
        return self.vocabulary.ends_answer(token)

    def begin(self, text: str) -> Beginning:
        """The tokens of an answer that begins with `text`."""
        likely, known = self.answers.likely(text), self.vocabulary
        return beginning_of(text, likely, known.tokenize, known.piece, known.size)

    @contextlib.contextmanager
    def writing(
        self,
        request: ReplyRequest,
        stop: Sequence[str],
        token: CancelToken,
        beginning: Beginning,
    ) -> Iterator[tuple[Writer, list[str]]]:
        """Write an answer; its tokens are remembered under its text, the pieces in the list."""
        sampling, pieces = request.sampling, [request.prefix]
        known = self.vocabulary
        sampler = Sampler(lib, self.ctx, sampling, known.size, known.piece, beginning.tokens)
        looks_up = self.spec.prompt_lookup and self.cache.memory.window == 1
        drafts = Drafts(self, Lookup(self.tokens) if looks_up else None, sampler.is_clear)
        writer = Writer(self, sampler.choose, stop, sampling.max_tokens, token, beginning, drafts)
        try:
            yield writer, pieces
        finally:
            self.recall.add_answer("".join(pieces), writer.tokens)
            sampler.close()

    def close(self) -> None:
        """Free the native memory, the context before the model."""
        if self.ctx:
            lib.llama_free(self.ctx)
        if self._model:
            lib.llama_model_free(self._model)
        self.ctx = self._model = None
