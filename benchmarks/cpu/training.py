"""Layers that learn, on the tables of the bench, and their forward and backward pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
from fbgemm import TableBatched
from points import Bench
from rivals import Algorithm1
from torch import Tensor, nn
from variants import CORE, LIBRARY, PACKAGE, layer, peer_pytorch_module

__all__ = [
    "CORE",
    "LIBRARY",
    "PACKAGE",
    "SPARSE",
    "Pass",
    "backward_pass",
    "dense_algorithm",
    "package_layer",
    "project_layer",
    "sparse_algorithm",
]

SPARSE = "Algorithm 1, sparse"

Pass = Callable[[], Tensor]


def project_layer(bench: Bench) -> nn.Module:
    """The module of this project, whose tables have gradients as touched rows."""
    module = layer(bench).requires_grad_()
    module.sparse_gradients = True
    return module


def package_layer(bench: Bench) -> nn.Module:
    """The layer of the package, whose gradients are as large as the tables."""
    module = peer_pytorch_module(bench)
    module.keys = nn.Parameter(module.keys.detach().clone())  # an optimiser cannot write to a repeated view
    return module.requires_grad_()


def dense_algorithm(bench: Bench, *, compiled: bool = False) -> nn.Module:
    """Algorithm 1, whose gradients are as large as the tables."""
    module = Algorithm1(layer(bench).requires_grad_(), bag=True)
    if compiled:
        module.compile(dynamic=False)
    return module


def sparse_algorithm(bench: Bench) -> nn.Module:
    """Algorithm 1 by ``embedding`` and ``embedding_bag``, whose gradients are touched rows as well."""
    return Algorithm1(layer(bench).requires_grad_(), bag=True, sparse=True)


def backward_pass(module: nn.Module, bench: Bench) -> Pass:
    """A pass as in the middle of a model: y of x, and from dy the gradients of x and all parameters."""
    batched = not isinstance(module, Algorithm1 | TableBatched)
    batches = [(x[None] if batched else x).clone().requires_grad_() for x in bench.batches]
    dy = torch.randn(batches[0].shape, generator=torch.Generator().manual_seed(3)) * 1e-3

    def work() -> Tensor:
        x = batches[bench.batch]
        x.grad = None
        y = module(x)
        y.backward(dy)
        return y

    return work
