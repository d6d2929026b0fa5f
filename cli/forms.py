"""The forms in which reports are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peerspec.conformance.report import Report

__all__ = ["in_form"]


def in_form(form: str, reports: Sequence[Report], text: str) -> str:
    """Reports as ``json``, ``html``, ``junit``, ``markdown`` or ``badge``; ``text`` is their JSON."""
    if form == "json":
        return text
    if form == "html":
        from peerspec.conformance.render.html import page
        from peerspec.conformance.render.integrity import recorded_hashes

        return page(reports, recorded_hashes(text))
    from peerspec.conformance.render.badge import badge
    from peerspec.conformance.render.junit import junit
    from peerspec.conformance.render.markdown import markdown

    return {"junit": junit, "markdown": markdown, "badge": badge}[form](reports)
