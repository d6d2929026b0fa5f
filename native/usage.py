"""Counts of selected experts and sums of their gates, in place (SPEC.md, MET-1, MET-3)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from peerspec.native.arrays import DTYPE_CODES, address, compute_dtype, contiguous, in_place
from peerspec.native.isa import run
from peerspec.native.library import require

__all__ = ["count_experts"]


def count_experts(
    sums: Float[np.ndarray, "N 2"],
    ids: Int[np.ndarray, "T K"],
    gates: Float[np.ndarray, "T K"],
    mask: Bool[np.ndarray, " T"] | None = None,
    *,
    threads: int | None = None,
) -> None:
    """Add 1 and the gate to the row of each selected expert. One thread sums a row, in the order of the pairs.

    Args:
        sums: float64 [N, 2], C-contiguous and writeable, changed in place: counts and sums of gates.
        ids: int64 [T, K].
        gates: [T, K], float32 or float64.
        mask: where it is False, a token is not added. Default: all are.

    Raises:
        InputError: arrays that do not fit, or sums that are not contiguous or not writeable.
        NativeError: the core is missing, or an id lies outside 0..N-1; nothing is added then.

    Example:
        >>> sums = np.zeros((4, 2))
        >>> count_experts(sums, np.array([[0, 3], [3, 3]]), np.full((2, 2), 0.5), np.array([True, False]))
        >>> sums[:, 0], sums[:, 1]
        (array([1., 0., 0., 1.]), array([0.5, 0. , 0. , 0.5]))
    """
    in_place("sums", sums, np.dtype(np.float64), (None, 2))
    ids = contiguous("ids", ids, np.int64, (None, None))
    gates = contiguous("gates", gates, compute_dtype(gates.dtype), ids.shape)
    mask = None if mask is None else contiguous("mask", mask, np.bool_, (len(ids),))
    arrays = (address(array) for array in (ids, gates, mask, sums))
    require("peerspec_count_experts", run(threads, None), DTYPE_CODES[gates.dtype], len(sums), *ids.shape, *arrays)
