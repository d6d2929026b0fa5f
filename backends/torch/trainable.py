"""Training a part of a module with any optimiser (SPEC.md, chapter 13)."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from peerspec.backends.torch.arrays import is_dtensor, to_tensor
from peerspec.backends.torch.module import PEER
from peerspec.backends.torch.optim.optimiser import Optimiser
from peerspec.reference import InputError, Trainable

__all__ = ["TrainPart", "train_part"]

Optimisers = torch.optim.Optimizer | Iterable[torch.optim.Optimizer]


def train_part(module: PEER, part: Trainable, optimisers: Optimisers) -> TrainPart:
    """Limit the steps of these optimisers to a part of the module, until ``remove`` or the end of a ``with`` block.

    Outside the part a step changes no bit (TRN-2), also with weight decay and with the momentum of steps before. Sparse
    gradients lose the rows outside. A dense optimiser runs on the whole parameter, and what it did outside is undone;
    its own state decays there. A parameter without a trainable entry has no gradient in the step.

    Args:
        module: the module.
        part: its trainable part, for instance ``Trainable.new(config, num_experts)`` after growth. Without
            ``statistics``, batch norm uses the running statistics, in the mode training, too.
        optimisers: all optimisers that hold parameters of the module.

    Raises:
        InputError: the part does not fit the module, its parameters are split over processes, or one that is trainable
            is in no optimiser.

    Example:
        >>> from peerspec.backends.torch import PeerConfig, Trainable
        >>> import numpy as np
        >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4))
        >>> optimiser = torch.optim.AdamW(layer.parameters())
        >>> with train_part(layer, Trainable(experts=np.arange(16) >= 8), optimiser):
        ...     layer(torch.randn(3, 8)).square().sum().backward()
        ...     optimiser.step()
    """
    return TrainPart(module, part, [optimisers] if isinstance(optimisers, torch.optim.Optimizer) else list(optimisers))


class TrainPart:
    """Steps limited to a part; ``train_part`` makes it."""

    def __init__(self, module: PEER, part: Trainable, optimisers: list[torch.optim.Optimizer]) -> None:
        params: dict[str, Tensor] = dict(module.named_parameters())
        if split := [name for name, tensor in params.items() if is_dtensor(tensor)]:
            raise InputError(f"{split[0]} is split over several processes; a part of it cannot be trained alone")
        masks = part.masks(module.config)
        self._masks = {params[name]: to_tensor(mask.copy()).to(params[name].device) for name, mask in masks.items()}
        held = {param for owner in optimisers for group in owner.param_groups for param in group["params"]}
        if missing := [name for name, param in params.items() if param not in held and self._masks[param].any()]:
            raise InputError(f"{missing[0]} may change and is in no optimiser; pass all optimisers, or freeze it")
        self._saved: dict[Tensor, tuple[Tensor | None, Tensor | None]] = {}
        self._norm, self._before_norm = module.query_norm, False
        if self._norm is not None:
            self._before_norm = self._norm.frozen_statistics
            self._norm.frozen_statistics = not part.statistics
        self._handles = [
            handle
            for owner in optimisers
            for handle in (owner.register_step_pre_hook(self._before), owner.register_step_post_hook(self._after))
        ]
        self._rows = [owner for owner in optimisers if isinstance(owner, Optimiser)]
        for owner in self._rows:
            owner.limits.update({p: m.reshape(-1) for p, m in self._masks.items() if m.ndim == 2 and not m.all()})

    def remove(self) -> None:
        """Let the whole module learn again."""
        for handle in self._handles:
            handle.remove()
        for owner in self._rows:
            for param in self._masks:
                owner.limits.pop(param, None)
        if self._norm is not None:
            self._norm.frozen_statistics = self._before_norm
        self._handles, self._rows, self._norm = [], [], None

    def __enter__(self) -> TrainPart:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.remove()

    @torch.no_grad()
    def _before(self, owner: torch.optim.Optimizer, *_: Any) -> None:
        """Take away the gradients of what is frozen, and remember its bits where the optimiser may change them."""
        for param in self._params(owner):
            mask, gradient = self._masks[param], param.grad
            if not mask.any():
                self._saved[param], param.grad = (gradient, None), None
            elif gradient is not None and gradient.is_sparse:
                self._saved[param], param.grad = (gradient, None), _of_rows(gradient, mask.reshape(-1))
            else:
                self._saved[param] = (gradient, param[_whole(~mask, param)].clone())
                param.grad = None if gradient is None else torch.where(mask, gradient, gradient.new_zeros(()))

    @torch.no_grad()
    def _after(self, owner: torch.optim.Optimizer, *_: Any) -> None:
        for param in self._params(owner):
            if param in self._saved:
                param.grad, bits = self._saved.pop(param)
                if bits is not None:
                    param[_whole(~self._masks[param], param)] = bits

    def _params(self, owner: torch.optim.Optimizer) -> list[Tensor]:
        """The parameters of an optimiser that are frozen, wholly or in part."""
        own = [param for group in owner.param_groups for param in group["params"]]
        return [param for param in own if param in self._masks and not self._masks[param].all()]


def _whole(mask: Tensor, param: Tensor) -> Tensor:
    """A mask over rows without its last axis, which indexes whole rows."""
    return mask.squeeze(-1) if mask.ndim else mask.expand(param.shape)


def _of_rows(gradient: Tensor, rows: Tensor) -> Tensor:
    """The rows of a sparse gradient that may change."""
    gradient = gradient.coalesce()
    kept = rows[gradient.indices()[0]]
    return torch.sparse_coo_tensor(
        gradient.indices()[:, kept], gradient.values()[kept], gradient.shape, is_coalesced=True, check_invariants=False
    )
