"""The room that this machine has for a model, and what is done where it is narrow."""

import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import psutil

from pychatbot_gui.core.errors import OutOfMemory
from pychatbot_gui.core.memory import ModelMemory, crowding, shortage
from pychatbot_gui.engine.cache import BATCH
from pychatbot_gui.engine.engine import ModelSpec, Needed
from pychatbot_gui.engine.gguf import ModelFile
from pychatbot_gui.engine.memory import model_memory

_LEAST_FOR_CHECKPOINTS, _LEAST_FOR_SNAPSHOTS = 8 * 2**20, 4 * 2**20  # bytes
_MOST_TO_SAVE_TIME = 256 * 2**20  # bytes
_CARD_BATCH = 512  # tokens: a graphics card works on many at once
_NO_COPIES = (
    "There is not enough free memory for weights arranged for this processor, so they are used as "
    "they are in the file. This is slower."
)


@dataclass(frozen=True)
class Room:
    """What a model needs for `n_ctx` tokens, beside the `free` bytes that there are before it.

    `plain_weights`: do without a copy of the weights, which would not fit. `locked`: the weights
    have to stay in memory. `on_card`: a part of unknown size goes to a graphics card, so that
    nothing is refused and nothing told.
    """

    memory: ModelMemory
    n_ctx: int
    free: int
    plain_weights: bool = False
    locked: bool = False
    on_card: bool = False
    notice: str = ""

    @property
    def told(self) -> ModelMemory:
        """What the person can be told that the model needs."""
        return ModelMemory() if self.on_card else self.memory

    @property
    def needed(self) -> list[Needed]:
        """The same as events: one or none."""
        return [] if self.on_card else [Needed(0, self.memory, self.n_ctx, self.free)]

    @property
    def batch(self) -> int:
        """Tokens evaluated at once."""
        return _CARD_BATCH if self.on_card else BATCH

    @property
    def checkpoints(self) -> int:
        """Bytes for the states of the chat that the cache holds: they only save time.

        With `snapshots` below a tenth of what the model needs anyway, and of what is then left.
        """
        return min(self._most, max(self._used // 16, _LEAST_FOR_CHECKPOINTS))

    @property
    def snapshots(self) -> int:
        """Bytes for the states of other chats; what is beyond goes to the disk."""
        return min(self._most, max(self._used // 32, _LEAST_FOR_SNAPSHOTS))

    def refuse_what_cannot_fit(self) -> None:
        """Raise `OutOfMemory`, with the largest context that fits, where this one does not."""
        reason = shortage(self.told, self.n_ctx, self.free, self.locked)
        if reason:
            raise OutOfMemory(reason)

    def notices(self) -> list[str]:
        """Sentences for the person about a model that fits, but not well."""
        return [self.notice, crowding(self.told, self.n_ctx, self.free)]

    @property
    def _used(self) -> int:
        return self.memory.need(self.n_ctx).used

    @property
    def _most(self) -> int:
        left = self.free - self.memory.need(self.n_ctx).fixed
        return max(0, min(_MOST_TO_SAVE_TIME, left // 8))


def find_room(
    file: ModelFile,
    spec: ModelSpec,
    n_ctx: int,
    features: Collection[str],
    free: int,
    on_card: bool = False,
) -> Room:
    """How the model goes into `free` bytes. `features`: of the processor, see `model_memory`.

    Where there is no room for a copy of the weights arranged for the processor, it does without.
    """
    plain = model_memory(file)
    memory = plain if spec.plain_weights else model_memory(file, features)
    room = Room(memory, n_ctx, free, spec.plain_weights, spec.mlock, on_card)
    if on_card:
        return room
    if not memory.fits(n_ctx, free, spec.mlock) and plain.fits(n_ctx, free, spec.mlock):
        return Room(plain, n_ctx, free, True, spec.mlock, notice=_NO_COPIES)
    return room


def free_memory() -> int:
    """Bytes that a model may take: what the system has left, within the limit of a container."""
    available: int = psutil.virtual_memory().available
    return min(available, left_by_container(Path("/sys/fs/cgroup")))


def left_by_container(folder: Path) -> int:
    """Bytes left below the limit of a control group; `sys.maxsize` where there is none."""
    try:
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        # Read from files, and given up when the memory is wanted.
        cached = next(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    except (OSError, ValueError, StopIteration):  # no limit ("max"), or another system
        return sys.maxsize
    return max(0, limit - used + cached)


def processor_cores() -> int:
    """Cores this process may use, not counting hyper-threads."""
    physical = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    if sys.platform == "linux":
        return min(len(psutil.Process().cpu_affinity()), physical)
    return physical
