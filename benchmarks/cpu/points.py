"""The points of the grid, and the parameters that all variants of one point use."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from peerspec.reference import PeerConfig

__all__ = ["GRID", "HEADS", "TOP_K", "Bench", "Point", "benches"]

HEADS, TOP_K, D_KEY = 8, 16, 128
BATCHES = 4


@dataclass(frozen=True, order=True)
class Point:
    """Sizes of a measurement: n sub-keys per half, so N = n² experts, width D, T tokens."""

    n: int
    d_model: int
    tokens: int

    @property
    def config(self) -> PeerConfig:
        return PeerConfig(self.d_model, HEADS, self.n**2, TOP_K, D_KEY)

    def as_row(self) -> dict[str, int]:
        return {"N": self.n**2, "D": self.d_model, "T": self.tokens}

    def __str__(self) -> str:
        return f"N = 2^{2 * (self.n.bit_length() - 1)}, D = {self.d_model}, T = {self.tokens}"


GRID = sorted(Point(n, d_model, tokens) for n in (128, 1024) for d_model in (256, 1024) for tokens in (64, 512, 2048))


@dataclass
class Bench:
    """One point with its parameters. Experts are selected nearly uniformly, the worst case for locality."""

    point: Point
    params: dict[str, Tensor]
    batch: int = 0
    """Which of the batches of tokens ``x`` is."""

    @property
    def config(self) -> PeerConfig:
        return self.point.config

    @cached_property
    def batches(self) -> list[Tensor]:
        """Different tokens of the same shape: the rows of one batch are not those of the next."""
        random = torch.Generator().manual_seed(1)
        return [torch.randn(self.point.tokens, self.point.d_model, generator=random) for _ in range(BATCHES)]

    @property
    def x(self) -> Tensor:
        """The tokens of this round."""
        return self.batches[self.batch]

    def advance(self) -> None:
        """Take the next batch of tokens."""
        self.batch = (self.batch + 1) % BATCHES

    @cached_property
    def pairs(self) -> tuple[Tensor, Tensor]:
        """Random ids and gates [T, h·k], for the expert stage alone."""
        random = torch.Generator().manual_seed(2)
        shape = (self.point.tokens, HEADS * TOP_K)
        return torch.randint(self.point.n**2, shape, generator=random), torch.rand(shape, generator=random)


def benches(points: list[Point]) -> Iterator[Bench]:
    """A bench for each point; points that differ in T only have the same parameters."""
    made: tuple[int, int] = (0, 0)
    params: dict[str, Tensor] = {}
    for point in sorted(points):
        if made != (point.n, point.d_model):
            params.clear()  # frees the old tables before the new ones are made
            params, made = _parameters(point.config), (point.n, point.d_model)
        yield Bench(point, params)


def _aligned(shape: tuple[int, ...]) -> Tensor:
    """Memory with huge pages, by NumPy, aligned to 64 bytes, so that JAX needs no copy."""
    count = math.prod(shape)
    memory = np.empty(count + 16, np.float32)
    start = -(memory.ctypes.data // 4) % 16
    return torch.from_numpy(memory[start : start + count].reshape(shape))


def _parameters(config: PeerConfig) -> dict[str, Tensor]:
    """Random parameters in memory with huge pages, as in ``PEER``; tables repeat a block of random numbers."""
    random = torch.Generator().manual_seed(0)
    params = {}
    for name, shape in config.shapes().items():
        tensor = _aligned(shape)
        block = tensor.view(-1)[: 1 << 24]
        block.copy_(torch.randn(len(block), generator=random) * shape[-1] ** -0.5)
        for start in range(len(block), tensor.numel(), len(block)):
            part = tensor.view(-1)[start : start + len(block)]
            part.copy_(block[: len(part)])
        params[name] = tensor
    return params
