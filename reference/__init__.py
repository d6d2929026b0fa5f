"""The reference: SPEC.md in NumPy, one file per chapter, float64 unless told otherwise.

Written for reading. It follows the specification and never an implementation, knows no framework, and is
what the conformance suite holds every backend against.
"""

from peerspec.reference.config import PeerConfig
from peerspec.reference.cost import Cost, cost
from peerspec.reference.errors import ConfigError, FileFormError, InputError, PeerError, TableError
from peerspec.reference.forward import forward
from peerspec.reference.gradients import gradients
from peerspec.reference.layer import DTYPES, Layer
from peerspec.reference.metrics import expert_usage, unevenness
from peerspec.reference.retrieval import select_exhaustive, select_staircase, select_two_stage
from peerspec.reference.storage import SPEC_VERSION
from peerspec.reference.trace import Output, Selection

__all__ = [
    "DTYPES",
    "SPEC_VERSION",
    "ConfigError",
    "Cost",
    "FileFormError",
    "InputError",
    "Layer",
    "Output",
    "PeerConfig",
    "PeerError",
    "Selection",
    "TableError",
    "cost",
    "expert_usage",
    "forward",
    "gradients",
    "select_exhaustive",
    "select_staircase",
    "select_two_stage",
    "unevenness",
]
