"""Reports as strict JSON and back: infinities and NaN are the strings ``"Infinity"``, ``"-Infinity"`` and ``"NaN"``."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from peerspec.conformance.check import Explored
from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Level, Reason, Status
from peerspec.conformance.problems import FaultKind, Hint, Problem, ProblemKind
from peerspec.conformance.render.schema import problems
from peerspec.conformance.render.seal import hashes, seal
from peerspec.conformance.report import Report
from peerspec.reference import PeerError

__all__ = ["SCHEMA", "VERSION", "ReportError", "dumps", "finding_of", "loads", "row_of"]

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
    return seal(json.dumps(_strict(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _row(report: Report) -> dict[str, Any]:
    verdict = asdict(report.verdict) | {"sentence": str(report.verdict)}
    return asdict(report) | {"verdict": verdict, "exit_status": report.exit_status}


def loads(text: str) -> tuple[Report, ...]:
    """The reports in a text that ``dumps`` wrote.

    Raises:
        ReportError: no JSON, another schema or version, or a violation of ``report.schema.json``.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"the report is not JSON ({error}); pass a file written by `peerspec check --json`") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != {"name": SCHEMA, "version": VERSION}:
        raise ReportError(f"the report has the schema {schema!r}; this package reads {SCHEMA}, version {VERSION}")
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


def row_of(finding: Finding) -> dict[str, Any]:
    """A finding as strict JSON."""
    row: dict[str, Any] = _strict(asdict(finding))
    return row


def finding_of(row: dict[str, Any]) -> Finding:
    """The finding of a row."""
    typed = {
        "clauses": tuple(row["clauses"]),
        "status": Status(row["status"]),
        "share": float(row["share"]),
        "reason": None if row["reason"] is None else Reason(row["reason"]),
        "problem": None if row["problem"] is None else _problem(row["problem"]),
        "explored": None if row["explored"] is None else Explored(**row["explored"]),
    }
    return Finding(**row | typed)


def _problem(row: dict[str, Any]) -> Problem:
    """The problem; its kinds stay text, because a newer suite may have others."""
    values = row["values"] if row["kind"] in _WITH_TEXTS else _numbers(row["values"])
    hints = tuple(Hint(hint["kind"], _numbers(hint["values"])) for hint in row["hints"])
    return Problem(row["kind"], values, _numbers(row["where"]), hints)


_WITH_TEXTS = (
    *FaultKind,
    ProblemKind.DECLINES_REQUIRED,
    ProblemKind.DECLINES_EACH_ACTIVATION,
    ProblemKind.GRADIENT_UNKNOWN,
)
"""Kinds whose values hold texts of the backend, which may read like a number, and no number that is not finite."""


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _number(value) for name, value in values.items()}


_SPECIAL = ("Infinity", "-Infinity", "NaN")


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and value in _SPECIAL else value


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _strict(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(part) for part in value]
    if hasattr(value, "item"):
        value = value.item()  # a NumPy scalar
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # a file name may hold bytes that are no text
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
