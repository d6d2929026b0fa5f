"""ONNX Runtime on the CPU: ``backend`` runs any layer, ``OrtModel`` an exported file."""

from peerspec.backends.onnxruntime.model import OrtModel

__all__ = ["OrtModel"]
