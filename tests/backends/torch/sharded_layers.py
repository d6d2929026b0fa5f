"""Layers and tokens for tests of layers over several processes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from support.rounding import APART
from torch import Tensor, nn

from peerspec.backends.torch import PEER, LazyAdam, RowAdagrad, RowSGD
from peerspec.conformance.inputs import dyadic
from peerspec.reference import PeerConfig, PeerError

__all__ = [
    "CLOSE",
    "FEW",
    "GLU",
    "MLP",
    "NORMED",
    "ONE",
    "OPTIMISERS",
    "RATE",
    "answer_of",
    "drawn",
    "learned",
    "numbers",
    "tokens",
    "whole",
    "whole_parameters",
]

MLP = PeerConfig(12, 2, 49, 4, 6)
GLU = PeerConfig(12, 2, 49, 4, 6, expert="glu", activation="silu", d_out=7, gate="sigmoid")
ONE = PeerConfig(12, 3, 49, 1, 6, expert="glu", activation="identity", d_out=7)
"""With k = 1 gates are 1, so on small dyadic numbers nothing is rounded."""
FEW = PeerConfig(3, 2, 4, 2, 2)
"""Of 4 rows or 3 columns, some of 3 or 4 processes have one or none."""
NORMED = PeerConfig(12, 2, 49, 4, 6, query_norm="batch")
CLOSE = {"rtol": 0.0, "atol": APART}
OPTIMISERS = {"SGD": RowSGD, "Adagrad": RowAdagrad, "Adam": LazyAdam}
RATE = 0.05


def numbers(seed: int, name: str, shape: tuple[int, ...]) -> Tensor:
    """Multiples of 1/4 in [−1, 1)."""
    return torch.from_numpy(dyadic(seed=seed, name=name, shape=tuple(shape), bits=3, exponent=0, dtype=np.float32))


def tokens(config: PeerConfig, rank: int, exact: bool) -> Tensor:
    """The tokens of a process; their numbers differ, and the last has none."""
    count = (5, 8, 3, 0)[rank]
    if exact:
        return numbers(rank, "x", (count, config.d_model))
    return drawn(count, config.d_model, seed=rank)


def drawn(*shape: int, seed: int) -> Tensor:
    """Normal numbers in float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def whole(config: PeerConfig, exact: bool) -> PEER:
    """A layer of dyadic numbers in float32, or of random ones in float64."""
    torch.manual_seed(0)
    layer = PEER(config)
    if exact:
        with torch.no_grad():
            for name, tensor in layer._tensors().items():
                tensor.copy_(numbers(9, name, tensor.shape))
    return layer if exact else layer.double()


def learned(layer: PEER) -> dict[str, Tensor]:
    """The gradients by name, whole."""
    found = {name: parameter.grad for name, parameter in layer.named_parameters()}
    return {name: g.full_tensor() if hasattr(g, "full_tensor") else g for name, g in found.items() if g is not None}


def whole_parameters(model: nn.Module) -> dict[str, Tensor]:
    whole = {name: p.full_tensor() if hasattr(p, "full_tensor") else p for name, p in model.named_parameters()}
    whole |= dict(model.named_buffers())
    return {name.removeprefix("module."): tensor.detach().clone() for name, tensor in whole.items()}


def answer_of(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except PeerError as error:
        return str(error)
    return "no error"
