"""The native core as functions of JAX: on the CPU, where it was built and XLA takes it.

Calls run on XLA's own threads, as many as the process may use; ``NPROC=4 python …``, read when JAX starts, sets them
for XLA and the core together. Everything the core does has a twin of library operations, which serves on every other
platform, where the core is missing, and inside ``library_operations()``. Which of them a compiled function uses is
settled while it is traced; ``jit`` traces anew inside the block.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import jax
import numpy as np

from peerspec import native
from peerspec.native.library import NativeError, handler
from peerspec.reference import PeerConfig
from peerspec.reference.config import ACTIVATIONS, GATES

__all__ = [
    "call",
    "dispatch",
    "expert_stage",
    "expert_stage_backward",
    "forward",
    "gates",
    "is_supported",
    "library_operations",
    "query",
    "retrieve",
    "scatter_add",
    "select",
]

_HANDLERS = (
    *("select", "query", "retrieve", "gates", "expert_stage", "expert_stage_backward", "forward"),
    *("gather_sum", "scatter_add", "update_rows", "row_squares"),
)

_wanted_at_first = os.environ.get("PEERSPEC_JAX_CORE", "1") != "0"
# part of what jit compares, so that nothing compiled with the core is reused without it
_core_wanted = jax.make_user_context(_wanted_at_first)  # type: ignore[no-untyped-call]  # not annotated


def library_operations() -> AbstractContextManager[None]:
    """Inside the block functions of this package are traced without the native core, as where it was not built.

    The environment variable ``PEERSPEC_JAX_CORE=0`` does the same for a whole process.
    """
    context: AbstractContextManager[None] = _core_wanted(False)
    return context


def is_supported() -> bool:
    """Whether the core is there and wanted; the platform is settled when a function is compiled."""
    return bool(_core_wanted.value) and _registered()


def dispatch(core: Callable[..., Any], plain: Callable[..., Any], *arguments: Any) -> Any:
    """``core`` where the program is compiled for the CPU and the core serves, else ``plain``; same arguments."""
    if not is_supported():
        return plain(*arguments)
    return jax.lax.platform_dependent(*arguments, cpu=core, default=plain)


def select(scores1: jax.Array, scores2: jax.Array, k: int, ids: Any) -> tuple[jax.Array, jax.Array]:
    """Scores and ids [..., k] of the selection from half scores [..., n], ids of dtype ``ids`` (SEL-2)."""
    lead = scores1.shape[:-1]
    results = shaped((*lead, k), scores1.dtype), shaped((*lead, k), ids)
    # leading axes are rows to the core, so that vmap has nothing to do
    return call("select", results, vmap_method="broadcast_all")(scores1, scores2)


def query(weights: tuple[jax.Array, ...], x: jax.Array) -> jax.Array:
    """q [T, h, d] of tokens [T, D], from the query's weight [h, d, D] and its bias if any (QRY-1)."""
    heads, width, _ = weights[0].shape
    q: jax.Array = call("query", shaped((len(x), heads, width), x.dtype))(x, *weights)
    return q


