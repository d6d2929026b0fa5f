"""The expert stage and its gradients by token, on a GPU."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from peerspec.backends.gpu.launches import Stage, sum_parts
from peerspec.backends.jax.batching import over_tokens
from peerspec.backends.jax.gpu.launch import run

__all__ = ["expert_stage", "expert_stage_backward"]

Tables = Mapping[str, jax.Array]


def expert_stage(
    activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """y [T, M], and the products u·x and w·x [T, 1 or 2, K]."""

    @over_tokens
    def forward(tables: Tables, tokens: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
        stage = _stage(activation, tables, tokens[1])
        y = _array(stage.parts, stage.tokens, stage.d_out)
        products = _array(stage.tokens, 1 + stage.glu, stage.pairs)
        parts, found = run(stage.forward(), (*tokens, *_in_order(tables)), (y, products))
        return _summed(parts), found

    y, products = forward(tables, (x, ids, gate))
    return y, products


def expert_stage_backward(
    activation: str,
    tables: Tables,
    x: jax.Array,
    ids: jax.Array,
    gate: jax.Array,
    products: jax.Array,
    dy: jax.Array,
) -> tuple[jax.Array, jax.Array, dict[str, jax.Array]]:
    """dx [T, D], dgates [T, K], and for each table the weights [T, K] of x or dy in the gradients of its rows."""

    @over_tokens
    def backward(tables: Tables, tokens: tuple[jax.Array, ...]) -> list[jax.Array]:
        ids, gate, products, dy = tokens
        stage = _stage(activation, tables, ids)
        pairs = _array(stage.tokens, stage.pairs)
        results = (_array(stage.parts, stage.tokens, stage.d_model), pairs, pairs, pairs, *([pairs] * stage.glu))
        given = (ids, gate, *_in_order(tables), dy, products)
        first = len(given)
        order = (*range(first), *range(first, first + 4), first + 3 + stage.glu)
        dx, *found = run(stage.backward(needs_dx=True), given, results, order=order)
        return [_summed(dx), *found]

    dx, dgate, *weights = backward(tables, (ids, gate, products, dy))
    return dx, dgate, dict(zip(("u", "v", "w"), weights, strict=False))


def _stage(activation: str, tables: Tables, ids: jax.Array) -> Stage:
    tokens, pairs = ids.shape
    return Stage(tokens, pairs, tables["u"].shape[1], tables["v"].shape[1], "w" in tables, activation)


def _in_order(tables: Tables) -> tuple[jax.Array, ...]:
    return tables["u"], tables.get("w", tables["u"]), tables["v"]


def _summed(parts: jax.Array) -> jax.Array:
    """The sum of the parts [parts, T, width], in their order."""
    if len(parts) == 1:
        return parts[0]
    count = parts[0].size
    return run(sum_parts(len(parts), count), (parts,), (_array(*parts.shape[1:]),))[0]


def _array(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)  # type: ignore[no-untyped-call]  # not annotated
