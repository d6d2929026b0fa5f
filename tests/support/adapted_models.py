"""A small model with attention and gated feed-forward networks, as transformers have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from peerspec.backends.torch import add_adapters, peer_adapters

__all__ = ["SIZES", "Attention", "Block", "Model", "adapted_model", "learned_tables", "tokens"]

SIZES: dict[str, Any] = {"heads": 2, "num_experts": 49, "top_k": 4, "d_key": 6, "rank": 2, "alpha": 0.5}


class Attention(nn.Module):
    """Softmax attention of one head; v has another width than q and k."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, 8), nn.Linear(8, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.softmax(self.q(x) @ self.k(x).mT, -1) @ self.v(x))


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(12, 16), nn.Linear(12, 16, bias=False), nn.Linear(16, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(torch.sigmoid(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.attention, self.mlp = nn.LayerNorm(12), Attention(), Gated()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm(x))
        return x + self.mlp(self.norm(x))


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block() for _ in range(2))
        self.checkpoint: Callable[..., Tensor] = called

    def forward(self, x: Tensor) -> Tensor:
        for block in self.layers:
            x = self.checkpoint(block, x)
        return x


def called(block: nn.Module, x: Tensor) -> Tensor:
    """The block without checkpointing; a function that pickle finds."""
    return block(x)


def learned_tables(model: nn.Module, seed: int = 7) -> None:
    """Give adapters tables that add something."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for adapter in peer_adapters(model).values():
            for name, parameter in adapter.named_parameters():
                if name.endswith(".v"):
                    parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))


def adapted_model(
    where: Any = ("q", "k", "v"), *, seed: int = 0, dtype: torch.dtype = torch.float64, **options: Any
) -> Model:
    """A model whose attentions have adapters that add something."""
    torch.manual_seed(seed)
    model = Model().to(dtype)
    add_adapters(model, where, **(SIZES | options))
    learned_tables(model)
    return model


def tokens(seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)
