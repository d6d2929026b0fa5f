"""The version of SPEC.md that this package implements, and where it is published."""

__all__ = ["SITE", "SPEC_VERSION"]

SPEC_VERSION = "1.0-rc"
"""Major and minor version, as in SPEC.md."""

SITE = "https://peerspec.github.io/peerspec/"
"""The address of the documentation site."""
