"""Rows of a big table, picked by id: sums of library operations that experts and their gradients are made of.

With rows r_e of the table, ids e[t,k] and weights c[t,k],

    row_products   a[t,k] = r_{e[t,k]} · x_t
    weighted_rows  y_t    = Σ_k c[t,k] r_{e[t,k]}

and each one's derivatives are the other, and what ``touched`` sums. Rows are gathered in the format of the table and
widened after, a few tokens at a time: no table is ever cast whole, and [T, K, D] never exists. Sums are in the format
of ``x`` and ``weights``.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from peerspec.backends.torch.precision import full_precision

__all__ = ["BUDGET", "row_products", "weighted_rows"]

BUDGET = {"cpu": 1 << 21, "other": 1 << 28}
"""Bytes of widened rows held at once: what a core's cache keeps; on accelerators, enough to fill one."""


def row_products(table: Float[Tensor, "N D"], ids: Int[Tensor, "T K"], x: Float[Tensor, "T D"]) -> Float[Tensor, "T K"]:
    """The inner product of each token with each row it picks."""
    products: Tensor = _row_products(table, ids, x)
    return products


def weighted_rows(
    table: Float[Tensor, "N M"], ids: Int[Tensor, "T K"], weights: Float[Tensor, "T K"]
) -> Float[Tensor, "T M"]:
    """For each token the weighted sum of the rows it picks."""
    sums: Tensor = _weighted_rows(table, ids, weights)
    return sums


@torch.library.custom_op(
    "peerspec::row_products", mutates_args=(), schema="(Tensor table, Tensor ids, Tensor x) -> Tensor"
)
def _row_products(table: Tensor, ids: Tensor, x: Tensor) -> Tensor:
    out = x.new_empty(ids.shape)
    with full_precision(x.device.type):
        for part, rows in _gathered(table, ids, x.dtype):
            out[part] = torch.bmm(rows, x[part, :, None])[..., 0]
    return out


@_row_products.register_fake
def _(table: Tensor, ids: Tensor, x: Tensor) -> Tensor:
    return x.new_empty(ids.shape)


@torch.library.custom_op(
    "peerspec::weighted_rows", mutates_args=(), schema="(Tensor table, Tensor ids, Tensor weights) -> Tensor"
)
def _weighted_rows(table: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    if table.dtype == weights.dtype:
        return functional.embedding_bag(ids, table, per_sample_weights=weights, mode="sum")
    out = weights.new_empty(len(ids), table.shape[-1])
    with full_precision(weights.device.type):
        for part, rows in _gathered(table, ids, weights.dtype):
            out[part] = torch.bmm(weights[part, None], rows)[:, 0]
    return out


@_weighted_rows.register_fake
def _(table: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    return weights.new_empty(ids.shape[0], table.shape[-1])


def _gathered(table: Tensor, ids: Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Slices of tokens, each with its rows [t, K, D] in ``dtype``."""
    budget = BUDGET["cpu" if table.device.type == "cpu" else "other"]
    step = max(1, budget // (ids.shape[1] * table.shape[1] * dtype.itemsize))
    for start in range(0, len(ids), step):
        part = slice(start, start + step)
        yield part, functional.embedding(ids[part], table).to(dtype)
