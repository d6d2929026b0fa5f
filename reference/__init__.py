"""The reference: SPEC.md in NumPy, one file per stage and chapter; it computes in float64 by default.

It is written to be read, follows the specification only, and imports no framework. The conformance suite compares every
backend with it.
"""

from peerspec.reference.adapter import Adapter, AdapterConfig, AdapterOutput, Base, adapt
from peerspec.reference.adapter_gradients import adapter_gradients
from peerspec.reference.config import PeerConfig
from peerspec.reference.cost import Cost, cost
from peerspec.reference.dtypes import DTYPES, PRECISIONS, Precision, compute_dtype, input_dtypes, parameter_dtype
from peerspec.reference.errors import ConfigError, FileFormError, InputError, PeerError, TableError
from peerspec.reference.file_metadata import layers_metadata
from peerspec.reference.flushing import Flushing
from peerspec.reference.forward import forward
from peerspec.reference.gradients import gradients
from peerspec.reference.growth import grow, grown_ids
from peerspec.reference.layer import Layer
from peerspec.reference.metrics import expert_usage, unevenness, unevenness_of_sums, usage_of_counts
from peerspec.reference.output import Output, Selection
from peerspec.reference.selection import select_exhaustive, select_staircase, select_two_stage
from peerspec.reference.storage import list_layers
from peerspec.reference.trainable import Trainable
from peerspec.reference.training import train
from peerspec.reference.usage_history import UsageHistory
from peerspec.reference.version import SPEC_VERSION

__all__ = [
    "DTYPES",
    "PRECISIONS",
    "SPEC_VERSION",
    "Adapter",
    "AdapterConfig",
    "AdapterOutput",
    "Base",
    "ConfigError",
    "Cost",
    "FileFormError",
    "Flushing",
    "InputError",
    "Layer",
    "Output",
    "PeerConfig",
    "PeerError",
    "Precision",
    "Selection",
    "TableError",
    "Trainable",
    "UsageHistory",
    "adapt",
    "adapter_gradients",
    "compute_dtype",
    "cost",
    "expert_usage",
    "forward",
    "gradients",
    "grow",
    "grown_ids",
    "input_dtypes",
    "layers_metadata",
    "list_layers",
    "parameter_dtype",
    "select_exhaustive",
    "select_staircase",
    "select_two_stage",
    "train",
    "unevenness",
    "unevenness_of_sums",
    "usage_of_counts",
]
