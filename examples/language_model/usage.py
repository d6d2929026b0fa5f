"""How evenly a PEER layer uses its experts."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from peerspec.backends.torch import PEER
from peerspec.reference import PeerConfig

__all__ = ["CountedPEER"]


class CountedPEER(PEER):
    """A PEER layer that counts in ``uses``, int64 [N], how often it picked each expert while it was trained.

    Args:
        config: the configuration; gradients of the tables are sparse.
    """

    uses: Tensor

    def __init__(self, config: PeerConfig) -> None:
        super().__init__(config, sparse_gradients=True)
        self.uses = torch.zeros(config.num_experts, dtype=torch.int64)

    def forward(self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None = None) -> Tensor:
        """y [..., M]."""
        output = self.forward_with_routing(x, mask)
        if self.training:
            picked = output.indices.flatten()
            self.uses.scatter_add_(0, picked, torch.ones_like(picked))
        return output.y

    def used(self) -> float:
        """The share of the experts that were used at all."""
        return self.uses.count_nonzero().item() / len(self.uses)

    def top_share(self) -> float:
        """The share of all uses that the busiest hundredth of the experts take."""
        busiest = self.uses.topk(max(1, len(self.uses) // 100), sorted=False).values
        return busiest.sum().item() / max(1, self.uses.sum().item())
