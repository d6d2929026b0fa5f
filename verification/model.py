"""Every layer of a model, or one by name."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from peerspec.conformance.report import Report
from peerspec.export.layer_nodes import LayerNode, find_layer, find_layers
from peerspec.export.onnx_package import ModelProto
from peerspec.export.read import read_model
from peerspec.export.stated import stated_error
from peerspec.export.stored import check_external
from peerspec.export.table_error import table_error
from peerspec.export.tables import Tables
from peerspec.reference import Layer
from peerspec.verification.layer import verify_layer

__all__ = ["LayerVerification", "verify_model"]


@dataclass(frozen=True)
class LayerVerification:
    """The outcome for one layer of a model.

    Attributes:
        node: the name of its node; empty if functions are inlined.
        report: the report of the suite; its ``verdict`` and ``exit_status`` are those of any backend.
        tables: the format of the expert tables if they take fewer bytes than the other parameters, else None.
        table_error: ‖ŷ − y‖ / ‖y‖ between these tables and those they were made from (ONX-10): measured on the
            given layer, else as the file states it; None without ``tables``.
    """

    node: str
    report: Report
    tables: Tables | None
    table_error: float | None


def verify_model(
    path: str | PathLike[str],
    layer: Layer | None = None,
    *,
    node: str | None = None,
    kernels: bool = False,
    seed: int = 0,
    timeout: float = 600.0,
) -> tuple[LayerVerification, ...]:
    """Verify the layers of the model at ``path``, each against ``layer`` or against the layer that the file holds.

    Args:
        path: an ONNX model with PEER layers.
        layer: the layer that the model should compute, every parameter the same bit for bit; tables in fewer bytes
            must be those that this layer's tables round to (ONX-10).
        node: verify only the layer of this name; needed with ``layer`` if the model holds several.
        kernels: whether to run the model on the kernels of ``peerspec.export.ort``.
        seed: the seed of the inputs.
        timeout: the time limit of one call, in seconds, and of reading the external files to compare their digests.

    Returns:
        One outcome per layer, in the order of the graph.

    Raises:
        ExportError: the model cannot be read, has no such layer, holds several layers and one ``layer`` without
            ``node``, has external data other than those it was written with (ONX-8), or does not state the error of
            its tables (ONX-10).
        OrtError, KernelError: the model or the kernels cannot be loaded.

    Example:
        >>> for found in verify_model("model.onnx"):
        ...     print(found.node, found.report.verdict)
        layer conformant
    """
    path = Path(path)
    model = read_model(path)
    single = node is not None or layer is not None
    nodes = [find_layer(model, path, node)] if single else find_layers(model, path)
    check_external(path, model, timeout=timeout)
    errors = [_table_error(layer_node, model, path, layer) for layer_node in nodes]
    names = [node] if single else [layer_node.name or None for layer_node in nodes]
    reports = [verify_layer(path, layer, node=name, kernels=kernels, seed=seed, timeout=timeout) for name in names]
    return tuple(
        LayerVerification(layer_node.name, report, layer_node.tables, error)
        for layer_node, report, error in zip(nodes, reports, errors, strict=True)
    )


def _table_error(layer_node: LayerNode, model: ModelProto, path: Path, layer: Layer | None) -> float | None:
    if layer_node.tables is None:
        return None
    return table_error(layer, layer_node.tables) if layer else stated_error(model, layer_node.name, path)
