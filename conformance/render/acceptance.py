"""Why a waived failure does not count, in words."""

from __future__ import annotations

from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Reason
from peerspec.reference import SPEC_VERSION

__all__ = ["acceptance"]


def acceptance(finding: Finding) -> str:
    """Why a failure does not count."""
    if finding.reason == Reason.NEWER_THAN_SPEC:
        return f"not counted: the check is newer than spec {SPEC_VERSION}"
    return f"waived: {finding.waiver}"
