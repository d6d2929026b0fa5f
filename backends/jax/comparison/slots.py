"""Tokens in the slots of experts, and back.

An expert computes the C tokens in its slots, of which some may be empty. Going there and back are transposes of each
other, and each is a gather. So no derivative adds to one place in an order of its own (IND-3).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

__all__ = ["Slots", "eligible", "from_slots", "into_slots", "marked", "places_in_order", "sorted_down"]


class Slots(NamedTuple):
    """Which token lies in which slot.

    Attributes:
        token: [E, C], the token in each slot; any where it is empty.
        filled: [E, C], whether there is one.
        slot: [T, K], for each of K choices of a token its slot, e·C + position.
        kept: [T, K], whether it has one.
    """

    token: jax.Array
    filled: jax.Array
    slot: jax.Array
    kept: jax.Array


@jax.custom_vjp
def into_slots(x: jax.Array, slots: Slots) -> jax.Array:
    """The token [E, C, D] in each slot, of tokens [T, D]; zeros where it is empty."""
    return jnp.where(slots.filled[..., None], x[slots.token], 0)


@jax.custom_vjp
def from_slots(out: jax.Array, slots: Slots) -> jax.Array:
    """For each token the sum [T, M] over its slots of [E, C, M]; zeros for a token that has none."""
    rows = out.reshape(-1, out.shape[-1])
    total = jnp.zeros((slots.slot.shape[0], out.shape[-1]), out.dtype)
    for choice in range(slots.slot.shape[1]):
        total += jnp.where(slots.kept[:, choice, None], rows[slots.slot[:, choice]], 0)
    return total


def _there(x: jax.Array, slots: Slots) -> tuple[jax.Array, Slots]:
    return into_slots(x, slots), slots


def _and_back(out: jax.Array, slots: Slots) -> tuple[jax.Array, Slots]:
    return from_slots(out, slots), slots


def _to_tokens(slots: Slots, gradient: jax.Array) -> tuple[Any, None]:
    return from_slots(gradient, slots), None


def _to_slots(slots: Slots, gradient: jax.Array) -> tuple[Any, None]:
    return into_slots(gradient, slots), None


into_slots.defvjp(_there, _to_tokens)
from_slots.defvjp(_and_back, _to_slots)


def eligible(logit: jax.Array, mask: jax.Array | None) -> jax.Array:
    """The tokens [T] that experts compute: counted, with finite logits [T, E] (CMP-5)."""
    finite = jnp.isfinite(logit).all(-1)
    return finite if mask is None else finite & mask


def marked(y: jax.Array, computed: jax.Array, mask: jax.Array | None) -> jax.Array:
    """y with NaN for the counted tokens that no expert may compute (CMP-5)."""
    strange = ~computed if mask is None else mask & ~computed
    return jnp.where(strange[:, None], jnp.nan, y)


def sorted_down(values: jax.Array) -> jax.Array:
    """The positions along the last axis by larger value, then lower position; −0 equals +0."""
    return jnp.argsort(jnp.where(values == 0, 0, -jax.lax.stop_gradient(values)), axis=-1, stable=True)


def places_in_order(order: jax.Array) -> jax.Array:
    """The inverse of permutations along the last axis."""
    return jnp.argsort(order, axis=-1)
