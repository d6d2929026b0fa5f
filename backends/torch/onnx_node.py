"""The layer as one ONNX node, for ``torch.onnx.export`` (SPEC.md, ONX-11).

``peerspec.export.torch`` adds the functions that the node calls.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from peerspec.backends.torch.arrays import COMPUTE_DTYPES
from peerspec.reference import InputError, PeerConfig

__all__ = ["onnx_node"]

_WITHOUT_FUNCTIONS = (
    "torch.onnx.export writes a node peer.Layer without the functions that compute it, so no runtime loads the file; "
    "call peerspec.export.torch.export instead, which takes the same arguments and adds them"
)


def onnx_node(
    config: PeerConfig, params: Mapping[str, Tensor], x: Float[Tensor, "*lead D"], *, training: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """y, scores, indices and gates of a ``peer.Layer`` node: tensors of the right shapes and dtypes without values.

    ``peerspec.export.torch`` refuses a node whose x has another dtype than its parameters (ONX-11); an error raised
    here would be lost, because torch would then try without this node.

    Raises:
        InputError: training with batch norm, because ONNX models only infer.
    """
    if training and config.query_norm == "batch":
        raise InputError("ONNX is inference and has no batch statistics; call model.eval() before exporting (NRM-2)")
    warnings.warn(_WITHOUT_FUNCTIONS, stacklevel=2)  # peerspec.export.torch, which adds them, is silent
    lead, compute_dtype = x.shape[:-1], COMPUTE_DTYPES[params["keys"].dtype]
    pairs = (*lead, config.heads, config.top_k)
    y, scores, indices, gates = torch.onnx.ops.symbolic_multi_out(
        "peer::Layer",
        [x, *(params[name] for name in config.shapes())],
        {"config": config.to_json()},
        dtypes=[x.dtype, compute_dtype, torch.int64, compute_dtype],
        shapes=[(*lead, config.d_out), pairs, pairs, pairs],
        version=1,
    )
    return y, scores, indices, gates
