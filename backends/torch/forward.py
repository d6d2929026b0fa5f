"""The layer as a pure function: query → query norm → retrieval → gates → expert stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from peerspec.backends.torch.arrays import COMPUTE_DTYPES
from peerspec.backends.torch.checks import check_input, check_params
from peerspec.backends.torch.experts import expert_stage
from peerspec.backends.torch.gates import constant_gates, gates
from peerspec.backends.torch.inference import LayerOutput, infer
from peerspec.backends.torch.onnx_node import becomes_node, onnx_node
from peerspec.backends.torch.plain import needs_plain
from peerspec.backends.torch.precision import without_autocast
from peerspec.backends.torch.query import query
from peerspec.backends.torch.query_norm import query_norm
from peerspec.backends.torch.retrieval import retrieve
from peerspec.reference import PeerConfig

__all__ = [
    "Output",
    "Routing",
    "RoutingStages",
    "Stages",
    "evaluate",
    "fits_one_operator",
    "forward",
    "in_one_operator",
    "route",
    "routing_stages",
    "wants_derivative",
]

State = dict[str, Tensor] | None


class Output(NamedTuple):
    """The result of one forward pass: y, and the routing.

    Attributes:
        y: [..., M], the output, in the dtype of x.
        scores: [..., h, k], score of each selected expert, in the compute dtype (float64 for float64, else
            float32).
        indices: [..., h, k], its id, int64.
        gates: [..., h, k], its gate, in the compute dtype.
        state: updated ``query_norm.mean`` and ``query_norm.var``, [h, d] in the compute dtype, only after
            ``training=True`` with ``query_norm="batch"`` (NRM-3).
    """

    y: Tensor
    scores: Tensor
    indices: Tensor
    gates: Tensor
    state: State


class RoutingStages(NamedTuple):
    """The stages of the routing that read parameters other than the sub-keys, as functions.

    Attributes:
        query: takes tokens [T, D], and whether a product of the weight and a token is exact; returns q [T, h, d].
        query_norm: takes q and the mask; returns q and the updated running statistics.
    """

    query: Callable[[Tensor, bool], Tensor]
    query_norm: Callable[[Tensor, Tensor | None], tuple[Tensor, State]]


class Stages(NamedTuple):
    """The stages that read parameters other than the sub-keys, as functions.

    Attributes:
        routing: those of the routing.
        experts: takes tokens, and ids and gates [T, h·k]; returns y [T, M].
    """

    routing: RoutingStages
    experts: Callable[[Tensor, Tensor, Tensor], Tensor]


class Routing(NamedTuple):
    """The tokens [T, D] in the compute dtype with their routing [T, h, k], and the state as in ``Output``."""

    tokens: Tensor
    scores: Tensor
    ids: Tensor
    gates: Tensor
    state: State


def forward(
    config: PeerConfig,
    params: Mapping[str, Tensor],
    x: Float[Tensor, "*lead D"],
    *,
    mask: Bool[Tensor, "*lead"] | None = None,
    training: bool = False,
    sparse_gradients: bool = False,
) -> Output:
    """Evaluate the layer; differentiable in x and every parameter, with the selection held constant.

    Args:
        config: the configuration.
        params: tensors by parameter name, shaped as ``config.shapes()``, of one dtype and on one device; running
            statistics have the compute dtype.
        x: tokens [..., D] on the device of the parameters, with any number of leading axes, of the dtype of the
            parameters; beside float32 parameters also bfloat16 or float16.
        mask: [...], True where a token counts; matters only to batch statistics (NRM-4). Default: all.
        training: where ``query_norm="batch"``, normalise with batch statistics and return the updated ones.
        sparse_gradients: make the gradients of the expert tables sparse tensors of the rows that x selects.

    Raises:
        TableError: parameters that do not fit the configuration (PAR-1, PAR-5), or lie on several devices.
        InputError: shapes, dtypes or devices of x or mask that do not fit the layer (SHP-1, SHP-2, NRM-5).

    Example:
        >>> from peerspec.backends.torch import PEER
        >>> module = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4))
        >>> output = forward(module.config, module.state_dict(), torch.randn(3, 8))
        >>> output.y.shape, output.gates.shape
        (torch.Size([3, 8]), torch.Size([3, 2, 4]))
    """
    learns = wants_derivative(x, *params.values())
    if becomes_node() or (not learns and fits_one_operator(config)):
        return in_one_operator(config, params, x, mask=mask, training=training)
    check_params(config, params)
    stages = Stages(
        routing_stages(config, params, training=training),
        partial(expert_stage, config, params, sparse_gradients=sparse_gradients),
    )
    return evaluate(config, params["keys"], stages, x, mask=mask)


def wants_derivative(*tensors: Tensor) -> bool:
    """Whether autograd follows what is computed of these tensors."""
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def routing_stages(config: PeerConfig, params: Mapping[str, Tensor], *, training: bool) -> RoutingStages:
    """The stages of the routing over these parameters."""
    return RoutingStages(partial(_query, params), partial(_query_norm, config, params, training))


def in_one_operator(
    config: PeerConfig,
    params: Mapping[str, Tensor],
    x: Float[Tensor, "*lead D"],
    *,
    mask: Bool[Tensor, "*lead"] | None = None,
    training: bool = False,
) -> Output:
    """``forward`` where ``fits_one_operator`` is true, or where the layer becomes a node of ONNX."""
    check_params(config, params)
    check_input(config, params["keys"], x, mask)
    if becomes_node():
        return Output(*onnx_node(config, params, x, training=training), None)
    return _shaped(config, x, infer(config, params, x.reshape(-1, config.d_model)), None)


def fits_one_operator(config: PeerConfig) -> bool:
    """Whether one operator without a derivative computes the layer, where none is wanted.

    Within ``torch.vmap`` tensors do not say that they require gradients, so that it may be wanted there.
    """
    return config.query_norm == "none" and not needs_plain() and not (torch.is_grad_enabled() and _transformed())


def _transformed() -> bool:
    return not torch.compiler.is_compiling() and torch._C._functorch.peek_interpreter_stack() is not None


def evaluate(
    config: PeerConfig,
    keys: Tensor,
    stages: Stages,
    x: Float[Tensor, "*lead D"],
    *,
    mask: Bool[Tensor, "*lead"] | None = None,
) -> Output:
    """``forward`` with the sub-keys and the other stages given."""
    with without_autocast(x.device.type):
        found = route(config, keys, stages.routing, x, mask=mask)
        y = stages.experts(found.tokens, found.ids.flatten(1), found.gates.flatten(1))
    return _shaped(config, x, LayerOutput(y, found.scores, found.ids, found.gates), found.state)


def route(
    config: PeerConfig,
    keys: Tensor,
    stages: RoutingStages,
    x: Float[Tensor, "*lead D"],
    *,
    mask: Bool[Tensor, "*lead"] | None = None,
    constant: bool = False,
) -> Routing:
    """The tokens and their routing, with the sub-keys and the other stages given; errors as ``forward``.

    ``constant`` says that no derivative is wanted; then gates have the bits of a layer of which none is wanted.
    """
    check_input(config, keys, x, mask)
    tokens = _tokens(config, keys, x)
    with without_autocast(x.device.type):
        q = stages.query(tokens, x.dtype == keys.dtype)
        q, state = stages.query_norm(q, None if mask is None else mask.reshape(-1))
        scores, ids = retrieve(keys, q, config.top_k)
        of_scores = constant_gates if constant and fits_one_operator(config) else gates
        return Routing(tokens, scores, ids, of_scores(config.gate, scores), state)


def _query(params: Mapping[str, Tensor], tokens: Tensor, narrow: bool) -> Tensor:
    return query(params, tokens, narrow=narrow)


def _query_norm(
    config: PeerConfig, params: Mapping[str, Tensor], training: bool, q: Tensor, mask: Tensor | None
) -> tuple[Tensor, State]:
    return query_norm(config.query_norm, params, q, mask=mask, training=training)


def _tokens(config: PeerConfig, keys: Tensor, x: Tensor) -> Tensor:
    """[T, D], in the compute dtype."""
    return x.reshape(-1, config.d_model).to(COMPUTE_DTYPES[keys.dtype])


def _shaped(config: PeerConfig, x: Tensor, found: LayerOutput, state: dict[str, Tensor] | None) -> Output:
    y = found.y if found.y.dtype == x.dtype else found.y.to(x.dtype)
    if x.ndim == 2:  # a view takes longer than this question
        return Output(y, found.scores, found.ids, found.gates, state)
    lead = x.shape[:-1]
    pairs = (*lead, config.heads, config.top_k)
    scores, ids, gate = found.scores.view(pairs), found.ids.view(pairs), found.gates.view(pairs)
    return Output(y.view(*lead, config.d_out), scores, ids, gate, state)
