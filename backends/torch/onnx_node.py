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
from peerspec.files.as_node import AS_NODE
from peerspec.reference import InputError, PeerConfig

__all__ = ["becomes_node", "onnx_node", "traced_for_onnx", "warn_of_batch_statistics"]


def traced_for_onnx() -> bool:
    """Whether an exporter to ONNX traces the layer; ``is_in_onnx_export`` alone takes eight times as long."""
    return (torch.compiler.is_compiling() or torch._C._is_tracing()) and torch.onnx.is_in_onnx_export()


def becomes_node() -> bool:
    """Whether the layer is traced by ``peerspec.export.torch``; another exporter to ONNX gets plain operations."""
    return traced_for_onnx() and AS_NODE.get()


def warn_of_batch_statistics() -> None:
    """Warn where another exporter to ONNX traces a layer that takes statistics of each batch."""
    if traced_for_onnx():
        warnings.warn(
            "the exported layer is in training mode and takes the statistics of each batch; for inference, call "
            "model.eval() before exporting (NRM-2)",
            stacklevel=2,
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
