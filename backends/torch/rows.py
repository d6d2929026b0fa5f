"""Rows of a big table, picked by id: the three sums that experts and their gradients are made of.

With rows r_e of the table, ids e[t,k] and weights c[t,k],

    row_products   a[t,k] = r_{e[t,k]} · x_t
    weighted_rows  y_t    = Σ_k c[t,k] r_{e[t,k]}
    spread_rows    R_e    = Σ_{(t,k): e[t,k] = e} c[t,k] x_t

and each one's derivatives are the other two. Rows are gathered in the format of the table and widened after,
a few tokens at a time: no table is ever cast whole, and [T, K, D] never exists. Sums are in the format of
``x`` and ``weights``.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from peerspec.backends.torch.precision import full_precision

__all__ = ["BUDGET", "row_products", "spread_rows", "weighted_rows"]

BUDGET = {"cpu": 1 << 21, "other": 1 << 28}
"""Bytes of widened rows held at once: what a core's cache keeps; on accelerators, enough to fill one."""


def row_products(table: Float[Tensor, "N D"], ids: Int[Tensor, "T K"], x: Float[Tensor, "T D"]) -> Float[Tensor, "T K"]:
    """The inner product of each token with each row it picks."""
    out = x.new_empty(ids.shape)
    with full_precision(x.device.type):
        for part, rows in _gathered(table, ids, x.dtype):
            out[part] = torch.bmm(rows, x[part, :, None])[..., 0]
    return out


def weighted_rows(
    table: Float[Tensor, "N M"], ids: Int[Tensor, "T K"], weights: Float[Tensor, "T K"]
) -> Float[Tensor, "T M"]:
    """For each token the weighted sum of the rows it picks."""
    if table.dtype == weights.dtype:
        return functional.embedding_bag(ids, table, per_sample_weights=weights, mode="sum")
    out = weights.new_empty(len(ids), table.shape[-1])
    with full_precision(weights.device.type):
        for part, rows in _gathered(table, ids, weights.dtype):
            out[part] = torch.bmm(weights[part, None], rows)[:, 0]
    return out


def spread_rows(
    table: Float[Tensor, "N D"],
    ids: Int[Tensor, "T K"],
    weights: Float[Tensor, "T K"],
    x: Float[Tensor, "T D"],
) -> Float[Tensor, "N D"]:
    """A table of the shape and format of ``table``: each row the weighted sum of the tokens that pick it.

    Rows nobody picks are zero. Pairs are sorted by row, so that each row is summed on its own, in one order,
    without atomics, in the format of ``x``; then it is rounded to the format of the table once.
    """
    out = torch.zeros_like(table)
    if not ids.numel():
        return out
    by_row = ids.flatten().argsort(stable=True)
    picked, counts = torch.unique_consecutive(ids.flatten()[by_row], return_counts=True)
    sums = functional.embedding_bag(
        by_row // ids.shape[1],
        x.contiguous(),
        counts.cumsum(0) - counts,
        per_sample_weights=weights.flatten()[by_row],
        mode="sum",
    )
    return out.index_copy_(0, picked, sums.to(table.dtype))


def _gathered(table: Tensor, ids: Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Slices of tokens, each with its rows [t, K, D] in ``dtype``."""
    budget = BUDGET["cpu" if table.device.type == "cpu" else "other"]
    step = max(1, budget // (ids.shape[1] * table.shape[1] * dtype.itemsize))
    for start in range(0, len(ids), step):
        part = slice(start, start + step)
        yield part, functional.embedding(ids[part], table).to(dtype)
