"""Writes the trained guide as a GGUF file that llama.cpp reads: F16 weights, own vocabulary."""

from pathlib import Path

import gguf
import numpy as np
import tokenizer
import torch
from gguf.quants import quantize
from model import EPSILON, ROPE_BASE, Guide

NAME = "PyChatbot Guide"
DESCRIPTION = (
    "A tiny model trained from scratch for one program: it knows only PyChatbot and a little "
    "about local language models, and says so when it is asked for anything else."
)

# All scores are made this much larger than they were trained, so that the temperatures people
# usually set do not blur what the guide knows: it has one answer, not many.
SHARPNESS = 4.0


def export(guide: Guide, vocabulary: tokenizer.Vocabulary, path: Path, version: str) -> None:
    """Write `guide` to `path`."""
    writer = gguf.GGUFWriter(path, "llama")
    shape = guide.shape
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(NAME)
    writer.add_description(DESCRIPTION)
    writer.add_author("PyChatbot contributors")
    writer.add_version(version)
    writer.add_license("MIT")
    writer.add_languages(["en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(shape.n_ctx)
    writer.add_embedding_length(shape.n_embd)
    writer.add_block_count(shape.n_layers)
    writer.add_feed_forward_length(shape.n_ff)
    writer.add_head_count(shape.n_heads)
    writer.add_head_count_kv(shape.n_heads)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_dimension_count(shape.n_embd // shape.n_heads)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_vocab_size(vocabulary.size)
    _add_vocabulary(writer, vocabulary)
    for name, tensor in _tensors(guide):
        if tensor.ndim == 1:
            writer.add_tensor(name, tensor)
        else:
            kind = gguf.GGMLQuantizationType.F16
            writer.add_tensor(name, quantize(tensor, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: gguf.GGUFWriter, vocabulary: tokenizer.Vocabulary) -> None:
    texts = vocabulary.token_texts()
    types = [gguf.TokenType.NORMAL] * vocabulary.n_words
    types += [gguf.TokenType.CONTROL] * len(vocabulary.controls)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(texts)
    writer.add_token_types(types)
    writer.add_token_merges(vocabulary.merges())
    end = vocabulary.controls[tokenizer.END]
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(end)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(tokenizer.CHAT_TEMPLATE)


def _tensors(guide: Guide) -> list[tuple[str, np.ndarray]]:
    def array(parameter: torch.Tensor) -> np.ndarray:
        return parameter.detach().float().numpy().copy()

    tensors = [
        ("token_embd.weight", array(guide.token_embd.weight)),
        ("output_norm.weight", array(guide.output_norm.weight)),
        ("output.weight", array(guide.output.weight) * SHARPNESS),
    ]
    for i, layer in enumerate(guide.layers):
        q, k, v = array(layer.attn_qkv.weight).reshape(3, guide.shape.n_embd, -1)
        gate, up = array(layer.ffn_gate_up.weight).reshape(2, guide.shape.n_ff, -1)
        parts = {
            "attn_norm": array(layer.attn_norm.weight),
            "attn_q": q,
            "attn_k": k,
            "attn_v": v,
            "attn_output": array(layer.attn_output.weight),
            "ffn_norm": array(layer.ffn_norm.weight),
            "ffn_gate": gate,
            "ffn_up": up,
            "ffn_down": array(layer.ffn_down.weight),
        }
        tensors += [
            (f"blk.{i}.{name}.weight", np.ascontiguousarray(a)) for name, a in parts.items()
        ]
    return tensors
