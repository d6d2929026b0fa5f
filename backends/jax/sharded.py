"""A layer whose expert tables lie on several devices of a mesh (SPEC.md, profile ``sharded``).

    mesh = jax.make_mesh((8,), ("experts",))
    params = jax.device_put(params, shardings(config, mesh, "experts"))
    y = jax.jit(partial(forward, config, mesh=mesh, axis="experts"))(params, x).y

By rows, each device owns N/P experts and evaluates them for the tokens of all: what goes between devices are tokens
with their ids and gates, and partial outputs. By width, each device owns a part of the columns of every table: what
goes between them is [T, K]. There is no capacity, and no pair is dropped (SHD-3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from peerspec.backends.jax import plain
from peerspec.backends.jax.experts import Tables, expert_stage, value_of_experts
from peerspec.backends.jax.explicit_axes import explicit_mesh
from peerspec.backends.jax.forward import Output, in_stages, placed_as
from peerspec.backends.jax.names import flat, nested
from peerspec.backends.jax.params import Params, check
from peerspec.backends.jax.precision import compute_dtype
from peerspec.backends.jax.query_norm import require_tokens
from peerspec.backends.jax.rows import gather_dot, gather_sum
from peerspec.reference import InputError, PeerConfig
from peerspec.reference.config import STATISTICS

__all__ = ["forward", "shardings"]

Way = Literal["rows", "width"]
collective: Any = jax.lax
spec: Any = PartitionSpec  # not annotated


def shardings(
    config: PeerConfig, mesh: Any, axis: str, by: Way = "rows", *, nested_as: Params | None = None
) -> dict[str, Any]:
    """Where each parameter lies, a ``NamedSharding`` for each: the expert tables in parts, all others whole.

    Args:
        config: the configuration.
        mesh: the devices.
        axis: the axis of the mesh over which the tables are split.
        by: ``"rows"`` or ``"width"``.
        nested_as: parameters in nested dictionaries, as which the result is nested. Default: the names of PAR-1.

    Raises:
        TableError: ``nested_as`` has other names than the layer (PAR-1).
        InputError: an unknown axis or way, or tables that do not divide by the number of devices.

    Example:
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> shardings(config, jax.make_mesh((1,), ("experts",)), "experts")["experts.u"].spec
        P('experts', None)
    """
    _check_sizes(config, mesh, axis, by)
    table = spec(axis, None) if by == "rows" else spec(None, axis)
    found = {name: NamedSharding(mesh, table if name.startswith("experts.") else spec()) for name in config.shapes()}
    return found if nested_as is None else nested(nested_as, found)


def forward(
    config: PeerConfig,
    params: Params,
    x: jax.Array,
    *,
    mesh: Any,
    axis: str,
    by: Way = "rows",
    token_axes: Sequence[str] | None = None,
    mask: jax.Array | None = None,
    training: bool = False,
) -> Output:
    """``backends.jax.forward`` of the whole layer and all tokens, computed on all devices of the mesh.

    Differentiable; the gradients are those of the whole layer. Batch statistics are those of all tokens.

    Args:
        config, params, x, mask, training: as for ``backends.jax.forward``.
        mesh: the devices.
        axis: the axis of the mesh over which the tables are split, as ``shardings`` places them.
        by: ``"rows"`` or ``"width"``.
        token_axes: the axes of the mesh over which tokens are split. Default: ``axis`` by rows, none by width, where
            all devices of ``axis`` need the same tokens. Other axes of the mesh replicate.

    Raises:
        TableError, InputError: as ``backends.jax.forward`` and ``shardings``.
    """
    _check_sizes(config, mesh, axis, by)
    params = flat(params)
    check(config, params, x, mask)
    require_tokens(config, x, mask, training)
    of_tokens = tuple(token_axes) if token_axes is not None else (axis,) if by == "rows" else ()
    if unknown := [name for name in of_tokens if name not in mesh.shape]:
        raise InputError(f"the mesh has the axes {', '.join(mesh.shape)}, got {unknown[0]!r} for tokens")
    if (axis in of_tokens) != (by == "rows"):
        raise InputError(
            f"by rows, tokens are split over the axis {axis!r} of the tables, by width they are not; got {of_tokens}"
        )
    run: Any = partial(_over_devices, config, mesh, axis, by, of_tokens, training)
    own = {name: params[name] for name in config.shapes()}
    if explicit_mesh(own, x) or mesh.explicit_axes:
        out = placed_as(x, mesh, config, training)
        run = jax.sharding.auto_axes(run, axes=mesh.explicit_axes, out_sharding=out)
    found: Output = run(own, x, mask)
    return found


def _over_devices(
    config: PeerConfig,
    mesh: Any,
    axis: str,
    by: Way,
    of_tokens: tuple[str, ...],
    training: bool,
    params: dict[str, jax.Array],
    x: jax.Array,
    mask: jax.Array | None,
) -> Output:
    lead, tokens = x.shape[:-1], x.reshape(-1, config.d_model)
    count = len(tokens)
    parts = prod(mesh.shape[name] for name in of_tokens)
    padding = -count % parts if count else parts  # XLA gathers no empty arrays
    counts = jnp.pad(jnp.ones(count, bool) if mask is None else mask.reshape(-1), (0, padding))
    tokens = jnp.pad(tokens, ((0, padding), (0, 0)))
    rows = spec(of_tokens or None)
    specs: Any = {name: each.spec for name, each in shardings(config, mesh, axis, by).items()}
    state = dict.fromkeys(STATISTICS, spec()) if training and config.query_norm == "batch" else None
    y = spec(*rows, axis) if by == "width" else rows
    specs_out: Any = (y, rows, rows, rows, state)
    run: Any = jax.shard_map(
        partial(_on_device, config, training, of_tokens, _STAGES[by](axis)),
        mesh=jax.sharding.get_abstract_mesh() if mesh.explicit_axes else mesh,
        in_specs=(specs, rows, rows),
        out_specs=Output(*specs_out),
    )
    out = run(params, tokens, counts)
    routing = (*lead, config.heads, config.top_k)
    return Output(
        y=out.y[:count].reshape(*lead, config.d_out),
        scores=out.scores[:count].reshape(routing),
        indices=out.indices[:count].reshape(routing),
        gates=out.gates[:count].reshape(routing),
        state=out.state,
    )


def _on_device(
    config: PeerConfig,
    training: bool,
    axes: tuple[str, ...],
    stage: Callable[..., jax.Array],
    params: dict[str, jax.Array],
    x: jax.Array,
    mask: jax.Array,
) -> Output:
    tokens = x.astype(compute_dtype(params["keys"].dtype))
    out = in_stages(config, params, tokens, mask, training, stage=stage, axes=axes)
    return out._replace(y=out.y.astype(x.dtype))


def _by_rows(axis: str) -> Callable[..., jax.Array]:
    def stage(activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gates: jax.Array) -> jax.Array:
        x, ids, gates = (jax.lax.all_gather(array, axis, tiled=True) for array in (x, ids, gates))
        rows = len(tables["u"])
        own = ids // rows == jax.lax.axis_index(axis)
        # a pair of another device stands for an own one of its token, with the gate 0; a token without one is zero
        first = jnp.take_along_axis(ids, own.argmax(1, keepdims=True), 1)
        some = own.any(1, keepdims=True)
        here = jnp.where(some, jnp.where(own, ids, first) % rows, 0)
        run = plain.expert_stage if plain.is_plain() else expert_stage
        y = run(activation, tables, jnp.where(some, x, 0), here, jnp.where(own, gates, 0))
        summed: jax.Array = collective.psum_scatter(y, axis, tiled=True)
        return summed

    return stage


def _by_width(axis: str) -> Callable[..., jax.Array]:
    def stage(activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gates: jax.Array) -> jax.Array:
        in_plain, width = plain.is_plain(), tables["u"].shape[1]
        dot, total = (plain.gather_dot, plain.gather_sum) if in_plain else (gather_dot, gather_sum)
        own = jax.lax.dynamic_slice_in_dim(x, jax.lax.axis_index(axis) * width, width, 1)
        products = {name: collective.psum(dot(table, ids, own), axis) for name, table in tables.items() if name != "v"}
        return total(tables["v"], ids, gates * value_of_experts(activation, products))

    return stage


_STAGES = {"rows": _by_rows, "width": _by_width}


def _check_sizes(config: PeerConfig, mesh: Any, axis: str, by: str) -> None:
    if by not in _STAGES:
        raise InputError(f'by must be "rows" or "width", got {by!r}')
    if axis not in mesh.shape:
        raise InputError(f"the mesh has the axes {', '.join(mesh.shape)}, got {axis!r}")
    sizes = {"num_experts": config.num_experts} if by == "rows" else {"d_model": config.d_model, "d_out": config.d_out}
    for name, size in sizes.items():
        if size % mesh.shape[axis]:
            raise InputError(
                f"JAX splits arrays into equal parts, and {name} {size} does not divide by the {mesh.shape[axis]} "
                f"devices of {axis!r}; take a number of devices that divides it"
            )
