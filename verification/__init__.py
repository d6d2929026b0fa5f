"""Verification: compare the layers of an ONNX model with the layer that they should compute."""

from peerspec.verification.model import LayerVerification, verify_model

__all__ = ["LayerVerification", "verify_model"]
