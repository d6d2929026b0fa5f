"""Reports as strict JSON and back: infinities and NaN are the strings ``"Infinity"``, ``"-Infinity"`` and ``"NaN"``."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from peerspec.conformance.render.schema import problems
from peerspec.conformance.render.seal import hashes, seal
from peerspec.conformance.report import Finding, Report
from peerspec.reference import PeerError

__all__ = ["SCHEMA", "VERSION", "ReportError", "dumps", "loads"]

SCHEMA = "peerspec.reports"
VERSION = 1
"""Raised when a reader of the older form would misread the newer one."""


class ReportError(PeerError):
    """A text that is not a list of reports."""


def dumps(reports: Sequence[Report]) -> str:
    """The reports as one JSON object."""
    rows = [asdict(report) | {"verdict": report.verdict, "exit_status": report.exit_status} for report in reports]
    document = {"schema": {"name": SCHEMA, "version": VERSION}, "hashes": hashes(), "reports": rows}
    return seal(json.dumps(_strict(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def loads(text: str) -> tuple[Report, ...]:
    """Read what ``dumps`` wrote.

    Raises:
        ReportError: not JSON, another schema or version, or something that ``report.schema.json`` forbids.
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
    return Report(
        **values
        | {name: tuple(values[name]) for name in ("claimed", "precisions", "declined")}
        | {"findings": tuple(_finding(finding) for finding in values["findings"])}
    )


def _finding(row: dict[str, Any]) -> Finding:
    where = {name: _number(value) for name, value in row["where"].items()}
    return Finding(**row | {"clauses": tuple(row["clauses"]), "share": float(row["share"]), "where": where})


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
        return value.encode("utf-8", "replace").decode()  # a file name may hold what is no text
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
