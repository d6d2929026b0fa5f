"""The gates of ``PEER`` where no derivative is wanted: those of the native core on the CPU (SPEC.md, PKM-3)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.gates import gates
from peerspec.backends.torch.kernels import register_kernels
from peerspec.backends.torch.operators import plain_operator

__all__ = ["gates_of_inference"]


def gates_of_inference(kind: str, scores: Float[Tensor, "T h k"]) -> Float[Tensor, "T h k"]:
    """As ``gates``, with the bits of the layer as one operator; not differentiable."""
    found: Tensor = _gates(scores, kind)
    return found


def _by_library(scores: Tensor, kind: str) -> Tensor:
    return gates(kind, scores)


def _by_core(scores: Tensor, kind: str) -> Tensor:
    return to_tensor(native.gates(kind, to_array(scores), threads=torch.get_num_threads()))


_gates = plain_operator(
    "gates_of_inference",
    "(Tensor scores, str kind) -> Tensor",
    _by_library,
    lambda scores, kind: scores.new_empty(scores.shape),
)
register_kernels(_gates, core=_by_core, library=_by_library)
