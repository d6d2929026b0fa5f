"""The router of both mixtures: logits, and which tokens experts compute (SPEC.md, TCM-3, CMP-5)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from peerspec.backends.torch.comparison.product import product

__all__ = ["eligible", "logits", "marked", "sorted_down", "tables_of"]


def logits(params: Mapping[str, Tensor], x: Float[Tensor, "T D"]) -> Float[Tensor, "T E"]:
    """ℓ[t,e] = r_e·x_t, in the dtype of x."""
    return product(x[None], params["router.weight"].to(x.dtype)[None].mT)[0]


def eligible(logit: Float[Tensor, "T E"], mask: Bool[Tensor, " T"] | None) -> Bool[Tensor, " T"]:
    """The tokens that experts compute: counted, with finite logits."""
    finite = logit.isfinite().all(-1)
    return finite if mask is None else finite & mask


def marked(
    y: Float[Tensor, "T M"], computed: Bool[Tensor, " T"], mask: Bool[Tensor, " T"] | None
) -> Float[Tensor, "T M"]:
    """y with NaN for the counted tokens that no expert may compute (CMP-5)."""
    strange = ~computed if mask is None else mask & ~computed
    return y.masked_fill(strange[:, None], torch.nan)


def sorted_down(values: Shaped[Tensor, "*lead P"]) -> Int[Tensor, "*lead P"]:
    """The positions by larger value, then lower position; −0 equals +0. ``torch.topk`` has no order of equal values."""
    # one zero instead of two: a sort by bit patterns would rank +0 above −0
    values = values.detach().masked_fill(values == 0, 0)
    return values.sort(dim=-1, descending=True, stable=True).indices


def tables_of(params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The rows of the experts by the names u, v and w."""
    return {name.removeprefix("experts."): t for name, t in params.items() if name.startswith("experts.")}
