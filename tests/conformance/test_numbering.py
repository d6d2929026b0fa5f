"""A wrong numbering of experts is recognised, on cases with k < n in which a score names its pair."""

from typing import Any

import numpy as np
import pytest

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.conformance.cases.core import CORE_CASES
from peerspec.conformance.kinds import Reason
from peerspec.conformance.problems import HintKind
from peerspec.reference import PRECISIONS, Output, forward, select_exhaustive

NUMBERINGS = {
    "i + n·j": lambda i, j, n, k: i + n * j,
    "i·k + j": lambda i, j, n, k: i * k + j,
    "i + k·j": lambda i, j, n, k: i + k * j,
    "i + j": lambda i, j, n, k: i + j,
}


def numbered(formula: str) -> Any:
    class Backend:
        name, profiles = "numbered", frozenset({"float32"})

        def forward(self, layer: Any, x: Any, **rest: Any) -> Output:
            out = load("reference").forward(layer, x, **rest)
            n, k = layer.config.n, layer.config.top_k
            ids = NUMBERINGS[formula](*np.divmod(out.indices, n), n, k)
            return Output(out.y, out.scores, ids, out.gates, out.state)

    return Backend()


@pytest.mark.parametrize("formula", NUMBERINGS)
def test_another_numbering_is_blamed_on_its_clause_and_named(formula: str) -> None:
    found = check_backend(numbered(formula), size="minimal", stop_early=True).first
    assert found is not None
    assert found.clauses[0] == "IDX-1"
    assert found.problem
    assert [hint.values for hint in found.problem.hints if hint.kind == HintKind.NUMBERING] == [{"formula": formula}]
    assert found.message.endswith(f"all ids fit {formula}")


def test_experts_other_than_the_best_are_not_blamed_on_the_numbering() -> None:
    report = check_backend(load("tests/mutants/selection_smallest.py"), size="minimal")
    index = next(finding for finding in report.findings if finding.check == "scores.index")
    assert index.reason is Reason.BLOCKED
    assert report.first is not None
    assert report.first.clauses[0] == "SEL-3"


@pytest.mark.parametrize(
    "definition", [case for case in CORE_CASES if "index" in case.tags], ids=lambda case: case.name
)
def test_in_the_cases_of_the_numbering_every_score_names_one_pair(definition: Any) -> None:
    case = definition.make(PRECISIONS["float32"], 0)
    config = definition.config
    out = forward(case.layer, case.x)
    assert (np.diff(np.sort(out.scores)) > 0).all()
    assert (np.diff(select_exhaustive(*_halves(case), config.num_experts).scores) < 0).all()


def test_in_the_first_case_of_the_numbering_k_is_less_than_n() -> None:
    config = next(case for case in CORE_CASES if "index" in case.tags).config
    assert config.top_k < config.n


def _halves(case: Any) -> Any:
    from peerspec.reference.half_scores import half_scores
    from peerspec.reference.query import query

    layer = case.layer
    return half_scores(layer, query(layer, case.x.astype(float)))
