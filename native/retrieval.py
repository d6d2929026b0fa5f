"""Retrieval: half scores and selection in one, from queries to scores and ids, and its gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from peerspec.native.arrays import address, contiguous
from peerspec.native.buffer_pool import pooled
from peerspec.native.isa import run
from peerspec.native.library import require
from peerspec.native.tables import RouterTables
from peerspec.reference import Selection

__all__ = ["RetrievalGradients", "retrieve", "retrieve_backward"]


class RetrievalGradients(NamedTuple):
    """The gradients of q [T, h, d] and of the sub-keys [H_k, 2, n, d/2], in the compute dtype."""

    dq: NDArray[Any]
    dkeys: NDArray[Any]


def retrieve(
    router: RouterTables, q: Float[np.ndarray, "T h d"], *, threads: int | None = None, isa: str | None = None
) -> Selection:
    """Scores and ids [T, h, k] of queries after the query norm. Half scores are not stored. Errors as ``query``.

    Example:
        >>> from peerspec.reference import Layer, PeerConfig
        >>> layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
        >>> router = RouterTables(layer.params["query.weight"], layer.params["keys"], k=2)
        >>> retrieve(router, np.ones((3, 2, 4), np.float32)).indices.shape
        (3, 2, 2)
    """
    q = contiguous("q", q, router.compute_dtype, (None, *router.weight.shape[:2]))
    scores, ids = (np.empty((*q.shape[:2], router.k), dtype) for dtype in (router.compute_dtype, np.int64))
    arrays = (address(array) for array in (q, scores, ids))
    require("peerspec_retrieve", run(threads, isa), router.by_reference(), len(q), *arrays)
    return Selection(scores, ids)


def retrieve_backward(
    router: RouterTables,
    q: Float[np.ndarray, "T h d"],
    ids: Int[np.ndarray, "T h k"],
    dscores: Float[np.ndarray, "T h k"],
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> RetrievalGradients:
    """The gradients of q and the sub-keys from ``dscores``, the gradients of the scores of ``ids``.

    Raises:
        InputError: arrays that do not fit the tables.
        NativeError: as ``query``, or an id outside 0..N-1.

    Example:
        >>> from peerspec.reference import Layer, PeerConfig
        >>> layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
        >>> router = RouterTables(layer.params["query.weight"], layer.params["keys"], k=2)
        >>> q = np.ones((3, 2, 4), np.float32)
        >>> scores, ids = retrieve(router, q)
        >>> retrieve_backward(router, q, ids, np.ones_like(scores)).dkeys.shape
        (1, 2, 3, 2)
    """
    q = contiguous("q", q, router.compute_dtype, (None, *router.weight.shape[:2]))
    ids = contiguous("ids", ids, np.int64, (*q.shape[:2], router.k))
    dscores = contiguous("dscores", dscores, router.compute_dtype, ids.shape)
    dq, dkeys = pooled(q.shape, router.compute_dtype), pooled(router.keys.shape, router.compute_dtype)
    arrays = (address(array) for array in (q, ids, dscores, dq, dkeys))
    require("peerspec_retrieve_backward", run(threads, isa), router.by_reference(), len(q), *arrays)
    return RetrievalGradients(dq, dkeys)
