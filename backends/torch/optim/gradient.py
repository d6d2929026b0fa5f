"""The gradient of a parameter as rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec.backends.torch.arrays import COMPUTE_DTYPES
from peerspec.backends.torch.rows import summed_rows
from peerspec.backends.torch.touched import FactoredRows, touched_rows
from peerspec.reference import InputError

__all__ = ["RowGradient", "Rows", "coalesced", "distinct_rows", "rows_of", "summed"]


class Rows(NamedTuple):
    """A gradient as rows: distinct ids [R], and values [R, width] in the compute dtype."""

    rows: Int[Tensor, " R"]
    values: Float[Tensor, "R width"]


RowGradient = Rows | FactoredRows


def rows_of(gradient: Tensor, width: int) -> RowGradient:
    """All rows of a dense gradient, viewed as a table of this width, or the touched rows of a sparse gradient.

    An accumulated sparse gradient lists a row once for each backward pass; these are summed in their order.

    Raises:
        InputError: a sparse gradient that is not a COO tensor of rows.
    """
    dtype = COMPUTE_DTYPES[gradient.dtype]
    if gradient.layout == torch.strided:
        values = gradient.reshape(-1, width).to(dtype)
        return Rows(torch.arange(len(values), device=values.device), values.contiguous())
    if gradient.layout != torch.sparse_coo or gradient.sparse_dim() != 1 or not gradient.dense_dim():
        raise InputError(
            f"a sparse gradient must be a COO tensor of rows, [N, width] with one sparse dimension, "
            f"got {gradient.layout} with {gradient.sparse_dim()} of {gradient.ndim}"
        )
    ids, values = gradient._indices()[0], gradient._values().to(dtype)
    per_entry = math.prod(values.shape[1:-1])  # the ranks of an expert of an adapter are rows of their own
    ids = (ids[:, None] * per_entry + torch.arange(per_entry, device=ids.device)).flatten()
    values = values.reshape(len(ids), width)
    if _ascend(ids):
        return Rows(ids, values)
    ones = values.new_ones(len(ids), 1)
    return FactoredRows(touched_rows(ids[:, None], len(gradient) * per_entry), ones, values)


def distinct_rows(gradient: RowGradient) -> Int[Tensor, " R"]:
    """The rows that have a gradient, each once."""
    if isinstance(gradient, Rows):
        return gradient.rows
    return gradient.touched.rows[: gradient.touched.number()]


def summed(gradient: RowGradient) -> Rows:
    """The gradient as rows, each summed over its pairs."""
    return gradient if isinstance(gradient, Rows) else Rows(*summed_rows(gradient))


def coalesced(gradient: Tensor) -> Tensor:
    """A sparse gradient that lists each row once, summed in the order in which the optimisers sum it."""
    if _ascend(gradient._indices()[0]):
        return gradient._coalesced_(True)
    rows, values = summed(rows_of(gradient, gradient.shape[-1]))
    per_entry = math.prod(gradient.shape[1:-1])
    values = values.to(gradient.dtype).view(-1, *gradient.shape[1:])
    return torch.sparse_coo_tensor(
        rows[None, ::per_entry] // per_entry, values, gradient.shape, is_coalesced=True, check_invariants=False
    )


def _ascend(ids: Int[Tensor, " R"]) -> bool:
    """Whether each row is listed once; autograd loses the mark that a stored gradient is coalesced."""
    return bool((ids[1:] > ids[:-1]).all())
