"""Gates: the weight of each selected expert, from the scores of its head (SPEC.md, GAT-1 … GAT-3)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.folding import fold_batches
from peerspec.backends.torch.kernels import register_kernels
from peerspec.backends.torch.operators import plain_operator

__all__ = ["constant_gates", "gates"]


def gates(kind: str, scores: Float[Tensor, "*lead k"]) -> Float[Tensor, "*lead k"]:
    """Softmax over the k selected scores, or the logistic function of each; in the dtype of the scores."""
    return torch.softmax(scores, -1) if kind == "softmax" else torch.sigmoid(scores)


def constant_gates(kind: str, scores: Float[Tensor, "*lead k"]) -> Float[Tensor, "*lead k"]:
    """``gates`` without a derivative, with the bits of a layer that one operator computes."""
    found: Tensor = _gates(scores, kind)
    return found


def _by_core(scores: Tensor, kind: str) -> Tensor:
    return to_tensor(native.gates(kind, to_array(scores)))


def _by_library(scores: Tensor, kind: str) -> Tensor:
    return gates(kind, scores)


_gates = plain_operator(
    "gates", "(Tensor scores, str kind) -> Tensor", _by_library, lambda scores, kind: torch.empty_like(scores)
)
fold_batches(_gates, tokens=(0,))
register_kernels(_gates, core=_by_core, library=_by_library, tables=(0,))
