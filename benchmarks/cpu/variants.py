"""The variants: the layer of this project, and others that compute the same function or have the same cost.

All work on the same tables. A variant is a function from a ``Bench`` to the function of one turn, which returns y.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from points import Bench
from rivals import Algorithm1, package_layer
from torch import Tensor, nn
from torch.nn import functional

from peerspec.backends.torch import PEER
from peerspec.backends.torch.kernels import library_operations
from peerspec.reference.cost import cost

__all__ = ["BAG", "COMPILED", "CORE", "LIBRARY", "PACKAGE", "Maker", "Work", "dense", "layer", "paper", "peer_pytorch"]

Work = Callable[[], Tensor]
Maker = Callable[[Bench], Work]

CORE, LIBRARY, PACKAGE = "torch, with the core", "torch, library operations", "PEER-pytorch"
BAG = "Algorithm 1, embedding_bag"
COMPILED = f"{BAG}, torch.compile"


def layer(bench: Bench) -> PEER:
    """The module on the tables of the bench, without a copy."""
    module = PEER(bench.config, device="meta")
    module.load_state_dict(bench.params, assign=True)
    return module.eval().requires_grad_(False)


def with_core(bench: Bench) -> Work:
    module = layer(bench)
    return lambda: module(bench.x)


def library(bench: Bench) -> Work:
    module = layer(bench)

    def work() -> Tensor:
        with library_operations():
            return module(bench.x)

    return work


def peer_pytorch_module(bench: Bench) -> nn.Module:
    """The layer of the package, in the mode that computes PEER, with the weights of the bench."""
    return package_layer(layer(bench)).eval().requires_grad_(False)


def peer_pytorch(bench: Bench, *, compiled: bool = False) -> Work:
    module = _maybe(peer_pytorch_module(bench), compiled)
    return lambda: module(bench.x[None])[0]


def paper(bench: Bench, *, bag: bool = False, compiled: bool = False) -> Work:
    module = _maybe(Algorithm1(layer(bench), bag=bag), compiled)
    return lambda: module(bench.x)


def _maybe(module: nn.Module, compiled: bool) -> Callable[[Tensor], Tensor]:
    return torch.compile(module, dynamic=False) if compiled else module


def dense(bench: Bench, hidden: int) -> Work:
    """A feed-forward block with ``hidden`` units; its weights are rows of the expert tables."""
    u, v = (bench.params[f"experts.{name}"][:hidden] for name in "uv")
    return lambda: functional.linear(functional.gelu(functional.linear(bench.x, u)), v.T)


def of_equal_flops(bench: Bench) -> Work:
    return dense(bench, max(1, cost(bench.config).flops_per_token // (4 * bench.point.d_model)))


def of_equal_parameters(bench: Bench) -> Work:
    return dense(bench, bench.config.num_experts)
