"""One snapshot in one file: given back as it was written, or known to be damaged."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pychatbot_gui.engine.cache import Checkpoint
from pychatbot_gui.engine.snapshot_file import (
    Damaged,
    Head,
    Replaced,
    read_head,
    read_state,
    write_snapshot,
)

HEAD = Head([1, 2, 3, 4], 2, (1, 3), ((b"0123", [5, 6]),))
POINTS = [Checkpoint(1, memoryview(b"one")), Checkpoint(3, memoryview(b"three"))]


def _write(path: Path) -> Path:
    write_snapshot(path, "owner", HEAD, POINTS, memoryview(b"the state"))
    return path


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.kv")
    head = read_head(path, "owner", 10)
    assert (list(head.tokens), head.oldest, head.lengths) == ([1, 2, 3, 4], 2, (1, 3))
    assert [(digest, list(ids)) for digest, ids in head.answers] == [(b"0123", [5, 6])]
    points, state = read_state(path, "owner", HEAD.tokens)
    assert [(c.length, bytes(c.data)) for c in points] == [(1, b"one"), (3, b"three")]
    assert state is not None and bytes(state) == b"the state"
    with pytest.raises(Damaged):
        read_head(path, "another", 10)
    with pytest.raises(Damaged):
        read_head(path, "owner", 5)


def test_truncated_at_any_byte_it_is_damaged(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.kv")
    raw = path.read_bytes()
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        with pytest.raises(Damaged):
            read_head(path, "owner", 10)
        with pytest.raises(Damaged):
            read_state(path, "owner", HEAD.tokens)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(st.data())
def test_changed_anywhere_it_is_damaged(tmp_path: Path, data: st.DataObject) -> None:
    path = _write(tmp_path / "x.kv")
    raw = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    with pytest.raises(Damaged):
        read_head(path, "owner", 10)
        read_state(path, "owner", HEAD.tokens)


def test_a_write_that_fails_leaves_the_former_file(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.kv")
    with pytest.raises(OSError):
        write_snapshot(path, "owner", HEAD, POINTS, lambda part: False)
    assert [p.name for p in tmp_path.iterdir()] == ["x.kv"]
    assert read_head(path, "owner", 10)


def test_the_state_of_other_tokens_is_not_given(tmp_path: Path) -> None:
    """Another program wrote it after its head was read."""
    path = _write(tmp_path / "x.kv")
    with pytest.raises(Replaced):
        read_state(path, "owner", [1, 2, 3, 5])


def test_a_power_cut_leaves_nothing_that_is_taken_for_whole(tmp_path: Path) -> None:
    """The name is on the disk, the content in part: blocks of it are zeros, or all that follows."""
    path = tmp_path / "x.kv"
    state = memoryview(os.urandom(40_000))
    write_snapshot(path, "owner", HEAD, POINTS, state)
    raw = path.read_bytes()
    for at in range(0, len(raw), 4096):
        for end in (at + 4096, len(raw)):
            lost = raw[at:end]
            path.write_bytes(raw[:at] + bytes(len(lost)) + raw[end:])
            with pytest.raises(Damaged):
                read_head(path, "owner", 10)
                read_state(path, "owner", HEAD.tokens)


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_killed_while_it_is_written_the_former_file_is_whole(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.kv")
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from pychatbot_gui.engine.snapshot_file import Head, write_snapshot\n"
        "def state(part):\n"
        "    part.write_bytes(b'half of it')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_snapshot(Path(sys.argv[1]), 'owner', Head([7], 0), [], state)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(read_head(path, "owner", 10).tokens) == [1, 2, 3, 4]
    (part,) = set(tmp_path.iterdir()) - {path}
    assert part.name.startswith(".x-") and part.suffix == ".part"
    assert part.stat().st_mode & 0o777 == 0o600
