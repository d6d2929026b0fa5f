"""Forward-mode derivatives, which the layer does not have: an operator would return its result without a tangent."""

from __future__ import annotations

from typing import Any, Never

from torch import Tensor
from torch.autograd import Function, forward_ad

from peerspec.reference import InputError

__all__ = ["refuse_tangents"]


def refuse_tangents(*tensors: Tensor) -> None:
    """Raise InputError if a tensor has a tangent, as in ``torch.func.jvp``."""
    if forward_ad._current_level >= 0:
        _Refusal.apply(*tensors)  # type: ignore[no-untyped-call]  # not annotated


class _Refusal(Function):
    """torch finds the tangents, also below ``vmap``, and calls ``jvp`` only if there is one."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*tensors: Tensor) -> Tensor:
        return tensors[0].new_empty(0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Never:
        raise InputError(
            "the layer has no forward-mode derivatives (torch.func.jvp, jacfwd, dual tensors); use backward or "
            "torch.autograd.grad"
        )