def retrieve(k: int, ids: Any, keys: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Scores and ids [T, h, k] of queries [T, h, d] (SCO-1, SEL-2)."""
    shape = (*q.shape[:2], k)
    return call("retrieve", (shaped(shape, q.dtype), shaped(shape, ids)))(q, keys)


def gates(kind: str, scores: jax.Array) -> jax.Array:
    """The gates of lists of scores [..., k] (GAT-1, GAT-2)."""
    found: jax.Array = call("gates", like(scores), vmap_method="broadcast_all")(scores, gate=_gate(kind))
    return found


def forward(config: PeerConfig, ids: Any, params: Mapping[str, jax.Array], x: jax.Array) -> tuple[jax.Array, ...]:
    """y [T, M], and scores, ids and gates [T, h, k], of the layer without query norm."""
    routing = (len(x), config.heads, config.top_k)
    results = (
        shaped((len(x), config.d_out), x.dtype),
        shaped(routing, x.dtype),
        shaped(routing, ids),
        shaped(routing, x.dtype),
    )
    names = ("query.weight", "keys", "experts.u", "experts.v", "experts.w", "query.bias")
    found: tuple[jax.Array, ...] = call("forward", results)(
        *(x, *(params[name] for name in names if name in params)),
        activation=_activation(config.activation),
        gate=_gate(config.gate),
        glu=np.int64(config.expert == "glu"),
    )
    return found


def expert_stage(
    activation: str, tables: dict[str, jax.Array], x: jax.Array, ids: jax.Array, gates: jax.Array
) -> jax.Array:
    """y [T, M] (EXP-1, EXP-2, OUT-1)."""
    run = call("expert_stage", shaped((len(x), tables["v"].shape[1]), x.dtype))
    y: jax.Array = run(x, ids, gates, *_ordered(tables), activation=_activation(activation))
    return y


def expert_stage_backward(
    activation: str, tables: dict[str, jax.Array], x: jax.Array, ids: jax.Array, gates: jax.Array, dy: jax.Array
) -> tuple[jax.Array, jax.Array, dict[str, jax.Array]]:
    """The gradients of ``mix`` by x and gates, and by table the weights [T, K] with which x or dy enters its rows."""
    results = [like(x), *(like(gates) for _ in range(1 + len(tables)))]
    run = call("expert_stage_backward", results)
    dx, dgates, *weights = run(x, ids, gates, dy, *_ordered(tables), activation=_activation(activation))
    return dx, dgates, dict(zip(("u", "v", "w"), weights, strict=False))


def scatter_add(ids: jax.Array, weights: jax.Array, x: jax.Array, table: jax.Array) -> jax.Array:
    """``table`` with weights[t, s]·x[t] added to row ids[t, s]; the sum of each row is rounded once (GRD-3)."""
    out: jax.Array = call("scatter_add", like(table), input_output_aliases={3: 0})(ids, weights, x, table)
    return out


def update_rows(
    optimiser: str,
    numbers: Mapping[str, float],
    gradient: Sequence[jax.Array],
    scalars: Sequence[jax.Array],
    tables: Sequence[jax.Array],
) -> list[jax.Array]:
    """A table and its state after one step on the rows of a gradient; the arrays are changed where they lie.

    ``gradient`` is ids, weights, x, and whether it is whole; ``scalars`` the factor of the rate and the step;
    ``tables`` the table and its state.
    """
    place = len(gradient) + len(scalars)
    aliases = {place + i: i for i in range(len(tables))}
    run = call("update_rows", [like(table) for table in tables], input_output_aliases=aliases)
    attributes = {name: np.float64(number) for name, number in numbers.items()}
    changed: list[jax.Array] = run(*gradient, *scalars, *tables, optimiser=_optimiser(optimiser), **attributes)
    return changed


def row_squares(ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    """The sum of the squares of all entries of the gradient of a table, []."""
    sum_of: jax.Array = call("row_squares", shaped((), x.dtype))(ids, weights, x)
    return sum_of


def call(name: str, results: Any, **options: Any) -> Any:
    """The function of the core, to be called with arrays and attributes."""
    return jax.ffi.ffi_call(f"peerspec_{name}", results, **({"vmap_method": "sequential"} | options))


@cache
def _registered() -> bool:
    """Whether XLA knows the core's functions: not where the core is missing, or of an interface it no longer takes."""
    if not native.available():
        return False
    try:
        for name in _HANDLERS:
            capsule = jax.ffi.pycapsule(handler(name))  # type: ignore[no-untyped-call]  # not annotated
            jax.ffi.register_ffi_target(f"peerspec_{name}", capsule, platform="cpu")
    except (NativeError, AttributeError, RuntimeError):
        return False
    return True


def _ordered(tables: dict[str, jax.Array]) -> list[jax.Array]:
    return [tables[name] for name in ("u", "v", "w") if name in tables]


def _gate(kind: str) -> np.int64:
    return np.int64(GATES.index(kind))


def _optimiser(name: str) -> np.int64:
    return np.int64(("sgd", "adagrad", "adam").index(name))


def _activation(name: str) -> np.int64:
    return np.int64(ACTIVATIONS.index(name))


def shaped(shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
    """An array without values."""
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]  # not annotated


def like(array: jax.Array) -> jax.ShapeDtypeStruct:
    """The shape and dtype of an array."""
    return shaped(array.shape, array.dtype)
