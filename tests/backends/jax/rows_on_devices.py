"""A program for four devices of the CPU: prints how far a step on gradients of rows is from one on one device, as JSON.

Run it by ``on_devices``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from peerspec.backends.jax import PeerConfig, forward, init, varying
from peerspec.backends.jax.optim import clip_by_global_norm, labels, lazy_adam, row_sgd, value_and_grad

CONFIG = PeerConfig(d_model=16, heads=2, num_experts=64, top_k=4, d_key=8)
BOTH = P(("data", "more"))


def loss(params: Any, x: jax.Array) -> jax.Array:
    return (forward(CONFIG, params, x).y ** 2).sum()


def deep(params: Any, x: jax.Array) -> jax.Array:
    """The loss of three layers, whose parameters have a leading axis."""
    return (jax.lax.scan(lambda x, one: (x + forward(CONFIG, one, x).y, None), x, params)[0] ** 2).sum()


def step(of: Callable[..., Any], tables: Any, params: Any, x: jax.Array) -> tuple[Any, Any]:
    """The gradients as dense arrays, and the parameters after a step."""
    kinds = {"tables": tables, "statistics": optax.set_to_zero(), "rest": optax.sgd(0.1)}
    optimiser = optax.chain(clip_by_global_norm(0.5), optax.partition(kinds, labels))
    _, gradients = value_and_grad(of)(params, x)
    updates, _ = optimiser.update(gradients, optimiser.init(params), params)
    if of is deep:
        return {}, optax.apply_updates(params, updates)
    dense = {name: g.dense(64) if hasattr(g, "dense") else g for name, g in gradients.items()}
    return dense, optax.apply_updates(params, updates)


def error(got: Any, right: Any) -> float:
    """The largest difference, as a share of the largest number of each array."""
    shares = jax.tree.map(
        lambda a, b: float(abs(a - b).max() / abs(b).max()), jax.device_get(got), jax.device_get(right)
    )
    return max(jax.tree.leaves(shares))


def mapped(of: Callable[..., Any], tables: Any, params: Any, x: jax.Array) -> Any:
    mesh = jax.make_mesh((2, 2), ("data", "more"), axis_types=(AxisType.Auto,) * 2)
    return jax.shard_map(lambda params, x: step(of, tables, params, x), mesh=mesh, in_specs=(P(), BOTH), out_specs=P())(
        params, x
    )


def mean_of_means(params: Any, x: jax.Array) -> Any:
    """The gradient of a mean over devices, of which each computes the loss of its tokens."""
    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))

    def own(params: Any, x: jax.Array) -> Any:
        gradients = value_and_grad(lambda params, x: jax.lax.pmean(loss(params, x), "data"))(params, x)[1]
        return {name: g.dense(64) if hasattr(g, "dense") else g for name, g in gradients.items()}

    return jax.shard_map(own, mesh=mesh, in_specs=(P(), P("data")), out_specs=P())(params, x)


def layer_for_each(params: Any, x: jax.Array) -> Any:
    """Four layers, one for each device: the gradient of each is its own."""
    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))

    def own(params: Any, x: jax.Array) -> jax.Array:
        one = {name: array[0] for name, array in params.items()}
        return value_and_grad(loss)(one, x)[1]["experts.u"].dense(64)[None]

    return jax.shard_map(own, mesh=mesh, in_specs=(P("data"), P()), out_specs=P("data"))(params, x)


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    params, x = init(CONFIG, jax.random.key(0), jnp.float64), jax.random.normal(jax.random.key(1), (8, 16))
    layers = jax.vmap(lambda key: init(CONFIG, key, jnp.float64))(jax.random.split(jax.random.key(2), 3))
    four = jax.vmap(lambda key: init(CONFIG, key, jnp.float64))(jax.random.split(jax.random.key(2), 4))
    whole = jax.jit(step, static_argnums=(0, 1))
    over_all = jax.jit(mapped, static_argnums=(0, 1))
    sgd, adam = row_sgd(0.1), lazy_adam(0.1)
    errors = {
        "SGD": error(over_all(loss, sgd, params, x), right := whole(loss, sgd, params, x)),
        "Adam": error(over_all(loss, adam, params, x), whole(loss, adam, params, x)),
        "layers": error(over_all(deep, sgd, layers, x), whole(deep, sgd, layers, x)),
        "mean": error(
            jax.tree.map(lambda g: 4 * g, jax.jit(mean_of_means)(params, x)), jax.jit(jax.grad(loss))(params, x)
        ),
        "a layer for each": error(
            jax.jit(layer_for_each)(four, x),
            jnp.stack([jax.grad(loss)({n: a[i] for n, a in four.items()}, x)["experts.u"] for i in range(4)]),
        ),
    }
    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Explicit,))
    with jax.set_mesh(mesh):
        own, tokens = jax.device_put((params, x), (NamedSharding(mesh, P()), NamedSharding(mesh, P("data"))))
        errors["explicit axes"] = error(jax.jit(step, static_argnums=(0, 1))(loss, sgd, own, tokens), right)
    varying._GATHERS = False
    errors["sums instead of gathers"] = error(jax.jit(mapped, static_argnums=(0, 1))(loss, sgd, params, x), right)
    json.dump(errors, sys.stdout)


if __name__ == "__main__":
    main()
