"""The functions of the native core over NumPy arrays.

Tables are float64, float32, bfloat16 or float16; every other array is in their compute dtype, float64 for float64 and
else float32. Results have the same bits for every number of threads, and a token's do not depend on its batch.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from peerspec.native.arrays import FORMATS, INT8, address, compute_dtype, contiguous, empty
from peerspec.native.buffer_pool import pooled
from peerspec.native.library import Experts, require, run
from peerspec.reference import InputError, Selection
from peerspec.reference.config import ACTIVATIONS

__all__ = [
    "ExpertGradients",
    "ExpertTables",
    "Sorted",
    "expert_stage",
    "expert_stage_backward",
    "gather_sum",
    "scatter_sum",
    "select",
    "sort_ids",
]


@dataclass(frozen=True, eq=False)
class ExpertTables:
    """The rows of the experts and how to activate them; tables are used where they lie and never copied or cast.

    Args:
        u, v: [N, D] and [N, M], C-contiguous, of one dtype among those of SPEC.md, or int8.
        w: [N, D] for GLU experts (EXP-2), None for MLP (EXP-1).
        activation: one of ACT-1.
        scales: for int8 tables, by name the float32 [N] that their rows are multiplied by; for inference alone.

    Raises:
        InputError: tables of other shapes or dtypes, or not contiguous; scales that do not fit.
    """

    u: NDArray[Any]
    v: NDArray[Any]
    w: NDArray[Any] | None = None
    activation: str = "gelu"
    scales: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.u.dtype != np.int8:
            compute_dtype(self.u.dtype)
        if self.activation not in ACTIVATIONS:
            raise InputError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {self.activation!r} (CFG-5)")
        if self.u.ndim != 2 or self.v.ndim != 2:
            raise InputError(f"u and v must be tables [N, D] and [N, M], got {self.u.shape} and {self.v.shape} (PAR-1)")
        tables = {"v": (self.v, self.v.shape[1]), "w": (self.w, self.u.shape[1]), "u": (self.u, self.u.shape[1])}
        for name, (table, width) in tables.items():
            if table is None:
                continue
            contiguous(name, table, self.u.dtype, (len(self.u), width))
            if not table.flags.c_contiguous:
                raise InputError(f"{name} must be C-contiguous, each row in one piece; use numpy.ascontiguousarray")
        self._check_scales({name for name, (table, _) in tables.items() if table is not None})

    def _check_scales(self, tables: set[str]) -> None:
        if (names := set(self.scales)) != (want := tables if self.u.dtype == np.int8 else set()):
            raise InputError(f"tables of {self.u.dtype} take scales of {sorted(want)}, got those of {sorted(names)}")
        for name, scale in self.scales.items():
            contiguous(f"the scales of {name}", scale, np.float32, (len(self.u),))
            if not scale.flags.c_contiguous:
                raise InputError(f"the scales of {name} must be C-contiguous; use numpy.ascontiguousarray")

    @property
    def compute_dtype(self) -> np.dtype[Any]:
        """The dtype of every other array."""
        return np.dtype(np.float32) if self.u.dtype == np.int8 else compute_dtype(self.u.dtype)

    @property
    def native(self) -> Experts:
        """As the core takes it; valid while this object lives."""
        return Experts(
            INT8 if self.u.dtype == np.int8 else FORMATS[self.u.dtype],
            ACTIVATIONS.index(self.activation),
            len(self.u),
            self.u.shape[1],
            self.v.shape[1],
            address(self.u),
            address(self.v),
            address(self.w),
            *(address(self.scales.get(name)) for name in "uvw"),
        )


class ExpertGradients(NamedTuple):
    """What ``mix_backward`` returns, in the compute dtype.

    Attributes:
        dx: [T, D], by the experts alone.
        dgates: [T, K].
        weights: for each table the [T, K] numbers with which x (for u and w) or dy (for v) enters a row's gradient;
            the third argument of ``spread_rows``.
    """

    dx: NDArray[Any]
    dgates: NDArray[Any]
    weights: dict[str, NDArray[Any]]


class Sorted(NamedTuple):
    """Pairs by row: order [T·K], the distinct ids touched [R], and where each one's positions start, [R + 1]."""

    order: NDArray[np.int64]
    touched: NDArray[np.int64]
    starts: NDArray[np.int64]


