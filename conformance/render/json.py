"""Reports as strict JSON and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from peerspec.conformance.finding_json import finding_of, strict
from peerspec.conformance.kinds import Level
from peerspec.conformance.render.seal import hashes, seal
from peerspec.conformance.report import Report
from peerspec.conformance.report_schema import problems
from peerspec.files.shown import shown
from peerspec.files.strict_json import format_json, parse_json
from peerspec.reference import PeerError

__all__ = ["SCHEMA", "VERSION", "ReportError", "dumps", "loads"]

SCHEMA = "peerspec.reports"
VERSION = 2
"""Raised if a reader of the older form would misread the newer form."""


class ReportError(PeerError):
    """A text that is no list of reports."""


def dumps(reports: Sequence[Report]) -> str:
    """The reports as one JSON object."""
    document = {
        "schema": {"name": SCHEMA, "version": VERSION},
        "hashes": hashes(),
        "reports": [_row(report) for report in reports],
    }
    return seal(format_json(strict(document), indent=1) + "\n")


def _row(report: Report) -> dict[str, Any]:
    verdict = asdict(report.verdict) | {"sentence": str(report.verdict)}
    return asdict(report) | {"verdict": verdict, "exit_status": report.exit_status}


def loads(text: str) -> tuple[Report, ...]:
    """The reports in a text that ``dumps`` wrote.

    Raises:
        ReportError: no JSON, another schema or version, or a violation of ``report.schema.json``.
    """
    try:
        document = parse_json(text)
    except ValueError as error:
        raise ReportError(f"the report is not JSON ({error}); pass a file written by `peerspec check --json`") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != {"name": SCHEMA, "version": VERSION}:
        raise ReportError(f"the report has the schema {shown(schema)}; this package reads {SCHEMA}, version {VERSION}")
    if problem := next(problems(document), None):
        raise ReportError(f"the report breaks its schema: {problem}")
    return tuple(_report(row) for row in document["reports"])


def _report(row: dict[str, Any]) -> Report:
    values = {field.name: row[field.name] for field in fields(Report)}
    values["level"] = Level(values["level"])
    return Report(
        **values
        | {name: tuple(values[name]) for name in ("claimed", "precisions", "declined")}
        | {"findings": tuple(finding_of(finding) for finding in values["findings"])}
    )
