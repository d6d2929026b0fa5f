"""The native core: retrieval with exact selection, the expert stage and its gradients in C++, for the CPU.

``available()`` says whether it was built, ``why_not()`` why it was not. Frameworks call the same library; the
interface is ``include/peerspec_native.h``.
"""

from peerspec.native.core import (
    ExpertTables,
    MixGradients,
    Sorted,
    mix,
    mix_backward,
    select,
    sort_ids,
    spread_rows,
    weighted_rows,
)
from peerspec.native.layer import (
    Mixed,
    RetrievalGradients,
    RouterTables,
    forward,
    gates,
    query,
    retrieve,
    retrieve_backward,
)
from peerspec.native.library import LEVELS, NativeError, available, best_level, why_not
from peerspec.native.updates import Spread, adagrad_rows, adam_rows, sgd_rows

__all__ = [
    "LEVELS",
    "ExpertTables",
    "MixGradients",
    "Mixed",
    "NativeError",
    "RetrievalGradients",
    "RouterTables",
    "Sorted",
    "Spread",
    "adagrad_rows",
    "adam_rows",
    "available",
    "best_level",
    "forward",
    "gates",
    "mix",
    "mix_backward",
    "query",
    "retrieve",
    "retrieve_backward",
    "select",
    "sgd_rows",
    "sort_ids",
    "spread_rows",
    "weighted_rows",
    "why_not",
]
