"""Frozen vectors: inputs of section 9.2, small layers with their results, half scores with their selections.

For implementers without Python at hand, and a pin for the generator of inputs: every number here follows from
``manifest.json`` and SPEC.md, and ``verify`` makes sure of it. Results are those of the reference in float64.
"""

from peerspec.conformance.vectors.manifest import HOME, VectorError
from peerspec.conformance.vectors.verify import Summary, verify

__all__ = ["HOME", "Summary", "VectorError", "verify"]
