"""A program for several devices of the CPU: counts and sums of gates where tokens lie on all of them, as JSON.

Run it by ``on_devices``.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from peerspec.backends.jax import PeerConfig, forward, init
from peerspec.backends.jax.usage import UsageState, counts_of, gate_sums_of, init_usage, update_usage

CONFIG = PeerConfig(d_model=12, heads=2, num_experts=25, top_k=4, d_key=8)
PARAMS = init(CONFIG, jax.random.key(0))
X = jax.random.normal(jax.random.key(1), (8, CONFIG.d_model))
MASK = jnp.arange(8) % 3 > 0


def step(state: UsageState, x: jax.Array, mask: jax.Array, axis_name: Any = None) -> UsageState:
    out = forward(CONFIG, PARAMS, x)
    return update_usage(state, out.indices, out.gates, mask, axis_name=axis_name)


def results() -> dict[str, Any]:
    found = {"one device": jax.jit(step)(init_usage(CONFIG), X, MASK)}
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    whole, split = PartitionSpec(), PartitionSpec("data")
    each = partial(step, axis_name="data")
    run = jax.shard_map(each, mesh=mesh, in_specs=(whole, split, split), out_specs=whole)
    found["shard_map"] = jax.jit(run)(init_usage(CONFIG), X, MASK)
    for name, kind in (("automatic axes", AxisType.Auto), ("explicit axes", AxisType.Explicit)):
        over = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(kind,))
        placed = (jax.device_put(array, NamedSharding(over, split)) for array in (X, MASK))
        found[name] = jax.jit(step)(init_usage(CONFIG), *placed)
    return {
        name: {"counts": counts_of(state).tolist(), "gates": gate_sums_of(state).tolist()}
        for name, state in found.items()
    }


if __name__ == "__main__":
    print(json.dumps(results()))
