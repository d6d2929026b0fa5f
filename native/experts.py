"""The expert stage: from tokens, ids and gates to y (EXP-1, EXP-2, OUT-1), and its gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from peerspec.native.arrays import address, contiguous
from peerspec.native.isa import run
from peerspec.native.library import require
from peerspec.native.tables import ExpertTables
from peerspec.reference import InputError

__all__ = ["ExpertGradients", "expert_stage", "expert_stage_backward"]


class ExpertGradients(NamedTuple):
    """The gradients of the expert stage, in the compute dtype.

    Attributes:
        dx: [T, D], through the experts only.
        dgates: [T, K].
        weights: by table name ("u", "v", "w") the [T, K] numbers for ``scatter_sum``: the gradient of a row is the sum
            of weight · x for u and w, and of weight · dy for v.
    """

    dx: NDArray[Any]
    dgates: NDArray[Any]
    weights: dict[str, NDArray[Any]]


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
        NativeError: the core is missing, the processor lacks the instruction set, or an id lies outside 0..N-1.

    Example:
        >>> experts = ExpertTables(np.ones((9, 4)), np.ones((9, 2)), activation="relu")
        >>> expert_stage(experts, np.ones((1, 4)), np.array([[3, 5]]), np.array([[0.75, 0.25]]))
        array([[4., 4.]])
    """
    x, ids, gates = _pairs(experts, x, ids, gates)
    y = np.empty((len(x), experts.v.shape[1]), experts.compute_dtype)
    arrays = (address(array) for array in (x, ids, gates, y))
    require("peerspec_expert_stage", run(threads, isa), experts.by_reference(), *ids.shape, *arrays)
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
    """The gradients of x and gates, and the weights of the gradients of the tables; errors as ``expert_stage``.

    Example:
        >>> experts = ExpertTables(np.ones((9, 4)), np.ones((9, 2)), activation="relu")
        >>> ids, gates = np.array([[3, 5]]), np.array([[0.75, 0.25]])
        >>> expert_stage_backward(experts, np.ones((1, 4)), ids, gates, np.ones((1, 2))).dgates
        array([[8., 8.]])
    """
    if experts.scales:
        raise InputError("int8 tables are for inference; gradients need tables of a dtype of SPEC.md (PAR-5)")
    x, ids, gates = _pairs(experts, x, ids, gates)
    dy = contiguous("dy", dy, experts.compute_dtype, (len(x), experts.v.shape[1]))
    dx, dgates = np.empty(x.shape, experts.compute_dtype), np.empty(ids.shape, experts.compute_dtype)
    names = ("u", "v") if experts.w is None else ("u", "v", "w")
    weights = {name: np.empty(ids.shape, experts.compute_dtype) for name in names}
    arrays = (x, ids, gates, dy, dx, dgates, weights["u"], weights["v"], weights.get("w"))
    addresses = (address(array) for array in arrays)
    require("peerspec_expert_stage_backward", run(threads, isa), experts.by_reference(), *ids.shape, *addresses)
    return ExpertGradients(dx, dgates, weights)


def _pairs(
    experts: ExpertTables, x: NDArray[Any], ids: NDArray[Any], gates: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    x = contiguous("x", x, experts.compute_dtype, (None, experts.u.shape[1]))
    ids = contiguous("ids", ids, np.int64, (len(x), None))
    return x, ids, contiguous("gates", gates, experts.compute_dtype, ids.shape)
