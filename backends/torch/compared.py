"""The layers of chapter 15 in the contract of a backend, over one device of PyTorch: NumPy arrays in and out."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray

from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.comparison import PKM, Dense, ExpertChoice, TokenChoice
from peerspec.backends.torch.comparison.layer import ComparisonModule
from peerspec.reference.comparison import ComparisonLayer

__all__ = ["comparison", "comparison_gradients"]

Array = NDArray[Any]

_MODULES: dict[str, type[ComparisonModule[Any]]] = {
    "dense": Dense,
    "token-choice": TokenChoice,
    "expert-choice": ExpertChoice,
    "pkm": PKM,
}


def comparison(
    device: torch.device, layer: ComparisonLayer, x: Array, *, mask: Array | None = None, training: bool = False
) -> dict[str, Array]:
    """y and the routing by name, and the new running statistics if training changes them.

    Raises:
        InputError: shapes or dtypes that do not fit the layer (SHP-1, SHP-2, NRM-5).
    """
    module: Any = _MODULES[layer.config.kind].from_layer(layer, device=device).train(training)
    with torch.no_grad():
        tokens, counted = (None if part is None else to_tensor(part).to(device) for part in (x, mask))
        if isinstance(module, Dense):
            return {"y": to_array(module(tokens, counted))}
        found = module.forward_with_routing(tokens, counted)._asdict()
    found |= found.pop("state", None) or {}
    return {name: to_array(part) for name, part in found.items() if part is not None}


def comparison_gradients(
    device: torch.device, layer: ComparisonLayer, x: Array, dy: Array, *, mask: Array | None, training: bool
) -> dict[str, Array]:
    """The gradient of Σ dy·y by parameter name and ``"x"``; a parameter without a gradient has one of zeros."""
    module: Any = _MODULES[layer.config.kind].from_layer(layer, device=device).train(training)
    tokens = to_tensor(x).to(device).requires_grad_()
    learned = dict(module.named_parameters()) | {"x": tokens}
    with torch.enable_grad():
        y = module(tokens, None if mask is None else to_tensor(mask).to(device))
        found = torch.autograd.grad(
            y, list(learned.values()), to_tensor(dy).to(device), allow_unused=True, materialize_grads=True
        )
    return {name: to_array(gradient) for name, gradient in zip(learned, found, strict=True)}
