"""The data of the suite, in lanes: exact, numeric, adversarial, metamorphic; all regenerable (SPEC.md, 9.2)."""

from peerspec.conformance.cases.core import CORE
from peerspec.conformance.cases.explorations import EXPLORATIONS, Exploration
from peerspec.conformance.cases.profiles import PROFILES
from peerspec.conformance.cases.selection import SELECTIONS, SelectionCase

__all__ = ["EXPLORATIONS", "LAYER_CASES", "SELECTIONS", "Exploration", "SelectionCase"]

LAYER_CASES = CORE + PROFILES
"""Every case that runs a whole layer, in the order in which checks meet them."""
