"""SEL-7: ids are distinct where half scores are finite; elsewhere they only lie in their range."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _numpy_backend import NumpyBackend

from peerspec.conformance.cases import LAYER_CASES
from peerspec.conformance.cases.case import Case
from peerspec.conformance.trials.structure import violations
from peerspec.reference import PRECISIONS, Layer

FLOAT32 = PRECISIONS["float32"]
CASES = {definition.name: definition for definition in LAYER_CASES}


def broken_clauses(case: Case, token: int, id: int = 0) -> list[str]:
    """The clauses that an answer breaks whose token selects one expert k times."""
    out = NumpyBackend().forward(case.layer, case.x, mask=case.mask, training=case.training)
    assert out.indices is not None
    ids = out.indices.copy()
    ids[token] = id
    return [violation.clause for violation in violations(case, replace(out, indices=ids))]


def overflowing(name: str, token: int) -> Case:
    """A case with one token that is finite and whose half scores need not be."""
    case = CASES[name].make(FLOAT32, 0)
    x, weight = case.x.copy(), case.layer.params["query.weight"] * np.float32(2.0**60)
    x[token] *= np.float32(2.0**120)
    return replace(case, x=x, layer=Layer(case.layer.config, case.layer.params | {"query.weight": weight}))


@pytest.mark.parametrize("name", ["numeric.small.relu", "finite.nan", "norm.training", "norm.masked.nan"])
def test_a_token_with_finite_half_scores_selects_an_expert_once(name: str) -> None:
    assert broken_clauses(CASES[name].make(FLOAT32, 0), token=0) == ["SEL-7"]


@pytest.mark.parametrize(("name", "token"), [("finite.nan", 3), ("finite.infinity", 3), ("norm.masked.nan", 2)])
def test_a_token_that_is_not_finite_may_select_an_expert_twice(name: str, token: int) -> None:
    case = CASES[name].make(FLOAT32, 0)
    assert broken_clauses(case, token) == []
    assert broken_clauses(case, token, id=case.layer.config.num_experts) == ["NFT-3"]


def test_a_finite_token_whose_half_scores_overflow_may_select_an_expert_twice() -> None:
    case = overflowing("numeric.small.relu", token=3)
    assert broken_clauses(case, token=3) == []
    assert broken_clauses(case, token=2) == ["SEL-7"]


def test_a_counted_nan_in_training_leaves_no_finite_half_score() -> None:
    case = CASES["norm.training"].make(FLOAT32, 0)
    x = case.x.copy()
    x[5, 0] = np.nan
    assert broken_clauses(replace(case, x=x), token=0) == []
