"""Slots: where the gradients of a layer's tables come out as rows, which JAX has no type for.

A cotangent in JAX has the shape of its primal, so that of a table [N, D] is as large as the table. But all that a batch
of T tokens adds to it are K = h·k weights a token and the token: a slot is zeros of these shapes, which the layer takes
beside its tables and never reads, and its "gradient" is not a derivative but that which the rows are made of. It goes
through ``jit``, ``scan``, ``checkpoint`` and ``vmap`` as any gradient does, and like one it is added up where the layer
serves twice: then it means nothing, which ``uses`` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from peerspec.reference import InputError

__all__ = ["TAP", "GradientTap", "decoded", "deposit", "empty_tap", "encoded"]

TAP = "experts.slot"
"""The name of a layer's slot among its parameters."""

_BASE = 2**16
"""Ids travel as floats, so each as two that are exact: the quotient by this, and the rest."""


class GradientTap(NamedTuple):
    """A gradient of tables, by token; all in the compute dtype, zeros where nothing was put.

    Attributes:
        uses: [T], 1.
        ids: [T, K, 2], the quotient by 2¹⁶, and 1 more than the rest.
        x: [T, D], which enters the rows of u and w.
        dy: [T, M], which enters the rows of v.
        weights: by table, [T, K], with which it does.
    """

    uses: jax.Array
    ids: jax.Array
    x: jax.Array
    dy: jax.Array
    weights: dict[str, jax.Array]


def empty_tap(tables: Mapping[str, jax.Array], tokens: int, pairs: int, dtype: Any) -> GradientTap:
    """A slot for layers [..., N, D] that meet so many tokens with so many pairs each."""
    *lead, _, d_model = tables["u"].shape

    def zeros(*shape: int) -> jax.Array:
        return jnp.zeros((*lead, tokens, *shape), dtype)

    weights = {name: zeros(pairs) for name in tables}
    return GradientTap(zeros(), zeros(pairs, 2), zeros(d_model), zeros(tables["v"].shape[-1]), weights)


def encoded(ids: jax.Array, dtype: Any) -> jax.Array:
    """Ids [T, K] as two floats each, [T, K, 2]."""
    return jnp.stack(jnp.divmod(ids, _BASE), -1).astype(dtype) + jnp.asarray([0, 1], dtype)


def decoded(codes: jax.Array, dtype: Any) -> jax.Array:
    """The ids, -1 where nothing was put."""
    quotient, rest = codes[..., 0].astype(dtype), codes[..., 1].astype(dtype)
    return quotient * _BASE + (rest - 1)


def deposit(room: int, found: GradientTap) -> GradientTap:
    """What T tokens found, filled up with zeros to ``room`` tokens.

    A batch over tokens of one layer becomes more tokens of its one slot: the slot has room for them. Where it has room
    for those of one element only, each element of the batch has a gradient of its own.
    """
    run = custom_vmap(lambda found: jax.tree.map(lambda array: _filled(room, array), found))

    def rule(size: int, in_batched: list[Any], found: GradientTap) -> tuple[GradientTap, Any]:
        whole = jax.tree.map(
            lambda array, is_batched: array if is_batched else jnp.broadcast_to(array, (size, *array.shape)),
            found,
            in_batched[0],
        )
        own = whole.uses.shape[1] == room
        if not own:
            whole = run(jax.tree.map(lambda array: array.reshape(-1, *array.shape[2:]), whole))
        return whole, jax.tree.map(lambda _: own, found)

    run.def_vmap(rule)
    result: GradientTap = run(found)
    return result


def _filled(room: int, array: jax.Array) -> jax.Array:
    if len(array) > room:
        raise InputError(
            f"a layer meets {room} tokens in one place of the loss and {len(array)} in another; gradients as rows need "
            "one layer for each use"
        )
    return jnp.pad(array, [(0, room - len(array))] + [(0, 0)] * (array.ndim - 1))
