"""The native core: the stages of the layer and their gradients in C++, for the CPU, on NumPy arrays.

Tables are of a dtype of SPEC.md; every other real array is in their compute dtype. Results have the same bits for every
number of threads, and the result of a token does not depend on its batch.

``available()`` says whether the core was built, ``unavailable_reason()`` why it was not. Frameworks call the same
library through ``include/peerspec_native.h``.
"""

from peerspec.native.experts import ExpertGradients, expert_stage, expert_stage_backward
from peerspec.native.forward import LayerOutput, PreparedLayer, forward, forward_at, prepare
from peerspec.native.gates import gates
from peerspec.native.isa import ISAS, best_isa, computed_by
from peerspec.native.library import NativeError, available, unavailable_reason
from peerspec.native.query import query
from peerspec.native.retrieval import RetrievalGradients, retrieve, retrieve_backward
from peerspec.native.rows import SortedPairs, gather_sum, scatter_sum, sort_ids
from peerspec.native.selection import select
from peerspec.native.tables import ExpertTables, RouterTables
from peerspec.native.updates import FactoredRows, adagrad_rows, adam_rows, sgd_rows
from peerspec.native.usage import count_experts

__all__ = [
    "ISAS",
    "ExpertGradients",
    "ExpertTables",
    "FactoredRows",
    "LayerOutput",
    "NativeError",
    "PreparedLayer",
    "RetrievalGradients",
    "RouterTables",
    "SortedPairs",
    "adagrad_rows",
    "adam_rows",
    "available",
    "best_isa",
    "computed_by",
    "count_experts",
    "expert_stage",
    "expert_stage_backward",
    "forward",
    "forward_at",
    "gates",
    "gather_sum",
    "prepare",
    "query",
    "retrieve",
    "retrieve_backward",
    "scatter_sum",
    "select",
    "sgd_rows",
    "sort_ids",
    "unavailable_reason",
]
