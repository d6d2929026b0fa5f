"""The functions of the native core as functions of JAX, for programs on the CPU; ``operation`` decides on their use.

Calls run on XLA's own threads. The environment variable ``NPROC``, read when JAX starts, sets their number for XLA and
the core together: ``NPROC=4 python …``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import jax
import numpy as np

from peerspec import native
from peerspec.backends.jax.batching import over_tokens
from peerspec.backends.jax.precision import id_dtype
from peerspec.backends.jax.varying import agreed, result
from peerspec.native.library import NativeError, handler
from peerspec.reference import PeerConfig
from peerspec.reference.config import ACTIVATIONS, GATES

__all__ = [
    "expert_stage",
    "expert_stage_backward",
    "forward",
    "gates",
    "gather_sum",
    "is_registered",
    "query",
    "retrieve",
    "row_squares",
    "scatter_add",
    "select",
    "update_rows",
]

_HANDLERS = (
    *("select", "query", "retrieve", "gates", "expert_stage", "expert_stage_backward", "forward"),
    *("gather_sum", "scatter_add", "update_rows", "row_squares"),
)
_ALGORITHMS = ("sgd", "adagrad", "adam")
_FORWARD_PARAMS = ("query.weight", "keys", "experts.u", "experts.v", "experts.w", "query.bias")

Tables = Mapping[str, jax.Array]


@cache
def is_registered() -> bool:
    """Whether XLA can call the core: the core was built and XLA accepts its version of the interface."""
    if not native.available():
        return False
    try:
        for name in _HANDLERS:
            capsule = jax.ffi.pycapsule(handler(name))  # type: ignore[no-untyped-call]  # not annotated
            jax.ffi.register_ffi_target(f"peerspec_{name}", capsule, platform="cpu")
    except (NativeError, AttributeError, RuntimeError):
        return False
    return True


def select(k: int, scores1: jax.Array, scores2: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Scores and ids [..., k] of the selection from half scores [..., n] (SEL-2)."""

    @over_tokens
    def run(_: Any, halves: tuple[jax.Array, jax.Array]) -> Any:
        *lead, n = halves[0].shape
        results = _array((*lead, k), halves[0].dtype), _array((*lead, k), id_dtype(n * n))
        return _call("select", results)(*halves)

    scores, ids = _with_rows(run, (scores1, scores2))
    return scores, ids


def query(weights: tuple[jax.Array, ...], x: jax.Array) -> jax.Array:
    """q [T, h, d] of tokens [T, D], from the weight [h, d, D] and the bias if there is one (QRY-1)."""
    heads, d_key, _ = weights[0].shape
    q: jax.Array = _call_on_tokens("query", lambda tokens: _array((tokens, heads, d_key), x.dtype), (x,), weights)
    return q


