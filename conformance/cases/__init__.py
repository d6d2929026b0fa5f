"""The data of the suite, in case families, all regenerable (SPEC.md, 9.2)."""

from peerspec.conformance.cases.core import CORE_CASES
from peerspec.conformance.cases.explorations import EXPLORATIONS, Exploration
from peerspec.conformance.cases.profiles import PROFILE_CASES
from peerspec.conformance.cases.selection import SELECTIONS, SelectionCase

__all__ = ["EXPLORATIONS", "LAYER_CASES", "SELECTIONS", "Exploration", "SelectionCase"]

LAYER_CASES = CORE_CASES + PROFILE_CASES
"""Every case that runs a whole layer, in the order in which checks meet them."""
