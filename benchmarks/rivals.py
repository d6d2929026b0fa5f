"""What the layer is measured beside: Algorithm 1 of the paper, a public package, and dense blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from peerspec.backends.torch import PEER
from peerspec.reference import PeerConfig
from peerspec.reference.cost import cost

__all__ = ["Algorithm1", "Dense", "package_layer"]


class Algorithm1(nn.Module):
    """Product-key retrieval, then embeddings of the rows and two products, on the parameters of a layer.

    Args:
        layer: whose parameters it uses, without a copy.
        bag: add the rows of v with ``embedding_bag``, which stores none of them; else as the paper writes it.
        sparse: make the gradients of the tables sparse, as ``nn.Embedding`` can.
    """

    def __init__(self, layer: PEER, *, bag: bool = False, sparse: bool = False) -> None:
        super().__init__()
        self.config, self.bag, self.sparse = layer.config, bag, sparse
        self.query, self.keys = layer.get_parameter("query.weight"), layer.get_parameter("keys")
        self.u, self.v = layer.get_parameter("experts.u"), layer.get_parameter("experts.v")

    def select(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and ids [T, h, k] of the selected experts."""
        heads, k, half = self.config.heads, self.config.top_k, self.config.d_key // 2
        q1, q2 = (x @ self.query.flatten(0, 1).T).unflatten(1, (heads, 2, half)).unbind(2)
        (best1, i), (best2, j) = ((q @ side.T).topk(k) for q, side in zip((q1, q2), self.keys[0], strict=True))
        scores, cell = (best1[..., :, None] + best2[..., None, :]).flatten(-2).topk(k)
        return scores, i.gather(-1, cell // k) * self.keys.shape[2] + j.gather(-1, cell % k)

    def forward(self, x: Tensor) -> Tensor:
        scores, ids = self.select(x)
        down = functional.embedding(ids, self.u, sparse=self.sparse)
        weights = functional.gelu(torch.einsum("td,thkd->thk", x, down)) * scores.softmax(-1)
        if self.bag:
            rows, of_rows = ids.flatten(1), weights.flatten(1)
            return functional.embedding_bag(rows, self.v, per_sample_weights=of_rows, mode="sum", sparse=self.sparse)
        return torch.einsum("thk,thkd->td", weights, functional.embedding(ids, self.v, sparse=self.sparse))


class Dense(nn.Module):
    """A feed-forward block with as many floating-point operations for a token as the layer."""

    def __init__(self, config: PeerConfig, *, device: str, dtype: torch.dtype) -> None:
        super().__init__()
        hidden = max(1, cost(config).flops_per_token // (4 * config.d_model))
        self.up = nn.Linear(config.d_model, hidden, device=device, dtype=dtype)
        self.down = nn.Linear(hidden, config.d_out, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.gelu(self.up(x)))


def package_layer(layer: PEER) -> nn.Module:
    """PEER-pytorch on the parameters of a layer, in the mode that computes PEER."""
    from PEER_pytorch import PEER as PackagePEER  # noqa: N811

    config = layer.config
    with torch.device("meta"):
        module = PackagePEER(
            config.d_model,
            heads=config.heads,
            num_experts=config.num_experts,
            num_experts_per_head=config.top_k,
            product_key_topk=config.top_k,
            dim_key=config.d_key // 2,
            non_competing_scores=False,
        )
    query = layer.get_parameter("query.weight").unflatten(1, (2, -1)).transpose(0, 1)
    state = {
        "to_queries.0.weight": query.reshape(-1, config.d_model),
        "keys": layer.get_parameter("keys").repeat(config.heads, 1, 1, 1).transpose(1, 2),
        "weight_down_embed.weight": layer.get_parameter("experts.u"),
        "weight_up_embed.weight": layer.get_parameter("experts.v"),
    }
    module.load_state_dict({name: tensor.detach() for name, tensor in state.items()}, assign=True)
    return module
