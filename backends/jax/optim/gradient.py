"""Gradients of expert tables as touched rows, and the function that computes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from peerspec.backends.jax.gradient_taps import TAP, GradientTap, decode_ids, empty_tap
from peerspec.backends.jax.names import flat, like
from peerspec.backends.jax.precision import compute_dtype, id_dtype
from peerspec.backends.jax.probe import Probe
from peerspec.backends.jax.rows import scatter_sum
from peerspec.backends.jax.varying import axes, concatenated, varying
from peerspec.reference import InputError
from peerspec.reference.config import STATISTICS

__all__ = ["CHANGED", "RowGradient", "gradients_of", "labels", "value_and_grad"]

_TABLES = ("experts.u", "experts.v", "experts.w")

CHANGED = (
    "a gradient of rows must be as value_and_grad returned it, but it was added to another one or scaled, or the loss "
    "uses one layer more than once; use the functions of peerspec.backends.jax.optim, and a separate layer for each use"
)


class RowGradient(NamedTuple):
    """The gradient of a table [N, width]: row r is the sum of weights[t, s]·x[t] over all pairs with ids[t, s] = r.

    A pytree, but no vector: do not add or scale its arrays. ``merged`` adds gradients, ``clip_by_global_norm`` scales
    them. For tables of several layers, [L, N, width], its arrays have the same leading axes.

    Attributes:
        ids: [T, K], int32 or int64; −1 if a pair has no row.
        weights: [T, K], in the compute dtype.
        x: [T, width], in the compute dtype.
        intact: [], int32; 1 unless arrays were added up or the loss used the layer twice.
    """

    ids: jax.Array
    weights: jax.Array
    x: jax.Array
    intact: jax.Array

    def dense(self, num_rows: int) -> jax.Array:
        """The gradient of all rows of one layer, [N, width] in the compute dtype; NaN unless ``intact`` is 1."""
        intact = self.intact == 1
        ids, weights = jnp.where(intact, jnp.maximum(self.ids, 0), 0), jnp.where(self.ids < 0, 0, self.weights)
        return jnp.where(intact, scatter_sum(num_rows, ids, weights, self.x), jnp.nan)


def value_and_grad(loss: Callable[..., Any], *, has_aux: bool = False) -> Callable[..., Any]:
    """``jax.value_and_grad`` by the first argument, with a ``RowGradient`` for each expert table.

    The returned function takes the arguments of ``loss``; the first one may be any pytree. In it, every dictionary with
    the parameters of a layer, or of several layers along a leading axis, gets a ``RowGradient`` at ``experts.u``,
    ``experts.v`` and ``experts.w``. No array of the size of a table is made. ``loss`` is traced one additional time, to
    count the tokens of each layer.

    Inside ``jax.shard_map`` with ``check_vma`` gradients are sums over the devices that hold the same parameters, as
    those of ``jax.grad`` are: a ``RowGradient`` holds the rows that the tokens of all these devices touch.

        loss, gradients = value_and_grad(lambda params, x: (forward(config, params, x).y ** 2).sum())(params, x)
        gradients["experts.u"].dense(config.num_experts)  # [N, D]

    Args:
        loss: a function whose first argument is ``params``. It gives the whole dictionary of a layer to ``forward``, at
            most once; ``scan`` over layers and ``vmap`` over tokens count as one use.
        has_aux: whether ``loss`` returns a pair of the value and auxiliary data.

    Raises:
        InputError: ``params`` hold no layer, or a layer that ``loss`` does not use, or ``loss`` uses a layer more than
            once. Under ``jit`` a second use is unknown: then the update of the table fails, or writes NaN without the
            core.

    Example:
        >>> from peerspec.backends.jax import PeerConfig, forward, init
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> params = init(config, jax.random.key(0))
        >>> step = value_and_grad(lambda params, x: (forward(config, params, x).y ** 2).sum())
        >>> loss, gradients = step(params, jnp.ones((3, 8)))
        >>> gradients["experts.u"].ids.shape, gradients["keys"].shape
        ((3, 8), (1, 2, 4, 2))
    """

    def run(params: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        parts, structure = _layers_and_leaves(params)
        if not any(map(_is_layer, parts)):
            raise InputError(
                f"params must hold a dictionary with {', '.join(_TABLES[:2])}, got none; use jax.value_and_grad"
            )
        learned = [_without_tables(part) for part in parts]

        def tapped_loss(learned: list[Any], taps: list[Any]) -> Any:
            whole = [_with_tap(*three) for three in zip(parts, learned, taps, strict=True)]
            return loss(structure.unflatten(whole), *args, **kwargs)

        taps = [_tap_for(*two) for two in zip(parts, _probes(tapped_loss, parts, learned), strict=True)]
        value, (dlearned, dtaps) = jax.value_and_grad(tapped_loss, argnums=(0, 1), has_aux=has_aux)(learned, taps)
        return value, structure.unflatten(map(gradients_of, parts, dlearned, dtaps))

    return run


def labels(params: Any) -> Any:
    """Labels for ``optax.partition``: "tables", "statistics" or "rest" for every leaf.

    "tables" are the expert tables, "statistics" the running statistics, which no optimiser may change (GRD-9).

    Example:
        >>> labels({"experts.u": 0, "keys": 0, "query_norm.mean": 0, "head": 0})
        {'experts.u': 'tables', 'head': 'rest', 'keys': 'rest', 'query_norm.mean': 'statistics'}
    """

    def label(path: Any, _: Any) -> str:
        keys = [str(getattr(step, "key", None)) for step in path[-2:]]
        names = {keys[-1], ".".join(keys)} if keys else set()
        return "tables" if names & {*_TABLES} else "statistics" if names & {*STATISTICS} else "rest"

    return jax.tree_util.tree_map_with_path(label, params, is_leaf=lambda node: isinstance(node, RowGradient))


def _of_all_devices(tap: GradientTap, over: frozenset[str]) -> GradientTap:
    """The gradient by the tokens of all devices, as ``jax.grad`` sums that of other parameters inside ``shard_map``."""
    tokens = tap.uses.ndim - 1
    return jax.tree.map(lambda array: concatenated(array, tokens, over), tap)


def _layers_and_leaves(params: Any) -> tuple[list[Any], Any]:
    """The layers and all other leaves, and the structure of the tree around them."""
    parts, structure = jax.tree.flatten(params, is_leaf=_is_layer)
    return parts, structure


def _is_layer(node: Any) -> bool:
    """Whether this is the dictionary of a layer: it has ``experts.u``, or ``u`` in a dictionary ``experts``."""
    return isinstance(node, dict) and (
        _TABLES[0] in node or (isinstance(node.get("experts"), dict) and "u" in node["experts"])
    )


def _without_tables(part: Any) -> Any:
    return {name: array for name, array in flat(part).items() if name not in _TABLES} if _is_layer(part) else part


def _with_tap(part: Any, learned: Any, tap: Any) -> Any:
    if not _is_layer(part):
        return learned
    params = flat(part)
    tables = {name: jax.lax.stop_gradient(params[name]) for name in _TABLES if name in params}
    return like(part, {**learned, **tables, TAP: tap})


def _probes(tapped_loss: Callable[..., Any], parts: list[Any], learned: list[Any]) -> list[Probe | None]:
    probes = [Probe() if _is_layer(part) else None for part in parts]
    jax.eval_shape(lambda learned: tapped_loss(learned, probes), learned)
    return probes


def _tap_for(part: Any, probe: Probe | None) -> GradientTap | None:
    """A gradient tap with the capacity that the probe found."""
    if probe is None:
        return None
    if not probe.pairs:
        raise InputError(
            f"the loss must give every layer of params to forward, with its {TAP!r} that receives the gradient; got a "
            "loss that leaves out a layer or this entry; pass on the whole dictionary, or remove the layer from params"
        )
    params = flat(part)
    tables = {name[-1]: params[name] for name in _TABLES if name in params}
    return varying(empty_tap(tables, probe.tokens, probe.pairs, compute_dtype(tables["u"].dtype)), probe.axes)


def gradients_of(part: Any, learned: Any, tap: GradientTap | None) -> Any:
    """The gradients of a layer in the order of its parameters, from those of its tap and its learned parameters.

    Raises:
        InputError: the loss used the layer more than once, and the values are known.
    """
    if tap is None:
        return learned
    params = flat(part)
    tap = _of_all_devices(tap, axes(tap) - axes([params[name] for name in _TABLES if name in params]))
    ids = decode_ids(tap.ids, id_dtype(params[_TABLES[0]].shape[-2]))
    intact = tap.uses.max(-1, initial=1).astype(jnp.int32)
    if not isinstance(intact, jax.core.Tracer) and (intact != 1).any():
        raise InputError(CHANGED)
    rows = {
        name: RowGradient(ids, tap.weights[name[-1]], tap.dy if name[-1] == "v" else tap.x, intact)
        for name in _TABLES
        if name in params
    }
    return like(part, {name: rows[name] if name in rows else learned[name] for name in params})
