"""The dense block: y = Σ over hidden neurons of σ(u·x)·v (SPEC.md, DNS-3)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from peerspec.reference.comparison.blocks import Tables, expert_blocks, expert_blocks_backward
from peerspec.reference.comparison.config import DenseConfig
from peerspec.reference.comparison.layer import ComparisonLayer

__all__ = ["dense", "dense_backward"]


def dense(config: DenseConfig, layer: ComparisonLayer, x: Float[np.ndarray, "T D"]) -> Float[np.ndarray, "T M"]:
    """y of tokens, in their dtype."""
    return expert_blocks(config, _block(layer), x, *_only_expert(x))


def dense_backward(
    config: DenseConfig, layer: ComparisonLayer, x: Float[np.ndarray, "T D"], dy: Float[np.ndarray, "T M"]
) -> dict[str, np.ndarray]:
    """The gradients of Σ dy·y by parameter name, and of x by ``"x"``."""
    grads, dx, _ = expert_blocks_backward(config, _block(layer), x, *_only_expert(x), dy)
    return {name: gradient[0] for name, gradient in grads.items()} | {"x": dx}


def _block(layer: ComparisonLayer) -> Tables:
    return {name: array[None] for name, array in layer.params.items()}


def _only_expert(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gate 1 of one expert that computes every token."""
    return np.ones((len(x), 1), x.dtype), np.ones((len(x), 1), bool)
