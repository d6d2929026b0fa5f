"""What becomes of the gradient of an expert table: all rows, the touched ones, or none where an optimiser takes it.

A gradient of all rows is what autograd expects unless told otherwise, and costs as much as the table. Touched rows are
a sparse tensor, as those of ``torch.nn.Embedding(sparse=True)``. And an optimiser that updates within the backward pass
takes the sums before they exist (``optim.Optimiser``). Compiled graphs have gradients of all rows, since no
compiler can know how many rows there will be; the other two are refused there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec.backends.torch.in_backward import UpdateError, taker_of
from peerspec.backends.torch.touched import FactoredRows, Touched, scatter_sum, touched_rows
from peerspec.reference import InputError

__all__ = ["table_gradients"]


def table_gradients(
    tables: Sequence[Float[Tensor, "N _"] | None],
    ids: Int[Tensor, "T K"],
    weights: Sequence[Float[Tensor, "T K"]],
    xs: Sequence[Float[Tensor, "T _"]],
    *,
    sparse: bool,
) -> list[Tensor | None]:
    """For each table Σ weight · x of the pairs that pick a row; None for None, and where an optimiser took it.

    Args:
        tables: of one number of rows; None where no gradient is wanted.
        sparse: a coalesced sparse tensor of the touched rows instead of one of all rows.

    Raises:
        InputError: sparse ones of a compiled graph, when it runs.
        UpdateError: a table of a compiled graph that an optimiser updates within the backward pass, when it runs.
    """
    if torch.compiler.is_compiling():
        return [
            None if t is None else _compiled(t, ids, w, x, sparse) for t, w, x in zip(tables, weights, xs, strict=True)
        ]
    touched: Touched | None = None
    out: list[Tensor | None] = []
    for table, weight, x in zip(tables, weights, xs, strict=True):
        if table is None:
            out.append(None)
            continue
        touched = touched_rows(ids, len(table)) if touched is None else touched
        sums = FactoredRows(touched, weight, x)
        taker = taker_of(table)
        out.append(_tensor(table, sums, sparse) if taker is None else taker(table, sums))
    return out


def _tensor(table: Tensor, sums: FactoredRows, sparse: bool) -> Tensor:
    values, rows = scatter_sum(sums).to(table.dtype), sums.touched.rows
    if not sparse:
        return torch.zeros_like(table, memory_format=torch.contiguous_format).index_copy_(0, rows, values)
    return torch.sparse_coo_tensor(rows[None], values, table.shape, is_coalesced=True, check_invariants=False)


@torch.library.custom_op(
    "peerspec::table_gradient",
    mutates_args=(),
    schema="(Tensor table, Tensor ids, Tensor weights, Tensor x, bool sparse) -> Tensor",
)
def _compiled(table: Tensor, ids: Tensor, weights: Tensor, x: Tensor, sparse: bool) -> Tensor:
    if sparse:
        raise InputError(
            "a compiled layer cannot give sparse gradients, because a compiler cannot know how many rows a batch "
            "touches; make the layer without sparse_gradients, or train it without torch.compile"
        )
    if taker_of(table) is not None:
        raise UpdateError(
            "a compiled layer cannot be updated within the backward pass; make the optimiser without in_backward, or "
            "train the layer without torch.compile"
        )
    return _tensor(table, FactoredRows(touched_rows(ids, len(table)), weights, x), sparse=False)


@_compiled.register_fake
def _(table: Tensor, ids: Tensor, weights: Tensor, x: Tensor, sparse: bool) -> Tensor:
    return torch.empty_like(table, memory_format=torch.contiguous_format)
