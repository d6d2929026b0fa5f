"""The expert stage with a gradient tap: the gradients of its tables go into the tap."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.jax.experts import (
    ExpertGradients,
    Tables,
    expert_stage,
    expert_stage_backward,
    expert_stage_with_products,
)
from peerspec.backends.jax.gradient_taps import GradientTap, encode_ids, padded_gradient
from peerspec.backends.jax.probe import Probe
from peerspec.backends.jax.varying import agreed

__all__ = ["tapped_expert_stage"]


def tapped_expert_stage(
    tap: GradientTap | Probe, activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array
) -> jax.Array:
    """``expert_stage`` whose tables are constants and whose gradient by ``tap`` is the gradient of the tables."""
    if isinstance(tap, Probe):
        tap.record(tables, x, gate)
        return expert_stage(activation, tables, x, ids, gate)
    return _stage(activation, len(tap.uses), tap, *agreed((tables, x, ids, gate)))


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _stage(
    activation: str, capacity: int, tap: GradientTap, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array
) -> jax.Array:
    return expert_stage(activation, tables, x, ids, gate)


def _forward(activation: str, capacity: int, tap: GradientTap, *arguments: Any) -> tuple[jax.Array, Any]:
    y, products = expert_stage_with_products(activation, *arguments)
    return y, (*arguments, products)


def _backward(activation: str, capacity: int, saved: Any, dy: jax.Array) -> tuple[Any, ...]:
    tables, x, ids, gate, products = saved
    gradients = expert_stage_backward(activation, tables, x, ids, gate, products, dy)
    ones, codes = jnp.ones(len(x), x.dtype), encode_ids(ids, x.dtype)
    tokens = agreed(GradientTap(ones, codes, x, dy, _after_all_reads(gradients)))
    return padded_gradient(capacity, tokens), None, gradients.dx, None, gradients.dgate


def _after_all_reads(gradients: ExpertGradients) -> Tables:
    """The weights, with a data dependency on everything that reads a table.

    XLA copies a table if an update in place could run before a read of the table, and its later passes remove
    barriers. So the weights of a token become NaN if another gradient of the token is NaN, and else stay unchanged.
    """
    is_nan = jnp.isnan(gradients.dx).any(-1) | jnp.isnan(gradients.dgate).any(-1)
    return {name: jnp.where(is_nan[:, None], jnp.nan, weights) for name, weights in gradients.weights.items()}


_stage.defvjp(_forward, _backward)
