"""The version of SPEC.md that this package implements."""

__all__ = ["SPEC_VERSION"]

SPEC_VERSION = "0.9"
"""Major and minor version, as in SPEC.md."""
