"""Verification: an exported model held to the layer that it should compute."""

from peerspec.verification.model import verify_model

__all__ = ["verify_model"]
