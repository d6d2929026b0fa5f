"""Findings as strict JSON and back.

Infinities and NaN are the strings ``"Infinity"``, ``"-Infinity"`` and ``"NaN"``.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from peerspec.conformance.check import Explored
from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Reason, Status
from peerspec.conformance.problems import FaultKind, Hint, Problem, ProblemKind
from peerspec.conformance.report_schema import problems, report_schema

__all__ = ["finding_of", "row_of", "strict"]


def row_of(finding: Finding) -> dict[str, Any]:
    """A finding as strict JSON."""
    row: dict[str, Any] = strict(asdict(finding))
    return row


def finding_of(row: Any) -> Finding:
    """The finding of a row.

    Raises:
        ValueError: the row breaks the part of ``report.schema.json`` on findings.
    """
    if problem := next(problems(row, report_schema()["$defs"]["finding"], "the finding"), None):
        raise ValueError(problem)
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


def strict(value: Any) -> Any:
    """A value as strict JSON holds it."""
    if isinstance(value, dict):
        return {str(key): strict(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [strict(part) for part in value]
    if hasattr(value, "item"):
        value = value.item()  # a NumPy scalar
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # a file name may hold bytes that are no text
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
