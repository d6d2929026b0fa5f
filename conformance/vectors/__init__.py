"""Frozen vectors: inputs of section 9.2, small layers with their results, half scores with their selections.

They serve implementers without Python and pin the generator of inputs. Every number follows from ``manifest.json`` and
SPEC.md, and ``check_vectors`` checks that. Results are those of the reference in float64. ``FILES`` is a folder of
layer files that a reader must accept or refuse.
"""

from peerspec.conformance.vectors.check_vectors import Summary, check_vectors
from peerspec.conformance.vectors.entry import VectorError
from peerspec.conformance.vectors.manifest import FILES, HOME

__all__ = ["FILES", "HOME", "Summary", "VectorError", "check_vectors"]
