"""Reports are read back from JSON unchanged, infinities and NaN included; another text is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from peerspec.conformance.check import Explored
from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Reason, Status
from peerspec.conformance.problems import FaultKind, Hint, HintKind, Problem, ProblemKind
from peerspec.conformance.render.json import ReportError, dumps, loads
from peerspec.conformance.report import Report

PROBLEM = Problem(ProblemKind.OUT_OF_BOUND, {"n": 1}, {"token": 1}, (Hint(HintKind.FACTOR, {"factor": 0.5}),))
FINDING = Finding(
    "scores.values", ("SCO-1",), "score", "core", "float32", Status.FAIL, 3, 2.5, Reason.VIOLATION, PROBLEM, "wrong",
    "exact.whole", Explored("scores.values", "{}"),
)  # fmt: skip
REPORT = Report("mine", ("float32",), ("float32",), True, (), False, (FINDING,), "minimal", 0, 0.5, {"spec": "0.9"})


def refuse(name: str) -> None:
    raise AssertionError(f"{name} is not strict JSON")


@pytest.mark.parametrize("share", [0.0, 1e300, 5e-324, 0.1, math.inf])
def test_a_report_is_read_back_unchanged(share):
    problem = replace(PROBLEM, values={"expected": -math.inf, "got": share, "name": "Q"})
    report = replace(REPORT, findings=(replace(FINDING, share=share, problem=problem), FINDING), declined=("a",))
    text = dumps([report, REPORT])
    json.loads(text, parse_constant=refuse)
    assert loads(text) == (report, REPORT)


def test_nan_is_read_back_as_nan():
    problem = replace(PROBLEM, values={"got": math.nan})
    text = dumps([replace(REPORT, findings=(replace(FINDING, problem=problem),))])
    json.loads(text, parse_constant=refuse)
    assert math.isnan(loads(text)[0].findings[0].problem.values["got"])


@pytest.mark.parametrize("kind", [FaultKind.RAISED, FaultKind.REFUSED, ProblemKind.DECLINES_REQUIRED])
@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_a_text_of_a_backend_that_reads_like_a_number_stays_a_text(kind, text):
    problem = Problem(kind, {"detail": text, "answer": text, "raised": text})
    report = replace(REPORT, findings=(replace(FINDING, problem=problem),))
    assert loads(dumps([report])) == (report,)


def test_a_number_too_long_for_any_float_is_refused():
    document = json.loads(dumps([REPORT]))
    document["reports"][0]["seconds"] = 10**400
    with pytest.raises(ReportError, match="a number has 401 digits; at most 100 are read"):
        loads(json.dumps(document))


def test_numpy_scalars_become_numbers():
    values = {"got": np.float32(0.5), "head": np.int64(3), "bad": np.float32("inf")}
    problem = replace(PROBLEM, values=values)
    got = loads(dumps([replace(REPORT, findings=(replace(FINDING, problem=problem),))]))[0].findings[0].problem
    assert got.values == {"got": 0.5, "head": 3, "bad": math.inf}


def test_the_text_holds_verdict_and_exit_status_as_data():
    row = json.loads(dumps([REPORT]))["reports"][0]
    assert row["exit_status"] == 1
    assert row["verdict"] == {
        "kind": "not conformant", "clauses": ["SCO-1"], "shortfall": None, "declined": False, "level": "full",
        "shows_routing": True, "waived": 0, "error": "", "sentence": "not conformant: SCO-1",
    }  # fmt: skip
    assert row["findings"][0]["reason"] == "violation"
    assert row["findings"][0]["problem"]["kind"] == "out of bound"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(schema={"name": "peerspec.reports", "version": 1}),
        lambda d: d.pop("schema"),
        lambda d: d.pop("reports"),
        lambda d: d["reports"][0].pop("backend"),
        lambda d: d["reports"][0]["findings"][0].pop("share"),
        lambda d: d["reports"][0]["findings"][0].update(more=1),
        lambda d: d["reports"][0].update(findings=3),
    ],
)
def test_another_form_is_refused(change):
    document = json.loads(dumps([REPORT]))
    change(document)
    with pytest.raises(ReportError, match=r"schema|lacks a part"):
        loads(json.dumps(document))
