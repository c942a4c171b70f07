"""What a model file says about itself, and every way in which it can be wrong."""

import ctypes
import os
import stat
import struct
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pychatbot_gui.core.errors import ModelFileError
from pychatbot_gui.engine.gguf import ModelFile, read_model_file
from pychatbot_gui.engine.gguf_types import TENSOR_TYPES
from tests.bad_files import (
    BAD_FILES,
    BAD_TEMPLATES,
    REFUSED,
    UNSUPPORTED,
    USABLE,
    build_split,
    small_model,
)
from tests.models import CHATML, GgufFile, build_model, model_content

# A word or two that the sentence has to say, so that no file gets the sentence of another.
SAYS = {
    "missing": "is not there",
    "folder": "is a folder",
    "empty": "is empty",
    "pdf": "PDF",
    "zip": "zip archive",
    "html": "web page",
    "png": "PNG",
    "text": "holds text",
    "noise": "not a model in the GGUF format",
    "zeros": "only zeros",
    "git lfs pointer": "Git LFS",
    "safetensors": "safetensors",
    "old ggml": "old GGML format",
    "version 1": "version 1",
    "version 4": "version 4",
    "version 0": "is damaged",
    "big-endian": "big-endian",
    "cut in the magic": "ends too early",
    "cut in the counts": "ends too early",
    "cut in the metadata": "ends too early",
    "cut in the vocabulary": "ends too early",
    "cut in the tensor list": "ends too early",
    "cut in the first weights": "0.2 of 0.7 MB",
    "cut in half": "0.4 of 0.7 MB",
    "cut near the end": "is incomplete",
    "cut by one byte": "its end is missing",
    "too many tensors": "is damaged",
    "too many keys": "is damaged",
    "string longer than the file": "ends too early",
    "array longer than the file": "ends too early",
    "nested array": "is damaged",
    "unknown tensor type": "is damaged",
    "five dimensions": "is damaged",
    "tensor larger than the file": "is damaged",
    "tensor somewhere else": "is damaged",
    "alignment 0": "is damaged",
    "alignment 3": "is damaged",
    "no architecture": "what kind of model",
    "vocabulary only": "only a vocabulary",
    "no vocabulary": "no vocabulary",
    "adapter": "LoRA",
    "projector": "projector",
    "clip": "projector",
    "bert": "makes embeddings",
    "t5 encoder": "makes embeddings",
    "embedding model": "makes embeddings",
    "reads both ways": "makes embeddings",
    "block_count 0": "0 layers",
    "block_count 600": "600 layers",
    "embedding_length 0": "is 0",
    "key_length 0": "is 0",
    "heads that do not fit": "attention heads (4 and 3)",
    "more experts used than there are": "8 of 4 experts",
    "too many experts": "5,000 experts",
    "no experts used": "0 of 4 experts",
    "experts used of none": "4 of 0 experts",
    "duplicate token": "a token is in it twice",
    "token types too short": "damaged vocabulary",
    "scores too short": "damaged vocabulary",
    "spm without bytes": "single bytes",
    "split, part 1 missing": "Part 1 of 3",
    "split, part 2 missing": "Part 2 of 3",
    "split, last part missing": "Part 3 of 3",
    "split, part 2 cut": "“model-00002-of-00003.gguf” is incomplete",
    "split, renamed": "one of 3 parts",
}


