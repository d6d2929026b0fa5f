"""What the device can do: bytes moved in a second, and products, measured in this run."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from book import Row
from clock import in_turns
from sizes import Sizes

from peerspec.backends.torch.precision import full_precision

__all__ = ["ceilings"]


def ceilings(sizes: Sizes) -> Iterator[Row]:
    """Bandwidth of a copy, read and written; bfloat16 and float32 products, and the float32 product of half scores."""
    x = torch.randn(sizes.copy, device=sizes.device)
    y = torch.empty_like(x)
    ms = in_turns({"copy": lambda: y.copy_(x)})["copy"]
    yield {"what": "copy", "ms": ms, "GB/s": 2 * x.nbytes / ms / 1e6}
    del x, y
    side = sizes.product
    for dtype in (torch.bfloat16, torch.float32):
        a = torch.randn(side, side, device=sizes.device).to(dtype)
        with full_precision(sizes.device):
            ms = in_turns({"product": lambda a=a: a @ a}, rounds=5)["product"]
        yield {"what": f"product, {str(dtype)[6:]}", "ms": ms, "TFLOP/s": 2 * side**3 / ms / 1e9}
