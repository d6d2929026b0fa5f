"""Mutants with faults of optimised code are wrong beyond every bound, on the input that their file names.

The checks of the suite examine this input. So a mutant that survives a run lacks a case, and no check.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from peerspec.backends import load
from peerspec.conformance.cases.case import Case, Draw, Halves
from peerspec.conformance.cases.layers import exact_params, full_params, tokens
from peerspec.conformance.hosts.object_host import ObjectHost
from peerspec.conformance.inputs import rounded
from peerspec.conformance.kinds import TrialKind
from peerspec.conformance.suite import CHECKS
from peerspec.conformance.trials.run_check import examine, make_trial
from peerspec.reference import PRECISIONS, Layer, Output

TESTS = Path(__file__).parents[1]
FILES = [path for path in sorted((TESTS / "mutants").glob("[!_]*.py")) if "\nBITES = " in path.read_text()]
RIGHT = TESTS / "variants" / "unmutated.py"
BY_ID = {check.id: check for check in CHECKS}


def loaded(path: Path) -> ModuleType:
    module = load(str(path))
    assert isinstance(module, ModuleType)
    return module


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mutant_is_wrong_on_the_input_that_it_names_and_the_right_backend_is_not(path: Path) -> None:
    mutant = loaded(path)
    assert problems(loaded(RIGHT), mutant.BITES) == []
    assert problems(mutant, mutant.BITES) != []


def problems(backend: Any, bite: Any) -> list[Any]:
    """The checks that fail, each with its clause and stage, or the parts of an answer that change later."""
    host = ObjectHost(backend, inf)
    if hasattr(bite, "k"):
        return list(_failures(host, _halves(bite), ["select.ids", "select.scores"]))
    case = made(bite)
    if bite.kept:
        return _moved(backend, case, made(bite.before))
    earlier = made(bite.before) if bite.before else case
    for _ in range(bite.times or bool(bite.before)):
        _call(backend, earlier)
    return list(_failures(host, case, _gradient_checks(bite) if bite.gradients else _layer_checks(bite, case)))


def made(bite: Any) -> Case:
    """The case of a bite, filled as the cases of the suite are."""
    precision, config = PRECISIONS[bite.precision], bite.config
    draw = Draw("bite", 0, precision.parameters)
    params = (exact_params if bite.exact else full_params)(draw, config)
    parts: dict[str, Any] = params | {
        "x": tokens(draw, (*bite.lead, config.d_model), exact=bite.exact),
        "dy": draw.full("dy", (*bite.lead, config.d_out)),
        "mask": np.arange(prod(bite.lead)).reshape(bite.lead) % 3 != 1 if bite.masked else None,
    }
    if bite.change:
        bite.change(parts)
    x, dy, mask = (parts.pop(name) for name in ("x", "dy", "mask"))
    x, dy = (a if a.dtype == precision.input else rounded(a, precision.input) for a in (x, dy))
    return Case("bite", bite.exact, Layer(config, parts), x, mask, bite.training, dy)


def _halves(bite: Any) -> Halves:
    draw = Draw("bite", 0, PRECISIONS[bite.precision].compute)
    bits = bite.bits
    s1, s2 = (
        draw.full(name, (*bite.lead, bite.n))
        if bits is None
        else draw.coarse(name, (*bite.lead, bite.n), bits, bits - 1)
        for name in ("s1", "s2")
    )
    return Halves("bite", *(bite.change(s1, s2) if bite.change else (s1, s2)), bite.k)


def _failures(host: ObjectHost, subject: Case | Halves, names: list[str]) -> Iterator[tuple[str, str, str]]:
    """The checks share their trials, as in a run, so that calls come in the same order."""
    trials: dict[TrialKind, Any] = {}
    for check in (BY_ID[name] for name in names):
        trial = trials.setdefault(check.trial, make_trial(check.trial, subject, host))
        problem = next((found for found in examine(check, trial) if found.problem and not found.blocked), None)
        if problem:
            yield check.id, check.broken_clause(problem), str(problem.stage or check.stage)


def _layer_checks(bite: Any, case: Case) -> list[str]:
    """The checks that apply to the layer, in the order of the suite."""
    c, alone = bite.config, not bite.training
    norm = {"none": "", "layer": "norm.layer", "batch": "norm.batch" if alone else "norm.mask"}[c.query_norm]
    formed = (
        bite.masked
        or len(bite.lead) != 1
        or not all(a.flags.c_contiguous for a in (case.x, *case.layer.params.values()))
    )
    applies = {
        "structure.answer": True,
        "structure.inputs": True,
        "independence.repeat": alone,
        "independence.tokens": alone and prod(bite.lead) > 1 and case.x.flags.c_contiguous,
        "structure.forms": formed and c.query_norm == "none",
        "scores.rounding": True,
        "selection.admissible": True,
        "gates.softmax": c.gate == "softmax",
        "output.sum": True,
        "query.bias": c.query_bias and not norm,
        norm: bool(norm),
        "experts.glu": c.expert == "glu",
        "gates.sigmoid": c.gate == "sigmoid",
        "scores.per-head": c.key_heads > 1,
    }
    return [name for name, holds in applies.items() if holds]


def _gradient_checks(bite: Any) -> list[str]:
    norm = "norm" if bite.training or bite.config.query_norm == "layer" else "frozen"
    parts = ("unselected", "v", "u", "keys", "query", "x") if bite.config.query_norm == "none" else (norm,)
    return [f"gradients.{part}" for part in ("structure", "repeat", *parts)]


def _call(backend: Any, case: Case) -> tuple[Output, dict[str, Any]]:
    """The answer and the gradients for the arrays themselves."""
    answer = backend.forward(case.layer, case.x, mask=case.mask, training=case.training)
    return answer, backend.gradients(case.layer, case.x, case.dy, mask=case.mask, training=case.training)


def _moved(backend: Any, case: Case, later: Case) -> list[str]:
    """The parts of an answer whose bits change in a later call."""
    answer, grads = _call(backend, case)
    parts = grads | {name: getattr(answer, name) for name in ("y", "scores", "indices", "gates")}
    before = {name: part.tobytes() for name, part in parts.items()}
    _call(backend, later)
    return [name for name, part in parts.items() if part.tobytes() != before[name]]
