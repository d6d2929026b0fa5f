"""The layer as a pure function: query → half scores → selection → gates → experts → output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from peerspec.backends.torch import native, native_router
from peerspec.backends.torch.arrays import COMPUTE_DTYPES
from peerspec.backends.torch.experts import expert_stage
from peerspec.backends.torch.gates import gates
from peerspec.backends.torch.onnx_node import onnx_node
from peerspec.backends.torch.precision import without_autocast
from peerspec.backends.torch.query import query
from peerspec.backends.torch.query_norm import query_norm
from peerspec.backends.torch.retrieval import retrieve
from peerspec.reference import InputError, PeerConfig, TableError

__all__ = ["Output", "forward"]


class Output(NamedTuple):
    """The result of one forward pass.

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
    state: dict[str, Tensor] | None


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
        params: tensors by parameter name, shaped as ``config.shapes()``, of one dtype and on one device.
        x: tokens [..., D], of the dtype and on the device of the parameters; any number of leading axes.
        mask: [...], True where a token counts; matters only to batch statistics (NRM-4). Default: all.
        training: where ``query_norm="batch"``, normalise with batch statistics and return the updated ones.
        sparse_gradients: make the gradients of the expert tables sparse tensors of the rows that x selects.

    Raises:
        TableError: parameters that do not fit the configuration (PAR-1, PAR-2).
        InputError: shapes or dtypes of x or mask that do not fit the layer (SHP-1, SHP-2, NRM-5).
    """
    _check_params(config, params)
    lead = _check_input(config, params["keys"].dtype, x, mask)
    if torch.onnx.is_in_onnx_export():
        return Output(*onnx_node(config, params, x, training=training), None)
    tokens = x.reshape(-1, config.d_model).to(COMPUTE_DTYPES[x.dtype])
    if _at_once(config, params, tokens):
        return _shaped(config, lead, x.dtype, *native_router.forward(config, params, tokens), None)
    with without_autocast(x.device.type):
        counted = None if mask is None else mask.reshape(-1)
        q = query(params, tokens)
        q, state = query_norm(config.query_norm, params, q, mask=counted, training=training)
        scores, indices = retrieve(params["keys"], q, config.top_k)
        gate = gates(config.gate, scores)
        y = expert_stage(config, params, tokens, indices.flatten(1), gate.flatten(1), sparse_gradients=sparse_gradients)
    return _shaped(config, lead, x.dtype, y, scores, indices, gate, state)


def _at_once(config: PeerConfig, params: Mapping[str, Tensor], tokens: Tensor) -> bool:
    """Whether the core may do all stages in one call: no query norm, and nothing that wants a gradient."""
    learning = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (tokens, *params.values()))
    return config.query_norm == "none" and not learning and native.is_supported(tokens.device, *params.values())


def _shaped(
    config: PeerConfig,
    lead: tuple[int, ...],
    dtype: torch.dtype,
    y: Float[Tensor, "T M"],
    scores: Float[Tensor, "T h k"],
    indices: Int[Tensor, "T h k"],
    gate: Float[Tensor, "T h k"],
    state: dict[str, Tensor] | None,
) -> Output:
    pairs = (*lead, config.heads, config.top_k)
    return Output(
        y.to(dtype).view(*lead, config.d_out), scores.view(pairs), indices.view(pairs), gate.view(pairs), state
    )


def _check_params(config: PeerConfig, params: Mapping[str, Tensor]) -> None:
    shapes = config.shapes()
    if params.keys() != shapes.keys():
        raise TableError(f"this configuration has the parameters {', '.join(shapes)}, got {', '.join(params)} (PAR-1)")
    dtype = params["keys"].dtype
    if dtype not in COMPUTE_DTYPES:
        raise TableError(f"parameters must be of dtype {', '.join(map(str, COMPUTE_DTYPES))}, got {dtype} (PAR-2)")
    for name, shape in shapes.items():
        if params[name].shape != shape:
            raise TableError(f"{name} must have shape {shape}, got {tuple(params[name].shape)} (PAR-1)")
        if params[name].dtype != dtype:
            raise TableError(
                f"all parameters share one dtype, but keys is {dtype} and {name} is {params[name].dtype}; "
                "convert one of them (PAR-2)"
            )


def _check_input(config: PeerConfig, dtype: torch.dtype, x: Tensor, mask: Tensor | None) -> tuple[int, ...]:
    if x.ndim < 1 or x.shape[-1] != config.d_model:
        raise InputError(f"x must have shape [..., {config.d_model}], got {tuple(x.shape)} (SHP-1)")
    if x.dtype != dtype:
        raise InputError(f"x must have the dtype of the layer, {dtype}, got {x.dtype}; convert it (PAR-2)")
    lead = tuple(x.shape[:-1])
    if mask is not None and (mask.shape != lead or mask.dtype != torch.bool):
        raise InputError(f"mask must be boolean of shape {lead}, got {mask.dtype} of shape {tuple(mask.shape)} (SHP-2)")
    return lead
