"""The points that are measured: those of a GPU, and tiny ones of a dry run on the CPU with interpreted kernels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch

from peerspec.reference import PeerConfig

__all__ = ["DRY", "GPU", "Point", "Sizes", "config_of"]


@dataclass(frozen=True)
class Point:
    """T tokens of a layer with N experts of width D in one dtype."""

    tokens: int
    width: int
    dtype: torch.dtype
    experts: int

    @property
    def name(self) -> str:
        return f"T={self.tokens} D={self.width} {str(self.dtype)[6:]} N={self.experts}"

    @property
    def facts(self) -> dict[str, object]:
        return {"T": self.tokens, "D": self.width, "dtype": str(self.dtype)[6:], "N": self.experts}


@dataclass(frozen=True)
class Sizes:
    """All sizes of a run.

    Attributes:
        device: where arrays lie.
        heads, top_k, d_key: of every layer.
        experts: N of the points over tokens.
        tokens, widths, dtypes: the points.
        scaling: N of the points over experts.
        copy, product: numbers of the copy, and the side of the square products of the ceilings.
    """

    device: str
    heads: int
    top_k: int
    d_key: int
    experts: int
    tokens: tuple[int, ...]
    widths: tuple[int, ...]
    dtypes: tuple[torch.dtype, ...]
    scaling: tuple[int, ...]
    copy: int
    product: int
    steps: int

    @property
    def points(self) -> list[Point]:
        """The largest batch first: it says most."""
        return [
            Point(tokens, width, dtype, self.experts)
            for tokens, width, dtype in product(sorted(self.tokens, reverse=True), self.widths[::-1], self.dtypes)
        ]

    @property
    def pairs(self) -> int:
        return self.heads * self.top_k


def config_of(sizes: Sizes, point: Point) -> PeerConfig:
    """The layer of a point, as in the paper: MLP experts, exact GELU, softmax over each head."""
    return PeerConfig(point.width, sizes.heads, point.experts, sizes.top_k, sizes.d_key)


_DTYPES = (torch.bfloat16, torch.float32)
GPU = Sizes(
    device="cuda",
    heads=8,
    top_k=16,
    d_key=128,
    experts=2**20,
    tokens=(1, 64, 512, 8192),
    widths=(256, 1024),
    dtypes=_DTYPES,
    scaling=(2**12, 2**14, 2**16, 2**18, 2**20, 2**22),
    copy=1 << 30,
    product=8192,
    steps=100,
)
DRY = Sizes(
    device="cpu",
    heads=2,
    top_k=4,
    d_key=8,
    experts=64,
    tokens=(1, 3),
    widths=(16,),
    dtypes=_DTYPES,
    scaling=(16, 64),
    copy=1 << 10,
    product=16,
    steps=2,
)
