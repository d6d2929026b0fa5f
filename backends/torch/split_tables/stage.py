"""The expert stage over tables that are split by rows or by width."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from peerspec.backends.torch import plain
from peerspec.backends.torch.split_tables import by_rows, by_width
from peerspec.backends.torch.split_tables.tables import local, shards_of
from peerspec.reference import InputError, PeerConfig

__all__ = ["expert_stage"]


def expert_stage(
    config: PeerConfig,
    params: Mapping[str, Tensor],
    x: Tensor,
    ids: Tensor,
    gates: Tensor,
    *,
    sparse_gradients: bool,
    average_gradients: bool,
) -> Tensor:
    """As ``experts.expert_stage``; all processes of the mesh call it.

    Raises:
        InputError: the tables are split in another way, their gradients would be sparse, or a transformation
            differentiates.
    """
    if plain.needs_plain():
        raise InputError(
            "torch.func and forward-mode derivatives do not go through tables that are split over processes; use "
            "backward(), or a whole layer"
        )
    if sparse_gradients:
        raise InputError(
            "torch has no sparse gradients of tensors that are split over processes; make the layer without "
            "sparse_gradients, and an optimiser of peerspec with in_backward=True, which needs no gradient"
        )
    shards = shards_of(params)
    tables = [local(params[name]) if name in params else None for name in ("experts.u", "experts.v", "experts.w")]
    versions = tuple((table, table._version) for table in params.values())
    if shards.axis:
        return by_width.expert_stage(shards, tables, config.d_out, x, ids, gates, config.activation, versions)
    return by_rows.expert_stage(
        shards,
        tables,
        config.num_experts,
        x,
        ids,
        gates,
        config.activation,
        versions,
        average_gradients=average_gradients,
    )
