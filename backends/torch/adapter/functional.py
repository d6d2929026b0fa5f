"""An adapter as a pure function: one routing, and what each target adds to its base (SPEC.md, chapter 14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from peerspec.backends.torch.adapter.base import base_map
from peerspec.backends.torch.adapter.change import change
from peerspec.backends.torch.checks import check_tensors
from peerspec.backends.torch.forward import Routing, State, route, routing_stages, wants_derivative
from peerspec.backends.torch.precision import without_autocast
from peerspec.files.shown import shown
from peerspec.reference import AdapterConfig, InputError

__all__ = ["AdapterOutput", "Bases", "adapt"]

Bases = Mapping[str, tuple[Tensor, Tensor | None]]
"""Weight [M, D] and bias [M], or None, of each linear map by the name of its target."""


class AdapterOutput(NamedTuple):
    """The outputs of all targets, and the routing that they share.

    Attributes:
        y: [..., M_τ] by target, in the dtype of x.
        scores, indices, gates, state: as in ``Output``.
    """

    y: dict[str, Tensor]
    scores: Tensor
    indices: Tensor
    gates: Tensor
    state: State


def adapt(
    config: AdapterConfig,
    params: Mapping[str, Tensor],
    bases: Bases,
    x: Float[Tensor, "*lead D"],
    *,
    mask: Bool[Tensor, "*lead"] | None = None,
    training: bool = False,
    sparse_gradients: bool = False,
) -> AdapterOutput:
    """y_τ = W_τ x + b_τ + α Σ gate · Σ_ρ (u_ρ·x) v_ρ; differentiable in x and every parameter, not in W and b (ADP-5).

    Args:
        config: the configuration.
        params: tensors by the names of ADP-1, shaped as ``config.shapes()``, of one dtype and on one device.
        bases: the linear map of each target that is wanted, in the dtype of x; others are left out.
        x, mask, training: as for ``functional.forward``.
        sparse_gradients: make the gradients of u and v sparse tensors of the experts that x selects.

    Raises:
        TableError: parameters that do not fit the configuration (ADP-1), or lie on several devices.
        InputError: x does not fit the adapter (SHP-1, PAR-5), or a base no target.

    Example:
        >>> config = AdapterConfig(8, heads=2, num_experts=16, top_k=4, d_key=4, targets={"q": 6}, rank=2)
        >>> params = {name: torch.randn(shape) for name, shape in config.shapes().items()}
        >>> adapt(config, params, {"q": (torch.randn(6, 8), None)}, torch.randn(3, 8)).y["q"].shape
        torch.Size([3, 6])
    """
    check_tensors(config.shapes(), params)
    _check_bases(config, bases, x)
    constant = not wants_derivative(x, *params.values())
    stages = routing_stages(config.router, params, training=training)
    at = route(config.router, params["keys"], stages, x, mask=mask, constant=constant)
    y = {name: _adapted(config, params, name, base, at, sparse_gradients).to(x.dtype) for name, base in bases.items()}
    lead = x.shape[:-1]
    pairs = (*lead, config.heads, config.top_k)
    return AdapterOutput(
        {name: each.view(*lead, each.shape[-1]) for name, each in y.items()},
        at.scores.view(pairs),
        at.ids.view(pairs),
        at.gates.view(pairs),
        at.state,
    )


def _adapted(
    config: AdapterConfig,
    params: Mapping[str, Tensor],
    name: str,
    base: tuple[Tensor, Tensor | None],
    at: Routing,
    sparse: bool,
) -> Tensor:
    """[T, M] in the compute dtype."""
    u, v = (params[f"targets.{name}.{table}"] for table in "uv")
    with without_autocast(at.tokens.device.type):
        y = base_map(at.tokens, *base)
        return torch.add(y, change(config.router, u, v, at, sparse_gradients=sparse), alpha=config.alpha)


def _check_bases(config: AdapterConfig, bases: Bases, x: Tensor) -> None:
    for name, (weight, bias) in bases.items():
        if name not in config.targets:
            raise InputError(f"the adapter has the targets {', '.join(config.targets)}, got {shown(name)} (ADP-1)")
        shape = (config.targets[name], config.d_model)
        if weight.shape != shape or (bias is not None and bias.shape != shape[:1]):
            raise InputError(
                f"the base of {name} must have a weight of shape {shape}, got {tuple(weight.shape)} (ADP-3)"
            )
        if any(part is not None and (part.dtype != x.dtype or part.device != x.device) for part in (weight, bias)):
            raise InputError(
                f"the base of {name} must be {x.dtype} on {x.device} as x, got {weight.dtype} on {weight.device}; "
                "convert it"
            )
