"""Reports as one self-contained page: no script, no network, no font, no image.

The template engine escapes every text of a report, also control and bidirectional characters, and the policy of the
page forbids everything but its own style.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from peerspec.conformance.clauses import Clause, clauses
from peerspec.conformance.kinds import Status
from peerspec.conformance.plan import PRECISIONS
from peerspec.conformance.render.acceptance import acceptance
from peerspec.conformance.render.outcomes import SIGNS
from peerspec.conformance.render.scale import Scale, brief
from peerspec.conformance.render.terminal import CAVEAT, left_out, worst_share
from peerspec.conformance.render.view import Backend, Chip, checks_by_stage, profile_rows, stage_rows
from peerspec.conformance.report import Report
from peerspec.files.shown import visible

__all__ = ["page"]


def page(reports: Sequence[Report], hashes: Mapping[str, str] | None = None) -> str:
    """The page.

    Args:
        reports: at least one; they stand side by side in this order.
        hashes: the hashes of the file they come from, to be shown.
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


_SHORT = {
    "float32": "f32",
    "float64": "f64",
    "bfloat16": "bf16",
    "float16": "f16",
    "mixed-bfloat16": "mixed bf16",
    "mixed-float16": "mixed f16",
}


def _named(stages: Sequence[tuple[str, list[list[Chip]]]]) -> list[Clause]:
    """The clauses named on the page, in the order of SPEC.md."""
    seen = {chip.name for _, columns in stages for chips in columns for chip in chips}
    return [clause for clause in clauses().values() if clause.id in seen]


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_visible
    )
    environment.filters |= {
        "brief": brief,
        "worst_share": worst_share,
        "left_out": left_out,
        "slug": _slug,
        "breakable": _breakable,
    }
    environment.filters["acceptance"] = acceptance
    environment.globals["Status"] = Status
    return environment.from_string(_read("report.html"))


def _breakable(address: str) -> Markup:
    """A path, module or name of a check; a narrow column may break it between its parts."""
    return Markup("<wbr>").join(re.split(r"(?<=[/:.])(?=\w)(?!py\b)", visible(address)))


def _visible(value: Any) -> Any:
    """What the page shows of a value: texts without characters that steer a reader's screen; markup stays."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _slug(outcome: str) -> str:
    return outcome.replace(" ", "-")


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")
