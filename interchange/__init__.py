"""Interchange: the weights of PEER layers in the layouts of other projects.

``from_layout`` reads the tensors of another project as a layer, ``to_layout`` writes a layer as such tensors. A layout
is data: which tensor is which parameter, with its axes in which order, and what the tensors do not show. What has no
counterpart on the other side is refused in one sentence.
"""

from peerspec.interchange.errors import InterchangeError, Obstacle, Reason
from peerspec.interchange.known import LAYOUTS
from peerspec.interchange.layout import Condition, Fact, Layout, Other, Part, Source
from peerspec.interchange.reading import from_layout, retrieval_from_layout
from peerspec.interchange.retrieval import Retrieval
from peerspec.interchange.tensor_files import read_tensors, write_tensors
from peerspec.interchange.writing import to_layout, with_keys_per_head

__all__ = [
    "LAYOUTS",
    "Condition",
    "Fact",
    "InterchangeError",
    "Layout",
    "Obstacle",
    "Other",
    "Part",
    "Reason",
    "Retrieval",
    "Source",
    "from_layout",
    "read_tensors",
    "retrieval_from_layout",
    "to_layout",
    "with_keys_per_head",
    "write_tensors",
]
