"""The native core: retrieval with exact selection, the expert stage and its gradients in C++, for the CPU.

``available()`` says whether it was built, ``why_not()`` why it was not. Frameworks call the same library; the
interface is ``include/peerspec_native.h``.
"""

from peerspec.native.core import (
    ExpertGradients,
    ExpertTables,
    Sorted,
    expert_stage,
    expert_stage_backward,
    gather_sum,
    scatter_sum,
    select,
    sort_ids,
)
from peerspec.native.layer import (
    LayerOutput,
    RetrievalGradients,
    RouterTables,
    forward,
    gates,
    query,
    retrieve,
    retrieve_backward,
)
from peerspec.native.library import ISAS, NativeError, available, best_isa, unavailable_reason
from peerspec.native.updates import FactoredRows, adagrad_rows, adam_rows, sgd_rows

__all__ = [
    "ISAS",
    "ExpertGradients",
    "ExpertTables",
    "FactoredRows",
    "LayerOutput",
    "NativeError",
    "RetrievalGradients",
    "RouterTables",
    "Sorted",
    "adagrad_rows",
    "adam_rows",
    "available",
    "best_isa",
    "expert_stage",
    "expert_stage_backward",
    "forward",
    "gates",
    "gather_sum",
    "query",
    "retrieve",
    "retrieve_backward",
    "scatter_sum",
    "select",
    "sgd_rows",
    "sort_ids",
    "unavailable_reason",
]
