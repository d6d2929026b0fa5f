"""Blocks of hidden neurons over the tokens of each expert (SPEC.md, CMP-4)."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from peerspec.backends.torch.activations import activate
from peerspec.backends.torch.comparison.product import product

__all__ = ["blocks"]


def blocks(
    activation: str,
    tables: Mapping[str, Tensor],
    x: Float[Tensor, "E C D"],
    gates: Float[Tensor, "E C"] | None = None,
) -> Float[Tensor, "E C M"]:
    """g·e(x) of the tokens of each expert, in the dtype of x.

    Args:
        activation: σ.
        tables: u [E, H, D], v [E, H, M], and w [E, H, D] if neurons are GLU.
        x: the tokens.
        gates: the factors of the outputs; 1 by default.
    """
    inner = product(x, tables["u"].to(x.dtype).mT)
    hidden = activate(activation, product(x, tables["w"].to(x.dtype).mT)) * inner if "w" in tables else None
    hidden = activate(activation, inner) if hidden is None else hidden
    if gates is not None:
        hidden = hidden * gates[..., None]
    return product(hidden, tables["v"].to(x.dtype))
