"""The mixture of experts in which tokens choose (SPEC.md, TCM-1 … TCM-8)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

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
from peerspec.reference.comparison import TokenChoiceConfig

__all__ = ["TokenChoiceOutput", "token_choice"]


class TokenChoiceOutput(NamedTuple):
    """The result of a mixture in which tokens choose, a pytree.

    Attributes:
        y: [..., M], in the dtype of x.
        scores: [..., k], the logit of each chosen expert, best first, in the compute dtype.
        indices: [..., k], its id.
        gates: [..., k], its gate, in the compute dtype, also where it was dropped.
        kept: [..., k], whether the expert computes the token.
    """

    y: jax.Array
    scores: jax.Array
    indices: jax.Array
    gates: jax.Array
    kept: jax.Array


def token_choice(
    config: TokenChoiceConfig, params: dict[str, jax.Array], x: jax.Array, mask: jax.Array | None
) -> TokenChoiceOutput:
    """The result for tokens [T, D] in the compute dtype, with a mask [T].

    Shapes do not depend on values, so without a capacity each expert has a slot for every token: E/k times the
    arithmetic.
    """
    logit = inner_product("td,ed->te", x, params["router.weight"])
    ids = sorted_down(logit)[:, : config.top_k]
    scores = jnp.take_along_axis(logit, ids, -1)
    after = config.gate == "softmax_after"
    gates = jax.nn.softmax(scores) if after else jnp.take_along_axis(jax.nn.softmax(logit), ids, -1)
    computed = eligible(logit, mask)
    slots, pairs = slots_of(ids, computed, config.num_experts, config.capacity)
    gate = jnp.where(slots.filled, gates.T.reshape(-1)[pairs], 0)
    out = blocks(config.activation, tables_of(params), into_slots(x, slots), gate)
    return TokenChoiceOutput(marked(from_slots(out, slots), computed, mask), scores, ids, gates, slots.kept)


def slots_of(ids: jax.Array, computed: jax.Array, num_experts: int, capacity: int | None) -> tuple[Slots, jax.Array]:
    """The slots of the kept choices of ids [T, k] (TCM-5), and for each slot its choice, l·T + t.

    Choices are sorted by expert, and stay in the order of their position in the list and of tokens.
    """
    tokens, k = ids.shape
    width = tokens if capacity is None else min(capacity, tokens)
    queue = jnp.where(computed[:, None], ids, num_experts).T.reshape(-1)
    order = jnp.argsort(queue, stable=True)
    starts = jnp.searchsorted(queue[order], jnp.arange(num_experts + 1))
    position = places_in_order(order) - starts[queue]
    kept = (position < width) & (queue < num_experts)
    slot = jnp.where(kept, queue * width + position, 0)
    at = starts[:-1, None] + jnp.arange(width)
    pairs = order[jnp.minimum(at, tokens * k - 1)]
    token = pairs % tokens if tokens else pairs
    return Slots(token, at < starts[1:, None], slot.reshape(k, tokens).T, kept.reshape(k, tokens).T), pairs
