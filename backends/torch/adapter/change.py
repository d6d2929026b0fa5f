"""What an adapter adds to one target: Σ over pairs and ranks of gate · (u·x) · v (SPEC.md, ADP-3).

Each rank of each expert is an expert of its own, whose row is r·id + ρ of a table [N·r, D], with the gate of the pair.
So the expert stage computes it.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec.backends.torch.experts import expert_stage
from peerspec.backends.torch.forward import Routing
from peerspec.backends.torch.plain import needs_plain
from peerspec.backends.torch.precision import without_autocast
from peerspec.reference import PeerConfig

__all__ = ["change"]


def change(
    router: PeerConfig,
    u: Float[Tensor, "N r D"],
    v: Float[Tensor, "N r M"],
    at: Routing,
    *,
    sparse_gradients: bool = False,
) -> Float[Tensor, "T M"]:
    """Σ over the pairs of each token, and their ranks, in the compute dtype.

    Args:
        router: the configuration of the router, with the activation ``identity``.
        u, v: the tables of the target.
        at: the tokens and their routing.
        sparse_gradients: make the gradients of the tables sparse tensors of the rows [r, D] of touched experts.
    """
    flat = _sparse_rows if sparse_gradients and not needs_plain() else _rows
    tables = {"experts.u": flat(u), "experts.v": flat(v)}
    ids, gates = _pairs(at.ids.flatten(1), u.shape[1]), at.gates.flatten(1)
    with without_autocast(at.tokens.device.type):
        if u.shape[1] > 1:
            gates = gates[..., None].expand(ids.shape[0], -1, u.shape[1]).flatten(1)
        return expert_stage(router, tables, at.tokens, ids, gates, sparse_gradients=sparse_gradients)


def _pairs(ids: Int[Tensor, "T hk"], rank: int) -> Int[Tensor, "T hkr"]:
    """The rows of all ranks of the selected experts."""
    if rank == 1:
        return ids
    return (ids[..., None] * rank + torch.arange(rank, device=ids.device)).flatten(1)


def _rows(table: Float[Tensor, "N r W"]) -> Float[Tensor, "Nr W"]:
    return table.flatten(0, 1)


def _sparse_rows(table: Float[Tensor, "N r W"]) -> Float[Tensor, "Nr W"]:
    rows: Tensor = _SparseRows.apply(table)  # type: ignore[no-untyped-call]  # not annotated
    return rows


class _SparseRows(torch.autograd.Function):
    """``_rows``, whose backward pass takes a sparse gradient; that of a view of torch does not."""

    @staticmethod
    def forward(ctx: Any, table: Tensor) -> Tensor:
        ctx.shape = table.shape
        return table.flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        if not gradient.is_sparse:
            return gradient.view(ctx.shape)
        # the stage touches all ranks of an expert or none, in ascending order
        rank = ctx.shape[1]
        experts = gradient._indices()[:, ::rank] // rank
        values = gradient._values().view(-1, *ctx.shape[1:])
        return torch.sparse_coo_tensor(experts, values, ctx.shape, is_coalesced=True, check_invariants=False)
