"""Needs of a model as values: the sums, what fits, and the sentences."""

from dataclasses import replace

import pytest

from pychatbot_gui.core.memory import (
    ModelMemory,
    crowding,
    need_sentence,
    shortage,
    size_text,
)

GB = 10**9
SEVEN_B = ModelMemory(weights=4 * GB, token=131_072, row=262_144, program=100_000_000)


def test_parts_add_up() -> None:
    need = replace(SEVEN_B, copies=3 * GB).need(8192)
    assert need.total == need.weights + need.copies + need.kv_cache + need.work
    assert need.fixed == need.total - 4 * GB
    assert need.used == need.total - 3 * GB


def test_a_window_keeps_its_tokens_and_a_batch() -> None:
    memory = ModelMemory(weights=1, token=10, window=1000, window_token=7)
    assert memory.kv_cache(512) == 10 * 512 + 7 * 512
    assert memory.kv_cache(32_768) == 10 * 32_768 + 7 * 1280


@pytest.mark.parametrize("free", [5 * 10**8, 10**9, 7 * 10**9])
@pytest.mark.parametrize("locked", [False, True])
def test_the_largest_context_just_fits(free: int, locked: bool) -> None:
    free += 4 * GB * locked
    largest = SEVEN_B.largest_n_ctx(free, locked)
    assert largest % 256 == 0
    assert SEVEN_B.fits(largest, free, locked)
    assert not SEVEN_B.fits(largest + 256, free, locked)


def test_no_context_fits_into_nothing() -> None:
    assert SEVEN_B.largest_n_ctx(0) == SEVEN_B.largest_n_ctx(-GB) == 0
    assert "smaller model" in shortage(SEVEN_B, 4096, 0, locked=False)


def test_what_does_not_fit_is_told_with_what_would() -> None:
    assert shortage(SEVEN_B, 4096, 2 * GB, locked=False) == ""
    told = shortage(SEVEN_B, 131_072, 2 * GB, locked=False)
    largest = SEVEN_B.largest_n_ctx(2 * GB)
    assert f"{largest:,} or less" in told and "2.0 GB are free" in told
    assert shortage(SEVEN_B, largest, 2 * GB, locked=False) == ""
    assert "smaller model" in shortage(SEVEN_B, 4096, 2 * GB, locked=True)


def test_weights_that_will_not_stay_in_memory_are_told() -> None:
    assert crowding(SEVEN_B, 4096, 6 * GB) == ""
    assert "very slow" in crowding(SEVEN_B, 4096, 4 * GB)
    told = crowding(SEVEN_B, 16_384, 6 * GB)
    assert f"{SEVEN_B.largest_n_ctx(6 * GB, locked=True):,} or less" in told


def test_the_sentence_names_every_part() -> None:
    memory = ModelMemory(weights=900_000_000, token=100_000, program=95_000_000)
    assert need_sentence(memory.need(4096), 6_100_000_000) == (
        "Needs about 1.4 GB (weights 0.9, context 0.4, work 0.1) · 6.1 GB free"
    )
    copied = replace(memory, copies=800_000_000)
    assert "arranged copy 0.8" in need_sentence(copied.need(4096), GB)
    tiny = ModelMemory(weights=8_000_000, token=2_000, program=47_000_000)
    assert "MB (weights 8.0, context 8.2" in need_sentence(tiny.need(4096), 24 * GB)


def test_sizes_are_written_shortly() -> None:
    assert [size_text(n) for n in (0, 7_600_000, 69_000_000, 1_440_000_000, 24 * GB)] == [
        "0.0 MB",
        "7.6 MB",
        "69 MB",
        "1.4 GB",
        "24 GB",
    ]


def test_nothing_known_is_false() -> None:
    assert not ModelMemory()
    assert SEVEN_B
