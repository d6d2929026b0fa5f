"""How many tokens each layer meets in a function, found by tracing it: slots must have a shape before there are any."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.jax.batching import over_tokens

__all__ = ["Probe"]


@jax.tree_util.register_static
class Probe:
    """Stands in the place of a slot while a function is traced for what it meets, with no array of its own.

    Attributes:
        tokens, pairs: the most tokens that the layer met at once, those of a batch counted together, and the pairs of
            each.
    """

    def __init__(self) -> None:
        self.tokens, self.pairs = 0, 0

    def meet(self, tables: Any, x: jax.Array, pairs: int) -> None:
        """Count tokens [T, D]."""
        self.pairs = pairs

        def count(_: Any, tokens: jax.Array) -> jax.Array:
            self.tokens = max(self.tokens, len(tokens))
            return jnp.zeros(len(tokens))

        over_tokens(count)(tables, x)
