"""Queries: h independent linear maps of the token (QRY-1)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from peerspec.native.arrays import address, contiguous
from peerspec.native.isa import run
from peerspec.native.library import require
from peerspec.native.tables import RouterTables

__all__ = ["query"]


def query(
    router: RouterTables, x: Float[np.ndarray, "T D"], *, threads: int | None = None, isa: str | None = None
) -> Float[np.ndarray, "T h d"]:
    """q = W_h x + b_h (QRY-1), before the query norm, in the compute dtype.

    Raises:
        InputError: x does not fit the tables.
        NativeError: the core is missing, or the processor lacks the instruction set.

    Example:
        >>> from peerspec.reference import Layer, PeerConfig
        >>> layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
        >>> router = RouterTables(layer.params["query.weight"], layer.params["keys"], k=2)
        >>> query(router, np.ones((3, 4), np.float32)).shape
        (3, 2, 4)
    """
    heads, d_key, d_model = router.weight.shape
    x = contiguous("x", x, router.compute_dtype, (None, d_model))
    q = np.empty((len(x), heads, d_key), router.compute_dtype)
    require("peerspec_query", run(threads, isa), router.by_reference(), len(x), address(x), address(q))
    return q
