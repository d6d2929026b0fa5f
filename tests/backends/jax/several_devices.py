"""A program for several devices of the CPU: prints how far a layer over all of them is from one on one device, as JSON.

Run it by ``on_devices``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType

from peerspec.backends.jax import PeerConfig, forward, init, plain_operations
from peerspec.backends.jax.sharded import forward as sharded
from peerspec.backends.jax.sharded import shardings
from peerspec.conformance.inputs import dyadic
from peerspec.reference import InputError

COUNT = jax.device_count()
MLP = PeerConfig(d_model=12, heads=2, num_experts=144, top_k=4, d_key=8)
CONFIGS = {
    "MLP": MLP,
    "all options": replace(MLP, expert="glu", key_heads=2, query_bias=True, query_norm="layer", gate="sigmoid"),
    "batch norm": replace(MLP, query_norm="batch"),
    "exact": replace(MLP, heads=3, top_k=1, activation="identity", expert="glu"),
}
"""With k = 1 gates are 1, so on small dyadic numbers nothing is rounded."""


def given(name: str, config: PeerConfig, tokens: int) -> tuple[dict[str, jax.Array], jax.Array]:
    x = jax.random.normal(jax.random.key(1), (tokens, config.d_model))
    params = init(config, jax.random.key(0), jnp.float64)
    if name != "exact":
        return params, x
    return {key: _dyadic(key, value.shape) for key, value in params.items()}, _dyadic("x", x.shape)


def _dyadic(name: str, shape: tuple[int, ...]) -> jax.Array:
    return jnp.asarray(dyadic(seed=0, name=name, shape=shape, bits=3, exponent=0, dtype=np.float32))


def results(run: Any, params: Any, x: jax.Array) -> dict[str, Any]:
    """The output, and the gradients of Σ dy·y."""

    def loss(params: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        out = run(params, x)
        return (out.y * _dyadic("dy", out.y.shape)).sum(), out

    grads, out = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(params, x)
    return jax.device_get(
        {
            "ids": out.indices,
            "routing": (out.scores, out.gates),
            "y": out.y,
            "state": out.state,
            "gradients": grads,
        }
    )


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    errors = {}
    for name, config in CONFIGS.items():
        for by in ("rows", "width"):
            for kind in (AxisType.Auto, AxisType.Explicit):
                count = (0, 5)[kind == AxisType.Explicit] if name == "MLP" else 7
                errors[f"{name}, {by}, {kind}, {count} tokens"] = compare(name, config, by, count, (COUNT,), kind)
    if COUNT == 4:
        for by in ("rows", "width"):
            errors[f"two axes, {by}"] = compare("MLP", MLP, by, 6, (2, 2), AxisType.Auto)
    for by in ("rows", "width"):
        errors[f"tangents, {by}"] = {"y": tangents(by)}
    print(json.dumps({"errors": errors, "sentences": sentences()}))


def compare(name: str, config: PeerConfig, by: Any, count: int, shape: tuple[int, ...], kind: Any) -> dict[str, float]:
    names = ("data", "experts")[-len(shape) :]
    mesh = jax.make_mesh(shape, names, axis_types=(kind,) * len(shape))
    axes = names if by == "rows" else names[:-1]
    params, x = given(name, config, count)
    training = name == "batch norm"
    right = results(partial(forward, config, training=training), params, x)
    run = partial(sharded, config, mesh=mesh, axis="experts", by=by, token_axes=axes, training=training)
    got = results(run, jax.device_put(params, shardings(config, mesh, "experts", by)), x)
    return {key: largest(got[key], right[key]) for key in right}


def tangents(by: Any) -> float:
    """The distance between tangents of a layer over all devices and on one."""
    params, x = given("MLP", MLP, 2 * COUNT)
    mesh = jax.make_mesh((COUNT,), ("experts",), axis_types=(AxisType.Auto,))
    own = jax.device_put(params, shardings(MLP, mesh, "experts", by))
    with plain_operations():
        got = jax.jit(
            lambda x: jax.jvp(lambda x: sharded(MLP, own, x, mesh=mesh, axis="experts", by=by).y, (x,), (x,))
        )(x)
        right = jax.jit(lambda x: jax.jvp(lambda x: forward(MLP, params, x).y, (x,), (x,)))(x)
    return largest(jax.device_get(got), jax.device_get(right))


def largest(got: Any, right: Any) -> float:
    """The largest difference of two trees of arrays, as a share of the largest number of each array."""

    def of(a: Any, b: Any) -> float:
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        return float(np.abs(a.astype(np.float64) - b).max() / (np.abs(b).max() + 1e-30)) if b.size else 0.0

    return max(jax.tree.leaves(jax.tree.map(of, got, right)), default=0.0)


def sentences() -> list[str]:
    mesh = jax.make_mesh((COUNT,), ("experts",))
    params, x = given("MLP", MLP, 4)
    odd = replace(MLP, num_experts=25, d_model=25)
    found = []
    for attempt in (
        lambda: shardings(MLP, mesh, "rows"),
        lambda: shardings(MLP, mesh, "experts", "heads"),  # type: ignore[arg-type]
        lambda: shardings(odd, mesh, "experts"),
        lambda: shardings(odd, mesh, "experts", "width"),
        lambda: sharded(MLP, params, x, mesh=mesh, axis="experts", token_axes=()),
        lambda: sharded(MLP, params, x, mesh=mesh, axis="experts", token_axes=("batch",)),
    ):
        try:
            attempt()
        except InputError as error:
            found.append(str(error))
    return found


if __name__ == "__main__":
    main()
