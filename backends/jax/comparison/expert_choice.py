"""The mixture of experts in which experts choose (SPEC.md, XCM-1 … XCM-7).

The result of a token depends on all tokens of the call, later ones included (XCM-6).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from peerspec.backends.jax.comparison.blocks import blocks, tables_of
from peerspec.backends.jax.comparison.slots import (
    Slots,
    eligible,
    from_slots,
    into_slots,
    marked,
    places_in_order,
    sorted_down,
)
from peerspec.backends.jax.precision import inner_product
from peerspec.reference.comparison import ExpertChoiceConfig

__all__ = ["ExpertChoiceOutput", "expert_choice"]


class ExpertChoiceOutput(NamedTuple):
    """The result of a mixture in which experts choose, a pytree.

    Attributes:
        y: [..., M], in the dtype of x.
        scores: [..., E], the softmax over the experts, in the compute dtype: the gate where an expert chose the token.
        chosen: [..., E], whether the expert chose the token.
    """

    y: jax.Array
    scores: jax.Array
    chosen: jax.Array


def expert_choice(
    config: ExpertChoiceConfig, params: dict[str, jax.Array], x: jax.Array, mask: jax.Array | None
) -> ExpertChoiceOutput:
    """The result for tokens [T, D] in the compute dtype, with a mask [T]."""
    logit = inner_product("td,ed->te", x, params["router.weight"])
    scores, computed = jax.nn.softmax(logit), eligible(logit, mask)
    slots = _slots(config, scores, computed, mask)
    gates = jnp.where(slots.filled, jnp.take_along_axis(scores.T, slots.token, -1), 0)
    out = blocks(config.activation, tables_of(params), into_slots(x, slots), gates)
    return ExpertChoiceOutput(marked(from_slots(out, slots), computed, mask), scores, slots.kept)


def _slots(config: ExpertChoiceConfig, scores: jax.Array, computed: jax.Array, mask: jax.Array | None) -> Slots:
    """The first tokens of each expert (XCM-4, XCM-5); with a mask, shapes are those of no mask."""
    width = config.capacity(len(scores))
    capacity = width if mask is None else _capacities(config, len(scores))[mask.sum()]
    best_first = sorted_down(jnp.where(computed[:, None], scores, -1).T)
    position = places_in_order(best_first)
    kept = (position < capacity) & computed
    token = best_first[:, :width]
    filled = (jnp.arange(width) < capacity) & computed[token]
    slot = jnp.where(kept, jnp.arange(config.num_experts)[:, None] * width + position, 0)
    return Slots(token, filled, slot.T, kept.T)


def _capacities(config: ExpertChoiceConfig, tokens: int) -> jax.Array:
    """``config.capacity`` of every number of counted tokens, which 32 bits could not compute."""
    p, q = config.share.as_integer_ratio()
    return jnp.asarray(-(-np.arange(tokens + 1, dtype=np.int64) * p // q), jnp.int32)
