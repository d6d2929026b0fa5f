"""The whole layer in the native core, and its stages before the experts."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from peerspec.native.arrays import FORMATS, address, compute_dtype, contiguous, empty
from peerspec.native.core import ExpertTables
from peerspec.native.library import Router, require, run
from peerspec.reference import InputError, Selection
from peerspec.reference.config import GATES

__all__ = [
    "LayerOutput",
    "RetrievalGradients",
    "RouterTables",
    "forward",
    "gates",
    "query",
    "retrieve",
    "retrieve_backward",
]


@dataclass(frozen=True, eq=False)
class RouterTables:
    """What leads from a token to its experts; tables are used where they lie and never copied or cast.

    Args:
        weight, bias: [h, d, D], and [h, d] or None.
        keys: [H_k, 2, n, d/2], with H_k = 1 or h.
        k: experts a head.
        gate: one of GAT-1 … GAT-2.

    Raises:
        InputError: tables of other shapes or dtypes, or not contiguous.
    """

    weight: NDArray[Any]
    keys: NDArray[Any]
    k: int
    bias: NDArray[Any] | None = None
    gate: str = "softmax"

    def __post_init__(self) -> None:
        compute_dtype(self.keys.dtype)
        if self.gate not in GATES:
            raise InputError(f"gate must be one of {', '.join(GATES)}, got {self.gate!r} (CFG-5)")
        contiguous("weight", self.weight, self.keys.dtype, (None, None, None))
        heads, d_key, _ = self.weight.shape
        contiguous("keys", self.keys, self.keys.dtype, (None, 2, None, d_key // 2))
        if self.bias is not None:
            contiguous("bias", self.bias, self.keys.dtype, (heads, d_key))
        if len(self.keys) not in (1, heads) or d_key % 2:
            raise InputError(f"keys must be [1 or {heads}, 2, n, d/2] of an even d, got {self.keys.shape} (PAR-1)")
        if not 1 <= self.k <= self.n**2:
            raise InputError(f"k must lie in 1..N = 1..{self.n**2}, got {self.k} (CFG-3)")
        for table in (self.weight, self.bias, self.keys):
            if table is not None and not table.flags.c_contiguous:
                raise InputError("weight, bias and keys must be C-contiguous; use numpy.ascontiguousarray")

    @property
    def n(self) -> int:
        """Sub-keys a half."""
        return self.keys.shape[2]

    @property
    def compute_dtype(self) -> np.dtype[Any]:
        """The dtype of every other array."""
        return compute_dtype(self.keys.dtype)

    @property
    def native(self) -> Router:
        """As the core takes it; valid while this object lives."""
        heads, d_key, d_model = self.weight.shape
        sizes = (d_model, heads, d_key, len(self.keys), self.n, self.k)
        addresses = (address(table) for table in (self.weight, self.bias, self.keys))
        return Router(FORMATS[self.keys.dtype], GATES.index(self.gate), *sizes, *addresses)


class LayerOutput(NamedTuple):
    """y [T, M], and the scores, ids and gates [T, h, k] of the experts it is made of."""

    y: NDArray[Any]
    scores: NDArray[Any]
    ids: NDArray[np.int64]
    gates: NDArray[Any]


class RetrievalGradients(NamedTuple):
    """Gradients of q [T, h, d] and of the sub-keys [H_k, 2, n, d/2], in the compute dtype."""

    dq: NDArray[Any]
    dkeys: NDArray[Any]


def query(
    router: RouterTables, x: Float[np.ndarray, "T D"], *, threads: int | None = None, isa: str | None = None
) -> Float[np.ndarray, "T h d"]:
    """q = W_h x + b_h (QRY-1), before the query norm.

    Raises:
        InputError: x that does not fit the tables.
        NativeError: the core is missing, or has no such level here.
    """
    heads, d_key, width = router.weight.shape
    x = contiguous("x", x, router.compute_dtype, (None, width))
    q = empty((len(x), heads, d_key), router.compute_dtype)
    require("peerspec_query", run(threads, isa), _reference(router), len(x), address(x), address(q))
    return q


def retrieve(
    router: RouterTables, q: Float[np.ndarray, "T h d"], *, threads: int | None = None, isa: str | None = None
) -> Selection:
    """Scores and ids [T, h, k] of queries after the query norm; half scores are never written; errors as ``query``."""
    q = contiguous("q", q, router.compute_dtype, (None, *router.weight.shape[:2]))
    scores, ids = (empty((*q.shape[:2], router.k), dtype) for dtype in (router.compute_dtype, np.int64))
    arrays = (address(array) for array in (q, scores, ids))
    require("peerspec_retrieve", run(threads, isa), _reference(router), len(q), *arrays)
    return Selection(scores, ids)


def retrieve_backward(
    router: RouterTables,
    q: Float[np.ndarray, "T h d"],
    ids: Int[np.ndarray, "T h k"],
    dscores: Float[np.ndarray, "T h k"],
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> RetrievalGradients:
    """The gradients of the scores of ``ids`` by q and the sub-keys; errors as ``query``, or an id outside 0..N-1."""
    q = contiguous("q", q, router.compute_dtype, (None, *router.weight.shape[:2]))
    ids = contiguous("ids", ids, np.int64, (*q.shape[:2], router.k))
    dscores = contiguous("dscores", dscores, router.compute_dtype, ids.shape)
    dq, dkeys = empty(q.shape, router.compute_dtype), empty(router.keys.shape, router.compute_dtype)
    arrays = (address(array) for array in (q, ids, dscores, dq, dkeys))
    require("peerspec_retrieve_backward", run(threads, isa), _reference(router), len(q), *arrays)
    return RetrievalGradients(dq, dkeys)


def gates(
    kind: str, scores: Float[np.ndarray, "*lead k"], *, threads: int | None = None, isa: str | None = None
) -> Float[np.ndarray, "*lead k"]:
    """Gates of lists of scores, each best first (GAT-1, GAT-2); errors as ``query``."""
    scores = contiguous("scores", scores, compute_dtype(scores.dtype), scores.shape)
    out, k = empty(scores.shape, scores.dtype), scores.shape[-1]
    codes = (FORMATS[scores.dtype], GATES.index(kind))
    require("peerspec_gates", run(threads, isa), *codes, out.size // k, k, address(scores), address(out))
    return out


def forward(
    router: RouterTables,
    experts: ExpertTables,
    x: Float[np.ndarray, "T D"],
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> LayerOutput:
    """The layer without query norm: the bits of its stages one after the other, in less time; errors as ``query``.

    The experts may have another dtype than the router, int8 too, if both are computed with in one format.
    """
    x = contiguous("x", x, router.compute_dtype, (None, router.weight.shape[2]))
    if experts.compute_dtype != router.compute_dtype or experts.u.shape != (router.n**2, x.shape[1]):
        raise InputError(
            f"u beside these sub-keys must be of shape [{router.n**2}, {x.shape[1]}] and of a dtype computed with in "
            f"{router.compute_dtype}, got {experts.u.dtype} of shape {list(experts.u.shape)} (PAR-1)"
        )
    y, pairs = empty((len(x), experts.v.shape[1]), router.compute_dtype), (len(x), len(router.weight), router.k)
    scores, ids, gate = (empty(pairs, dtype) for dtype in (router.compute_dtype, np.int64, router.compute_dtype))
    arrays = (address(array) for array in (x, y, scores, ids, gate))
    tables = (_reference(router), ctypes.byref(experts.native))
    require("peerspec_forward", run(threads, isa), *tables, len(x), *arrays)
    return LayerOutput(y, scores, ids, gate)


def _reference(router: RouterTables) -> Any:
    return ctypes.byref(router.native)
