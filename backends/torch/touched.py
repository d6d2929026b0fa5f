"""Gradients of a table as rows: those that a batch touches, each the weighted sum of the tokens that pick it.

    R_e = Σ_{(t,k): e[t,k] = e} c[t,k] x_t

Pairs (t, k) are sorted by row once, so that each row is summed on its own, by one thread and in one order, without
atomics: the bits are the same every time and for every number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from peerspec import native as core
from peerspec.backends.torch import native
from peerspec.backends.torch.arrays import to_array, to_tensor

__all__ = ["FactoredRows", "Touched", "scatter_sum", "touched_rows"]


class Touched(NamedTuple):
    """The pairs of a batch by the row they pick.

    Attributes:
        rows: [R], the distinct ids, ascending.
        order: [T·K], pairs by id, then by position.
        starts: [R + 1], where each row's pairs begin.
    """

    rows: Int[Tensor, " R"]
    order: Int[Tensor, " TK"]
    starts: Int[Tensor, " R1"]


class FactoredRows(NamedTuple):
    """A gradient that is not yet summed: for each row the sum over its pairs of weight · x, in the compute dtype."""

    touched: Touched
    weights: Float[Tensor, "T K"]
    x: Float[Tensor, "T D"]


def touched_rows(ids: Int[Tensor, "T K"], num_rows: int) -> Touched:
    """Sort the pairs by row."""
    if native.is_supported(ids.device):
        found = core.sort_ids(to_array(ids), num_rows)
        return Touched(to_tensor(found.touched), to_tensor(found.order), to_tensor(found.starts))
    order = ids.flatten().argsort(stable=True)
    rows, counts = torch.unique_consecutive(ids.flatten()[order], return_counts=True)
    return Touched(rows, order, functional.pad(counts.cumsum(0), (1, 0)))


def scatter_sum(sums: FactoredRows) -> Float[Tensor, "R D"]:
    """The touched rows of the gradient, in the format of x."""
    (rows, order, starts), weights, x = sums
    if native.is_supported(x.device):
        by_row = core.Sorted(*(to_array(part) for part in (order, rows, starts)))
        return to_tensor(core.scatter_sum(by_row, to_array(weights), to_array(x), threads=torch.get_num_threads()))
    if not len(rows):
        return x.new_empty(0, x.shape[1])
    tokens = order // weights.shape[1]
    return functional.embedding_bag(
        tokens, x.contiguous(), starts[:-1], per_sample_weights=weights.flatten()[order], mode="sum"
    )
