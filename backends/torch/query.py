"""Queries: h independent linear maps of the token (SPEC.md, QRY-1)."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from peerspec.backends.torch import native, native_router
from peerspec.backends.torch.product import inner_products

__all__ = ["query"]


def query(params: Mapping[str, Tensor], x: Float[Tensor, "T D"]) -> Float[Tensor, "T h d"]:
    """q[t,h,:] = W_h x_t + b_h, in the dtype of ``x``; before the query norm."""
    if native.is_supported(x.device, params["query.weight"]):
        return native_router.query(params, x)
    weight = params["query.weight"].to(x.dtype)
    q = inner_products(x[None], weight.flatten(0, 1)[None]).view(len(x), *weight.shape[:2])
    return q + params["query.bias"].to(x.dtype) if "query.bias" in params else q
