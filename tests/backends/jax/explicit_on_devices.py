"""A program for four devices of the CPU: masks, empty batches and parts of meshes with explicit axes, as JSON.

Run it by ``on_devices``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from peerspec.backends.jax import PeerConfig, forward, init
from peerspec.reference import InputError

CONFIG = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4, query_norm="batch")
MASK = np.arange(8) % 3 > 0


def refusal(function: Callable[[], object]) -> str:
    try:
        return f"no error: {function()}"
    except InputError as error:
        return str(error)


def trained(params: Any, x: Any, mask: Any = None) -> Any:
    return forward(CONFIG, params, x, mask=mask, training=True)


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    mesh = jax.make_mesh((2, 2), ("data", "more"), axis_types=(AxisType.Explicit,) * 2)
    own, x = init(CONFIG, jax.random.key(0), jnp.float64), jax.random.normal(jax.random.key(1), (8, 8))
    right = np.asarray(trained(own, x, MASK).y)

    def put(tree: Any, *axes: Any) -> Any:
        return jax.device_put(tree, NamedSharding(mesh, P(*axes)))

    with jax.set_mesh(mesh):
        params, tokens = put(own), put(x, "data")
        masks = {
            "of NumPy": MASK,
            "on one device": jnp.asarray(MASK),
            "whole": put(MASK),
            "as the tokens": put(MASK, "data"),
            "over another axis": put(MASK, "more"),
        }
        found: dict[str, Any] = {}
        for name, mask in masks.items():
            for run in (trained, jax.jit(trained), jax.jit(lambda p, x, _, mask=mask: trained(p, x, mask))):
                error = float(abs(np.asarray(run(params, tokens, mask).y) - right).max())
                found[name] = max(error, found.get(name, 0.0))
        in_part = jax.shard_map(
            lambda p, x: forward(CONFIG, p, x).y, in_specs=(P(), P("data")), out_specs=P("data"), axis_names={"data"}
        )
        nothing = put(jnp.zeros((0, 8)), "data")
        found["refused"] = [
            refusal(lambda: trained(params, tokens, put(np.zeros(8, bool), "data"))),
            refusal(lambda: trained(params, nothing)),
            refusal(lambda: jax.jit(trained)(params, nothing)),
            refusal(lambda: in_part(params, tokens)),
        ]
        gradient = jax.grad(lambda p, x: (forward(CONFIG, p, x).y ** 2).sum())(params, nothing)
        found["of no token"] = float(max(abs(np.asarray(g)).max() for g in gradient.values()))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
