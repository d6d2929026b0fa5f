"""The cases of the profile ``core``, in the order in which checks run them."""

from __future__ import annotations

from peerspec.conformance.cases.case import CaseDefinition
from peerspec.conformance.cases.exact import EXACT_CASES
from peerspec.conformance.cases.finite import FINITE_CASES
from peerspec.conformance.cases.formats import FORMAT_CASES
from peerspec.conformance.cases.large import LARGE_CASES
from peerspec.conformance.cases.meta import META_CASES
from peerspec.conformance.cases.numeric import NUMERIC_CASES
from peerspec.conformance.cases.shape import SHAPE_CASES
from peerspec.conformance.cases.tiled import TILED_CASES

__all__ = ["CORE_CASES"]

CORE_CASES: tuple[CaseDefinition, ...] = (
    *EXACT_CASES,
    *NUMERIC_CASES,
    *SHAPE_CASES,
    *FINITE_CASES,
    *META_CASES,
    *FORMAT_CASES,
    *TILED_CASES,
    *LARGE_CASES,
)
