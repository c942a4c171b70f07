"""The models that the tests build are what they say."""

from pathlib import Path

import pytest

from tests.models import build_large_model, build_model, build_scripted_model, markdown_answer
from tests.models import script_pieces as pieces


@pytest.mark.parametrize(
    "text", ["Hi", "no no no no no", "😀😀😀 你好 你好\n\n", "a\n\n\nb", markdown_answer(300)]
)
def test_pieces_are_the_text_and_all_differ(text: str) -> None:
    found = pieces(text)
    assert b"".join(found).decode() == text
    assert len(set(found)) == len(found)
    assert all(piece.strip() for piece in found)


def test_characters_are_cut_in_the_middle() -> None:
    with pytest.raises(UnicodeDecodeError):
        pieces("Look: 😀!")[2].decode()


@pytest.mark.parametrize("script", ["", " \n ", ["a", "a"], ["a", "\n"]])
def test_impossible_scripts(script: str | list[str], tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        build_scripted_model(tmp_path / "m.gguf", script)


def test_markdown_answer_is_as_long_as_asked() -> None:
    assert 2000 <= len(pieces(markdown_answer(2000))) < 2100


def test_same_call_same_bytes(tmp_path: Path) -> None:
    one = build_model(tmp_path / "1.gguf", seed=3).read_bytes()
    two = build_model(tmp_path / "2.gguf", seed=3).read_bytes()
    assert one == two
    assert one != build_model(tmp_path / "3.gguf", seed=4).read_bytes()


def test_large_model_has_the_size(tmp_path: Path) -> None:
    path = build_large_model(tmp_path / "large.gguf", megabytes=100)
    assert path.stat().st_size == pytest.approx(100e6, rel=0.05)
