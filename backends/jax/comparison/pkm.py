"""The product-key memory (SPEC.md, PKM-1 … PKM-4): the stages of PEER before the experts, and a sum of values."""

from __future__ import annotations

import jax

from peerspec.backends.jax import plain
from peerspec.backends.jax.forward import Output
from peerspec.backends.jax.gates import gates
from peerspec.backends.jax.query import query
from peerspec.backends.jax.query_norm import query_norm
from peerspec.backends.jax.retrieval import retrieve
from peerspec.backends.jax.rows import gather_sum
from peerspec.reference.comparison import PKMConfig

__all__ = ["pkm"]


def pkm(
    config: PKMConfig, params: dict[str, jax.Array], x: jax.Array, mask: jax.Array | None, *, training: bool
) -> Output:
    """The result for tokens [T, D] in the compute dtype, with a mask [T]; scores, ids and gates are [T, h, k]."""
    peer, in_plain = config.retrieval, plain.is_plain()
    norm = {name: array.astype(x.dtype) for name, array in params.items() if name.startswith("query_norm.")}
    q = plain.query(params, x) if in_plain else query(params, x)
    q, state = query_norm(peer, norm, q, mask=mask, training=training)
    scores, ids = (plain.selected if in_plain else retrieve)(params["keys"], q, config.top_k)
    gate = (plain.gates if in_plain else gates)(config.gate, scores)
    pairs = (len(x), config.heads * config.top_k)
    y = (plain.gather_sum if in_plain else gather_sum)(params["values"], ids.reshape(pairs), gate.reshape(pairs))
    return Output(y, scores, ids, gate, state)
