"""The gradient of a table as rows, and the one function that gives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from peerspec.backends.jax import native
from peerspec.backends.jax.gradient_taps import TAP, GradientTap, decoded, empty_tap
from peerspec.backends.jax.precision import compute_dtype, id_dtype
from peerspec.backends.jax.probe import Probe
from peerspec.backends.jax.rows import scatter_sum
from peerspec.reference import InputError

__all__ = ["CHANGED", "RowGradient", "gradients_of", "labels", "value_and_grad"]

TABLES = ("experts.u", "experts.v", "experts.w")

CHANGED = (
    "a gradient of rows is not what value_and_grad gave: it was added to another or scaled, or the loss uses one layer "
    "more than once; use the functions of peerspec.backends.jax.optim, and one layer for each use"
)


class RowGradient(NamedTuple):
    """The gradient of a table [N, width]: to row ids[t, s] belongs the sum of weights[t, s]·x[t], to others zero.

    A pytree, but no vector: adding or scaling its arrays gives no gradient. ``merged`` adds,
    ``clip_by_global_norm`` scales. Tables of several layers, [L, N, width], have its arrays with the same first axes.

    Attributes:
        ids: [T, K], int32 or int64; −1 where there is no row.
        weights: [T, K], in the compute dtype, as x.
        x: [T, width].
        intact: [], int32; 1 unless the arrays were added up or the layer served twice.
    """

    ids: jax.Array
    weights: jax.Array
    x: jax.Array
    intact: jax.Array

    def dense(self, num_rows: int) -> jax.Array:
        """The gradient of all rows, [N, width] in the compute dtype, of one layer."""
        ids, weights = jnp.maximum(self.ids, 0), jnp.where(self.ids < 0, 0, self.weights)
        return scatter_sum(native.shaped((num_rows, self.x.shape[-1]), self.x.dtype), ids, weights, self.x)


def value_and_grad(loss: Callable[..., Any], *, has_aux: bool = False) -> Callable[..., Any]:
    """``jax.value_and_grad`` by the first argument, whose expert tables have gradients as rows.

    The function returned takes the arguments of ``loss``. Its first may be any pytree; every dictionary in it that
    holds parameters of a layer by their names, or those of several layers with a first axis more, has a
    ``RowGradient`` in the place of ``experts.u``, ``experts.v`` and ``experts.w``. Nothing of the size of a table is
    made. ``loss`` is traced once more than usual, for how many tokens each layer meets.

    Args:
        loss: a function whose first argument is ``params``, and which gives a layer's dictionary to ``forward``
            whole, and at most once; in ``scan`` over layers and in ``vmap`` over tokens this counts as once.
        has_aux: whether ``loss`` returns a pair of the value and something else.

    Raises:
        InputError: ``params`` hold no layer, or one that ``loss`` does not use; or a layer is used more than once,
            where that is known: while a function is traced it is not, and then the update of the table fails, or
            writes NaN without the core.
    """

    def run(params: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        parts, structure = _flat(params)
        if not any(map(_is_layer, parts)):
            raise InputError(
                f"params must hold a dictionary with {', '.join(TABLES[:2])}, got none; use jax.value_and_grad"
            )
        learned = [_without_tables(part) for part in parts]

        def of(learned: list[Any], taps: list[Any]) -> Any:
            whole = [_together(*three) for three in zip(parts, learned, taps, strict=True)]
            return loss(structure.unflatten(whole), *args, **kwargs)

        taps = [_slot(part, probe) for part, probe in zip(parts, _probes(of, parts, learned), strict=True)]
        value, (dlearned, dslots) = jax.value_and_grad(of, argnums=(0, 1), has_aux=has_aux)(learned, taps)
        return value, structure.unflatten(map(gradients_of, parts, dlearned, dslots))

    return run


def labels(params: Any) -> Any:
    """For ``optax.partition``: "tables" in the place of every expert table, "rest" in that of every other leaf."""

    def label(path: Any, _: Any) -> str:
        return "tables" if path and getattr(path[-1], "key", None) in TABLES else "rest"

    return jax.tree_util.tree_map_with_path(label, params, is_leaf=lambda node: isinstance(node, RowGradient))


def _flat(params: Any) -> tuple[list[Any], Any]:
    """Layers and all other leaves, and what puts them together again."""
    parts, structure = jax.tree.flatten(params, is_leaf=_is_layer)
    return parts, structure


def _is_layer(node: Any) -> bool:
    return isinstance(node, dict) and TABLES[0] in node


def _without_tables(part: Any) -> Any:
    return {name: array for name, array in part.items() if name not in TABLES} if _is_layer(part) else part


def _together(part: Any, learned: Any, tap: Any) -> Any:
    if not _is_layer(part):
        return learned
    tables = {name: jax.lax.stop_gradient(part[name]) for name in TABLES if name in part}
    return {**learned, **tables, TAP: tap}


def _probes(of: Callable[..., Any], parts: list[Any], learned: list[Any]) -> list[Probe | None]:
    probes = [Probe() if _is_layer(part) else None for part in parts]
    jax.eval_shape(lambda learned: of(learned, probes), learned)
    return probes


def _slot(part: Any, probe: Probe | None) -> GradientTap | None:
    """Room for what was met."""
    if probe is None:
        return None
    if not probe.pairs:
        raise InputError(
            f"the loss gives a layer of params to forward not at all or without its {TAP!r}, through which its "
            "gradient comes; pass the whole dictionary on, or leave the layer out of params"
        )
    tables = {name[-1]: part[name] for name in TABLES if name in part}
    return empty_tap(tables, probe.tokens, probe.pairs, compute_dtype(tables["u"].dtype))


def gradients_of(part: Any, learned: Any, tap: GradientTap | None) -> Any:
    """The gradients of a layer in the order of its parameters, or of another part."""
    if tap is None:
        return learned
    ids = decoded(tap.ids, id_dtype(part[TABLES[0]].shape[-2]))
    intact = tap.uses.max(-1, initial=1).astype(jnp.int32)
    if not isinstance(intact, jax.core.Tracer) and (intact != 1).any():
        raise InputError(CHANGED)
    rows = {
        name: RowGradient(ids, tap.weights[name[-1]], tap.dy if name[-1] == "v" else tap.x, intact)
        for name in TABLES
        if name in part
    }
    return {name: rows[name] if name in rows else learned[name] for name in part}
