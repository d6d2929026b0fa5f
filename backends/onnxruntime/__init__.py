"""ONNX Runtime on the CPU: ``backend`` runs any layer, ``OrtModel`` runs an exported file."""

from peerspec.backends.onnxruntime.model import OrtModel

__all__ = ["OrtModel"]
