"""Files a person might open by mistake or bad luck, each built from a good one.

`BAD_FILES` maps a name to a builder that writes the file into a folder and returns its path. What
happens to it is told by the group it is in: `REFUSED` is refused when it is read, `UNSUPPORTED` by
llama.cpp when it is loaded, `BAD_TEMPLATES` when an answer is asked for (or when the model is made
ready), `USABLE` works, perhaps with a notice.
"""

import struct
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from tests.models import CHATML, GgufFile, build_model, model_content

Builder = Callable[[Path], Path]

NOT_UTF8 = b"Caf\xe9 model"
SYSTEM_REFUSED = "This model takes no system message"
REFUSES_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('"
    + SYSTEM_REFUSED
    + "') }}{% endif %}"
    + CHATML
)
# Several loops: the sandbox limits each range, not their product.
ENDLESS = (
    "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}"
    "{% endfor %}{% endfor %}{% endfor %}" + CHATML
)


def _target(folder: Path) -> Path:
    return folder / "model.gguf"


def _raw(content: bytes, folder: Path) -> Path:
    path = _target(folder)
    path.write_bytes(content)
    return path


def _folder(folder: Path) -> Path:
    _target(folder).mkdir()
    return _target(folder)


def _changed(metadata: Mapping[str, object], folder: Path, vocab: str = "byte-bpe") -> Path:
    return build_model(_target(folder), n_layers=1, vocab=vocab, metadata=metadata)


def _template(template: str | None, folder: Path) -> Path:
    return build_model(_target(folder), n_layers=1, template=template)


def small_model(folder: Path) -> Path:
    """A good model, as small as is useful."""
    return build_model(_target(folder), n_layers=1)


def _cut(share: float, folder: Path) -> Path:
    """`share` of a good file: 0.5 is its half."""
    path = small_model(folder)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def _cut_at(find: Callable[[bytes], int], folder: Path) -> Path:
    path = small_model(folder)
    content = path.read_bytes()
    path.write_bytes(content[: find(content)])
    return path


def _patched(change: Callable[[bytearray], None], folder: Path) -> Path:
    path = small_model(folder)
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    return path


def _put(form: str, value: int, place: int, content: bytearray) -> None:
    struct.pack_into(form, content, place, value)


def _after(name: bytes, skip: int, form: str, value: int, content: bytearray) -> None:
    """Write a number `skip` bytes after the first `name` in the file."""
    struct.pack_into(form, content, content.index(name) + len(name) + skip, value)


def _vocabulary_only(folder: Path) -> Path:
    content = model_content()
    content.tensors.clear()
    return content.write(_target(folder))


def _renamed_architecture(kind: str, folder: Path) -> Path:
    content = model_content(n_layers=1)
    metadata = {key.replace("llama.", f"{kind}.", 1): v for key, v in content.metadata.items()}
    metadata["general.architecture"] = kind
    return GgufFile(metadata, content.tensors).write(_target(folder))


def _with_tokens(change: Callable[[list[str]], object], folder: Path) -> Path:
    content = model_content(n_layers=1)
    tokens = content.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, list)
    change(tokens)
    return content.write(_target(folder))


def _duplicate(tokens: list[str]) -> None:
    tokens[300] = tokens[301]


def _spm_without_bytes(folder: Path) -> Path:
    content = model_content(n_layers=1, vocab="spm")
    tokens = content.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, list)
    content.metadata["tokenizer.ggml.tokens"] = [t.replace("<0x", "<byte ") for t in tokens]
    content.metadata["tokenizer.ggml.token_type"] = [1] * len(tokens)
    return content.write(_target(folder))


def _short_list(key: str, folder: Path) -> Path:
    content = model_content(n_layers=1, vocab="spm")
    values = content.metadata[key]
    assert isinstance(values, list)
    content.metadata[key] = values[:-1]
    return content.write(_target(folder))


def build_split(folder: Path, parts: int = 3) -> list[Path]:
    """A good model in several files, with the usual names."""
    content = model_content(n_layers=2)
    names = np.array_split(np.array(list(content.tensors)), parts)
    paths = []
    for place, chosen in enumerate(names):
        metadata: dict[str, object] = dict(content.metadata) if place == 0 else {}
        metadata |= {
            "split.no": np.uint16(place),
            "split.count": np.uint16(parts),
            "split.tensors.count": np.int32(len(content.tensors)),
        }
        part = GgufFile(metadata, {name: content.tensors[name] for name in chosen})
        paths.append(part.write(folder / f"model-{place + 1:05}-of-{parts:05}.gguf"))
    return paths


def _split_without(place: int, folder: Path) -> Path:
    paths = build_split(folder)
    paths[place - 1].unlink()
    return paths[0]


def _split_cut(folder: Path) -> Path:
    paths = build_split(folder)
    paths[1].write_bytes(paths[1].read_bytes()[:-5000])
    return paths[0]


def _split_renamed(folder: Path) -> Path:
    return build_split(folder)[0].rename(_target(folder))


_HTML = b"<!DOCTYPE html>\n<html><head><title>Model</title></head><body>Files</body></html>\n"
_LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 4000\n"
_TENSOR = b"token_embd.weight"  # then: dimensions u32, two lengths u64, type u32, offset u64