def refusal(path: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        read_model_file(str(path))
    return str(caught.value)


def assert_is_a_sentence(words: str) -> None:
    assert words.endswith(".")
    assert words.count(". ") >= 1, f"says what is wrong, but not what can be done: {words}"
    assert "“" in words, f"does not name the file: {words}"
    assert not any(word in words for word in ("Error", "None", "0x", "_", "Traceback")), words


@pytest.mark.parametrize("name", REFUSED)
def test_bad_file_is_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    words = refusal(REFUSED[name](tmp_path))
    assert SAYS[name] in words
    assert_is_a_sentence(words.replace("expert_", "").replace("model_", ""))


@pytest.mark.parametrize("name", UNSUPPORTED | BAD_TEMPLATES | USABLE)
def test_what_only_the_library_can_judge_is_let_through(name: str, tmp_path: Path) -> None:
    assert read_model_file(str(BAD_FILES[name](tmp_path))).n_layers in (1, 2)


def test_every_bad_file_has_its_sentence() -> None:
    assert set(SAYS) == set(REFUSED)


def test_good_file_is_described(tmp_path: Path) -> None:
    path = build_model(tmp_path / "good.gguf", n_layers=2, n_embd=64, n_ctx_train=1024)
    file = read_model_file(str(path))
    content = model_content(n_layers=2, n_embd=64, n_ctx_train=1024)
    tokens = content.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, list)
    assert file == ModelFile(
        path=str(path),
        size=path.stat().st_size,
        parts=(str(path),),
        version=3,
        architecture="llama",
        name="Tiny random model",
        file_type="F32",
        parameters=sum(tensor.size for tensor in content.tensors.values()),
        n_ctx_train=1024,
        n_layers=2,
        n_embd=64,
        n_vocab=len(tokens),
        chat_template=CHATML,
        notices=(),
        metadata=file.metadata,
        tensors=file.tensors,
    )
    assert [tensor.name for tensor in file.tensors] == list(content.tensors)
    assert {tensor.type for tensor in file.tensors} == {0}
    assert file.metadata["llama.attention.head_count"] == 4
    assert file.metadata["tokenizer.ggml.tokens"] == len(tokens)


def test_nameless_file_is_called_after_itself(tmp_path: Path) -> None:
    path = build_model(tmp_path / "my own.gguf", n_layers=1, metadata={"general.name": "  "})
    assert read_model_file(str(path)).name == "my own"


def test_head_counts_by_layer_are_kept(tmp_path: Path) -> None:
    heads = {"llama.attention.head_count_kv": [4, 0]}
    path = build_model(tmp_path / "m.gguf", metadata=heads)
    assert read_model_file(str(path)).metadata["llama.attention.head_count_kv"] == (4, 0)


def test_text_that_is_not_utf8_is_a_notice(tmp_path: Path) -> None:
    file = read_model_file(str(USABLE["metadata not UTF-8"](tmp_path)))
    assert file.name == "Caf� model"
    assert "general.name" in file.notices[0]
    assert file.chat_template == CHATML


def test_very_long_training_context_is_taken_as_it_is(tmp_path: Path) -> None:
    assert read_model_file(str(USABLE["context_length 2^31-1"](tmp_path))).n_ctx_train == 2**31 - 1


def test_missing_training_context_is_tolerated(tmp_path: Path) -> None:
    path = build_model(tmp_path / "m.gguf", n_layers=1, metadata={"llama.context_length": None})
    assert read_model_file(str(path)).n_ctx_train == 0


def test_split_model_opens_from_any_part(tmp_path: Path) -> None:
    parts = build_split(tmp_path)
    opened = [read_model_file(str(part)) for part in parts]
    assert opened[0] == opened[1] == opened[2]
    assert opened[0].path == str(parts[0])
    assert opened[0].parts == tuple(map(str, parts))
    assert opened[0].size == sum(part.stat().st_size for part in parts)
    whole = model_content(n_layers=2)
    assert opened[0].parameters == sum(tensor.size for tensor in whole.tensors.values())


def test_parts_that_were_exchanged_are_refused(tmp_path: Path) -> None:
    parts = build_split(tmp_path)
    parts[1].write_bytes(parts[2].read_bytes())
    assert "not the part" in refusal(parts[0])


def test_parts_of_two_models_are_refused(tmp_path: Path) -> None:
    parts = build_split(tmp_path)
    (tmp_path / "other").mkdir()
    content = model_content(n_layers=1)
    content.metadata |= {"split.no": 2, "split.count": 3}
    content.write(parts[2])
    assert "do not belong together" in refusal(parts[0])


def test_no_name_at_all() -> None:
    with pytest.raises(ModelFileError, match="No file was chosen"):
        read_model_file("")


