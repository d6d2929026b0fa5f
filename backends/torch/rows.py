"""Rows of a big table, picked by id: sums of library operations that experts and their gradients are made of.

With rows r_e of the table, ids e[t,k] and weights c[t,k],

    row_products   a[t,k] = r_{e[t,k]} · x_t
    weighted_rows  y_t    = Σ_k c[t,k] r_{e[t,k]}

and each one's derivatives are the other, and what ``touched`` sums. Where the table has the format of the sums, which
is that of ``x`` and ``weights``, library operations read its rows in place. Other rows are gathered in the format of
the table and widened after, a few tokens at a time: no table is ever cast whole, and [T, K, D] never exists.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from peerspec.backends.torch.precision import full_precision

__all__ = ["BUDGET", "gather_dot", "gather_sum"]

BUDGET = {"cpu": 1 << 21, "other": 1 << 28}
"""Bytes of widened rows held at once: what a core's cache keeps; on accelerators, enough to fill one."""


def gather_dot(table: Float[Tensor, "N D"], ids: Int[Tensor, "T K"], x: Float[Tensor, "T D"]) -> Float[Tensor, "T K"]:
    """The inner product of each token with each row it picks."""
    products: Tensor = _gather_dot(table, ids, x)
    return products


def gather_sum(
    table: Float[Tensor, "N M"], ids: Int[Tensor, "T K"], weights: Float[Tensor, "T K"]
) -> Float[Tensor, "T M"]:
    """For each token the weighted sum of the rows it picks."""
    sums: Tensor = _gather_sum(table, ids, weights)
    return sums


@torch.library.custom_op(
    "peerspec::gather_dot", mutates_args=(), schema="(Tensor table, Tensor ids, Tensor x) -> Tensor"
)
def _gather_dot(table: Tensor, ids: Tensor, x: Tensor) -> Tensor:
    if _sampled(table, ids, x):
        return _sampled_products(table, ids, x)
    out = x.new_empty(ids.shape)
    with full_precision(x.device.type):
        for part, rows in _gathered(table, ids, x.dtype):
            # the row first: a product of a matrix and a column is several times slower on the CPU
            out[part] = torch.bmm(x[part, None], rows.mT)[:, 0]
    return out


@_gather_dot.register_fake
def _(table: Tensor, ids: Tensor, x: Tensor) -> Tensor:
    return x.new_empty(ids.shape)


@torch.library.custom_op(
    "peerspec::gather_sum", mutates_args=(), schema="(Tensor table, Tensor ids, Tensor weights) -> Tensor"
)
def _gather_sum(table: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    if table.dtype == weights.dtype:
        return functional.embedding_bag(ids, table, per_sample_weights=weights, mode="sum")
    out = weights.new_empty(len(ids), table.shape[-1])
    with full_precision(weights.device.type):
        for part, rows in _gathered(table, ids, weights.dtype):
            out[part] = torch.bmm(weights[part, None], rows)[:, 0]
    return out


@_gather_sum.register_fake
def _(table: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    return weights.new_empty(ids.shape[0], table.shape[-1])


def _sampled(table: Tensor, ids: Tensor, x: Tensor) -> bool:
    """Whether ``sampled_addmm`` serves: it copies tables that are not contiguous, and holds at most T·N pairs."""
    in_place = table.dtype == x.dtype and table.device.type == "cpu" and table.is_contiguous()
    return in_place and ids.shape[1] <= len(table)


def _sampled_products(table: Tensor, ids: Tensor, x: Tensor) -> Tensor:
    """The entries (t, e[t,k]) of x tableᵀ, and no others."""
    _accept_sparse_rows()
    starts = torch.arange(0, ids.numel() + 1, ids.shape[1])
    picked = torch.sparse_csr_tensor(
        starts, ids.flatten(), x.new_zeros(ids.numel()), (len(x), len(table)), check_invariants=False
    )
    return torch.sparse.sampled_addmm(picked, x, table.T, beta=0, out=picked).values().view(ids.shape)


@cache
def _accept_sparse_rows() -> None:
    """Let torch say once, to nobody, that its sparse rows are in beta state."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        torch.sparse_csr_tensor([0, 0], torch.zeros(0, dtype=torch.int64), torch.zeros(0), (1, 1))


def _gathered(table: Tensor, ids: Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Slices of tokens, each with its rows [t, K, D] in ``dtype``."""
    budget = BUDGET["cpu" if table.device.type == "cpu" else "other"]
    step = max(1, budget // (ids.shape[1] * table.shape[1] * dtype.itemsize))
    for start in range(0, len(ids), step):
        part = slice(start, start + step)
        yield part, functional.embedding(ids[part], table).to(dtype)
