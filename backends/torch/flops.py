"""What ``torch.utils.flop_counter`` counts for the operators of the layer: CST-3, and the same for backward passes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import register_flop_formula

import peerspec.backends.torch.module  # noqa: F401 - defines the operators

__all__ = ["query_flops", "retrieval_flops", "stage_flops"]

Shape = Sequence[int]
_operators = torch.ops.peerspec


@register_flop_formula(_operators.query)
def query_flops(x: Shape, weight: Shape, *_: Any, **__: Any) -> int:
    """A product of tokens and weight."""
    return 2 * x[0] * prod(weight)


@register_flop_formula(_operators.query_backward)
def _(x: Shape, weight: Shape, dq: Shape, needed: Sequence[bool], **__: Any) -> int:
    return sum(needed[:2]) * query_flops(x, weight)


@register_flop_formula(_operators.retrieve)
def retrieval_flops(q: Shape, keys: Shape, k: int, **_: Any) -> int:
    """Both half scores of all sub-keys, and one addition for each cell of the grid of min(k, n)² sums."""
    tokens, heads, d_key = q
    n = keys[2]
    return tokens * heads * (2 * n * d_key + min(k, n) ** 2)


@register_flop_formula(_operators.retrieve_backward)
def _(q: Shape, keys: Shape, ids: Shape, *_: Any, **__: Any) -> int:
    """The gradients of queries and of sub-keys: k rows of either half for each token and head."""
    return 2 * 2 * prod(q) * ids[-1]


@register_flop_formula(_operators.expert_stage)
def stage_flops(u: Shape, v: Shape, w: Shape | None, x: Shape, ids: Shape, *_: Any, **__: Any) -> int:
    """A product of a row of each table and the token, for each pair."""
    return 2 * prod(ids) * (u[1] + v[1] + (w[1] if w else 0))


@register_flop_formula(_operators.expert_stage_backward)
def _(
    u: Shape,
    v: Shape,
    w: Shape | None,
    x: Shape,
    ids: Shape,
    gates: Shape,
    products: Shape,
    dy: Shape,
    activation: str,
    needs_dx: bool,
    **__: Any,
) -> int:
    inner = u[1] + (w[1] if w else 0)
    return 2 * prod(ids) * (v[1] + (inner if needs_dx else 0))


@register_flop_formula((_operators.dense_gradient, _operators.scatter_sum))
def _(*shapes: Any, **_: Any) -> int:
    """Each pair adds a row of tokens to the row that it selects; weights and x are the last two arguments."""
    weights, x = shapes[-2:]
    return 2 * prod(weights) * x[1]


@register_flop_formula(_operators.table_gradient)
def _(table: Shape, ids: Shape, weights: Shape, x: Shape, *_: Any, **__: Any) -> int:
    return 2 * prod(weights) * x[1]


@register_flop_formula(_operators.forward)
def _(
    weight: Shape,
    bias: Shape | None,
    keys: Shape,
    u: Shape,
    v: Shape,
    w: Shape | None,
    x: Shape,
    k: int,
    *_: Any,
    **__: Any,
) -> int:
    pairs = [x[0], weight[0] * k]
    return query_flops(x, weight) + retrieval_flops([x[0], *weight[:2]], keys, k) + stage_flops(u, v, w, x, pairs)
