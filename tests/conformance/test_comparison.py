"""The suite on the layers of chapter 15: what a wrong answer is called, what is judged without routing, and repros."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peerspec.backends import load, reference
from peerspec.conformance import check_backend
from peerspec.conformance.cases import COMPARISON_CASES
from peerspec.conformance.cases.case import ComparisonCase
from peerspec.conformance.hosts.object_host import ObjectHost
from peerspec.conformance.kinds import Reason, Status, TrialKind
from peerspec.conformance.problems import ProblemKind
from peerspec.conformance.repro.file import read
from peerspec.conformance.repro.replay import replay
from peerspec.conformance.repro.write import write_repro
from peerspec.conformance.trials.run_check import make_trial
from peerspec.reference import PRECISIONS
from peerspec.reference.comparison import ComparisonLayer

TESTS = Path(__file__).parents[1]
BY_NAME = {case.name: case for case in COMPARISON_CASES}
PROFILES = ("dense", "token-choice", "expert-choice", "pkm")


class Changed:
    """The reference, whose answers to ``comparison`` a function changes."""

    name, profiles, forward = "changed", reference.profiles, staticmethod(reference.forward)
    comparison_gradients = staticmethod(reference.comparison_gradients)

    def __init__(self, change: Any) -> None:
        self.change = change

    def comparison(self, layer: Any, x: Any, **options: Any) -> dict[str, Any]:
        found = dict(reference.comparison(layer, x, **options))
        self.change(found)
        return found


def case(name: str) -> ComparisonCase:
    return BY_NAME[name].make(PRECISIONS["float32"], 0)


def trial(name: str, change: Any = lambda found: None) -> Any:
    return make_trial(TrialKind.COMPARISON, case(name), ObjectHost(Changed(change), inf))


def without(part: str) -> Any:
    return lambda found: found.pop(part)


def entry(part: str, value: Any) -> Any:
    def change(found: dict[str, Any]) -> None:
        found[part] = found[part].copy()
        found[part][0] = value

    return change


@pytest.mark.parametrize(
    ("name", "change", "kind", "clause"),
    [
        ("dense.small", without("y"), ProblemKind.COMPARISON_NAMES, ""),
        ("token-choice.small", without("kept"), ProblemKind.COMPARISON_NAMES, ""),
        ("token-choice.small", entry("indices", 5), ProblemKind.ID_OUT_OF_RANGE, "NFT-3"),
        ("token-choice.small", entry("indices", 1), ProblemKind.EXPERT_REPEATED, "TCM-3"),
        ("pkm.small", entry("indices", -1), ProblemKind.ID_OUT_OF_RANGE, "SEL-7"),
        ("pkm.training", without("query_norm.var"), ProblemKind.COMPARISON_NAMES, ""),
        ("dense.small", lambda found: found.update(y=found["y"][:1]), ProblemKind.SHAPE, "SHP-1"),
        ("expert-choice.small", lambda f: f.update(chosen=f["chosen"].astype("i1")), ProblemKind.DTYPE, "PRC-3"),
    ],
)
def test_a_wrong_form_is_named(name: str, change: Any, kind: ProblemKind, clause: str) -> None:
    found = trial(name, change).violation
    assert (found.problem.kind, found.clause) == (kind, clause)
    assert trial(name).violation is None


def test_a_layer_without_routing_is_judged_by_y_and_gradients_alone() -> None:
    backend = load(str(TESTS / "variants" / "comparison_without_routing.py"))
    report = check_backend(backend, size="minimal", only=["token-choice"], timeout=inf)
    by_status = {status: {f.check for f in report.findings if f.status == status} for status in Status}
    assert "token-choice.gates" in by_status[Status.NOT_CLAIMED]
    assert "token-choice.output" in by_status[Status.PASS]
    assert {f.reason for f in report.findings if f.check == "token-choice.gates"} == {Reason.ROUTING_NOT_SHOWN}


def test_gradients_are_judged_for_certain_choices_alone() -> None:
    """Where logits tie, either expert is legal in float32, so dy of the token is zero; a capacity spreads that."""
    given = case("token-choice.small")
    params = {name: array.copy() for name, array in given.layer.params.items()}
    params["router.weight"][1] = params["router.weight"][0]
    for capacity, some in ((None, True), (3, False)):
        layer = ComparisonLayer(replace(given.layer.config, capacity=capacity, top_k=1), params)
        found = make_trial(TrialKind.COMPARISON, replace(given, layer=layer), ObjectHost(reference, inf))
        best = found.logits.value.argmax(-1)
        assert not found.certain[best <= 1].any()
        assert found.certain[best > 1].all() == some
        assert not found.dy[~found.certain].any()


@pytest.mark.parametrize(
    "name", ["dense_mean_of_neurons", "tokens_choose_dropped_choice_adds", "experts_choose_without_gate"]
)
def test_a_failure_becomes_a_smaller_case_in_files_that_any_backend_replays(name: str, tmp_path: Path) -> None:
    path = str(TESTS / "mutants" / f"{name}.py")
    mutant = load(path)
    kind = {"dense": "dense", "tokens": "token-choice", "experts": "expert-choice"}[name.partition("_")[0]]
    first = check_backend(mutant, size="minimal", only=[kind], stop_early=True, timeout=inf).first
    assert first is not None
    written = write_repro(mutant, first, tmp_path)
    subject = read(written).subject
    assert isinstance(subject, ComparisonCase)
    assert subject.layer.config.kind == kind
    assert subject.x.size < case(first.case).x.size
    assert replay(written, mutant).status == 1
    assert replay(written, "reference").status == 0


@pytest.mark.parametrize("kind", PROFILES)
def test_every_case_is_made_in_every_precision_from_its_seed_alone(kind: str) -> None:
    for definition in COMPARISON_CASES:
        if definition.layer_config.kind == kind and definition.size < 2:
            for precision in PRECISIONS.values():
                one, two, other = (definition.make(precision, seed) for seed in (1, 1, 2))
                assert (one.layer.dtype, one.x.dtype) == (precision.parameters, precision.input)
                assert np.array_equal(one.x, two.x, equal_nan=True)
                assert not one.x.size or not np.array_equal(one.x, other.x, equal_nan=True)


def test_cases_have_unique_names_and_two_cases_of_each_kind_are_in_the_minimal_size() -> None:
    assert len(BY_NAME) == len(COMPARISON_CASES)
    assert all(sum(c.layer_config.kind == kind and c.size == 0 for c in COMPARISON_CASES) >= 2 for kind in PROFILES)
