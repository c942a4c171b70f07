"""Where a model goes: with a copy of its weights, without, or nowhere."""

import sys
from pathlib import Path

import psutil
import pytest

from pychatbot_gui.core.errors import OutOfMemory
from pychatbot_gui.engine.engine import ModelSpec
from pychatbot_gui.engine.gguf import ModelFile
from pychatbot_gui.engine.gguf_reader import Tensor
from pychatbot_gui.engine.room import Room, find_room, free_memory, left_by_container

GB, MIB = 10**9, 2**20
FEATURES = ("AVX2", "REPACK")
SPEC = ModelSpec("m.gguf")


def model(gigabytes: float = 4) -> ModelFile:
    """A llama in Q4_0 of one great matrix."""
    size = int(gigabytes * GB) // 18 // 8 * 8 * 18
    matrix = Tensor("blk.0.ffn_up.weight", (32, size // 18), 0, size, 2)
    attention = {"llama.attention.head_count": 8}
    return ModelFile(
        "m.gguf", size, ("m.gguf",), 3, "llama", "M", "Q4_0", size, 8192, 8, 4096, 32_000, None,
        metadata=attention, tensors=(matrix,),
    )  # fmt: skip


def test_weights_are_copied_where_there_is_room() -> None:
    room = find_room(model(), SPEC, 4096, FEATURES, 10 * GB)
    assert room.memory.copies == room.memory.weights > 3 * GB
    assert not room.plain_weights
    assert not any(room.notices())
    room.refuse_what_cannot_fit()


def test_without_room_for_a_copy_the_weights_are_used_as_they_are() -> None:
    room = find_room(model(), SPEC, 4096, FEATURES, 4 * GB)
    assert room.plain_weights and room.memory.copies == 0
    room.refuse_what_cannot_fit()
    assert any("slower" in notice for notice in room.notices())


def test_plain_weights_are_not_copied() -> None:
    spec = ModelSpec("m.gguf", plain_weights=True)
    assert find_room(model(), spec, 4096, FEATURES, 10 * GB).memory.copies == 0


def test_weights_larger_than_memory_are_told_not_refused() -> None:
    room = find_room(model(40), SPEC, 4096, (), 8 * GB)
    room.refuse_what_cannot_fit()
    assert any("very slow" in notice for notice in room.notices())


def test_locked_weights_larger_than_memory_are_refused() -> None:
    room = find_room(model(40), ModelSpec("m.gguf", mlock=True), 4096, (), 8 * GB)
    with pytest.raises(OutOfMemory, match="smaller model"):
        room.refuse_what_cannot_fit()


def test_what_saves_time_stays_below_a_tenth() -> None:
    for size in (0.3, 1, 4):
        room = find_room(model(size), SPEC, 4096, (), 20 * GB)
        assert 0 < room.checkpoints + room.snapshots < room.memory.need(4096).total / 10


def test_nothing_is_left_to_save_time_where_memory_is_narrow() -> None:
    room = find_room(model(), SPEC, 4096, (), 20 * GB)
    full = Room(room.memory, 4096, room.memory.need(4096).fixed)
    assert (full.checkpoints, full.snapshots) == (0, 0)


def test_what_goes_to_a_graphics_card_is_not_known() -> None:
    room = find_room(model(40), ModelSpec("m.gguf", mlock=True), 10**6, (), GB, on_card=True)
    room.refuse_what_cannot_fit()
    assert not room.told and not room.needed and not any(room.notices())


def container(folder: Path, limit: str, used: int, cached: int) -> Path:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {cached}\nactive_file 3\n")
    return folder


def test_a_container_has_a_limit_of_its_own(tmp_path: Path) -> None:
    assert left_by_container(tmp_path) == sys.maxsize
    assert left_by_container(container(tmp_path, "max", 5, 5)) == sys.maxsize
    assert left_by_container(container(tmp_path, "1000", 700, 100)) == 400
    assert left_by_container(container(tmp_path, "1000", 1200, 0)) == 0


def test_free_memory_is_at_most_what_the_system_has() -> None:
    assert 0 < free_memory() <= psutil.virtual_memory().total
