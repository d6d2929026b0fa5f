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
from peerspec.backends.torch.gpu.limits import fits_sorting
from peerspec.backends.torch.kernels import OnGPU, register_kernels
from peerspec.backends.torch.operators import plain_operator

__all__ = ["FactoredRows", "Touched", "touched_rows", "touched_where"]


class Touched(NamedTuple):
    """The pairs of a batch by the row that they select.

    Attributes:
        rows: [R], the distinct ids, ascending.
        order: [T·K], positions of the pairs, sorted by id, then by position; fewer where only some positions are pairs.
        starts: [R + 1], the position in ``order`` where each row begins.
        places: empty; or, where R stays on the device, one more than the place of the row of each sorted pair, [T·K].
            Then ``rows`` and ``starts`` have room for as many rows as there can be, and the last place is R.
    """

    rows: Int[Tensor, " R"]
    order: Int[Tensor, " TK"]
    starts: Int[Tensor, " R1"]
    places: Int[Tensor, " TK"]

    def ids(self, like: Tensor, none: int = 0) -> Int[Tensor, "T K"]:
        """The ids that were sorted, in the shape of ``like``; ``none`` where there is no pair."""
        found = self.order.new_full((like.numel(),), none)
        if len(self.places):
            found[self.order] = self.rows[self.places - 1]
        else:
            found[self.order] = self.rows.repeat_interleave(self.starts.diff())
        return found.view(like.shape)

    def number(self) -> int:
        """R. Asks the device if it stayed there."""
        return int(self.places[-1]) if len(self.places) else len(self.rows)


class FactoredRows(NamedTuple):
    """A table's gradient as weights and x by touched row, not yet summed, in the compute dtype.

    The gradient of a row is Σ weights[t,s] · x[t] over its pairs (t, s).
    """

    touched: Touched
    weights: Float[Tensor, "T K"]
    x: Float[Tensor, "T D"]


def touched_where(ids: Int[Tensor, "T K"], num_rows: int) -> Touched:
    """``touched_rows`` of the pairs whose id is less than ``num_rows``; where it is ``num_rows``, there is no pair."""
    found = touched_rows(ids, num_rows + 1)
    rows, starts = found.rows[: found.number()], found.starts[: found.number() + 1]
    if len(rows) and int(rows[-1]) == num_rows:
        rows, starts = rows[:-1], starts[:-1]
    order = found.order[: int(starts[-1])]
    return Touched(rows.contiguous(), order.contiguous(), starts.contiguous(), found.places[:0])


def touched_rows(ids: Int[Tensor, "T K"], num_rows: int) -> Touched:
    """Sort the pairs by row; ids lie in 0..num_rows-1."""
    return Touched(*_touched_rows(ids, num_rows))


def _by_library(ids: Tensor, num_rows: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    order = ids.flatten().argsort(stable=True)
    rows, counts = torch.unique_consecutive(ids.flatten()[order], return_counts=True)
    return rows, order, functional.pad(counts.cumsum(0), (1, 0)), ids.new_empty(0, dtype=torch.int32)


def _by_core(ids: Tensor, num_rows: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    found = native.sort_ids(to_array(ids), num_rows)
    return (
        to_tensor(found.touched),
        to_tensor(found.order),
        to_tensor(found.starts),
        ids.new_empty(0, dtype=torch.int32),
    )


def _by_gpu(ids: Tensor, num_rows: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    from peerspec.backends.torch.gpu.rows import touched_rows

    return touched_rows(ids, num_rows)


def _fake(ids: Tensor, num_rows: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    count, places = (torch.library.get_ctx().new_dynamic_size() for _ in range(2))
    rows, order, starts = (ids.new_empty(size, dtype=torch.int64) for size in (count, ids.numel(), count + 1))
    return rows, order, starts, ids.new_empty(places, dtype=torch.int32)


_touched_rows = plain_operator(
    "touched_rows",
    "(Tensor ids, int num_rows) -> (Tensor rows, Tensor order, Tensor starts, Tensor places)",
    _by_library,
    _fake,
)
register_kernels(_touched_rows, core=_by_core, library=_by_library, gpu=OnGPU(_by_gpu, fits_sorting))
