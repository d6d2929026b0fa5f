"""A PEER layer that measures how evenly it uses its experts."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from peerspec.backends.torch import PEER
from peerspec.reference import PeerConfig

__all__ = ["CountedPEER"]


class CountedPEER(PEER):
    """A PEER layer that counts in ``uses``, int64 [N], how often training selected each expert.

    Args:
        config: the configuration. The gradients of the tables are sparse.
    """

    uses: Tensor

    def __init__(self, config: PeerConfig) -> None:
        super().__init__(config, sparse_gradients=True)
        self.uses = torch.zeros(config.num_experts, dtype=torch.int64)

    def forward(self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None = None) -> Tensor:
        """y [..., M]."""
        output = self.forward_with_routing(x, mask)
        if self.training:
            selected = output.indices.flatten()
            self.uses.scatter_add_(0, selected, torch.ones_like(selected))
        return output.y

    def fraction_used(self) -> float:
        """The fraction of the experts that were used at least once."""
        return self.uses.count_nonzero().item() / len(self.uses)

    def top_fraction(self) -> float:
        """The fraction of all uses that the most used 1 % of the experts get."""
        most_used = self.uses.topk(max(1, len(self.uses) // 100), sorted=False).values
        return most_used.sum().item() / max(1, self.uses.sum().item())
