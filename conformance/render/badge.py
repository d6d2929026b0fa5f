"""A badge: JSON for the endpoint of shields.io."""

from __future__ import annotations

import json
from collections.abc import Sequence

from peerspec.conformance.report import Report

__all__ = ["badge"]

_COLOURS = ("brightgreen", "red", "lightgrey")


def badge(reports: Sequence[Report]) -> str:
    """One verdict, or how many of several hold; a restricted run is no verdict."""
    worst = max(report.exit_status for report in reports)
    partial = any(report.partial for report in reports)
    if len(reports) == 1 and not (partial and worst == 0):
        message = reports[0].verdict.split(":")[0]
    elif len(reports) == 1:
        message = "partial run"
    else:
        message = f"{sum(r.conformant and not r.partial for r in reports)} of {len(reports)} conformant"
    colour = "yellow" if partial and worst == 0 else _COLOURS[worst]
    return json.dumps({"schemaVersion": 1, "label": "PEER", "message": message, "color": colour}) + "\n"
