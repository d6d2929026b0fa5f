"""Metamorphic cases: a check compares two answers of the backend, and needs no reference."""

from peerspec.conformance.cases.build import core_case, full
from peerspec.conformance.cases.case import CaseFamily
from peerspec.conformance.cases.configs import RELU

__all__ = ["META_CASES"]

META_CASES = (
    core_case(CaseFamily.METAMORPHIC, "perturb", RELU, full(6), {"any", "perturb", "repeat", "follow"}),
    core_case(CaseFamily.METAMORPHIC, "linear", RELU, full(6), {"any", "linear"}),
)
