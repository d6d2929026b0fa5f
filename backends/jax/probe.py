"""Counting the tokens of each layer in a loss: the shape of a gradient tap depends on them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.jax.batching import over_tokens
from peerspec.backends.jax.varying import axes

__all__ = ["Probe"]


@jax.tree_util.register_static
class Probe:
    """Takes the place of a gradient tap while a loss is traced without being computed; it holds no array.

    Attributes:
        tokens: the most tokens that the layer receives at once; those of a batch under ``vmap`` count together.
        pairs: the pairs of each token, h·k; 0 if the layer receives none.
        axes: the mesh axes over which the gradient varies inside ``jax.shard_map``.
    """

    def __init__(self) -> None:
        self.tokens, self.pairs, self.axes = 0, 0, frozenset[str]()

    def record(self, tables: Any, x: jax.Array, gate: jax.Array) -> None:
        """Count tokens x [T, D] with their pairs, whose gates are [T, h·k]."""
        self.pairs, self.axes = gate.shape[1], axes((tables, x, gate))

        def count(_: Any, tokens: jax.Array) -> jax.Array:
            self.tokens = max(self.tokens, len(tokens))
            return jnp.zeros(len(tokens))

        over_tokens(count)(tables, x)
