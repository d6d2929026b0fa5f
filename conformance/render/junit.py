"""Reports as JUnit XML, for services that show tests: a suite for each backend, a test case for each finding."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from peerspec.conformance.clauses import clauses
from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Status
from peerspec.conformance.render.acceptance import acceptance
from peerspec.conformance.render.repeat import repeat_command
from peerspec.conformance.report import Report
from peerspec.files.shown import visible

__all__ = ["junit"]

_TAGS = {Status.FAIL: "failure", Status.ERROR: "error", Status.NOT_CLAIMED: "skipped", Status.WAIVED: "skipped"}


def junit(reports: Sequence[Report]) -> str:
    """The XML; findings that are not claimed or waived count as skipped."""
    root = Element("testsuites", name="peerspec")
    for report in reports:
        suite = SubElement(root, "testsuite", _counts(report))
        verdict = _text(str(report.verdict))
        SubElement(SubElement(suite, "properties"), "property", name="peerspec.verdict", value=verdict)
        for finding in report.findings:
            _case(suite, report, finding)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _counts(report: Report) -> dict[str, str]:
    return {
        "name": _text(report.backend),
        "tests": str(len(report.findings)),
        "failures": str(len(report.of(Status.FAIL))),
        "errors": str(len(report.of(Status.ERROR))),
        "skipped": str(len(report.of(Status.NOT_CLAIMED, Status.WAIVED))),
        "time": f"{report.seconds:.3f}",
    }


def _case(suite: Element, report: Report, finding: Finding) -> None:
    case = SubElement(suite, "testcase", classname=_text(f"{report.backend}.{finding.stage}"), name=_text(finding.name))
    if finding.status == Status.PASS:
        return
    accepted = f" ({acceptance(finding)})" if finding.status == Status.WAIVED else ""
    outcome = SubElement(case, _TAGS[finding.status], message=_text(finding.message + accepted))
    if finding.status in (Status.FAIL, Status.ERROR):
        outcome.set("type", _text(finding.clauses[0] if finding.status == Status.FAIL else finding.reason or "error"))
        outcome.text = _text("\n".join(_lines(report, finding)))


def _lines(report: Report, finding: Finding) -> list[str]:
    clause = clauses().get(finding.clauses[0]) if finding.status == Status.FAIL else None
    lines = [clause.cited] if clause else []
    lines += [finding.message]
    lines += [f"case {finding.case}"] if finding.case else []
    lines += [f"repro {finding.repro}"] if finding.repro else []
    return [*lines, repeat_command(report, finding)]


def _text(text: str) -> str:
    """XML 1.0 has no form, not even an escaped one, for most control characters; others would steer a screen."""
    return visible(text)
