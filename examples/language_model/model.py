"""A decoder-only language model over bytes. Its middle block has a PEER layer as feed-forward network.

The paper, too, puts its one PEER layer there (section 3.1). The model has learned positions, layer norm before each
branch of a block, and one matrix for the embedding and the output projection.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from peerspec.backends.torch import PEER
from peerspec.reference import InputError, PeerConfig

__all__ = ["LanguageModel", "LanguageModelConfig"]


@dataclass(frozen=True)
class LanguageModelConfig:
    """Sizes of the model. Its width is that of the PEER layer.

    Args:
        peer: the PEER layer of block ``layers // 2``, with d_out = d_model.
        layers: number of blocks.
        attention_heads: heads of the attention in each block; must divide the width.
        context: the length of the longest sequence.
        vocabulary: number of tokens; 256 for bytes.
    """

    peer: PeerConfig = field(default_factory=lambda: PeerConfig(256, 8, 2**20, 16, 128))
    layers: int = 3
    attention_heads: int = 4
    context: int = 128
    vocabulary: int = 256

    def __post_init__(self) -> None:
        if self.width % self.attention_heads:
            raise InputError(f"attention_heads must divide the width {self.width}, got {self.attention_heads}")
        if self.peer.d_out != self.width:
            raise InputError(f"the PEER layer must have d_out = d_model = {self.width}, got {self.peer.d_out}")

    @property
    def width(self) -> int:
        """The width D of all blocks."""
        return self.peer.d_model


class LanguageModel(nn.Module):
    """Logits of the next byte at every position of a sequence of bytes.

    Args:
        config: the sizes.
        peer: a PEER layer with the configuration ``config.peer``; by default a new one.
    """

    def __init__(self, config: LanguageModelConfig, peer: PEER | None = None) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embedding = nn.Embedding(config.vocabulary, width)
        self.positions = nn.Parameter(torch.empty(config.context, width))
        feed_forwards: list[nn.Module] = [feed_forward(width) for _ in range(config.layers)]
        feed_forwards[config.layers // 2] = PEER(config.peer) if peer is None else peer
        self.blocks = nn.ModuleList(Block(width, config.attention_heads, network) for network in feed_forwards)
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.positions, std=0.02)

    @property
    def peer(self) -> PEER:
        """The PEER layer."""
        layer = self.blocks[self.config.layers // 2].feed_forward
        assert isinstance(layer, PEER)
        return layer

    def forward(self, tokens: Int[Tensor, "B S"]) -> Float[Tensor, "B S V"]:
        """Logits of the next byte after each token, from this token and earlier ones; S is at most the context."""
        x = self.embedding(tokens) + self.positions[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return functional.linear(self.norm(x), self.embedding.weight)


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x))."""

    def __init__(self, width: int, heads: int, network: nn.Module) -> None:
        super().__init__()
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.feed_forward = Attention(width, heads), network

    def forward(self, x: Float[Tensor, "B S D"]) -> Float[Tensor, "B S D"]:
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.feed_forward_norm(x))


class Attention(nn.Module):
    """Causal self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "B S D"]) -> Float[Tensor, "B S D"]:
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.inputs(x).chunk(3, -1))
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.output(attended.transpose(1, 2).flatten(2))


def feed_forward(width: int) -> nn.Module:
    """The dense network of the other blocks."""
    return nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
