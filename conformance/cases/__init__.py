"""The data of the suite, in case families, all regenerable from names and seeds (SPEC.md, 9.2)."""

from peerspec.conformance.cases.adapter import ADAPTER_CASES
from peerspec.conformance.cases.comparison import COMPARISON_CASES
from peerspec.conformance.cases.comparison_build import ComparisonDefinition
from peerspec.conformance.cases.core import CORE_CASES
from peerspec.conformance.cases.covering.rows import CoveringCase, covering_cases
from peerspec.conformance.cases.explorations import EXPLORATIONS, Exploration
from peerspec.conformance.cases.gradients import GRADIENT_CASES
from peerspec.conformance.cases.growth import GROWTH_CASES
from peerspec.conformance.cases.profiles import PROFILE_CASES
from peerspec.conformance.cases.selection import VALUE_CASES, SelectionCase
from peerspec.conformance.cases.selection_sizes import SELECTION_SIZE_CASES
from peerspec.conformance.cases.trainable import TRAINABLE_CASES

__all__ = [
    "COMPARISON_CASES", "EXPLORATIONS", "LAYER_CASES", "SELECTION_CASES", "ComparisonDefinition", "CoveringCase",
    "Exploration", "SelectionCase", "covering_cases",
]  # fmt: skip

SELECTION_CASES = VALUE_CASES + SELECTION_SIZE_CASES
"""Every case of the profile ``select``, in the order in which checks run them."""

LAYER_CASES = CORE_CASES + PROFILE_CASES + GRADIENT_CASES + GROWTH_CASES + TRAINABLE_CASES + ADAPTER_CASES
"""Every case that runs a whole layer, in the order in which checks run them."""
