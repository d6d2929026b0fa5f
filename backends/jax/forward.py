"""The layer: query → half scores → selection → gates → experts → output (chapters 2 to 5 of SPEC.md)."""

from __future__ import annotations

from typing import NamedTuple

import jax

from peerspec.backends.jax.experts import expert_weights, gates
from peerspec.backends.jax.params import Params, check
from peerspec.backends.jax.precision import score_dtype
from peerspec.backends.jax.query import half_scores, query, query_norm
from peerspec.backends.jax.retrieval import select_stacked
from peerspec.backends.jax.rows import combine
from peerspec.reference import PeerConfig

__all__ = ["Output", "forward"]


class Output(NamedTuple):
    """The result of one forward pass, a pytree.

    Attributes:
        y: [..., M], in the dtype of x.
        scores: [..., h, k], in the score dtype (PRC-3).
        indices: [..., h, k], int32; int64 where N exceeds 2³¹.
        gates: [..., h, k], in the score dtype.
        state: updated ``query_norm.mean`` and ``query_norm.var``, each [h, d] in the score dtype, only after
            ``training=True`` with ``query_norm="batch"`` (NRM-3).
    """

    y: jax.Array
    scores: jax.Array
    indices: jax.Array
    gates: jax.Array
    state: dict[str, jax.Array] | None


def forward(
    config: PeerConfig, params: Params, x: jax.Array, *, mask: jax.Array | None = None, training: bool = False
) -> Output:
    """Evaluate the layer.

    Args:
        config: the configuration; static under ``jit``.
        params: arrays by the names of PAR-1, with the shapes of ``config.shapes()``.
        x: tokens [..., D], of the dtype of the parameters, any number of leading axes.
        mask: [...], True where a token counts; matters only to batch statistics (NRM-4). None: all count.
        training: where ``query_norm="batch"``, normalise with batch statistics and return the updated running
            ones; static under ``jit``.

    Raises:
        TableError, InputError: names, shapes or dtypes that do not fit the configuration (PAR-1, PAR-2,
            SHP-1, SHP-2), or no token that counts (NRM-5) where that is known while tracing.
    """
    check(config, params, x, mask)
    lead, inner = x.shape[:-1], score_dtype(x.dtype)
    tokens = x.reshape(-1, config.d_model).astype(inner)
    mask = None if mask is None else mask.reshape(-1)
    # The tables stay as they are: their rows are widened after they are gathered.
    router = {name: array.astype(inner) for name, array in params.items() if not name.startswith("experts.")}

    q, state = query_norm(config, router, query(config, router, tokens), mask=mask, training=training)
    scores, ids = select_stacked(half_scores(config, router, q), config.top_k)
    gate = gates(config.gate, scores)
    slots = (len(tokens), config.heads * config.top_k)
    weights = expert_weights(config, params, tokens, ids.reshape(slots))
    y = combine(params["experts.v"], ids.reshape(slots), gate.reshape(slots) * weights)
    trace = (*lead, config.heads, config.top_k)
    return Output(
        y=y.astype(x.dtype).reshape(*lead, config.d_out),
        scores=scores.reshape(trace),
        indices=ids.reshape(trace),
        gates=gate.reshape(trace),
        state=state,
    )