@pytest.mark.parametrize("path", ["a\0b.gguf", "\ud800.gguf", "x" * 5000 + ".gguf"])
def test_names_that_no_file_can_have(path: str) -> None:
    with pytest.raises(ModelFileError):
        read_model_file(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    assert "not a file" in refusal(tmp_path / "pipe.gguf")
    for device in (Path("/dev/zero"), Path("/dev/null")):
        if device.exists():
            assert "not a file" in refusal(device)


def test_link_to_a_model_is_followed_and_a_dangling_one_refused(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    link = tmp_path / "link.gguf"
    link.symlink_to(model)
    assert read_model_file(str(link)).n_layers == 1
    model.unlink()
    assert "is not there" in refusal(link)


def test_forbidden_file(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    model.chmod(0)
    try:
        if os.access(model, os.R_OK):
            pytest.skip("this user may read everything")
        assert "permission" in refusal(model)
    finally:
        model.chmod(stat.S_IRUSR | stat.S_IWUSR)


def test_permission_error_has_its_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model(tmp_path)

    def forbidden(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(
        "pychatbot_gui.engine.gguf.os", SimpleNamespace(**{**vars(os), "open": forbidden})
    )
    assert "permission" in refusal(model)


def test_file_that_shrinks_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_model(tmp_path)
    size = model.stat().st_size
    os.truncate(model, 3000)

    def old_status(_: int) -> SimpleNamespace:
        return SimpleNamespace(st_mode=stat.S_IFREG, st_size=size)

    monkeypatch.setattr(
        "pychatbot_gui.engine.gguf.os", SimpleNamespace(**{**vars(os), "fstat": old_status})
    )
    assert "ends too early" in refusal(model)


def tiny_file(folder: Path) -> Path:
    """The smallest file that is read without complaint: a few tokens and one small tensor."""
    content = model_content(n_layers=1)
    chosen = {key: v for key, v in content.metadata.items() if not isinstance(v, list)}
    del chosen["tokenizer.chat_template"]
    chosen["tokenizer.ggml.tokens"] = ["a", "b", "c"]
    chosen["tokenizer.ggml.token_type"] = [1, 1, 1]
    tensors = {"output_norm.weight": content.tensors["output_norm.weight"]}
    return GgufFile(chosen, tensors).write(folder / "tiny.gguf")


def test_truncation_at_every_byte(tmp_path: Path) -> None:
    whole = tiny_file(tmp_path)
    read_model_file(str(whole))
    content = whole.read_bytes()
    assert len(content) < 3000
    cut = tmp_path / "cut.gguf"
    for length in range(1, len(content)):
        cut.write_bytes(content[:length])
        words = refusal(cut)
        assert "ends too early" in words or "is incomplete" in words, (length, words)


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A place for damaged copies, and a good file whose header is small enough to hit."""
    folder = tmp_path_factory.mktemp("damaged")
    return folder / "damaged.gguf", tiny_file(folder).read_bytes()


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(damage=st.lists(st.tuples(st.floats(0, 0.9999), st.binary(min_size=1, max_size=9))))
def test_random_damage_is_refused_or_harmless(
    header: tuple[Path, bytes], damage: list[tuple[float, bytes]]
) -> None:
    path, good = header
    content = bytearray(good)
    for place, new in damage:
        start = int(place * len(content))
        content[start : start + len(new)] = new
    path.write_bytes(content)
    began = time.process_time()
    try:
        read_model_file(str(path))
    except ModelFileError as error:
        assert str(error).endswith(".")
    assert time.process_time() - began < 1


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=600))
def test_anything_after_the_magic_is_refused(header: tuple[Path, bytes], content: bytes) -> None:
    path, _ = header
    path.write_bytes(b"GGUF\x03\0\0\0" + content)
    with pytest.raises(ModelFileError):
        read_model_file(str(path))


@pytest.mark.parametrize("huge", [2**20, 2**31, 2**40, 2**63, 2**64 - 1])
@pytest.mark.parametrize("place", ["tensors", "keys", "key", "string", "array", "shape"])
def test_huge_numbers_cost_neither_memory_nor_time(place: str, huge: int, tmp_path: Path) -> None:
    content = bytearray(tiny_file(tmp_path).read_bytes())
    places = {
        "tensors": 8,
        "keys": 16,
        "key": 24,
        "string": content.index(b"general.name") + 16,
        "array": content.index(b"tokenizer.ggml.token_type") + 33,
        "shape": content.index(b"output_norm.weight") + 22,
    }
    struct.pack_into("<Q", content, places[place], huge)
    path = tmp_path / "huge.gguf"
    path.write_bytes(content)
    began = time.process_time()
    tracemalloc.start()
    try:
        refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 1


def sparse_claim(path: Path, write: Callable[[bytearray], None], size: int) -> Path:
    """A header that `write` makes, in a file of `size` zero bytes that take no disk."""
    start = bytearray(b"GGUF")
    write(start)
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    return path


def test_a_large_file_of_empty_strings_does_not_take_for_ever(tmp_path: Path) -> None:
    def strings(start: bytearray) -> None:
        start += struct.pack("<IQQQ", 3, 1, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 10**9)

    path = sparse_claim(tmp_path / "sparse.gguf", strings, 10**10)
    began = time.process_time()
    refusal(path)
    assert time.process_time() - began < 1


def test_real_vocabulary_is_read_quickly(tmp_path: Path) -> None:
    content = model_content(n_layers=1)
    content.metadata["tokenizer.ggml.tokens"] = [f"token {number}" for number in range(131_072)]
    content.metadata["tokenizer.ggml.token_type"] = [1] * 131_072
    content.metadata["tokenizer.ggml.merges"] = [f"a {number}" for number in range(280_000)]
    path = content.write(tmp_path / "large vocabulary.gguf")
    began = time.process_time()
    assert read_model_file(str(path)).n_vocab == 131_072
    assert time.process_time() - began < 1.5


def test_tokens_are_compared_as_the_library_sees_them(tmp_path: Path) -> None:
    content = model_content(n_layers=1)
    tokens = content.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, list)
    tokens[300], tokens[301] = "same\0first", "same\0second"
    assert "twice" in refusal(content.write(tmp_path / "nul.gguf"))
    tokens[300], tokens[301] = "", ""
    assert read_model_file(str(content.write(tmp_path / "empty.gguf"))).n_vocab == len(tokens)


@pytest.mark.parametrize(
    "metadata",
    [
        {"llama.attention.layer_norm_rms_epsilon": -1.0},
        {"llama.attention.layer_norm_rms_epsilon": float("nan")},
        {"llama.rope.scaling.type": "spiral"},
        {"llama.nextn_predict_layers": 5},
        {"llama.expert_group_count": 2},
        {"general.alignment": 1},
    ],
)
def test_contradictions_that_would_abort_the_library(
    metadata: dict[str, object], tmp_path: Path
) -> None:
    path = build_model(tmp_path / "m.gguf", n_layers=1, metadata=metadata)
    if metadata == {"general.alignment": 1}:
        longer = {"general.name": "Tiny random model!", **metadata}
        path = build_model(tmp_path / "m.gguf", n_layers=1, metadata=longer)
    assert "which cannot be" in refusal(path) or "contradicts itself" in refusal(path)


def test_tensor_types_are_those_of_the_library() -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    folder = Path(llama_cpp.__file__).parent / "lib"
    libraries = [*folder.glob("*ggml-base*.so"), *folder.glob("*ggml-base*.dylib")]
    if sys.platform == "win32" or not libraries:
        pytest.skip("the library's file is not where it was expected")
    ggml = ctypes.CDLL(str(libraries[0]))
    ggml.ggml_blck_size.restype = ctypes.c_int64
    ggml.ggml_type_size.restype = ctypes.c_size_t
    theirs = {code: (ggml.ggml_blck_size(code), ggml.ggml_type_size(code)) for code in range(43)}
    assert {code: sizes for code, sizes in theirs.items() if sizes[1]} == TENSOR_TYPES
