"""Clipping by the norm of all gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from peerspec.backends.torch.arrays import is_dtensor
from peerspec.backends.torch.in_backward import UpdateError, receiver_of
from peerspec.backends.torch.optim.gradient import coalesced

__all__ = ["clip_grad_norm_"]


@torch.no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients, dense and sparse, so that their total norm is at most ``max_norm``; returns the old norm.

    The arguments are those of ``torch.nn.utils.clip_grad_norm_``, which does not take sparse gradients.

    Raises:
        UpdateError: an optimiser takes one of the gradients within the backward pass, before the norm is known.
        RuntimeError: the norm is not finite, and ``error_if_nonfinite`` is set; no gradient is changed.

    Example:
        >>> parameter = torch.nn.Parameter(torch.zeros(2))
        >>> parameter.grad = torch.tensor([3.0, 4.0])
        >>> clip_grad_norm_([parameter], 1.0)
        tensor(5.)
        >>> parameter.grad.norm() <= 1
        tensor(True)
    """
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if any(receiver_of(parameter) is not None for parameter in parameters):
        raise UpdateError(
            "the norm of all gradients is known after the backward pass, in which an optimiser with in_backward=True "
            "already updates; make it without in_backward to clip"
        )
    for parameter in parameters:
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = coalesced(parameter.grad)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    dense = [gradient._values() if gradient.is_sparse else gradient for gradient in gradients]
    # torch does not mix tensors that are split over processes with others
    kinds = [[each for each in dense if is_dtensor(each) is split] for split in (False, True)]
    norms = [_whole(get_total_norm(kind, norm_type, False, foreach)) for kind in kinds if kind]
    norm = get_total_norm(norms, norm_type, error_if_nonfinite, foreach)
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    for values in dense:
        values.mul_(factor.to(values.device))
    return norm


def _whole(norm: Tensor) -> Tensor:
    shards: Any = norm
    return shards.full_tensor() if is_dtensor(norm) else norm
