"""The touched rows of a batch, and a gradient as factors of these rows.

The pairs of a batch are sorted by row once. ``rows.scatter_sum`` and the optimisers then sum each row on its own.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from peerspec import native
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.native import core_kernel
from peerspec.backends.torch.operators import plain_operator

__all__ = ["FactoredRows", "Touched", "touched_rows"]


class Touched(NamedTuple):
    """The pairs of a batch by the row that they select.

    Attributes:
        rows: [R], the distinct ids, ascending.
        order: [T·K], positions of the pairs, sorted by id, then by position.
        starts: [R + 1], the position in ``order`` where each row begins.
    """

    rows: Int[Tensor, " R"]
    order: Int[Tensor, " TK"]
    starts: Int[Tensor, " R1"]


class FactoredRows(NamedTuple):
    """A table's gradient as weights and x by touched row, not yet summed, in the compute dtype.

    The gradient of a row is Σ weights[t,s] · x[t] over its pairs (t, s).
    """

    touched: Touched
    weights: Float[Tensor, "T K"]
    x: Float[Tensor, "T D"]


def touched_rows(ids: Int[Tensor, "T K"], num_rows: int) -> Touched:
    """Sort the pairs by row; ids lie in 0..num_rows-1."""
    return Touched(*_touched_rows(ids, num_rows))


def _by_library(ids: Tensor, num_rows: int) -> tuple[Tensor, Tensor, Tensor]:
    order = ids.flatten().argsort(stable=True)
    rows, counts = torch.unique_consecutive(ids.flatten()[order], return_counts=True)
    return rows, order, functional.pad(counts.cumsum(0), (1, 0))


def _by_core(ids: Tensor, num_rows: int) -> tuple[Tensor, Tensor, Tensor]:
    found = native.sort_ids(to_array(ids), num_rows)
    return to_tensor(found.touched), to_tensor(found.order), to_tensor(found.starts)


def _fake(ids: Tensor, num_rows: int) -> tuple[Tensor, Tensor, Tensor]:
    count = torch.library.get_ctx().new_dynamic_size()
    return ids.new_empty(count), ids.new_empty(ids.numel()), ids.new_empty(count + 1)


_touched_rows = plain_operator(
    "touched_rows", "(Tensor ids, int num_rows) -> (Tensor rows, Tensor order, Tensor starts)", _by_library, _fake
)
core_kernel(_touched_rows, core=_by_core, library=_by_library)
