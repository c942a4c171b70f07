import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.core.exchange import json_entries
from pychatbot_gui.core.exchange.json_entries import Entry, EntryReader

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('"\\[]{},:aé😀')),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)  # fmt: skip


def read(data: bytes, longest: int = 10_000) -> list[Entry]:
    return list(EntryReader(io.BytesIO(data), longest=longest).entries())


@given(st.lists(JSON), st.booleans(), st.sampled_from([None, 2]), st.sampled_from([1, 2, 3, 7, 64]))
def test_the_entries_of_any_list(
    values: list[object], ascii_only: bool, indent: int | None, block: int
) -> None:
    data = json.dumps(values, ensure_ascii=ascii_only, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_entries, "_BLOCK", block)
        assert [entry.value for entry in read(data)] == values
        inside = b'{"version": {"conversations": [1]}, "conversations":' + data + b', "x": 1}'
        assert [entry.value for entry in read(inside)] == values


@given(st.binary(max_size=60), st.sampled_from([1, 5, 1000]), st.sampled_from([8, 10_000]))
def test_any_bytes(noise: bytes, block: int, longest: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_entries, "_BLOCK", block)
        for start in (b"[", b"{", b'[{"a": "'):
            assert isinstance(read(start + noise, longest), list)


def test_where_it_is_damaged() -> None:
    entries = read('[{"é": 1}, {"a": x}, {"b": 2}]'.encode())
    assert [entry.value for entry in entries] == [{"é": 1}, None, {"b": 2}]
    assert entries[1].start == 12
    assert "byte 18" in entries[1].problem


def test_what_follows_the_list_is_not_passed_over() -> None:
    assert read(b"[1] \n") == [Entry(1, 1, 1)]
    assert "byte 3" in read(b"[1]}")[-1].problem
    assert "byte 2" in read(b"[1}")[-1].problem


@pytest.mark.parametrize("middle", [b'"' + b"x" * 5000 + b'"', b'"' + b"\\\\" * 5000 + b'"',
                                    b"[" + b"1," * 5000 + b"1]", b"9" * 5000])  # fmt: skip
def test_a_large_entry_is_left_out_and_not_kept(middle: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_entries, "_BLOCK", 100)
        reader = EntryReader(io.BytesIO(b"[1, " + middle + b", 2]"), longest=1000)
        entries = []
        for entry in reader.entries():
            entries.append(entry)
            assert len(reader._data) < 2000
    assert [entry.value for entry in entries] == [1, None, 2]
    assert "larger than" in entries[1].problem


def test_bytes_that_are_no_text_cost_only_themselves() -> None:
    assert read(b'["a\xffb"]')[0].value == "a\ufffdb"


def test_told_how_far_it_is() -> None:
    seen: list[int] = []
    data = json.dumps(["x" * 1000] * 5000).encode()
    reader = EntryReader(io.BytesIO(data), seen.append)
    assert sum(1 for _ in reader.entries()) == 5000
    assert seen == sorted(seen)
    assert seen[-1] == len(data)
