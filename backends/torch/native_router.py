"""Queries, retrieval and the whole layer by the native core, as operators of torch.

The gradient of retrieval is compact: k of the n half scores a token and half have one, so neither they nor their
gradient [T, h, n] is ever made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.precision import full_precision
from peerspec.reference import PeerConfig

__all__ = ["LayerOutput", "forward", "query", "retrieve"]


class LayerOutput(NamedTuple):
    """y [T, M], and the scores, ids and gates [T, h, k] of the experts it is made of."""

    y: Tensor
    scores: Tensor
    indices: Tensor
    gates: Tensor


def query(params: Mapping[str, Tensor], x: Float[Tensor, "T D"]) -> Float[Tensor, "T h d"]:
    """q before the query norm (QRY-1), differentiable."""
    q: Tensor = _query(x, params["query.weight"], params.get("query.bias"))
    return q


def retrieve(
    keys: Float[Tensor, "H_k 2 n half"], q: Float[Tensor, "T h d"], k: int
) -> tuple[Float[Tensor, "T h k"], Int[Tensor, "T h k"]]:
    """Scores and ids of queries after the query norm (SCO-1, SEL-1); scores are differentiable."""
    scores, ids = _retrieve(q, keys, k)
    return scores, ids


def forward(config: PeerConfig, params: Mapping[str, Tensor], x: Float[Tensor, "T D"]) -> LayerOutput:
    """The layer without query norm in one call; not differentiable."""
    router = (params["query.weight"], params.get("query.bias"), params["keys"])
    experts = (params["experts.u"], params["experts.v"], params.get("experts.w"))
    return LayerOutput(*_forward(*router, *experts, x, config.top_k, config.gate, config.activation))


@torch.library.custom_op("peerspec::query", mutates_args=(), schema="(Tensor x, Tensor weight, Tensor? bias) -> Tensor")
def _query(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    router = _tables(weight, bias, weight.new_empty(1, 2, 1, weight.shape[1] // 2), 1)
    return to_tensor(native.query(router, to_array(x), threads=torch.get_num_threads()))


@_query.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x.new_empty(x.shape[0], *weight.shape[:2])


@torch.library.custom_op(
    "peerspec::query_backward",
    mutates_args=(),
    schema="(Tensor x, Tensor weight, Tensor dq) -> (Tensor, Tensor, Tensor)",
)
def _query_backward(x: Tensor, weight: Tensor, dq: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    flat = dq.flatten(1)
    with full_precision(x.device.type):
        dx = flat @ weight.flatten(0, 1).to(x.dtype)
        dweight = (flat.T @ x).view(weight.shape)
    return dx, dweight.to(weight.dtype), dq.sum(0).to(weight.dtype)


@_query_backward.register_fake
def _(x: Tensor, weight: Tensor, dq: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(x), torch.empty_like(weight), weight.new_empty(weight.shape[:2])


def _setup_query(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, bias = inputs
    ctx.biased = bias is not None
    ctx.save_for_backward(x, weight)


def _backward_of_query(ctx: Any, dq: Tensor) -> tuple[Tensor | None, ...]:
    dx, dweight, dbias = _query_backward(*ctx.saved_tensors, dq)
    return dx, dweight, dbias if ctx.biased else None


_query.register_autograd(_backward_of_query, setup_context=_setup_query)


@torch.library.custom_op(
    "peerspec::retrieve", mutates_args=(), schema="(Tensor q, Tensor keys, int k) -> (Tensor, Tensor)"
)
def _retrieve(q: Tensor, keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    router = _tables(keys.new_empty(*q.shape[1:], 1), None, keys, k)
    scores, ids = native.retrieve(router, to_array(q.contiguous()), threads=torch.get_num_threads())
    return to_tensor(scores), to_tensor(ids)


@_retrieve.register_fake
def _(q: Tensor, keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    return q.new_empty(*q.shape[:2], k), q.new_empty(*q.shape[:2], k, dtype=torch.int64)


@torch.library.custom_op(
    "peerspec::retrieve_backward",
    mutates_args=(),
    schema="(Tensor q, Tensor keys, Tensor ids, Tensor dscores) -> (Tensor, Tensor)",
)
def _retrieve_backward(q: Tensor, keys: Tensor, ids: Tensor, dscores: Tensor) -> tuple[Tensor, Tensor]:
    router = _tables(keys.new_empty(*q.shape[1:], 1), None, keys, ids.shape[-1])
    arrays = (to_array(tensor) for tensor in (q, ids, dscores))
    dq, dkeys = native.retrieve_backward(router, *arrays, threads=torch.get_num_threads())
    return to_tensor(dq), to_tensor(dkeys).to(keys.dtype)


@_retrieve_backward.register_fake
def _(q: Tensor, keys: Tensor, ids: Tensor, dscores: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(q), torch.empty_like(keys)


def _setup_retrieve(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs[:2], output[1])
    ctx.mark_non_differentiable(output[1])


def _backward_of_retrieve(ctx: Any, dscores: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    return *_retrieve_backward(*ctx.saved_tensors, dscores), None


_retrieve.register_autograd(_backward_of_retrieve, setup_context=_setup_retrieve)


@torch.library.custom_op(
    "peerspec::forward",
    mutates_args=(),
    schema="(Tensor weight, Tensor? bias, Tensor keys, Tensor u, Tensor v, Tensor? w, Tensor x, int k, str gate, "
    "str activation) -> (Tensor, Tensor, Tensor, Tensor)",
)
def _forward(
    weight: Tensor,
    bias: Tensor | None,
    keys: Tensor,
    u: Tensor,
    v: Tensor,
    w: Tensor | None,
    x: Tensor,
    k: int,
    gate: str,
    activation: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    experts = native.ExpertTables(to_array(u), to_array(v), None if w is None else to_array(w), activation)
    router = _tables(weight, bias, keys, k, gate)
    y, scores, ids, gates = native.forward(router, experts, to_array(x), threads=torch.get_num_threads())
    return to_tensor(y), to_tensor(scores), to_tensor(ids), to_tensor(gates)


@_forward.register_fake
def _(
    weight: Tensor,
    bias: Tensor | None,
    keys: Tensor,
    u: Tensor,
    v: Tensor,
    w: Tensor | None,
    x: Tensor,
    k: int,
    gate: str,
    activation: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    pairs = (x.shape[0], weight.shape[0], k)
    return (
        x.new_empty(x.shape[0], v.shape[1]),
        x.new_empty(pairs),
        x.new_empty(pairs, dtype=torch.int64),
        x.new_empty(pairs),
    )


def _tables(weight: Tensor, bias: Tensor | None, keys: Tensor, k: int, gate: str = "softmax") -> native.RouterTables:
    return native.RouterTables(to_array(weight), to_array(keys), k, None if bias is None else to_array(bias), gate)
