"""Reports as Markdown, for the summary of a CI job: a table of verdicts, then the failures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from peerspec.conformance.kinds import Status
from peerspec.conformance.plan import PRECISIONS, PROFILES
from peerspec.conformance.render.failures import Failure, blocked, failures
from peerspec.conformance.render.outcomes import ELSEWHERE, SIGNS, most_severe, profile_outcome
from peerspec.conformance.render.scale import brief
from peerspec.conformance.render.terminal import CAVEAT, worst_share
from peerspec.conformance.report import Report
from peerspec.files.shown import printable

__all__ = ["markdown"]

WHOLE = 3
"""Failures shown whole for each backend; a summary is short."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~&@:$^=-])")


def markdown(reports: Sequence[Report]) -> str:
    """The Markdown; every text of a report is escaped, or stands in a fence that it cannot close."""
    lines = ["## PEER conformance", "", *_table(reports), ""]
    for report in reports:
        lines += _failed(report)
    return "\n".join([*lines, f"_{CAVEAT}_", ""])


def _table(reports: Sequence[Report]) -> Iterator[str]:
    yield _row(["", *(_plain(report.backend) for report in reports)])
    yield _row(["---", *(":---:" for _ in reports)])
    yield _row(["verdict", *(f"{_sign(report)} {_plain(_head(report))}" for report in reports)])
    for precision in PRECISIONS:
        yield _row([precision, *(_outcome(report, ("core", *PROFILES), (precision,)) for report in reports)])
    for profile in ("core", *PROFILES):
        yield _row([profile, *(_outcome(report, (profile,), PRECISIONS) for report in reports)])
    yield _row(["worst error / bound", *(brief(worst_share(report)) for report in reports)])


def _failed(report: Report) -> Iterator[str]:
    found = failures(report)
    if not found:
        return
    yield from (f"### {_plain(report.backend)}: {_plain(_head(report))}", "")
    for failure in found[:WHOLE]:
        yield from _whole(failure)
    for failure in found[WHOLE:]:
        yield f"- {_plain(_title(failure))}"
    if waiting := blocked(report):
        yield f"- {len(waiting)} further check{'s were' if len(waiting) > 1 else ' was'} blocked by these failures"
    yield ""


def _whole(failure: Failure) -> Iterator[str]:
    witness = failure.witnesses[0]
    yield from (f"**{_plain(_title(failure))}**", "")
    if failure.text:
        yield from (f"> [{_plain(failure.clause)}]({failure.text.url}) {_plain(failure.text.summary)}", "")
    lines = [witness.finding.message]
    lines += [f"case {witness.finding.case}, {witness.finding.precision}"] if witness.finding.case else []
    yield from (*_fenced([*lines, witness.command]), "")


def _title(failure: Failure) -> str:
    return f"{failure.clause or 'no answer'}, {failure.stage}: {failure.check} ({failure.precisions})"


def _head(report: Report) -> str:
    return str(report.verdict) if report.status == Status.PASS else report.verdict.head


def _sign(report: Report) -> str:
    return SIGNS[report.status]


def _outcome(report: Report, profiles: Sequence[str], precisions: Sequence[str]) -> str:
    seen = {profile_outcome(report, profile, precision) for profile in profiles for precision in precisions}
    return SIGNS[most_severe(seen - {ELSEWHERE} or {Status.NOT_CLAIMED})]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", printable(" ".join(text.split())))


def _fenced(lines: Sequence[str]) -> list[str]:
    body = [printable(line.replace("\r", " ").replace("\n", " ")) for line in lines]
    longest = max(map(len, re.findall("`+", "\n".join(body))), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *body, fence]
