"""Tables split by columns: each process has a part of every row, and the products of the parts are summed.

All processes pass the same tokens, and all get the same y. What goes between them is [T, K] for u·x (and w·x), and the
columns of y; in the backward pass [T, K] for v·dy, and the columns of dx. The work is balanced however tokens select.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from peerspec.backends.torch.experts import stage_factors, values_of
from peerspec.backends.torch.in_backward import tables_with_receiver, wanted_tables
from peerspec.backends.torch.rows import gather_dot, gather_sum
from peerspec.backends.torch.split_tables.collectives import gathered_numbers, joined_columns, summed
from peerspec.backends.torch.split_tables.tables import Shards, Versions, require_first_order, require_unchanged, split
from peerspec.backends.torch.table_gradients import gradients_of_rows
from peerspec.backends.torch.touched import touched_rows
from peerspec.reference import InputError

__all__ = ["expert_stage"]

_PARTS = 8
_BITS = {8: torch.int64, 4: torch.int32, 2: torch.int16}
"""The integers of each size."""


def expert_stage(
    shards: Shards,
    tables: Sequence[Tensor | None],
    d_out: int,
    x: Tensor,
    ids: Tensor,
    gates: Tensor,
    activation: str,
    versions: Versions,
) -> Tensor:
    """y [T, M], the same in all processes.

    Args:
        shards: how the tables are split.
        tables: the columns of this process of u, v and w; w None for MLP experts.
        d_out: M.
        x, ids, gates: as for ``experts.expert_stage``, the same in all processes.
        versions: as for ``require_unchanged``.

    Raises:
        InputError: the processes pass different tokens, or select different experts.
    """
    _require_the_same(shards, x, ids, gates)
    options = _Options(shards, split(x.shape[1], shards.size), split(d_out, shards.size), activation, versions)
    y: Tensor = _Stage.apply(*tables, x, gates, ids, options)  # type: ignore[no-untyped-call]  # not annotated
    return y


class _Options(NamedTuple):
    """``inputs`` and ``outputs``: how many columns of u and of v each process has."""

    shards: Shards
    inputs: list[int]
    outputs: list[int]
    activation: str
    versions: Versions


def _require_the_same(shards: Shards, *tensors: Tensor) -> None:
    with torch.no_grad():
        count = torch.as_tensor(len(tensors[0]), device=tensors[0].device)
        own = torch.stack(
            (count, *(_mixed(tensor.contiguous().view(_BITS[tensor.element_size()])) for tensor in tensors))
        )
    for rank, other in enumerate(gathered_numbers(own, shards.group)):
        if other != own.tolist():
            raise InputError(
                "tables that are split by width need the same tokens, ids and gates in all processes, but process "
                f"{rank} has others than process {shards.rank}; pass the same tokens with the same parameters, or "
                'split the tables by="rows" (SHD-2)'
            )


def _require_alike(shards: Shards, dy: Tensor) -> None:
    """Raise InputError where the gradients of y differ by more than rounding, which other layers may do differently.

    The sums of some parts of dy with random signs differ by about the norm of the difference.
    """
    signs = 1 - 2 * (torch.arange(dy.numel(), device=dy.device) * 0x9E3779B1 >> 16 & 1)
    parts = (dy.detach().flatten() * signs).double().tensor_split(_PARTS)
    own = torch.stack([part.sum() for part in parts] + [part.norm() for part in parts])
    for rank, other in enumerate(gathered_numbers(own, shards.group)):
        pairs = list(zip(other, own.tolist(), strict=True))
        sums, norms = pairs[:_PARTS], pairs[_PARTS:]
        if any(abs(a - b) > 0.1 * max(norm) for (a, b), norm in zip(sums, norms, strict=True)):
            raise InputError(
                f"tables that are split by width need the same gradients of y in all processes, but process {rank} has "
                f"others than process {shards.rank}; give both the same loss and the same dropout, or split the tables "
                'by="rows" (SHD-4)'
            )


def _mixed(numbers: Tensor) -> Tensor:
    """A number that differs, almost surely, where one of these differs or stands in another place."""
    flat = numbers.flatten().long()
    places = torch.arange(1, len(flat) + 1, device=flat.device)
    return ((flat ^ places * 0x9E3779B1) * (2 * places + 1)).sum()


def _columns(widths: Sequence[int], rank: int) -> slice:
    start = sum(widths[:rank])
    return slice(start, start + widths[rank])


def _dots(table: Tensor, ids: Tensor, x: Tensor) -> Tensor:
    return gather_dot(table, ids, x) if table.shape[1] else x.new_zeros(ids.shape)


def _sums(table: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    return gather_sum(table, ids, weights) if table.shape[1] else weights.new_zeros(len(ids), 0)


class _Stage(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        u: Tensor,
        v: Tensor,
        w: Tensor | None,
        x: Tensor,
        gates: Tensor,
        ids: Tensor,
        options: _Options,
    ) -> Tensor:
        shards = options.shards
        own = x[:, _columns(options.inputs, shards.rank)].contiguous()
        products = torch.stack([_dots(table, ids, own) for table in (u, w) if table is not None], 1)
        products = summed(products, shards.group)
        y = _sums(v, ids, gates * values_of(products, options.activation))
        ctx.save_for_backward(u, v, w, own, gates, ids, products)
        ctx.received = tables_with_receiver((u, v, w))
        ctx.options = options
        return joined_columns(y, options.outputs, shards.group)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        require_first_order()
        require_unchanged(ctx.options.versions)
        u, v, w, own, gates, ids, products = ctx.saved_tensors
        options, shards, of_tables = ctx.options, ctx.options.shards, 2 if w is None else 3
        _require_alike(shards, dy)
        own_dy = dy[:, _columns(options.outputs, shards.rank)].contiguous()
        z = summed(_dots(v, ids, own_dy), shards.group)
        dgates, *weights = stage_factors(products, z, gates, options.activation)
        dx = _sums(u, ids, weights[0])
        if w is not None:
            dx += _sums(w, ids, weights[2])
        wanted = wanted_tables(ctx.received, (u, v, w), ctx.needs_input_grad[:3])[:of_tables]
        wide = [table if table is not None and table.shape[1] else None for table in wanted]
        gradients: list[Tensor | None] = [None] * of_tables
        if any(table is not None for table in wide):
            gradients = gradients_of_rows(
                wide, touched_rows(ids, len(u)), weights, [own, own_dy, own][:of_tables], sparse=False
            )
        gradients = [
            found if table is None or table.shape[1] else torch.zeros_like(table)
            for found, table in zip(gradients, wanted, strict=True)
        ]
        whole = joined_columns(dx, options.inputs, shards.group)
        return *gradients, *[None] * (3 - of_tables), whole, dgates, None, None
