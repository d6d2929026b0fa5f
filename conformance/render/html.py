"""Reports as one page that needs nothing but itself: no script, no network, no font, no image.

Every text of a report is escaped by the template engine, and the page's own policy forbids whatever is not its style.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from peerspec.conformance.clauses import clauses
from peerspec.conformance.plan import PRECISIONS
from peerspec.conformance.render.outcomes import SIGNS
from peerspec.conformance.render.scale import Scale, brief
from peerspec.conformance.render.terminal import CAVEAT, worst_share
from peerspec.conformance.render.view import Backend, Chip, checks_by_stage, profile_rows, stage_rows
from peerspec.conformance.report import ERROR, FAIL, NOT_CLAIMED, PASS, WAIVED, Report

__all__ = ["page"]


def page(reports: Sequence[Report], hashes: Mapping[str, str] | None = None) -> str:
    """The page.

    Args:
        reports: at least one, side by side in this order.
        hashes: those of the file they come from, to be shown.
    """
    backends = Backend.all(reports)
    scale, stages = Scale.of(reports), stage_rows(backends)
    return _template().render(
        backends=backends,
        profiles=profile_rows(backends),
        stages=stages,
        checks=checks_by_stage(backends, scale),
        ticks=scale.ticks(max(3, 8 // len(backends))),
        clauses=_named(stages),
        hashes=hashes or {},
        precisions=PRECISIONS,
        short=_SHORT,
        signs=SIGNS,
        caveat=CAVEAT,
        css=Markup(_read("report.css")),
    )


_SHORT = {"float32": "f32", "float64": "f64", "bfloat16": "bf16", "float16": "f16"}


def _named(stages: Sequence[tuple[str, list[list[Chip]]]]) -> list[tuple[str, str]]:
    """The clauses that the page names, in the order of SPEC.md."""
    seen = {chip.name for _, columns in stages for chips in columns for chip in chips}
    return [(clause.id, clause.text) for clause in clauses().values() if clause.id in seen]


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"brief": brief, "worst_share": worst_share, "status": _status, "slug": _slug}
    environment.filters["breakable"] = _breakable
    environment.globals |= {"FAIL": FAIL, "ERROR": ERROR, "PASS": PASS, "WAIVED": WAIVED, "NOT_CLAIMED": NOT_CLAIMED}
    return environment.from_string(_read("report.html"))


def _status(report: Report) -> str:
    return (PASS, FAIL, ERROR)[report.exit_status]


def _breakable(address: str) -> Markup:
    """A path, module or name of a check, which a narrow column breaks between its parts."""
    return Markup("<wbr>").join(re.split(r"(?<=[/:.])(?=\w)(?!py\b)", address))


def _slug(outcome: str) -> str:
    return outcome.replace(" ", "-")


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")
