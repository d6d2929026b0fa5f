"""The version of SPEC.md that this package implements."""

__all__ = ["SPEC_VERSION"]

SPEC_VERSION = "1.0-rc"
"""Major and minor version, as in SPEC.md."""