def select(
    scores1: Float[np.ndarray, "*lead n"],
    scores2: Float[np.ndarray, "*lead n"],
    k: int,
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> Selection:
    """The first k experts of half scores under SEL-1, exactly; see ``peerspec.reference.select_exhaustive``.

    Args:
        threads: how many; the processors this process may use unless given.
        level: one of ``LEVELS``; the best unless given.

    Raises:
        InputError: half scores of different shapes or dtypes, or k outside 1..n².
        NativeError: the core is missing, or has no such level here.
    """
    if scores1.dtype not in (np.float32, np.float64):
        raise InputError(f"half scores must be float32 or float64, got {scores1.dtype} (PRC-3)")
    if scores1.ndim < 1 or scores1.shape[-1] < 1:
        raise InputError(f"half scores must have shape [..., n], got {scores1.shape} (SCO-1)")
    n, lead = scores1.shape[-1], scores1.shape[:-1]
    first = contiguous("scores1", scores1, scores1.dtype, scores1.shape)
    second = contiguous("scores2", scores2, scores1.dtype, scores1.shape)
    if not 1 <= k <= n * n:
        raise InputError(f"k must lie in 1..N = 1..{n * n}, got {k} (CFG-3)")
    scores, ids = empty((*lead, k), scores1.dtype), empty((*lead, k), np.int64)
    rows = scores.size // k
    arrays = (address(array) for array in (first, second, scores, ids))
    require("peerspec_select", run(threads, isa), FORMATS[scores1.dtype], rows, n, k, *arrays)
    return Selection(scores, ids)


def expert_stage(
    experts: ExpertTables,
    x: Float[np.ndarray, "T D"],
    ids: Int[np.ndarray, "T K"],
    gates: Float[np.ndarray, "T K"],
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> Float[np.ndarray, "T M"]:
    """y_t = Σ over the K pairs of gate · expert(x_t) (OUT-1), in the compute dtype.

    Raises:
        InputError: arrays that do not fit the tables.
        NativeError: as ``select``, or an id outside 0..N-1.
    """
    x, ids, gates = _pairs(experts, x, ids, gates)
    y = empty((len(x), experts.v.shape[1]), experts.compute_dtype)
    arrays = (address(array) for array in (x, ids, gates, y))
    require("peerspec_expert_stage", run(threads, isa), _reference(experts), *ids.shape, *arrays)
    return y


def expert_stage_backward(
    experts: ExpertTables,
    x: Float[np.ndarray, "T D"],
    ids: Int[np.ndarray, "T K"],
    gates: Float[np.ndarray, "T K"],
    dy: Float[np.ndarray, "T M"],
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> ExpertGradients:
    """The gradients of ``mix`` by x and gates, and the weights of those of the tables; errors as ``mix``."""
    if experts.scales:
        raise InputError("int8 tables are for inference; gradients need tables of a format of SPEC.md (PAR-2)")
    x, ids, gates = _pairs(experts, x, ids, gates)
    dy = contiguous("dy", dy, experts.compute_dtype, (len(x), experts.v.shape[1]))
    dx, dgates = empty(x.shape, experts.compute_dtype), empty(ids.shape, experts.compute_dtype)
    names = ("u", "v") if experts.w is None else ("u", "v", "w")
    weights = {name: empty(ids.shape, experts.compute_dtype) for name in names}
    arrays = (x, ids, gates, dy, dx, dgates, weights["u"], weights["v"], weights.get("w"))
    require(
        "peerspec_expert_stage_backward",
        run(threads, isa),
        _reference(experts),
        *ids.shape,
        *(address(a) for a in arrays),
    )
    return ExpertGradients(dx, dgates, weights)


def gather_sum(
    table: Float[np.ndarray, "N width"],
    ids: Int[np.ndarray, "T K"],
    weights: Float[np.ndarray, "T K"],
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> Float[np.ndarray, "T width"]:
    """For each token the weighted sum of the rows it picks; errors as ``mix``."""
    dtype = compute_dtype(table.dtype)
    table = contiguous("table", table, table.dtype, (None, None))
    ids = contiguous("ids", ids, np.int64, (None, None))
    weights = contiguous("weights", weights, dtype, ids.shape)
    out = empty((len(ids), table.shape[1]), dtype)
    arrays = (address(array) for array in (table, ids, weights, out))
    require("peerspec_gather_sum", run(threads, isa), FORMATS[table.dtype], *table.shape, *ids.shape, *arrays)
    return out


def sort_ids(ids: Int[np.ndarray, "T K"], num_rows: int) -> Sorted:
    """Positions of ``ids``, flattened, by id and then by position.

    Raises:
        InputError: ids that are no int64 array [T, K].
        NativeError: the core is missing, or an id outside 0..num_rows-1.
    """
    ids = contiguous("ids", ids, np.int64, (None, None))
    room = min(ids.size, num_rows)
    order, touched, starts = (empty((size,), np.int64) for size in (ids.size, room, room + 1))
    count = np.zeros(1, np.int64)
    require("peerspec_sort_ids", ids.size, num_rows, *(address(a) for a in (ids, order, touched, starts, count)))
    return Sorted(order, touched[: count[0]], starts[: count[0] + 1])


def scatter_sum(
    by_row: Sorted,
    weights: Float[np.ndarray, "T K"],
    x: Float[np.ndarray, "T width"],
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> Float[np.ndarray, "R width"]:
    """For each touched row Σ weight · x over its pairs, each row by one thread in one order (GRD-3).

    Raises:
        InputError: arrays of other shapes or dtypes.
        NativeError: as ``select``.
    """
    weights = contiguous("weights", weights, compute_dtype(weights.dtype), (None, None))
    x = contiguous("x", x, weights.dtype, (len(weights), None))
    if by_row.order.size != weights.size:
        raise InputError(f"weights must have one number for each of {by_row.order.size} sorted ids, got {weights.size}")
    out = pooled((len(by_row.touched), x.shape[1]), weights.dtype)
    arrays = (address(array) for array in (by_row.order, by_row.starts, weights, x, out))
    sizes = (x.shape[1], weights.shape[1], len(out))
    require("peerspec_scatter_sum", run(threads, isa), FORMATS[x.dtype], *sizes, *arrays)
    return out


def _pairs(
    experts: ExpertTables, x: NDArray[Any], ids: NDArray[Any], gates: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    x = contiguous("x", x, experts.compute_dtype, (None, experts.u.shape[1]))
    ids = contiguous("ids", ids, np.int64, (len(x), None))
    return x, ids, contiguous("gates", gates, experts.compute_dtype, ids.shape)


def _reference(experts: ExpertTables) -> Any:
    return ctypes.byref(experts.native)
