"""The stages in plain operations of JAX, which have derivatives of every order in both modes.

They take memory for a row for each pair, [T, h·k, D], and for narrow tables as a whole in the compute dtype. The
selection is a constant (GRD-1).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.jax.experts import Tables, value_of_experts
from peerspec.backends.jax.precision import inner_product
from peerspec.backends.jax.retrieval import retrieve
from peerspec.backends.jax.selection import Selection

__all__ = ["expert_stage", "gates", "gather_dot", "gather_sum", "is_plain", "plain_operations", "query", "selected"]

_plain = jax.make_user_context(False)  # type: ignore[no-untyped-call]  # not annotated


def plain_operations() -> AbstractContextManager[None]:
    """Functions of this package that are traced inside the block have derivatives of every order in both modes.

    Outside, ``jvp``, ``jacfwd`` and ``hessian`` do not work, because the operations have rules for reverse mode alone.
    Inside, memory holds a row for each pair, [T, h·k, D], and the core and Triton only select.

    Example:
        >>> from peerspec.backends.jax import PeerConfig, forward, init
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> params, x = init(config, jax.random.key(0)), jnp.ones((3, 8))
        >>> with plain_operations():
        ...     y, dy = jax.jvp(lambda x: forward(config, params, x).y, (x,), (x,))
        >>> dy.shape
        (3, 8)
    """
    context: AbstractContextManager[None] = _plain(True)
    return context


def is_plain() -> bool:
    """Whether functions are traced inside ``plain_operations()``."""
    return bool(_plain.value)


def query(params: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """QRY-1."""
    q = inner_product("td,hcd->thc", x, params["query.weight"].astype(x.dtype))
    return q + params["query.bias"].astype(x.dtype)[None] if "query.bias" in params else q


def selected(keys: jax.Array, q: jax.Array, k: int) -> Selection:
    """The selection as a constant, with the scores of its pairs (SCO-1, SEL-1)."""
    scores, ids = jax.lax.stop_gradient(retrieve(*jax.lax.stop_gradient((keys, q)), k))
    key_heads, _, n, half = keys.shape
    head = jnp.arange(q.shape[1])[None, :, None] if key_heads > 1 else 0
    own: Any = 0
    for side, part, sub_key in ((0, q[..., :half], ids // n), (1, q[..., half:], ids % n)):
        own = own + inner_product("thc,thkc->thk", part, keys.astype(q.dtype)[head, side, sub_key])
    # the values are those of the selection, whose sums may have another order
    return Selection(jnp.where(jnp.isfinite(own), scores + (own - jax.lax.stop_gradient(own)), own), ids)


def gates(kind: str, scores: jax.Array) -> jax.Array:
    """GAT-1, GAT-3."""
    return jax.nn.softmax(scores, axis=-1) if kind == "softmax" else jax.nn.sigmoid(scores)


def expert_stage(activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array) -> jax.Array:
    """EXP-1, EXP-2, OUT-1."""
    products = {name: gather_dot(table, ids, x) for name, table in tables.items() if name != "v"}
    return gather_sum(tables["v"], ids, gate * value_of_experts(activation, products))


def gather_dot(table: jax.Array, ids: jax.Array, x: jax.Array) -> jax.Array:
    """The inner product of each token with each row that it selects, [T, K]."""
    return inner_product("td,tkd->tk", x, table.astype(x.dtype)[ids])


def gather_sum(table: jax.Array, ids: jax.Array, weights: jax.Array) -> jax.Array:
    """For each token the weighted sum of the rows that it selects, [T, width]."""
    return inner_product("tk,tkd->td", weights, table.astype(weights.dtype)[ids])
