"""The whole layer without query norm as one operator, which has no derivative."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.arrays import COMPUTE_DTYPES, memory_of, to_array
from peerspec.backends.torch.folding import fold_batches
from peerspec.backends.torch.gates import gates
from peerspec.backends.torch.kernels import register_kernels
from peerspec.backends.torch.operators import plain_operator
from peerspec.reference import InputError, PeerConfig

__all__ = ["LayerOutput", "by_stages", "infer"]


MAX_PREPARED = 256
"""Layers whose C structures are kept."""
_PREPARED: dict[tuple[Any, ...], native.PreparedLayer] = {}


class LayerOutput(NamedTuple):
    """y [T, M], and the routing: scores, ids and gates of the selected experts [T, h, k]."""

    y: Float[Tensor, "T M"]
    scores: Float[Tensor, "T h k"]
    ids: Int[Tensor, "T h k"]
    gates: Float[Tensor, "T h k"]


def infer(config: PeerConfig, params: Mapping[str, Tensor], x: Float[Tensor, "T D"]) -> LayerOutput:
    """Evaluate a layer without query norm; not differentiable. Results have the compute dtype."""
    router = (params["query.weight"], params.get("query.bias"), params["keys"])
    experts = (params["experts.u"], params["experts.v"], params.get("experts.w"))
    return LayerOutput(*_forward(*router, *experts, x, config.top_k, config.gate, config.activation))


def by_stages(
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
    """The operators of the stages, each with its own kernel for the device."""
    _require_tokens(weight, x)
    stages = torch.ops.peerspec
    scores, ids = stages.retrieve(stages.query(x, weight, bias, x.dtype == weight.dtype), keys, k)
    found = gates(gate, scores)
    # tokens are widened here, when the memory of queries and half scores is free again
    y, _ = stages.expert_stage(u, v, w, x.to(scores.dtype), ids.flatten(1), found.flatten(1), activation)
    return y, scores, ids, found


def _by_core(
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
    _require_tokens(weight, x)
    layer = _prepared((weight, bias, keys, u, v, w), k, gate, activation)
    tokens = x.to(COMPUTE_DTYPES[x.dtype]).contiguous()
    y, scores, ids, found = outputs = _outputs(weight, v, tokens, k)
    addresses = y.data_ptr(), scores.data_ptr(), ids.data_ptr(), found.data_ptr()
    native.forward_at(layer, len(tokens), memory_of(tokens), addresses, threads=torch.get_num_threads())
    return outputs


def _prepared(
    tables: tuple[Tensor, Tensor | None, Tensor, Tensor, Tensor, Tensor | None], k: int, gate: str, activation: str
) -> native.PreparedLayer:
    """The C structures of a layer. They depend on the key alone, so that none of them is ever out of date."""
    key = (k, gate, activation, *[t if t is None else (t.data_ptr(), t.shape, t.dtype) for t in tables])
    layer = _PREPARED.get(key)
    if layer is None:
        weight, bias, keys, u, v, w = tables
        router = native.RouterTables(
            to_array(weight), to_array(keys), k, bias if bias is None else to_array(bias), gate
        )
        experts = native.ExpertTables(to_array(u), to_array(v), w if w is None else to_array(w), activation)
        layer = native.prepare(router, experts)
        if len(_PREPARED) >= MAX_PREPARED:
            _PREPARED.clear()
        _PREPARED[key] = layer
    return layer


def _require_tokens(weight: Tensor, x: Tensor) -> None:
    """Check what the core trusts; a program that was traced checks nothing before.

    Raises:
        InputError: x does not fit the tables.
    """
    dtype = COMPUTE_DTYPES.get(weight.dtype)
    if x.ndim != 2 or x.shape[1] != weight.shape[2] or COMPUTE_DTYPES.get(x.dtype) != dtype:
        raise InputError(
            f"x must be [T, {weight.shape[2]}] of compute dtype {dtype}, got {x.dtype} of shape {list(x.shape)}; "
            "convert it (SHP-1, PAR-5)"
        )


def _outputs(weight: Tensor, v: Tensor, tokens: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """y, scores, ids and gates, without values."""
    count, heads = tokens.shape[0], weight.shape[0]
    y, scores = tokens.new_empty(count, v.shape[1]), tokens.new_empty(count, heads, k)
    return y, scores, tokens.new_empty(count, heads, k, dtype=torch.int64), tokens.new_empty(count, heads, k)


def _fake(
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
    _require_tokens(weight, x)
    return _outputs(weight, v, x.to(COMPUTE_DTYPES[x.dtype]), k)


def _no_derivative(*_: Any) -> NoReturn:
    raise InputError(
        "the operator peerspec::forward has no derivative, and a program that was traced where none was wanted calls "
        "it; trace with gradients enabled, and with parameters or tokens that require them"
    )


_forward = plain_operator(
    "forward",
    "(Tensor weight, Tensor? bias, Tensor keys, Tensor u, Tensor v, Tensor? w, Tensor x, int k, str gate, "
    "str activation) -> (Tensor y, Tensor scores, Tensor ids, Tensor gates)",
    by_stages,
    _fake,
)
torch.library.register_autograd(_forward, _no_derivative)
register_kernels(_forward, core=_by_core, library=by_stages, tables=range(6))
fold_batches(_forward, tokens=(6,))
