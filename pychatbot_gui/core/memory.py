"""What a model takes of this machine's memory, as values: the same before a load and after."""

from dataclasses import dataclass

from pychatbot_gui.core.settings import N_CTX_STEP

_MOST_N_CTX = 2**31
_GIGA, _MEGA = 10**9, 10**6
_MASK = 4  # bytes for each token of a batch and each one it may look at


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes: the weights, their copy arranged for the processor, the context, and the work.

    The weights are a mapped file: what of them is not in use can leave the memory again. The
    rest cannot.
    """

    weights: int
    copies: int
    kv_cache: int
    work: int

    @property
    def total(self) -> int:
        """All together, in bytes."""
        return self.weights + self.copies + self.kv_cache + self.work

    @property
    def fixed(self) -> int:
        """What has to be there, whatever else; in bytes."""
        return self.copies + self.kv_cache + self.work

    @property
    def used(self) -> int:
        """What is used all the time: of weights that have a copy only the copy. In bytes."""
        return self.total - min(self.copies, self.weights)


@dataclass(frozen=True)
class ModelMemory:
    """What a model needs for any context length, in bytes.

    `weights`: as they are in the file; `copies`: those that are also kept arranged for this
    processor. `token`: the cache of one token in the layers that see all of them. `window`: so
    many tokens are kept by the layers that see only the last ones, `window_token` for each.
    `state`: of recurrent layers, whatever the context. `row`: the work on one token of a batch at
    the widest place of a layer; `attention`: the work on it in attention, and `score`: for each
    token that it looks at there. `batch`: the tokens of a batch. `output`: the least that the work
    takes. `program`: the process itself, with the vocabulary.
    """

    weights: int = 0
    copies: int = 0
    token: int = 0
    window: int = 0
    window_token: int = 0
    state: int = 0
    row: int = 0
    attention: int = 0
    score: int = 0
    batch: int = 128
    output: int = 0
    program: int = 0

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return self.weights > 0

    def window_cells(self, n_ctx: int) -> int:
        """Tokens that a layer with a window keeps, at a context of `n_ctx` tokens."""
        if not self.window:
            return 0
        most = min(n_ctx, self.window + min(self.batch, n_ctx))
        return -(-most // N_CTX_STEP) * N_CTX_STEP

    def kv_cache(self, n_ctx: int) -> int:
        """The cache and the state for `n_ctx` tokens, in bytes."""
        return self.token * n_ctx + self.window_token * self.window_cells(n_ctx) + self.state

    def compute(self, n_ctx: int) -> int:
        """The buffer for the work on a batch, in bytes."""
        every, windowed = n_ctx if self.token else 0, self.window_cells(n_ctx)
        attention = self.attention + self.score * max(every, windowed)
        mask = _MASK * (every + windowed)
        return max(min(self.batch, n_ctx) * (max(self.row, attention) + mask), self.output)

    def need(self, n_ctx: int) -> MemoryNeed:
        """Everything, for a context of `n_ctx` tokens."""
        work = self.compute(n_ctx) + self.program
        return MemoryNeed(self.weights, self.copies, self.kv_cache(n_ctx), work)

    def largest_n_ctx(self, free: int, locked: bool = False) -> int:
        """The largest context, in steps of 256 tokens, that fits into `free` bytes; 0 for none.

        The weights count only where they are `locked` in memory.
        """
        low, high = 0, _MOST_N_CTX // N_CTX_STEP
        while low < high:
            middle = (low + high + 1) // 2
            if self.fits(middle * N_CTX_STEP, free, locked):
                low = middle
            else:
                high = middle - 1
        return low * N_CTX_STEP

    def fits(self, n_ctx: int, free: int, locked: bool = False) -> bool:
        """Whether a context of `n_ctx` tokens can be had in `free` bytes."""
        need = self.need(n_ctx)
        return (need.total if locked else need.fixed) <= free


def need_sentence(need: MemoryNeed, free: int) -> str:
    """What a model needs beside what is free: "Needs about 1.4 GB (…) · 6.1 GB free"."""
    unit, name = (_GIGA, "GB") if need.total >= _GIGA else (_MEGA, "MB")
    parts = {
        "weights": need.weights,
        "arranged copy": need.copies,
        "context": need.kv_cache,
        "work": need.work,
    }
    listed = ", ".join(f"{part} {_number(size / unit)}" for part, size in parts.items() if size)
    return f"Needs about {_number(need.total / unit)} {name} ({listed}) · {size_text(free)} free"


def shortage(memory: ModelMemory, n_ctx: int, free: int, locked: bool) -> str:
    """What is said where `n_ctx` tokens do not fit into `free` bytes; "" where they do.

    The weights count only where they are `locked` in memory: otherwise the system reads them from
    the file as needed.
    """
    if memory.fits(n_ctx, free, locked):
        return ""
    need = memory.need(n_ctx)
    needed = size_text(need.total if locked else need.fixed)
    return (
        f"A context of {n_ctx:,} tokens needs {needed} of memory for this model, and "
        f"{size_text(free)} are free. {_advice(memory, free, locked)}"
    )


def crowding(memory: ModelMemory, n_ctx: int, free: int) -> str:
    """What is said where a model works in `free` bytes, but not well; "" where it does."""
    used = memory.need(n_ctx).used
    if used <= free:
        return ""
    return (
        f"The model needs {size_text(used)} of memory and {size_text(free)} are free, so parts of "
        "it are read from the disk again and again: answers will be very slow. "
        f"{_advice(memory, free, locked=True)}"
    )


def size_text(size: int) -> str:
    """A size in bytes for the person: "1.4 GB", "69 MB"."""
    return f"{_number(size / _GIGA)} GB" if size >= _GIGA else f"{_number(size / _MEGA)} MB"


def _advice(memory: ModelMemory, free: int, locked: bool) -> str:
    largest = memory.largest_n_ctx(free, locked)
    if largest >= N_CTX_STEP:
        return f"Set the context length to {largest:,} or less."
    return "Close other programs or choose a smaller model."


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
