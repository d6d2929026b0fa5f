"""Findings as JSON: what was written comes back, and a part of another type is refused, not kept until it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from peerspec.conformance import check_backend
from peerspec.conformance.check import Explored
from peerspec.conformance.finding import Finding
from peerspec.conformance.finding_json import finding_of, row_of
from peerspec.conformance.kinds import Reason, Status
from peerspec.conformance.problems import Hint, Problem

FINDING = Finding(
    "output.sum",
    ("OUT-2", "OUT-1"),
    "accumulation",
    "core",
    "float32",
    Status.FAIL,
    cases=2,
    share=float("inf"),
    reason=Reason.VIOLATION,
    problem=Problem("out of bound", {"got": float("nan")}, {"token": 0}, (Hint("constant factor", {"factor": 2.0}),)),
    message="y is wrong",
    case="exact.query",
    explored=Explored("output.sum", "{}"),
)
TEXTS = [
    *(("check",), ("stage",), ("profile",), ("precision",), ("message",), ("case",), ("waiver",), ("repro",)),
    *(("clauses", 0), ("clauses", 1), ("problem", "kind"), ("problem", "hints", 0, "kind")),
    *(("explored", "check"), ("explored", "recipe"), ("status",), ("reason",)),
]


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    row: Any = json.loads(json.dumps(row_of(FINDING), allow_nan=False))
    whole = row
    if not path:
        return value
    for step in path[:-1]:
        row = row[step]
    row[path[-1]] = value
    return whole


def others() -> Iterator[Any]:
    for path in TEXTS:
        for value in (0.5, 1, True, [], {}, *(() if path in (("reason",), ("explored",)) else (None,))):
            yield pytest.param(path, value, id=f"{'.'.join(map(str, path))}={value}")
    for value in ("1", 0.5, None, []):
        yield pytest.param(("cases",), value, id=f"cases={value}")
    for path in (("share",), ("clauses",), ("problem",), ("explored",), ("problem", "values"), ("problem", "where")):
        yield pytest.param(path, 7 if path != ("share",) else "much", id=f"{'.'.join(path)}")
    for value in ([], {}, "OUT-2", {"OUT-2": 1}):
        yield pytest.param(("clauses",), value, id=f"clauses={value}")
    yield pytest.param(("problem", "values", "got"), {"a": 1}, id="a value that is an object")
    yield pytest.param((), None, id="nothing")


def test_a_finding_comes_back_as_it_was_written():
    again = finding_of(json.loads(json.dumps(row_of(FINDING), allow_nan=False)))
    assert repr(again) == repr(FINDING)  # NaN is not equal to itself


@pytest.mark.parametrize(("path", "value"), list(others()))
def test_a_part_of_another_type_is_refused(path, value):
    with pytest.raises(ValueError, match="the finding"):
        finding_of(changed(path, value))


def test_a_missing_part_is_refused():
    for name in row_of(FINDING):
        row = deepcopy(row_of(FINDING))
        del row[name]
        with pytest.raises(ValueError, match=f"the finding lacks {name}"):
            finding_of(row)


def test_the_findings_of_a_run_come_back():
    found = check_backend("reference", size="minimal", only=["output"], profiles=["float32"]).findings
    assert [finding_of(row_of(finding)) for finding in found] == list(found)
