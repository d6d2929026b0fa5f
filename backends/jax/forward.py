"""The layer: query → half scores → selection → gates → experts → output (chapters 2 to 5 of SPEC.md)."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax

from peerspec.backends.jax import native
from peerspec.backends.jax.batching import over_tokens
from peerspec.backends.jax.by_rows import expert_stage_by_rows
from peerspec.backends.jax.experts import expert_stage, gates
from peerspec.backends.jax.gradient_taps import TAP
from peerspec.backends.jax.params import Params, check
from peerspec.backends.jax.precision import compute_dtype, id_dtype
from peerspec.backends.jax.query import query, query_norm
from peerspec.backends.jax.retrieval import retrieve
from peerspec.reference import PeerConfig

__all__ = ["Output", "forward"]


class Output(NamedTuple):
    """The result of one forward pass, a pytree.

    Attributes:
        y: [..., M], in the dtype of x.
        scores: [..., h, k], in the compute dtype (PRC-3).
        indices: [..., h, k], int32; int64 where N exceeds 2³¹.
        gates: [..., h, k], in the compute dtype.
        state: updated ``query_norm.mean`` and ``query_norm.var``, each [h, d] in the compute dtype, only after
            ``training=True`` with ``query_norm="batch"`` (NRM-3).
    """

    y: jax.Array
    scores: jax.Array
    indices: jax.Array
    gates: jax.Array
    state: dict[str, jax.Array] | None


def forward(
    config: PeerConfig,
    params: Params,
    x: jax.Array,
    *,
    mask: jax.Array | None = None,
    training: bool = False,
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
    lead, inner = x.shape[:-1], compute_dtype(x.dtype)
    tokens = x.reshape(-1, config.d_model).astype(inner)
    mask = None if mask is None else mask.reshape(-1)
    if native.is_supported() and config.query_norm == "none" and TAP not in params:
        stages = _whole(config, dict(params), tokens)
    else:
        stages = _staged(config, dict(params), tokens, mask, training)
    routing = (*lead, config.heads, config.top_k)
    return Output(
        y=stages.y.astype(x.dtype).reshape(*lead, config.d_out),
        scores=stages.scores.reshape(routing),
        indices=stages.indices.reshape(routing),
        gates=stages.gates.reshape(routing),
        state=stages.state,
    )


def _staged(
    config: PeerConfig,
    params: dict[str, jax.Array],
    x: jax.Array,
    mask: jax.Array | None = None,
    training: bool = False,
) -> Output:
    """One stage after the other, on tokens [T, D] in the compute dtype."""
    # The tables stay as they are: their rows are widened after they are gathered.
    router = {name: array.astype(x.dtype) for name, array in params.items() if not name.startswith("experts.")}
    q, state = query_norm(config, router, query(router, x), mask=mask, training=training)
    scores, ids = retrieve(router["keys"], q, config.top_k)
    gate = gates(config.gate, scores)
    pairs = (len(x), config.heads * config.top_k)
    tables = {name.removeprefix("experts."): array for name, array in params.items() if name.startswith("experts.")}
    tap: Any = tables.pop(TAP.removeprefix("experts."), None)
    stage = expert_stage if tap is None else partial(expert_stage_by_rows, tap)
    y = stage(config, tables, x, ids.reshape(pairs), gate.reshape(pairs))
    return Output(y, scores, ids, gate, state)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _whole(config: PeerConfig, params: dict[str, jax.Array], x: jax.Array) -> Output:
    """The same in one call of the core, with the same bits; differentiated stage by stage."""
    return native.dispatch(partial(_whole_core, config), partial(_staged, config), params, x)


def _whole_core(config: PeerConfig, params: dict[str, jax.Array], x: jax.Array) -> Output:
    run = over_tokens(partial(native.forward, config, id_dtype(config.num_experts)))
    y, scores, ids, gate = run(params, x)
    return Output(y, scores, ids, gate, None)


def _whole_forward(config: PeerConfig, params: dict[str, jax.Array], x: jax.Array) -> tuple[Output, Any]:
    return jax.vjp(partial(_staged, config), params, x)


def _whole_backward(config: PeerConfig, pull: Any, cotangents: Output) -> tuple[dict[str, jax.Array], jax.Array]:
    return pull(cotangents)


_whole.defvjp(_whole_forward, _whole_backward)