REFUSED: dict[str, Builder] = {
    "missing": _target,
    "folder": _folder,
    "empty": partial(_raw, b""),
    "pdf": partial(_raw, b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + b"x" * 5000),
    "zip": partial(_raw, b"PK\x03\x04\x14\x00" + b"\x00" * 5000),
    "html": partial(_raw, _HTML),
    "png": partial(_raw, b"\x89PNG\r\n\x1a\n" + b"\x00" * 500),
    "text": partial(_raw, "Just a few words, déjà vu.\n".encode() * 40),
    "noise": partial(_raw, bytes(range(7, 256)) * 40),
    "zeros": partial(_raw, b"\x00" * 100_000),
    "git lfs pointer": partial(_raw, _LFS),
    "safetensors": partial(_raw, struct.pack("<Q", 64) + b'{"a":' + b" " * 500),
    "old ggml": partial(_raw, b"tjgg" + struct.pack("<I", 3) + b"\x00" * 5000),
    "version 1": partial(_patched, partial(_put, "<I", 1, 4)),
    "version 4": partial(_patched, partial(_put, "<I", 4, 4)),
    "version 0": partial(_patched, partial(_put, "<I", 0, 4)),
    "big-endian": partial(_patched, partial(_put, ">I", 3, 4)),
    "cut in the magic": partial(_cut_at, lambda _: 3),
    "cut in the counts": partial(_cut_at, lambda _: 20),
    "cut in the metadata": partial(_cut_at, lambda c: c.index(b"llama.block_count") + 4),
    "cut in the vocabulary": partial(_cut_at, lambda c: c.index("Ġt".encode())),
    "cut in the tensor list": partial(_cut_at, lambda c: c.index(b"output_norm.weight") + 9),
    "cut in the first weights": partial(_cut, 0.25),
    "cut in half": partial(_cut, 0.5),
    "cut near the end": partial(_cut, 0.99),
    "cut by one byte": partial(_cut_at, lambda c: len(c) - 1),
    "too many tensors": partial(_patched, partial(_put, "<Q", 2**60, 8)),
    "too many keys": partial(_patched, partial(_put, "<Q", 2**40, 16)),
    "string longer than the file": partial(
        _patched, partial(_after, b"general.name", 4, "<Q", 2**63)
    ),
    "array longer than the file": partial(
        _patched, partial(_after, b"tokenizer.ggml.token_type", 8, "<Q", 2**62)
    ),
    "nested array": partial(_patched, partial(_after, b"tokenizer.ggml.merges", 4, "<I", 9)),
    "unknown tensor type": partial(_patched, partial(_after, _TENSOR, 20, "<I", 77)),
    "five dimensions": partial(_patched, partial(_after, _TENSOR, 0, "<I", 5)),
    "tensor larger than the file": partial(_patched, partial(_after, _TENSOR, 12, "<Q", 2**50)),
    "tensor somewhere else": partial(_patched, partial(_after, _TENSOR, 24, "<Q", 64)),
    "alignment 0": partial(_changed, {"general.alignment": 0}),
    "alignment 3": partial(_changed, {"general.alignment": 3}),
    "no architecture": partial(_changed, {"general.architecture": None}),
    "vocabulary only": _vocabulary_only,
    "no vocabulary": partial(_changed, {"tokenizer.ggml.tokens": None}),
    "adapter": partial(_changed, {"general.type": "adapter"}),
    "projector": partial(_changed, {"general.type": "mmproj"}),
    "clip": partial(_renamed_architecture, "clip"),
    "bert": partial(_renamed_architecture, "bert"),
    "t5 encoder": partial(_renamed_architecture, "t5encoder"),
    "embedding model": partial(_changed, {"llama.pooling_type": 3}),
    "reads both ways": partial(_changed, {"llama.attention.causal": False}),
    "block_count 0": partial(_changed, {"llama.block_count": 0}),
    "block_count 600": partial(_changed, {"llama.block_count": 600}),
    "embedding_length 0": partial(_changed, {"llama.embedding_length": 0}),
    "key_length 0": partial(_changed, {"llama.attention.key_length": 0}),
    "heads that do not fit": partial(_changed, {"llama.attention.head_count_kv": 3}),
    "more experts used than there are": partial(
        _changed, {"llama.expert_count": 4, "llama.expert_used_count": 8}
    ),
    "too many experts": partial(
        _changed, {"llama.expert_count": 5000, "llama.expert_used_count": 2}
    ),
    "no experts used": partial(_changed, {"llama.expert_count": 4}),
    "experts used of none": partial(_changed, {"llama.expert_used_count": 4}),
    "duplicate token": partial(_with_tokens, _duplicate),
    "token types too short": partial(_short_list, "tokenizer.ggml.token_type"),
    "scores too short": partial(_short_list, "tokenizer.ggml.scores"),
    "spm without bytes": _spm_without_bytes,
    "split, part 1 missing": lambda folder: (
        (_split_without(1, folder), folder)[1] / "model-00002-of-00003.gguf"
    ),
    "split, part 2 missing": partial(_split_without, 2),
    "split, last part missing": partial(_split_without, 3),
    "split, part 2 cut": _split_cut,
    "split, renamed": _split_renamed,
}

UNSUPPORTED: dict[str, Builder] = {
    "unsupported architecture": partial(_renamed_architecture, "hal9000"),
}

BAD_TEMPLATES: dict[str, Builder] = {
    "broken template": partial(_template, "{% for message in messages %}{{ message.content"),
    "raising template": partial(_template, "{{ raise_exception('Only on Sundays') }}"),
    "endless template": partial(_template, ENDLESS),
    "power tower template": partial(_template, "{{ 9**(9**9) }}" + CHATML),
}

USABLE: dict[str, Builder] = {
    "no template": partial(_template, None),
    "metadata not UTF-8": partial(_changed, {"general.name": NOT_UTF8}),
    "context_length 2^31-1": partial(_changed, {"llama.context_length": 2**31 - 1}),
    "template refuses the system prompt": partial(_template, REFUSES_SYSTEM),
    "split": lambda folder: build_split(folder)[0],
    "split, opened at part 2": lambda folder: build_split(folder)[1],
}

BAD_FILES: dict[str, Builder] = REFUSED | UNSUPPORTED | BAD_TEMPLATES | USABLE
