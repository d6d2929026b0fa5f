"""The checks, by chapter. Their order is the order of the layer's stages, so the first finding is the nearest cause."""

from peerspec.conformance.checks.base import Check, Evidence
from peerspec.conformance.checks.experts import EXPERTS
from peerspec.conformance.checks.gates import GATES
from peerspec.conformance.checks.gradients import GRADIENTS
from peerspec.conformance.checks.independence import INDEPENDENCE
from peerspec.conformance.checks.output import OUTPUT
from peerspec.conformance.checks.profiles import PROFILES
from peerspec.conformance.checks.retrieval import RETRIEVAL
from peerspec.conformance.checks.select import SELECT
from peerspec.conformance.checks.structure import STRUCTURE

__all__ = ["CHECKS", "Check", "Evidence"]

CHECKS: tuple[Check, ...] = (
    *STRUCTURE,
    *RETRIEVAL,
    *SELECT,
    *GATES,
    *EXPERTS,
    *OUTPUT,
    *INDEPENDENCE,
    *PROFILES,
    *GRADIENTS,
)
"""Every check; identifiers are permanent."""
