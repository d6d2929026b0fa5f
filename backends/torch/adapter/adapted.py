"""A linear map of a model with an adapter beside it."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from peerspec.backends.torch.adapter.module import PEERAdapter
from peerspec.backends.torch.adapter.sharing import shared_routing
from peerspec.backends.torch.checks import require_tensor

__all__ = ["AdaptedLinear"]


class AdaptedLinear(nn.Module):
    """y = base(x) + α Σ gate · Σ_ρ (u_ρ·x) v_ρ: what ``add_adapters`` puts in the place of a linear map (ADP-3).

    Args:
        base: the linear map. Its parameters stop to require gradients (ADP-5).
        adapter: the adapter; several targets share it.
        target: the name of this map among its targets.
        owns: whether the adapter is a part of this module in ``modules()`` and ``state_dict()``; of one of its targets.

    Attributes:
        base: the linear map; a target changes neither its parameters nor how it computes.
        target: as above.
    """

    base: nn.Linear

    def __init__(self, base: nn.Linear, adapter: PEERAdapter, target: str, *, owns: bool) -> None:
        super().__init__()
        self.base, self.target = base, target
        if owns:
            self.adapter = adapter
        self.__dict__["_shared"] = adapter  # no part of this module, unless it owns it
        self._learned = [name for name, parameter in base.named_parameters() if parameter.requires_grad]
        base.requires_grad_(False)

    def forward(self, x: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead M"]:
        """The output of the adapted map, in the dtype of that of the base.

        Raises:
            InputError: x does not fit the adapter (SHP-1, PAR-5).
        """
        require_tensor(x)
        adapter = self.shared_adapter
        at = shared_routing(adapter, x)  # which checks x
        y: Tensor = self.base(x)
        added = adapter.change(self.target, at).view(y.shape)
        # in the wider dtype, which is the compute dtype
        return torch.add(y, added, alpha=adapter.config.alpha).to(y.dtype)

    def base_again(self) -> nn.Linear:
        """The linear map as it was: its parameters require gradients where they did."""
        for name, parameter in self.base.named_parameters():
            parameter.requires_grad_(name in self._learned)
        return self.base

    @property
    def shared_adapter(self) -> PEERAdapter:
        """The adapter, also where another target owns it."""
        shared: Any = self.__dict__["_shared"]
        adapter: PEERAdapter = shared
        return adapter

    @property
    def weight(self) -> Tensor:
        """That of the base."""
        return self.base.weight

    @property
    def bias(self) -> Tensor | None:
        """That of the base."""
        return self.base.bias

    @property
    def in_features(self) -> int:
        """That of the base."""
        return self.base.in_features

    @property
    def out_features(self) -> int:
        """That of the base."""
        return self.base.out_features

    def extra_repr(self) -> str:
        """The name of the target."""
        return f"target={self.target!r}"
