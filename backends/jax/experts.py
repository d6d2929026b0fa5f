"""The expert stage: experts and their weighted sum (SPEC.md, ACT-1, EXP-1, EXP-2, OUT-1), and its gradients."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from peerspec.backends.gpu.limits import MOST_FEATURES, MOST_PAIRS
from peerspec.backends.jax import native
from peerspec.backends.jax.activations import activate
from peerspec.backends.jax.operation import OnGPU, operation
from peerspec.backends.jax.rows import gather_dot, gather_sum, scatter_sum_like
from peerspec.backends.jax.varying import zeros

__all__ = [
    "ExpertGradients",
    "Tables",
    "expert_stage",
    "expert_stage_backward",
    "expert_stage_with_products",
    "value_of_experts",
]

Tables = dict[str, jax.Array]
"""The expert tables by their names u, v, and w if experts are GLU."""


class ExpertGradients(NamedTuple):
    """The result of ``expert_stage_backward``, in the compute dtype.

    Attributes:
        dx: [T, D], through the experts alone.
        dgate: [T, K].
        weights: for each table, [T, K]: a row's gradient is the sum of its pairs' weights times x, or times dy for v.
    """

    dx: jax.Array
    dgate: jax.Array
    weights: Tables


def expert_stage(activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array) -> jax.Array:
    """y [T, M] of tokens x [T, D], with ids and gates [T, K], in the compute dtype."""
    return expert_stage_with_products(activation, tables, x, ids, gate)[0]


def expert_stage_with_products(
    activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """y, and the products u·x and w·x [T, 1 or 2, K]; zeros for these from the core, whose backward pass needs none."""
    y, products = _expert_stage(activation, tables, x, ids, gate)
    return y, products


def expert_stage_backward(
    activation: str,
    tables: Tables,
    x: jax.Array,
    ids: jax.Array,
    gate: jax.Array,
    products: jax.Array,
    dy: jax.Array,
) -> ExpertGradients:
    """The gradients of x and gates, and the factors of those of the tables, for dy [T, M]."""
    gradients: ExpertGradients = _expert_stage_backward(activation, tables, x, ids, gate, products, dy)
    return gradients


def _stage_by_core(
    activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array
) -> tuple[jax.Array, jax.Array]:
    return native.expert_stage(activation, tables, x, ids, gate), _no_products(tables, gate)


def _stage_by_library(
    activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array
) -> tuple[jax.Array, jax.Array]:
    products = _inner_products(tables, x, ids)
    y = gather_sum(tables["v"], ids, gate * value_of_experts(activation, products))
    return y, jnp.stack([products[name] for name in ("u", "w") if name in products], 1)


def _stage_by_gpu(activation: str, *arguments: Any) -> tuple[jax.Array, jax.Array]:
    from peerspec.backends.jax.gpu.experts import expert_stage

    return expert_stage(activation, *arguments)


def _fits(activation: str, tables: Tables, x: jax.Array, ids: jax.Array, *_: Any) -> bool:
    widest = max(table.shape[1] for table in tables.values())
    return x.dtype == jnp.float32 and widest <= MOST_FEATURES and ids.size < MOST_PAIRS


def _no_products(tables: Tables, gate: jax.Array) -> jax.Array:
    tokens, pairs = gate.shape
    return zeros((tokens, len(tables) - 1, pairs), gate.dtype, gate)


def _inner_products(tables: Tables, x: jax.Array, ids: jax.Array) -> Tables:
    """u·x, and w·x if experts are GLU, [T, K] each."""
    return {name: gather_dot(tables[name], ids, x) for name in tables if name != "v"}


def value_of_experts(activation: str, products: Tables) -> jax.Array:
    """The factor of v: σ(u·x) for an MLP expert (EXP-1), σ(w·x)·(u·x) for a GLU expert (EXP-2)."""
    if "w" in products:
        return activate(activation, products["w"]) * products["u"]
    return activate(activation, products["u"])


def _stage_and_save(activation: str, *arguments: Any) -> tuple[Any, Any]:
    y, products = expert_stage_with_products(activation, *arguments)
    return (y, products), (*arguments, products)


def _stage_gradients(activation: str, saved: Any, cotangents: Any) -> tuple[Any, ...]:
    (tables, x, ids, gate, products), (dy, _) = saved, cotangents
    dx, dgate, weights = expert_stage_backward(activation, tables, x, ids, gate, products, dy)
    dtables = {name: scatter_sum_like(tables[name], ids, weights[name], dy if name == "v" else x) for name in tables}
    return dtables, dx, None, dgate


def _backward_by_core(
    activation: str,
    tables: Tables,
    x: jax.Array,
    ids: jax.Array,
    gate: jax.Array,
    products: jax.Array,
    dy: jax.Array,
) -> ExpertGradients:
    return ExpertGradients(*native.expert_stage_backward(activation, tables, x, ids, gate, dy))


def _backward_by_library(
    activation: str,
    tables: Tables,
    x: jax.Array,
    ids: jax.Array,
    gate: jax.Array,
    products: jax.Array,
    dy: jax.Array,
) -> ExpertGradients:
    value, pull = jax.vjp(partial(value_of_experts, activation), _inner_products(tables, x, ids))
    dvalue = gather_dot(tables["v"], ids, dy)
    (weights,) = pull(gate * dvalue)
    dx = sum(gather_sum(tables[name], ids, weights[name]) for name in weights)
    return ExpertGradients(jnp.asarray(dx), value * dvalue, {**weights, "v": gate * value})


def _backward_by_gpu(activation: str, *arguments: Any) -> ExpertGradients:
    from peerspec.backends.jax.gpu.experts import expert_stage_backward

    return ExpertGradients(*expert_stage_backward(activation, *arguments))


def _second_gradients(activation: str, saved: Any, cotangents: ExpertGradients) -> tuple[Any, ...]:
    # Library operations have derivatives of every order; the core has none of its own beyond the first.
    tables, x, ids, gate, products, dy = saved

    def gradients(tables: Tables, x: jax.Array, gate: jax.Array, dy: jax.Array) -> ExpertGradients:
        return _backward_by_library(activation, tables, x, ids, gate, products, dy)

    dtables, dx, dgate, ddy = jax.vjp(gradients, tables, x, gate, dy)[1](cotangents)
    return dtables, dx, None, dgate, None, ddy


_expert_stage: Any = operation(
    core=_stage_by_core,
    library=_stage_by_library,
    gpu=OnGPU(_stage_by_gpu, _fits),
    forward=_stage_and_save,
    backward=_stage_gradients,
    num_static=1,
)
_expert_stage_backward: Any = operation(
    core=_backward_by_core,
    library=_backward_by_library,
    gpu=OnGPU(_backward_by_gpu, _fits),
    backward=_second_gradients,
    num_static=1,
)
