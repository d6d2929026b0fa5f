"""Sums over selected rows of a big table.

    S(table, weights, x) = Σ_{t,s} weights[t,s] · table[ids[t,s]] · x[t]

is linear in each of its three arguments, and these are its derivatives:

    gather_dot   ∂S/∂weights[t,s]: the inner product of token t with a row that it selects
    gather_sum   ∂S/∂x[t]: the weighted sum of the rows that token t selects
    scatter_sum  ∂S/∂table[e]: the weighted sum of the tokens that select row e

Each is an operator without a derivative of its own. Where table and sums have one dtype, library operations read the
rows in place. Other rows are gathered and then widened, a few tokens at a time: no table is cast as a whole, and
[T, K, D] never exists. ``scatter_sum`` sums each row by one thread in one order, without atomics (GRD-3, IND-3).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from peerspec import native
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.gpu.limits import fits_sums
from peerspec.backends.torch.kernels import OnGPU, register_kernels
from peerspec.backends.torch.operators import plain_operator
from peerspec.backends.torch.precision import full_precision
from peerspec.backends.torch.touched import FactoredRows

__all__ = ["BUDGET", "gather_dot", "gather_sum", "scatter_sum", "summed_rows"]

BUDGET = {"cpu": 1 << 21, "other": 1 << 28}
"""Bytes of widened rows held at once: the cache of one core of a CPU; on accelerators, enough to fill one."""


def gather_dot(table: Float[Tensor, "N D"], ids: Int[Tensor, "T K"], x: Float[Tensor, "T D"]) -> Float[Tensor, "T K"]:
    """The inner product of each token with each row that it selects, in the dtype of x."""
    products: Tensor = _gather_dot(table, ids, x)
    return products


def gather_sum(
    table: Float[Tensor, "N M"], ids: Int[Tensor, "T K"], weights: Float[Tensor, "T K"]
) -> Float[Tensor, "T M"]:
    """For each token the weighted sum of the rows that it selects, in the dtype of the weights."""
    sums: Tensor = _gather_sum(table, ids, weights)
    return sums


def scatter_sum(rows: FactoredRows) -> Float[Tensor, "R D"]:
    """For each row of ``rows.touched`` the weighted sum of the tokens that select it, in the dtype of x."""
    sums: Tensor = _scatter_sum(*rows.touched, rows.weights, rows.x)
    return sums


def summed_rows(gradient: FactoredRows) -> tuple[Int[Tensor, " R"], Float[Tensor, "R D"]]:
    """The touched rows and ``scatter_sum`` of each. Asks the device for R if it stayed there."""
    rows = gradient.touched.rows[: gradient.touched.number()]
    return rows, scatter_sum(gradient._replace(touched=gradient.touched._replace(rows=rows)))


def _gather_dot_by_library(table: Tensor, ids: Tensor, x: Tensor) -> Tensor:
    if _can_sample(table, ids, x):
        return _sampled_products(table, ids, x)
    out = x.new_empty(ids.shape)
    with full_precision(x.device.type):
        for part, rows in _gathered(table, ids, x.dtype):
            # the row first: a product of a matrix and a column is several times slower on the CPU
            out[part] = torch.bmm(x[part, None], rows.mT)[:, 0]
    return out


_gather_dot = plain_operator(
    "gather_dot",
    "(Tensor table, Tensor ids, Tensor x) -> Tensor",
    _gather_dot_by_library,
    lambda table, ids, x: x.new_empty(ids.shape),
)


def _gather_sum_by_library(table: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    if table.dtype == weights.dtype:
        return functional.embedding_bag(ids, table, per_sample_weights=weights, mode="sum")
    out = weights.new_empty(len(ids), table.shape[-1])
    with full_precision(weights.device.type):
        for part, rows in _gathered(table, ids, weights.dtype):
            out[part] = torch.bmm(weights[part, None], rows)[:, 0]
    return out


_gather_sum = plain_operator(
    "gather_sum",
    "(Tensor table, Tensor ids, Tensor weights) -> Tensor",
    _gather_sum_by_library,
    lambda table, ids, weights: weights.new_empty(ids.shape[0], table.shape[-1]),
)


def _scatter_sum_by_library(
    rows: Tensor, order: Tensor, starts: Tensor, places: Tensor, weights: Tensor, x: Tensor
) -> Tensor:
    if len(places):  # of rows behind the last, zeros
        count = int(places[-1])
        out = x.new_zeros(len(rows), x.shape[1])
        out[:count] = _scatter_sum_by_library(rows[:count], order, starts[: count + 1], places[:0], weights, x)
        return out
    if not len(rows):
        return x.new_empty(0, x.shape[1])
    tokens = order // weights.shape[1]
    return functional.embedding_bag(
        tokens, x.contiguous(), starts[:-1], per_sample_weights=weights.flatten()[order], mode="sum"
    )


def _scatter_sum_by_core(
    rows: Tensor, order: Tensor, starts: Tensor, places: Tensor, weights: Tensor, x: Tensor
) -> Tensor:
    by_row = native.SortedPairs(*(to_array(part) for part in (order, rows, starts)))
    return to_tensor(native.scatter_sum(by_row, to_array(weights), to_array(x), threads=torch.get_num_threads()))


def _scatter_sum_by_gpu(*arguments: Tensor) -> Tensor:
    from peerspec.backends.torch.gpu.rows import scatter_sum

    return scatter_sum(*arguments)


_scatter_sum = torch.library.custom_op(
    "peerspec::scatter_sum",
    _scatter_sum_by_library,
    mutates_args=(),
    schema="(Tensor rows, Tensor order, Tensor starts, Tensor places, Tensor weights, Tensor x) -> Tensor",
)
register_kernels(
    _scatter_sum,
    core=_scatter_sum_by_core,
    library=_scatter_sum_by_library,
    gpu=OnGPU(_scatter_sum_by_gpu, fits_sums),
)


@_scatter_sum.register_fake
def _(rows: Tensor, order: Tensor, starts: Tensor, places: Tensor, weights: Tensor, x: Tensor) -> Tensor:
    return x.new_empty(rows.shape[0], x.shape[1])


def _can_sample(table: Tensor, ids: Tensor, x: Tensor) -> bool:
    """Whether ``sampled_addmm`` fits: it copies tables that are not contiguous, and holds at most T·N pairs."""
    in_place = table.dtype == x.dtype and table.device.type == "cpu" and table.is_contiguous()
    return in_place and ids.shape[1] <= len(table)


def _sampled_products(table: Tensor, ids: Tensor, x: Tensor) -> Tensor:
    """The entries (t, ids[t,s]) of x tableᵀ, and no others."""
    _accept_sparse_rows()
    starts = torch.arange(0, ids.numel() + 1, ids.shape[1])
    pairs = torch.sparse_csr_tensor(
        starts, ids.flatten(), x.new_zeros(ids.numel()), (len(x), len(table)), check_invariants=False
    )
    return torch.sparse.sampled_addmm(pairs, x, table.T, beta=0, out=pairs).values().view(ids.shape)


@cache
def _accept_sparse_rows() -> None:
    """Silence torch's warning that sparse CSR tensors are in beta state, which it gives once in a process."""
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
