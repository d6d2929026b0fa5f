"""Algorithm 1 on the table-batched embeddings of FBGEMM, which update the rows of a batch within the backward pass.

``pip install --no-deps fbgemm-gpu-cpu==1.8.0`` for torch 2.13.
"""

from __future__ import annotations

import torch
from rivals import Algorithm1
from torch import Tensor, nn
from torch.nn import functional

from peerspec.backends.torch import PEER

__all__ = ["OPTIMISERS", "TableBatched", "unavailable_reason"]

OPTIMISERS = {"SGD": "EXACT_SGD", "Adagrad": "EXACT_ROWWISE_ADAGRAD"}
"""Those that FBGEMM has on the CPU, by the optimiser of the rest of the layer; its Adagrad is row-wise."""


def unavailable_reason() -> str:
    """Why FBGEMM is not measured; empty if it is."""
    try:
        import fbgemm_gpu.split_table_batched_embeddings_ops_training  # noqa: F401
    except (ImportError, OSError) as error:
        return f"fbgemm-gpu-cpu does not load: {type(error).__name__}"
    return ""


class TableBatched(nn.Module):
    """Algorithm 1 with its tables in FBGEMM, on the parameters of a layer.

    Args:
        layer: whose parameters it uses, without a copy.
        optimiser: of the tables, a key of ``OPTIMISERS``.
        rate: its learning rate.
    """

    def __init__(self, layer: PEER, optimiser: str, rate: float) -> None:
        super().__init__()
        self.retrieval = Algorithm1(layer, bag=True)
        self.down, self.up = (
            _table(layer.get_parameter(f"experts.{name}"), OPTIMISERS[optimiser], rate, pooled=name == "v")
            for name in "uv"
        )

    def forward(self, x: Tensor) -> Tensor:
        scores, ids = self.retrieval.select(x)
        tokens, pairs = len(x), ids[0].numel()
        rows = ids.flatten()
        bags = torch.arange(0, len(rows) + 1, pairs)
        down = self.down(rows, bags).view(*ids.shape, -1)
        weights = functional.gelu(torch.einsum("td,thkd->thk", x, down)) * scores.softmax(-1)
        return self.up(rows, bags, per_sample_weights=weights.flatten()).view(tokens, -1)


def _table(rows: Tensor, optimiser: str, rate: float, *, pooled: bool) -> nn.Module:
    from fbgemm_gpu.split_embedding_configs import EmbOptimType
    from fbgemm_gpu.split_table_batched_embeddings_ops_common import EmbeddingLocation, PoolingMode
    from fbgemm_gpu.split_table_batched_embeddings_ops_training import ComputeDevice
    from fbgemm_gpu.split_table_batched_embeddings_ops_training import (
        SplitTableBatchedEmbeddingBagsCodegen as TableBatchedEmbedding,
    )

    table = TableBatchedEmbedding(
        [(len(rows), rows.shape[1], EmbeddingLocation.HOST, ComputeDevice.CPU)],
        optimizer=EmbOptimType[optimiser],
        learning_rate=rate,
        pooling_mode=PoolingMode.SUM if pooled else PoolingMode.NONE,
    )
    table.weights_host.data = rows.detach().flatten()
    return table
