"""The names in an ONNX model with PEER layers: metadata, nodes, functions and outputs (ONX-11, ONX-8, ONX-10)."""

from __future__ import annotations

from peerspec.export.tables import Tables

__all__ = ["CONFIG_KEY", "DIGEST_KEY", "LAYER_NAMES", "LAYER_NODE", "OUTPUTS", "SPEC_KEY", "TABLES_KEY"]

SPEC_KEY = "peerspec.spec"
CONFIG_KEY = "peerspec.config"
DIGEST_KEY = "peerspec.sha256"
TABLES_KEY = "peerspec.tables"
LAYER_NODE = "layer"
"""The name of the node of a model that is one layer."""
LAYER_NAMES: dict[Tables | None, str] = {None: "Layer", "float16": "LayerFloat16", "int8": "LayerInt8"}
"""The name of the function of a layer, by the format of its tables."""
OUTPUTS = ("y", "scores", "indices", "gates")
"""The outputs of a layer."""
