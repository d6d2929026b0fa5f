"""A program for two devices of the CPU: prints the largest error of each way to place tokens and tables, as JSON.

Run it by ``on_devices``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import export
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from peerspec.backends.jax import PeerConfig, forward, init, library_operations

WHOLE, SHARDED = PartitionSpec(), PartitionSpec("data")
CONFIG = PeerConfig(d_model=16, heads=2, num_experts=64, top_k=4, d_key=8)
CONFIGS = {
    "plain": CONFIG,
    "all options": replace(CONFIG, expert="glu", key_heads=2, query_bias=True, query_norm="layer", gate="sigmoid"),
    "batch norm": replace(CONFIG, query_norm="batch"),
}


def y(config: PeerConfig, params: Any, x: jax.Array) -> jax.Array:
    return forward(config, params, x).y


def trained(config: PeerConfig, params: Any, x: jax.Array) -> Any:
    return forward(config, params, x, training=True)


def gradient(config: PeerConfig, params: Any, x: jax.Array) -> Any:
    return jax.grad(lambda params, x: (y(config, params, x) ** 2).mean(), argnums=(0, 1))(params, x)


def mapped(config: PeerConfig, params: Any, x: jax.Array) -> jax.Array:
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,))
    run = jax.shard_map(lambda p, x: y(config, p, x), mesh=mesh, in_specs=(WHOLE, SHARDED), out_specs=SHARDED)
    return run(params, x)


def mapped_gradient(config: PeerConfig, params: Any, x: jax.Array) -> Any:
    return jax.grad(lambda params, x: (mapped(config, params, x) ** 2).mean(), argnums=(0, 1))(params, x)


def error(got: Any, right: Any) -> float:
    def largest(a: jax.Array, b: jax.Array) -> float:
        return float(abs(jnp.asarray(a, jnp.float64) - b).max() / (abs(b).max() + 1e-30))

    return max(jax.tree.leaves(jax.tree.map(largest, jax.device_get(got), jax.device_get(right))))


def gathers(config: PeerConfig, kind: AxisType) -> bool:
    """Whether devices exchange tokens in a forward pass."""
    mesh = jax.make_mesh((2,), ("data",), axis_types=(kind,))
    params = jax.device_put(init(config, jax.random.key(0), jnp.float64), NamedSharding(mesh, WHOLE))
    x = jax.device_put(jnp.ones((6, 16)), NamedSharding(mesh, SHARDED))
    return "all-gather" in jax.jit(y, static_argnums=0).lower(config, params, x).compile().as_text()


def exported() -> float:
    """How far a program for two devices is from the layer after a way to a file and back, as documented."""
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,))
    params, x = init(CONFIG, jax.random.key(0), jnp.float64), jax.random.normal(jax.random.key(1), (6, 16))
    own, tokens = jax.device_put((params, x), (NamedSharding(mesh, WHOLE), NamedSharding(mesh, SHARDED)))
    with library_operations():
        data = export.export(jax.jit(lambda params, x: y(CONFIG, params, x)))(own, tokens).serialize()
    return error(export.deserialize(data).call(own, tokens), y(CONFIG, params, x))


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    errors: dict[str, float] = {}
    for name, config in CONFIGS.items():
        params, x = init(config, jax.random.key(0), jnp.float64), jax.random.normal(jax.random.key(1), (2, 4, 16))
        placed: dict[str, Callable[..., Any]] = {"forward": y, "gradient": gradient}
        if name == "batch norm":
            placed = {"training": trained}
        for what, function in placed.items():
            right = function(config, params, x)
            for kind in (AxisType.Auto, AxisType.Explicit):
                mesh = jax.make_mesh((2,), ("data",), axis_types=(kind,))
                for of_tables in (WHOLE, SHARDED):
                    for of_tokens in (WHOLE, SHARDED):
                        own = {
                            key: jax.device_put(
                                value, NamedSharding(mesh, of_tables if key.startswith("experts.") else WHOLE)
                            )
                            for key, value in params.items()
                        }
                        tokens = jax.device_put(x, NamedSharding(mesh, of_tokens))
                        got = jax.jit(function, static_argnums=0)(config, own, tokens)
                        key = f"{name}, {what}, {kind}, tables {of_tables}, tokens {of_tokens}"
                        errors[key] = error(got, right)
        if name != "batch norm":
            for what, function, one in (("forward", mapped, y), ("gradient", mapped_gradient, gradient)):
                got = jax.jit(function, static_argnums=0)(config, params, x)
                errors[f"{name}, {what}, shard_map"] = error(got, one(config, params, x))
            nothing = jax.jit(mapped, static_argnums=0)(config, params, x[:, :0])
            errors[f"{name}, no tokens, shard_map"] = float(nothing.shape != (2, 0, 16))
    for name, config in CONFIGS.items():
        for kind in (AxisType.Auto, AxisType.Explicit):
            errors[f"{name}, gathered tokens, {kind}"] = float(gathers(config, kind))
    errors["exported"] = exported()
    json.dump(errors, sys.stdout)


if __name__ == "__main__":
    main()
