"""Adapters that each token picks at run time, beside linear maps that stay as they are (SPEC.md, chapter 14)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import DTypeLike

from peerspec.backends.jax import plain
from peerspec.backends.jax.experts import expert_stage
from peerspec.backends.jax.explicit_axes import explicit_mesh, placed, require_all_or_no_axes, whole_or_sharded
from peerspec.backends.jax.forward import Routing, route
from peerspec.backends.jax.names import flat
from peerspec.backends.jax.params import Params, check, init
from peerspec.backends.jax.precision import compute_dtype, id_dtype, inner_product, require_representable
from peerspec.backends.jax.query_norm import require_tokens
from peerspec.files.shown import shown
from peerspec.reference import Adapter, AdapterConfig, InputError
from peerspec.reference.config import STATISTICS
from peerspec.reference.initial import initial_scales

__all__ = ["AdapterOutput", "Bases", "adapt", "adapter_from_params", "init_adapter", "params_from_adapter"]

Bases = Mapping[str, tuple[jax.Array, jax.Array | None]]
"""Weight [M, D] and bias [M], or None, of each linear map by the name of its target."""


class AdapterOutput(NamedTuple):
    """The outputs of all targets and the routing that they share, a pytree.

    Attributes:
        y: [..., M_τ] by target, in the dtype of x.
        scores, indices, gates, state: as in ``Output``.
    """

    y: dict[str, jax.Array]
    scores: jax.Array
    indices: jax.Array
    gates: jax.Array
    state: dict[str, jax.Array] | None


def adapt(
    config: AdapterConfig,
    params: Params,
    bases: Bases,
    x: jax.Array,
    *,
    mask: jax.Array | None = None,
    training: bool = False,
) -> AdapterOutput:
    """y_τ = W_τ x + b_τ + α Σ gate · Σ_ρ (u_ρ·x) v_ρ for each base; W and b are constants of the derivative (ADP-5).

    Args:
        config: the configuration; static under ``jit``.
        params: arrays by the names of ADP-1, with the shapes of ``config.shapes()``, in one dictionary or nested.
        bases: the linear map of each target that is wanted, in the dtype of x; others are left out.
        x, mask, training: as for ``forward``.

    Raises:
        TableError, InputError: as ``forward``, or a base that fits no target (ADP-3).

    Example:
        >>> config = AdapterConfig(8, heads=2, num_experts=16, top_k=4, d_key=4, targets={"q": 6}, rank=2)
        >>> params = init_adapter(config, jax.random.key(0))
        >>> run = jax.jit(adapt, static_argnums=0)
        >>> run(config, params, {"q": (jnp.ones((6, 8)), None)}, jnp.ones((3, 8))).y["q"].shape
        (3, 6)
    """
    params = flat(params)
    check(config, params, x, mask)
    _check_bases(config, bases, x)
    require_tokens(config.router, x, mask, training)
    evaluate: Any = partial(_evaluate, config, training)
    given = {name: tuple(base) for name, base in bases.items()}
    if mesh := explicit_mesh(params, given, x):
        require_all_or_no_axes(mesh)
        lead = whole_or_sharded(x)[:-1]
        routing, state = placed(mesh, *lead, None, None), config.query_norm == "batch" and training
        out = AdapterOutput(
            dict.fromkeys(bases, placed(mesh, *lead, None)),
            routing,
            routing,
            routing,
            dict.fromkeys(STATISTICS, placed(mesh, None, None)) if state else None,
        )
        evaluate = jax.sharding.auto_axes(evaluate, out_sharding=out)
    found: AdapterOutput = evaluate(params, given, x, mask)
    return found


def init_adapter(config: AdapterConfig, key: jax.Array, dtype: DTypeLike = jnp.float32) -> dict[str, jax.Array]:
    """Random parameters as ``Adapter.random`` has them; v is zero, so that they add nothing. Errors as ``init``.

    Example:
        >>> config = AdapterConfig(8, heads=2, num_experts=16, top_k=4, d_key=4, targets={"q": 6})
        >>> bool(init_adapter(config, jax.random.key(0))["targets.q.v"].any())
        False
    """
    router, *keys = jax.random.split(key, 1 + len(config.targets))
    params = {name: each for name, each in init(config.router, router, dtype).items() if name in config.shapes()}
    scale, dtype = initial_scales(config.router)["experts.u"], params["keys"].dtype
    for name, own in zip(config.targets, keys, strict=True):
        u, v = (config.shapes()[f"targets.{name}.{table}"] for table in "uv")
        params[f"targets.{name}.u"] = (jax.random.normal(own, u, dtype) * scale).astype(dtype)
        params[f"targets.{name}.v"] = jnp.zeros(v, dtype)
    return params


def params_from_adapter(adapter: Adapter) -> dict[str, jax.Array]:
    """The parameters of an adapter as JAX arrays, in their dtypes; errors as ``params_from_layer``.

    Example:
        >>> config = AdapterConfig(8, heads=2, num_experts=16, top_k=4, d_key=4, targets={"q": 6})
        >>> params_from_adapter(Adapter.random(config))["targets.q.v"].shape
        (16, 1, 6)
    """
    require_representable(adapter.params["keys"].dtype)
    return {name: jnp.asarray(array) for name, array in adapter.params.items()}


def adapter_from_params(config: AdapterConfig, params: Params) -> Adapter:
    """An ``Adapter`` of the reference, which checks every name, shape, dtype and value (ADP-1).

    Example:
        >>> config = AdapterConfig(8, heads=2, num_experts=16, top_k=4, d_key=4, targets={"q": 6})
        >>> adapter_from_params(config, init_adapter(config, jax.random.key(0))).config == config
        True
    """
    return Adapter(config, {name: np.asarray(array) for name, array in flat(params).items()})


def _evaluate(
    config: AdapterConfig,
    training: bool,
    params: dict[str, jax.Array],
    bases: Bases,
    x: jax.Array,
    mask: jax.Array | None,
) -> AdapterOutput:
    tokens = x.reshape(-1, config.d_model).astype(compute_dtype(params["keys"].dtype))
    at = route(config.router, params, tokens, None if mask is None else mask.reshape(-1), training=training)
    y = {name: _adapted(config, params, name, base, tokens, at) for name, base in bases.items()}
    lead, routing = x.shape[:-1], (*x.shape[:-1], config.heads, config.top_k)
    return AdapterOutput(
        {name: each.astype(x.dtype).reshape(*lead, config.targets[name]) for name, each in y.items()},
        at.scores.reshape(routing),
        at.indices.reshape(routing),
        at.gates.reshape(routing),
        at.state,
    )


def _adapted(
    config: AdapterConfig,
    params: dict[str, jax.Array],
    name: str,
    base: tuple[jax.Array, jax.Array | None],
    x: jax.Array,
    at: Routing,
) -> jax.Array:
    """[T, M] in the compute dtype; each rank of each expert is a row of a table [N·r, D] with the gate of its pair."""
    weight, bias = jax.lax.stop_gradient(base)
    y = inner_product("td,md->tm", x, weight.astype(x.dtype))
    if bias is not None:
        y = y + bias.astype(x.dtype)
    size, rank, pairs = config.num_experts, config.rank, (x.shape[0], config.heads * config.top_k)
    tables = {table: params[f"targets.{name}.{table}"].reshape(size * rank, -1) for table in "uv"}
    rows = at.indices.reshape(*pairs, 1).astype(id_dtype(size * rank)) * rank + jnp.arange(rank)
    gates = jnp.broadcast_to(at.gates.reshape(*pairs, 1), rows.shape)
    stage = plain.expert_stage if plain.is_plain() else expert_stage
    of_token = (x.shape[0], pairs[1] * rank)
    return y + config.alpha * stage("identity", tables, x, rows.reshape(of_token), gates.reshape(of_token))


def _check_bases(config: AdapterConfig, bases: Bases, x: jax.Array) -> None:
    for name, (weight, bias) in bases.items():
        if name not in config.targets:
            raise InputError(f"the adapter has the targets {', '.join(config.targets)}, got {shown(name)} (ADP-1)")
        shape = (config.targets[name], config.d_model)
        if weight.shape != shape or (bias is not None and bias.shape != shape[:1]):
            raise InputError(f"the base of {name} must have a weight of shape {shape}, got {weight.shape} (ADP-3)")
        if weight.dtype != x.dtype or (bias is not None and bias.dtype != x.dtype):
            raise InputError(f"the base of {name} must be {x.dtype} as x, got {weight.dtype}; convert it")
