"""The data of the suite, in case families, all regenerable from names and seeds (SPEC.md, 9.2)."""

from peerspec.conformance.cases.core import CORE_CASES
from peerspec.conformance.cases.explorations import EXPLORATIONS, Exploration
from peerspec.conformance.cases.gradients import GRADIENT_CASES
from peerspec.conformance.cases.profiles import PROFILE_CASES
from peerspec.conformance.cases.selection import SELECTION_CASES, SelectionCase

__all__ = ["EXPLORATIONS", "LAYER_CASES", "SELECTION_CASES", "Exploration", "SelectionCase"]

LAYER_CASES = CORE_CASES + PROFILE_CASES + GRADIENT_CASES
"""Every case that runs a whole layer, in the order in which checks run them."""
