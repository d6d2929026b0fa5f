"""A badge: JSON for the endpoint of shields.io."""

from __future__ import annotations

import json
from collections.abc import Sequence

from peerspec.conformance.kinds import Level
from peerspec.conformance.report import Report
from peerspec.conformance.verdict import VerdictKind

__all__ = ["badge"]

_COLOURS = ("brightgreen", "red", "lightgrey")


def badge(reports: Sequence[Report]) -> str:
    """One verdict, or the number of conformant backends; a restricted run gives no verdict."""
    worst = max(report.exit_status for report in reports)
    partial = any(report.partial for report in reports)
    if len(reports) > 1:
        message = _count(reports)
    else:
        message = "partial run" if reports[0].verdict.kind == VerdictKind.PARTIAL else reports[0].verdict.head
    colour = "yellow" if partial and worst == 0 else _COLOURS[worst]
    return json.dumps({"schemaVersion": 1, "label": "PEER", "message": message, "color": colour}) + "\n"


def _count(reports: Sequence[Report]) -> str:
    """How many are conformant, and how many of these at the level base only (CNF-4)."""
    conformant = [report.verdict for report in reports if report.verdict.kind == VerdictKind.CONFORMANT]
    base = sum(verdict.level is Level.BASE for verdict in conformant)
    return f"{len(conformant)} of {len(reports)} conformant" + (f", {base} at level base" if base else "")
