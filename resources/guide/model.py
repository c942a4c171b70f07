"""The guide's network: a small llama, written so that llama.cpp computes the same.

RMSNorm, rotary positions over neighbouring pairs, SwiGLU, no biases; input and output embeddings
are separate.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-5
ROPE_BASE = 10000.0


@dataclass(frozen=True)
class Shape:
    """Sizes of the network."""

    n_vocab: int
    n_layers: int = 2
    n_embd: int = 256
    n_heads: int = 4
    n_ff: int = 512
    n_ctx: int = 4096
    dropout: float = 0.1

    def as_dict(self) -> dict[str, float]:
        """For the report."""
        return asdict(self)


def rotations(length: int, width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each (length, width / 2)."""
    rates = ROPE_BASE ** (-torch.arange(0, width, 2).float() / width)
    angles = torch.arange(length).float()[:, None] * rates[None, :]
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn neighbouring pairs of the last axis of x (batch, heads, length, width)."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Layer(nn.Module):
    """Attention and feed-forward, each before a residual connection."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        d = shape.n_embd
        self.n_heads = shape.n_heads
        self.attn_norm = nn.RMSNorm(d, EPSILON)
        self.attn_qkv = nn.Linear(d, 3 * d, bias=False)
        self.attn_output = nn.Linear(d, d, bias=False)
        self.ffn_norm = nn.RMSNorm(d, EPSILON)
        self.ffn_gate_up = nn.Linear(d, 2 * shape.n_ff, bias=False)
        self.ffn_down = nn.Linear(shape.n_ff, d, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, ends: Tensor | None = None) -> Tensor:
        """(batch, length, n_embd) to the same, or to (batch, 1, n_embd) at the places `ends`.

        Where only one place of each row is asked for, the others need no more than to be seen.
        """
        batch, length, d = x.shape
        normed = self.attn_norm(x)
        if ends is None:
            q, k, v = self.attn_qkv(normed).chunk(3, -1)
            mask = None
        else:
            rows = torch.arange(batch)
            k, v = F.linear(normed, self.attn_qkv.weight[d:]).chunk(2, -1)
            q = F.linear(normed[rows, ends][:, None], self.attn_qkv.weight[:d])
            x = x[rows, ends][:, None]
            mask = (torch.arange(length)[None] <= ends[:, None])[:, None, None]
        q, k, v = (
            part.float().view(batch, -1, self.n_heads, d // self.n_heads).transpose(1, 2)
            for part in (q, k, v)
        )
        k = rotate(k, cos, sin)
        q = (
            rotate(q, cos, sin)
            if ends is None
            else rotate(q, cos[ends][:, None, None], sin[ends][:, None, None])
        )
        with torch.autocast("cpu", enabled=False):  # short rows are slower in half precision
            seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        x = x + self.attn_output(seen.transpose(1, 2).reshape(batch, -1, d))
        gate, up = self.ffn_gate_up(self.ffn_norm(x)).chunk(2, -1)
        return x + self.ffn_down(F.silu(gate) * up)


class Guide(nn.Module):
    """Tokens in, a score for each next token out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.n_vocab, shape.n_embd)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.n_layers))
        self.output_norm = nn.RMSNorm(shape.n_embd, EPSILON)
        self.output = nn.Linear(shape.n_embd, shape.n_vocab, bias=False)
        cos, sin = rotations(shape.n_ctx, shape.n_embd // shape.n_heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.apply(self._begin)
        for layer in self.layers:
            for last in (layer.attn_output, layer.ffn_down):
                nn.init.normal_(last.weight, std=0.02 / (2 * shape.n_layers) ** 0.5)

    @staticmethod
    def _begin(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)

    def hidden(self, tokens: Tensor, ends: Tensor | None = None) -> Tensor:
        """(batch, length) whole numbers to (batch, length, n_embd), normalised.

        With `ends` (batch,) only what is at these places: (batch, n_embd).
        """
        length = tokens.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        x = F.dropout(self.token_embd(tokens), self.shape.dropout, self.training)
        for layer in self.layers[:-1]:
            x = layer(x, cos, sin)
        x = self.output_norm(self.layers[-1](x, cos, sin, ends))
        return x if ends is None else x[:, 0]

    def begin_as_bag_of_words(self) -> None:
        """Make the first layer add up what the tokens mean, which `bag` computes without it."""
        layer, d = self.layers[0], self.shape.n_embd
        with torch.no_grad():
            layer.attn_qkv.weight[2 * d :] = torch.eye(d)
            layer.attn_output.weight += torch.eye(d)

    def bag(self, tokens: Tensor, ends: Tensor) -> Tensor:
        """What `hidden` gives at the places `ends`, if order meant nothing: (batch, n_embd)."""
        x = F.dropout(self.token_embd(tokens), self.shape.dropout, self.training)
        seen = torch.arange(tokens.shape[1])[None] <= ends[:, None]
        mean = (F.rms_norm(x, x.shape[-1:], eps=EPSILON) * seen[..., None]).sum(1) / (ends + 1)[
            :, None
        ]
        return self.output_norm(x[torch.arange(len(ends)), ends] + mean)

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, length) to scores (batch, length, n_vocab)."""
        return self.output(self.hidden(tokens))