def retrieve(k: int, keys: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Scores and ids [T, h, k] of queries [T, h, d] (SCO-1, SEL-2)."""
    heads, ids = q.shape[1], id_dtype(keys.shape[2] ** 2)

    def results(tokens: int) -> Any:
        return _array((tokens, heads, k), q.dtype), _array((tokens, heads, k), ids)

    scores, indices = _call_on_tokens("retrieve", results, (q,), (keys,))
    return scores, indices


def gates(kind: str, scores: jax.Array) -> jax.Array:
    """The gates of scores [..., k] (GAT-1, GAT-2)."""

    @over_tokens
    def run(_: Any, scores: jax.Array) -> Any:
        return _call("gates", _like(scores))(scores, gate=_code(GATES, kind))

    gate: jax.Array = _with_rows(run, scores)
    return gate


def expert_stage(activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array) -> jax.Array:
    """y [T, M] (EXP-1, EXP-2, OUT-1)."""
    y: jax.Array = _call_on_tokens(
        "expert_stage",
        lambda tokens: _array((tokens, tables["v"].shape[1]), x.dtype),
        (x, ids, gate),
        _in_order(tables),
        activation=_code(ACTIVATIONS, activation),
    )
    return y


def expert_stage_backward(
    activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array, dy: jax.Array
) -> tuple[jax.Array, jax.Array, dict[str, jax.Array]]:
    """dx [T, D], dgates [T, K], and for each table the weights [T, K] of x or dy in the gradients of its rows."""
    pairs = ids.shape[1]
    dx, dgates, *weights = _call_on_tokens(
        "expert_stage_backward",
        lambda tokens: [_array((tokens, x.shape[1]), x.dtype)] + [_array((tokens, pairs), x.dtype)] * (1 + len(tables)),
        (x, ids, gate, dy),
        _in_order(tables),
        activation=_code(ACTIVATIONS, activation),
    )
    return dx, dgates, dict(zip(("u", "v", "w"), weights, strict=False))


def forward(config: PeerConfig, params: Mapping[str, jax.Array], x: jax.Array) -> tuple[jax.Array, ...]:
    """y [T, M], and scores, ids and gates [T, h, k], of a layer without query norm."""

    def results(tokens: int) -> Any:
        routing = (tokens, config.heads, config.top_k)
        dtypes = (x.dtype, id_dtype(config.num_experts), x.dtype)
        return _array((tokens, config.d_out), x.dtype), *(_array(routing, dtype) for dtype in dtypes)

    found: tuple[jax.Array, ...] = _call_on_tokens(
        "forward",
        results,
        (x,),
        tuple(params[name] for name in _FORWARD_PARAMS if name in params),
        activation=_code(ACTIVATIONS, config.activation),
        gate=_code(GATES, config.gate),
        glu=np.int64(config.expert == "glu"),
    )
    return found


def gather_sum(table: jax.Array, ids: jax.Array, weights: jax.Array) -> jax.Array:
    """Σ_s weights[t, s]·table[ids[t, s]], [T, D]."""

    @over_tokens
    def run(table: jax.Array, pairs: tuple[jax.Array, jax.Array]) -> Any:
        ids, weights = pairs
        return _call("gather_sum", _array((ids.shape[0], table.shape[1]), weights.dtype))(table, ids, weights)

    y: jax.Array = run(table, (ids, weights))
    return y


def scatter_add(ids: jax.Array, weights: jax.Array, x: jax.Array, table: jax.Array) -> jax.Array:
    """``table`` with weights[t, s]·x[t] added to row ids[t, s]; the sum of each row is rounded once (GRD-3)."""
    out: jax.Array = _call("scatter_add", _like(table), input_output_aliases={3: 0})(ids, weights, x, table)
    return out


def update_rows(
    algorithm: str,
    hyperparameters: Mapping[str, float],
    gradient: Sequence[jax.Array],
    scalars: Sequence[jax.Array],
    tables: Sequence[jax.Array],
) -> list[jax.Array]:
    """A table and its state after one step on the rows of a gradient; both are changed in place.

    Args:
        algorithm: ``sgd``, ``adagrad`` or ``adam``.
        hyperparameters: ``rate``, ``epsilon``, ``beta1`` and ``beta2``.
        gradient: the arrays of a ``RowGradient``.
        scalars: the factor of the rate, and the number of the step, from 1.
        tables: the table, then its state.
    """
    first = len(gradient) + len(scalars)
    aliases = {first + i: i for i in range(len(tables))}
    run = _call("update_rows", [_like(table) for table in tables], input_output_aliases=aliases)
    attributes = {name: np.float64(number) for name, number in hyperparameters.items()}
    new: list[jax.Array] = run(*gradient, *scalars, *tables, optimiser=_code(_ALGORITHMS, algorithm), **attributes)
    return new


def row_squares(ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    """The sum of the squares of all entries of the gradient of a table, []."""
    squares: jax.Array = _call("row_squares", _array((), x.dtype))(ids, weights, x)
    return squares


def _call_on_tokens(
    name: str, results: Callable[[int], Any], tokens: tuple[jax.Array, ...], tables: Any, **attributes: Any
) -> Any:
    """Call a function of arrays with T as first axis, then tables; ``results`` gives the shapes for T tokens."""

    @over_tokens
    def run(tables: Any, tokens: tuple[jax.Array, ...]) -> Any:
        return _call(name, results(tokens[0].shape[0]))(*tokens, *tables, **attributes)

    return run(tables, tokens)


def _call(name: str, results: Any, **options: Any) -> Any:
    """The function of the core with this name: it takes arrays and attributes."""

    def run(*arrays: jax.Array, **attributes: Any) -> Any:
        arrays = agreed(arrays)
        own: Any = jax.tree.map(lambda each: result(each.shape, each.dtype, arrays[0]), results)
        call: Any = jax.ffi.ffi_call(f"peerspec_{name}", own, **({"vmap_method": "sequential"} | options))
        return call(*arrays, **attributes)

    return run


def _with_rows(run: Callable[[Any, Any], Any], arrays: Any) -> Any:
    """``run`` on arrays [..., n], which have one leading axis at least, without tables."""
    if jax.tree.leaves(arrays)[0].ndim > 1:
        return run((), arrays)
    return jax.tree.map(lambda row: row[0], run((), jax.tree.map(lambda row: row[None], arrays)))


def _in_order(tables: Tables) -> tuple[jax.Array, ...]:
    return tuple(tables[name] for name in ("u", "v", "w") if name in tables)


def _code(names: Sequence[str], name: str) -> np.int64:
    return np.int64(names.index(name))


def _array(shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]  # not annotated


def _like(array: jax.Array) -> jax.ShapeDtypeStruct:
    return _array(array.shape, array.dtype)
