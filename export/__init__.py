"""Export: a layer as one ONNX file that any runtime of opset 18 runs.

``export`` writes the file, ``read_layer`` reads it back, ``build_model`` makes the model in memory. The model is one
``peer.Layer`` node over model-local functions of the domain ``peer`` (SPEC-ONNX.md). Its parameters have the
names of SPEC.md; its metadata hold the spec version and the configuration. ONNX is inference: batch norm applies its
running statistics.
"""

from peerspec.export.errors import ExportError, MissingPackageError
from peerspec.export.read import read_layer
from peerspec.export.write import EXTERNAL_THRESHOLD, build_model, export

__all__ = ["EXTERNAL_THRESHOLD", "ExportError", "MissingPackageError", "build_model", "export", "read_layer"]
