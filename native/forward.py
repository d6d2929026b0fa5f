"""The whole layer in one call of the core, for layers without a query norm."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from peerspec.native.arrays import address, contiguous
from peerspec.native.isa import run
from peerspec.native.library import require
from peerspec.native.tables import ExpertTables, RouterTables
from peerspec.reference import InputError

__all__ = ["LayerOutput", "PreparedLayer", "forward", "forward_at", "prepare"]


class LayerOutput(NamedTuple):
    """y [T, M] and its routing: scores, ids and gates [T, h, k]."""

    y: NDArray[Any]
    scores: NDArray[Any]
    ids: NDArray[np.int64]
    gates: NDArray[Any]


class PreparedLayer(NamedTuple):
    """The tables of a layer as C structures, made once for many calls: addresses and sizes, without the memory."""

    router: Any
    experts: Any


def prepare(router: RouterTables, experts: ExpertTables) -> PreparedLayer:
    """Check that the tables fit each other. The result is valid while the memory of the tables is.

    Raises:
        InputError: experts and router do not fit each other.
    """
    if experts.compute_dtype != router.compute_dtype or experts.u.shape != (router.n**2, router.weight.shape[2]):
        raise InputError(
            f"u with these sub-keys must be of shape [{router.n**2}, {router.weight.shape[2]}] and of compute dtype "
            f"{router.compute_dtype}, got {experts.u.dtype} of shape {list(experts.u.shape)} (PAR-1)"
        )
    return PreparedLayer(router.by_reference(), experts.by_reference())


def forward_at(
    layer: PreparedLayer, tokens: int, x: int, outputs: tuple[int, int, int, int], *, threads: int | None = None
) -> None:
    """``forward`` on addresses, for callers that hold the memory: of x, and of y, scores, ids and gates."""
    require("peerspec_forward", run(threads, None), *layer, tokens, x, *outputs)


def forward(
    router: RouterTables,
    experts: ExpertTables,
    x: Float[np.ndarray, "T D"],
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> LayerOutput:
    """The layer without query norm. It has the bits of its stages in sequence, and is faster.

    The dtypes of experts and router may differ, int8 included, if their compute dtype is the same.

    Raises:
        InputError: x does not fit the tables, or experts and router do not fit each other.
        NativeError: the core is missing, or the processor lacks the instruction set.

    Example:
        >>> from peerspec.reference import Layer, PeerConfig
        >>> layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
        >>> router = RouterTables(layer.params["query.weight"], layer.params["keys"], k=2)
        >>> experts = ExpertTables(layer.params["experts.u"], layer.params["experts.v"])
        >>> output = forward(router, experts, np.ones((3, 4), np.float32))
        >>> output.y.shape, output.ids.shape
        ((3, 4), (3, 2, 2))
    """
    layer = prepare(router, experts)
    x = contiguous("x", x, router.compute_dtype, (None, router.weight.shape[2]))
    pairs = (len(x), len(router.weight), router.k)
    y, scores, gates = (np.empty(shape, router.compute_dtype) for shape in ((len(x), experts.v.shape[1]), pairs, pairs))
    ids = np.empty(pairs, np.int64)
    arrays = (address(array) for array in (x, y, scores, ids, gates))
    require("peerspec_forward", run(threads, isa), *layer, len(x), *arrays)
    return LayerOutput(y, scores, ids, gates)
