"""Layers whose half scores are subnormal: the bounds admit each way of flushing, and no other error."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import pytest

from peerspec.backends import load
from peerspec.conformance.cases import LAYER_CASES
from peerspec.conformance.cases.case import Case
from peerspec.conformance.checks.gates import GATE_CHECKS
from peerspec.conformance.checks.output import OUTPUT_CHECKS
from peerspec.conformance.checks.scores import SCORE_CHECKS
from peerspec.conformance.checks.selection import SELECTION_CHECKS
from peerspec.conformance.hosts.object_host import ObjectHost
from peerspec.conformance.trials.run_check import run_check
from peerspec.reference import PRECISIONS, Layer

TESTS = Path(__file__).parents[1]
VARIANTS = ["unmutated", "subnormals_flushed", "selection_flushes_sums", "selection_flushes_half_scores"]
CHECKS = [
    check
    for check in (*SCORE_CHECKS, *SELECTION_CHECKS, *GATE_CHECKS, *OUTPUT_CHECKS)
    if check.id in ("scores.rounding", "selection.admissible", "gates.softmax", "output.sum")
]


def near_zero(dtype: str) -> Case:
    """A layer with sub-keys so small that half scores, of one or less before, are subnormal."""
    [definition] = (found for found in LAYER_CASES if found.name == "numeric.small.relu")
    case = definition.make(PRECISIONS[dtype], 0)
    keys = case.layer.params["keys"]
    params = case.layer.params | {"keys": keys * (np.finfo(keys.dtype).tiny * keys.dtype.type(0.25))}
    return replace(case, layer=Layer(case.layer.config, params))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*(str(TESTS / "variants" / f"{name}.py") for name in VARIANTS), "torch", "jax"])
def test_a_legal_backend_is_accused_of_nothing_near_zero(name: str, dtype: str) -> None:
    host = ObjectHost(load(name), timeout=inf)
    found = [run_check(check, near_zero(dtype), host) for check in CHECKS]
    assert all(found)
    assert [evidence.problem for evidence in found if evidence and evidence.problem] == []


def test_an_error_above_the_least_normal_number_is_caught() -> None:
    backend = load(str(TESTS / "mutants" / "scores_scaled_by_root_d.py"))
    case = near_zero("float32")
    params = case.layer.params | {"keys": case.layer.params["keys"] * np.float32(2.0**7)}
    found = run_check(
        CHECKS[0], replace(case, layer=Layer(case.layer.config, params)), ObjectHost(backend, timeout=inf)
    )
    assert found
    assert found.problem
