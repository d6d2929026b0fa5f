"""The gradient of an expert table: a dense tensor, a sparse one, or none where an optimiser takes it.

A dense gradient costs as much as the table. A sparse one holds the touched rows, as that of
``torch.nn.Embedding(sparse=True)``. An optimiser with ``in_backward=True`` takes the factored rows and updates the
table at once. A compiled graph has only dense gradients, because its shapes must not depend on the ids; it refuses
sparse ones and updates.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec.backends.torch.gpu.limits import fits_dense
from peerspec.backends.torch.in_backward import UpdateError, receiver_of
from peerspec.backends.torch.kernels import OnGPU, register_kernels
from peerspec.backends.torch.operators import plain_operator
from peerspec.backends.torch.rows import summed_rows
from peerspec.backends.torch.touched import FactoredRows, Touched, touched_rows
from peerspec.reference import InputError

__all__ = ["gradients_of_rows", "table_gradients"]


def table_gradients(
    tables: Sequence[Float[Tensor, "N _"] | None],
    ids: Int[Tensor, "T K"],
    weights: Sequence[Float[Tensor, "T K"]],
    xs: Sequence[Float[Tensor, "T _"]],
    *,
    sparse: bool,
) -> list[Tensor | None]:
    """For each table Σ weight · x over the pairs of each row; None if it is not needed or an optimiser takes it.

    Args:
        tables: of one number of rows; None where no gradient is needed.
        sparse: return coalesced sparse tensors of the touched rows instead of dense ones.

    Raises:
        InputError: sparse gradients in a compiled graph, when it runs.
        UpdateError: an optimiser takes the gradient of a table in a compiled graph, when it runs.
    """
    if torch.compiler.is_compiling():
        factors = zip(tables, weights, xs, strict=True)
        return [None if table is None else _compiled(table, ids, weight, x, sparse) for table, weight, x in factors]
    rows = next((len(table) for table in tables if table is not None), None)
    if rows is None:
        return list(tables)
    return gradients_of_rows(tables, touched_rows(ids, rows), weights, xs, sparse=sparse)


def gradients_of_rows(
    tables: Sequence[Float[Tensor, "N _"] | None],
    touched: Touched,
    weights: Sequence[Float[Tensor, "T K"]],
    xs: Sequence[Float[Tensor, "T _"]],
    *,
    sparse: bool,
) -> list[Tensor | None]:
    """``table_gradients`` of pairs that are sorted by row."""
    return [
        None if table is None else _gradient(table, FactoredRows(touched, weight, x), sparse)
        for table, weight, x in zip(tables, weights, xs, strict=True)
    ]


def _gradient(table: Tensor, gradient: FactoredRows, sparse: bool) -> Tensor | None:
    if (receiver := receiver_of(table)) is None:
        return _tensor(table, gradient, sparse)
    receiver(table, gradient)
    return None


def _tensor(table: Tensor, gradient: FactoredRows, sparse: bool) -> Tensor:
    if not sparse:
        dense: Tensor = _dense(table, *gradient.touched, gradient.weights, gradient.x)
        return dense
    rows, values = summed_rows(gradient)
    return torch.sparse_coo_tensor(
        rows[None], values.to(table.dtype), table.shape, is_coalesced=True, check_invariants=False
    )


def _dense_by_library(
    table: Tensor, rows: Tensor, order: Tensor, starts: Tensor, places: Tensor, weights: Tensor, x: Tensor
) -> Tensor:
    touched, values = summed_rows(FactoredRows(Touched(rows, order, starts, places), weights, x))
    out = torch.zeros_like(table, memory_format=torch.contiguous_format)
    return out.index_copy_(0, touched, values.to(table.dtype))


def _dense_by_gpu(*arguments: Tensor) -> Tensor:
    from peerspec.backends.torch.gpu.rows import dense_gradient

    return dense_gradient(*arguments)


_dense = plain_operator(
    "dense_gradient",
    "(Tensor table, Tensor rows, Tensor order, Tensor starts, Tensor places, Tensor weights, Tensor x) -> Tensor",
    _dense_by_library,
    lambda table, *pairs: torch.empty_like(table, memory_format=torch.contiguous_format),
)
register_kernels(
    _dense, core=_dense_by_library, library=_dense_by_library, gpu=OnGPU(_dense_by_gpu, fits_dense), tables=()
)


@torch.library.custom_op(
    "peerspec::table_gradient",
    mutates_args=(),
    schema="(Tensor table, Tensor ids, Tensor weights, Tensor x, bool sparse) -> Tensor",
)
def _compiled(table: Tensor, ids: Tensor, weights: Tensor, x: Tensor, sparse: bool) -> Tensor:
    if sparse:
        raise InputError(
            "a compiled layer cannot give sparse gradients, because the shapes of a compiled graph must not depend on "
            "the ids; make the layer without sparse_gradients, or train it without torch.compile"
        )
    if receiver_of(table) is not None:
        raise UpdateError(
            "a compiled layer cannot be updated within the backward pass; make the optimiser without in_backward, or "
            "train the layer without torch.compile"
        )
    return _tensor(table, FactoredRows(touched_rows(ids, len(table)), weights, x), sparse=False)


@_compiled.register_fake
def _(table: Tensor, ids: Tensor, weights: Tensor, x: Tensor, sparse: bool) -> Tensor:
    return torch.empty_like(table, memory_format=torch.contiguous_format)
