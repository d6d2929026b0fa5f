"""Tokens in the slots of experts, and back.

An expert computes the C tokens in its slots, of which some may be empty. Going there and back are transposes of each
other, and each is a gather. So no derivative adds to one place from several threads, and results have the same bits
each time (IND-3).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from peerspec.backends.torch import plain

__all__ = ["Slots", "from_slots", "into_slots", "places_in_order"]


class Slots(NamedTuple):
    """Which token lies in which slot.

    Attributes:
        token: [E, C], the token in each slot; any where it is empty.
        filled: [E, C], whether there is one.
        slot: [T, K], for each of K choices of a token its slot, e·C + position.
        kept: [T, K], whether it has one.
    """

    token: Int[Tensor, "E C"]
    filled: Bool[Tensor, "E C"]
    slot: Int[Tensor, "T K"]
    kept: Bool[Tensor, "T K"]


def into_slots(x: Float[Tensor, "T D"], slots: Slots) -> Float[Tensor, "E C D"]:
    """The token in each slot; zeros where it is empty."""
    if plain.needs_plain():
        return _into_slots(x, slots)
    found: Tensor = _IntoSlots.apply(x, *slots)  # type: ignore[no-untyped-call]  # not annotated
    return found


def from_slots(out: Float[Tensor, "E C M"], slots: Slots) -> Float[Tensor, "T M"]:
    """For each token the sum over its slots; zeros for a token that has none."""
    if plain.needs_plain():
        return _from_slots(out, slots)
    found: Tensor = _FromSlots.apply(out, *slots)  # type: ignore[no-untyped-call]  # not annotated
    return found


def places_in_order(order: Int[Tensor, "*lead P"]) -> Int[Tensor, "*lead P"]:
    """The inverse of permutations."""
    return torch.empty_like(order).scatter_(
        -1, order, torch.arange(order.shape[-1], device=order.device).expand_as(order)
    )


def _into_slots(x: Tensor, slots: Slots) -> Tensor:
    return torch.where(slots.filled[..., None], x[slots.token], 0)


def _from_slots(out: Tensor, slots: Slots) -> Tensor:
    rows = out.flatten(0, 1)
    total = out.new_zeros(slots.slot.shape[0], out.shape[-1])
    for choice in range(slots.slot.shape[1]):
        total = total + torch.where(slots.kept[:, choice, None], rows[slots.slot[:, choice]], 0)
    return total


class _IntoSlots(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, token: Tensor, filled: Tensor, slot: Tensor, kept: Tensor) -> Tensor:
        return _into_slots(x, Slots(token, filled, slot, kept))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return from_slots(gradient, Slots(*ctx.saved_tensors)), None, None, None, None


class _FromSlots(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(out: Tensor, token: Tensor, filled: Tensor, slot: Tensor, kept: Tensor) -> Tensor:
        return _from_slots(out, Slots(token, filled, slot, kept))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return into_slots(gradient, Slots(*ctx.saved_tensors)), None, None, None, None
