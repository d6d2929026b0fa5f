"""Failing cases become small, fail at the same clause, and stay legal."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from peerspec.backends import load, reference
from peerspec.conformance import check_backend
from peerspec.conformance.cases import LAYER_CASES, SELECTION_CASES
from peerspec.conformance.cases.case import Case, Halves, Subject
from peerspec.conformance.check import Check
from peerspec.conformance.hosts.host import open_host
from peerspec.conformance.kinds import TrialKind
from peerspec.conformance.problems import FaultKind
from peerspec.conformance.repro.reductions import reductions
from peerspec.conformance.repro.script import describe
from peerspec.conformance.repro.shrink import Shrunk, shrink
from peerspec.conformance.suite import CHECKS
from peerspec.conformance.trials.run_check import run_check
from peerspec.reference import PRECISIONS

MUTANTS = Path(__file__).parents[1] / "mutants"

SMALLEST = {
    "halves_swapped": "D=1 M=1 h=1 n=1 k=1 d=2, identity, exact, x of shape (1, 1)",
    "gates_uniform": "D=1 M=1 h=1 n=2 k=3 d=2, identity, exact, x of shape (1, 1)",
    "keys_of_head_0": "D=1 M=1 h=2 n=1 k=1 d=2, relu, exact, x of shape (1, 1)",
    "selection_half_k_too_small": "D=1 M=1 h=1 n=3 k=3 d=2, relu, exact, x of shape (1, 1)",
    "half_scores_squared": "D=1 M=1 h=1 n=1 k=1 d=2, identity, exact, x of shape (2, 1)",
    "gelu_by_tanh": "D=1 M=1 h=1 n=1 k=1 d=2, gelu, x of shape (1, 1)",
    "nan_reaches_other_tokens": "D=1 M=1 h=1 n=1 k=1 d=2, relu, x of shape (2, 1)",
    "norm_mask_ignored": "D=1 M=1 h=1 n=1 k=1 d=2, relu, training, x of shape (2, 1)",
    "strides_ignored": "D=1 M=1 h=1 n=1 k=1 d=2, relu, x of shape (2, 1)",
    "gradient_repeated_rows_overwritten": "D=1 M=1 h=2 n=1 k=1 d=2, identity, exact, x of shape (1, 1)",
    "gradient_second_half_detached": "D=1 M=1 h=1 n=2 k=2 d=2, relu, x of shape (1, 1)",
    "ties_by_exact_sum": "k=2, half scores of shape (1, 2)",
    "ties_of_signed_zeros": "k=1, half scores of shape (1, 2)",
    "scores_by_another_rounding": "k=1, half scores of shape (1, 1)",
    "tile_of_64_tokens": "D=1 M=1 h=1 n=1 k=1 d=2, relu, x of shape (65, 1)",
}
"""The smallest case of each mutant. The last one needs 65 tokens, because its defect is a tile of 64."""


def subject_of(check: Check, case: str, precision: str = "float32") -> Subject:
    definitions = SELECTION_CASES if check.trial is TrialKind.SELECTION else LAYER_CASES
    [found] = [definition for definition in definitions if definition.name == case]
    return found.make(PRECISIONS[precision], 0)


def check_of(id: str) -> Check:
    [found] = [check for check in CHECKS if check.id == id]
    return found


@cache
def mutant(name: str) -> Any:
    return load(str(MUTANTS / f"{name}.py"))


@cache
def failing(name: str) -> tuple[Check, Subject, str]:
    report = check_backend(mutant(name), size="default" if "tile" in name else "minimal", stop_early=True)
    found = report.first
    assert found
    return check_of(found.check), subject_of(check_of(found.check), found.case, found.precision), found.clauses[0]


@cache
def shrunk(name: str) -> Shrunk:
    check, subject, _ = failing(name)
    return shrink(check, subject, open_host(mutant(name), timeout=60))


@pytest.mark.parametrize("name", SMALLEST)
def test_a_failing_case_is_reduced_to_what_the_defect_needs(name: str) -> None:
    assert describe(shrunk(name).subject) == SMALLEST[name]


@pytest.mark.parametrize("name", SMALLEST)
def test_the_reduced_case_breaks_the_same_clause_and_the_reference_holds_on_it(name: str) -> None:
    check, _, clause = failing(name)
    found = run_check(check, shrunk(name).subject, open_host(mutant(name), timeout=60))
    held = run_check(check, shrunk(name).subject, open_host(reference, timeout=60))
    assert found
    assert check.broken_clause(found) == clause
    assert held
    assert not held.problem


@pytest.mark.parametrize("name", ["halves_swapped", "ties_by_exact_sum", "gradient_second_half_detached"])
def test_shrinking_twice_gives_the_same_bits(name: str) -> None:
    again = shrink(*failing(name)[:2], open_host(mutant(name), timeout=60))
    assert again.tried == shrunk(name).tried
    assert [a.tobytes() for a in arrays(again.subject)] == [a.tobytes() for a in arrays(shrunk(name).subject)]


def test_values_become_as_simple_as_the_defect_allows() -> None:
    found = shrunk("halves_swapped").subject
    assert isinstance(found, Case)
    assert {float(value) for array in arrays(found) for value in array.ravel()} <= {-1.0, 0.0, 1.0, 2.0}


def test_the_search_ends_with_its_budget_and_keeps_what_it_found() -> None:
    check, subject, _ = failing("selection_half_k_too_small")
    host = open_host(mutant("selection_half_k_too_small"), timeout=60)
    found = shrink(check, subject, host, cases=3)
    assert found.tried == 3
    evidence = run_check(check, found.subject, host)
    assert evidence
    assert evidence.problem
    assert shrink(check, subject, host, seconds=0).subject is subject


def test_a_configuration_that_the_backend_declines_is_not_tried() -> None:
    whole = mutant("halves_swapped")
    picky = SimpleNamespace(
        **{part: getattr(whole, part) for part in ("name", "profiles", "forward", "select", "gradients")},
        supports=lambda config, dtype: True if config.heads > 1 else "it needs two heads",
    )
    check, subject, _ = failing("halves_swapped")
    found = shrink(check, subject, open_host(picky, timeout=60)).subject
    assert isinstance(found, Case)
    assert found.layer.config.heads == 2


def test_a_backend_without_routing_is_compared_with_a_reference_without_routing() -> None:
    """Repetition asks for −x: with routing the scores differ, without one y may be the same legally."""

    def forward(layer: Any, x: Any, **options: Any) -> Any:
        out = reference.forward(layer, x, **options)
        drift = 1 + 1e-3 * next(calls)
        return replace(out, y=(out.y * drift).astype(out.y.dtype), scores=None, indices=None, gates=None)

    calls: Iterator[int] = iter(range(10_000))
    backend = SimpleNamespace(name="drifting", profiles=["float32"], forward=forward)
    check = check_of("independence.repeat")
    found = shrink(check, subject_of(check, "meta.perturb"), open_host(backend, timeout=60)).subject
    assert isinstance(found, Case)
    out = reference.forward(found.layer, found.x)
    assert out.y.any(), "a case with y = 0 says nothing about a backend without routing"


def test_if_the_backend_dies_the_smallest_case_so_far_is_returned() -> None:
    def forward(layer: Any, x: Any, **options: Any) -> Any:
        if len(x) < 2:
            threading.Event().wait(5)
        return replace(out := reference.forward(layer, x, **options), y=out.y + out.y.dtype.type(1))

    check = check_of("output.sum")
    host = open_host(SimpleNamespace(name="hanging", profiles=["float32"], forward=forward), timeout=0.3)
    found = shrink(check, subject_of(check, "exact.relu"), host)
    assert host.dead
    assert host.dead.kind is FaultKind.TIMED_OUT
    assert found.tried < 5


@pytest.mark.parametrize("case", ["exact.relu", "shape.three", "shape.strided", "shape.masked", "numeric.per-head"])
def test_every_reduction_of_a_layer_is_smaller_and_legal(case: str) -> None:
    [definition] = [definition for definition in LAYER_CASES if definition.name == case]
    _check_reductions(definition.make(PRECISIONS["bfloat16"], 0))


@pytest.mark.parametrize("case", ["coarse", "zeros", "axes.two"])
def test_every_reduction_of_half_scores_is_smaller_and_legal(case: str) -> None:
    _check_reductions(subject_of(check_of("select.ids"), case))


def _check_reductions(subject: Subject) -> None:
    kinds = [list(reduce(subject)) for reduce in reductions(subject)]
    assert sum(map(bool, kinds)) >= 3
    for smaller in (case for kind in kinds for case in kind):
        assert _measure(smaller) < _measure(subject)
        assert {a.dtype for a in arrays(smaller)} <= {a.dtype for a in arrays(subject)}


def _measure(subject: Subject) -> tuple[int, ...]:
    """Numbers held, k, axes and gaps, entries that are not zero, and their bits."""
    held = arrays(subject)
    k = subject.k if isinstance(subject, Halves) else subject.layer.config.top_k
    gaps = isinstance(subject, Case) and not subject.x.flags.c_contiguous
    values = [float(value) for array in held if array.dtype != bool for value in array.ravel()]
    bits = sum(abs(value).as_integer_ratio()[0].bit_length() for value in values)
    return sum(a.size for a in held), k, held[-1].ndim + gaps, np.count_nonzero(values), bits


def arrays(subject: Subject) -> list[Any]:
    if isinstance(subject, Halves):
        return [subject.scores1, subject.scores2]
    given = [*subject.layer.params.values(), subject.dy, subject.mask, subject.x]
    return [array for array in given if array is not None]
