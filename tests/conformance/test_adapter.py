"""The suite on adapters: through every door, in files of failures, with bounds that a legal adversary reaches."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peerspec.backends import load, reference
from peerspec.backends.process import Command
from peerspec.cli import main
from peerspec.conformance import check_backend
from peerspec.conformance.bounds.adapter import adapted
from peerspec.conformance.bounds.bounded import Bounded, given
from peerspec.conformance.bounds.compare import deviation
from peerspec.conformance.bounds.model import model_for
from peerspec.conformance.cases.adapter import ADAPTER_CASES
from peerspec.conformance.cases.adapter_case import AdapterCase
from peerspec.conformance.cases.layouts import layout
from peerspec.conformance.hosts.arguments import arrays
from peerspec.conformance.hosts.object_host import ObjectHost
from peerspec.conformance.repro import Repro, ReproError, replay, write_repro
from peerspec.conformance.repro.file import publish, read
from peerspec.conformance.repro.reductions import reductions
from peerspec.conformance.repro.repro import BackendKind
from peerspec.conformance.trials.adapter import AdapterTrial
from peerspec.reference import PRECISIONS, SPEC_VERSION, Adapter, AdapterConfig, Base

TESTS = Path(__file__).parents[1]
PROGRAM = TESTS / "backends" / "process" / "programs" / "any_backend.py"
U = 2.0**-24
F32 = model_for(np.dtype(np.float32))


def path_of(name: str) -> str:
    return str(TESTS / f"{name}.py")


def case_of(name: str, precision: str = "float32") -> AdapterCase:
    [definition] = [definition for definition in ADAPTER_CASES if definition.name == name]
    return definition.make(PRECISIONS[precision], 0)


# -- doors

BACKENDS = {
    "a mutant of y": "mutants/adapted_ranks_reversed",
    "a mutant of a gradient": "mutants/adapted_gradients_of_left_out_targets_missing",
    "a variant without routing": "variants/adapted_in_float64_without_routing",
}
LIMITS: Any = {"size": "minimal", "profiles": ["float32", "adapter"]}


@cache
def by_object(path: str) -> list[tuple[str, ...]]:
    return rows(check_backend(load(path), **LIMITS))


def rows(report: Any) -> list[tuple[str, ...]]:
    return sorted((f.check, f.status, f.clauses[0], str(f.problem.kind) if f.problem else "") for f in report.findings)


@pytest.mark.parametrize("name", BACKENDS.values(), ids=BACKENDS)
def test_a_name_and_a_program_give_what_the_object_gives(name: str) -> None:
    path = path_of(name)
    assert rows(check_backend(path, **LIMITS)) == by_object(path)
    assert rows(check_backend(Command([sys.executable, str(PROGRAM), path]), **LIMITS)) == by_object(path)


def test_the_smoke_test_calls_both_methods(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["smoke", path_of("variants/adapted_by_dense_matrices")]) == 0
    assert {"adapt", "adapter_gradients"} <= set(capsys.readouterr().out.split())


def test_the_plugin_of_pytest_finds_what_the_object_shows(tmp_path: Path) -> None:
    path = path_of(BACKENDS["a mutant of y"])
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    given = ["--peer-backend", path, "--peer-size", "minimal", "--peer-profile", "float32"]
    given += ["--peer-profile", "adapter"]
    command = [sys.executable, "-m", "pytest", "--pyargs", "peerspec.conformance", "-p", "no:cacheprovider", *given]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    failed = {check for check, status, *_ in by_object(path) if status == "fail"}
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert all(f"{check}[" in ran.stdout for check in failed)


def test_without_training_no_gradient_is_asked_for() -> None:
    class Inference:
        name, profiles = "inference", ("float32", "adapter")
        forward, adapt = staticmethod(reference.forward), staticmethod(reference.adapt)

    report = check_backend(Inference(), **LIMITS)
    assert not report.of("fail", "error")
    assert "adapter.y" in {finding.check for finding in report.of("pass")}


# -- files of failures


@pytest.mark.parametrize("name", ["adapted_alpha_twice", "adapted_weight_transposed_in_dx"])
def test_a_failure_is_written_small_and_fails_again(name: str, tmp_path: Path) -> None:
    path = path_of(f"mutants/{name}")
    first = check_backend(load(path), size="minimal", only=["adapter"], stop_early=True).first
    assert first is not None
    written = write_repro(path, first, tmp_path)
    subject = read(written).subject
    assert isinstance(subject, AdapterCase)
    assert len(subject.bases) == 1
    assert (replay(written, path).status, replay(written, "reference").status) == (1, 0)


@pytest.mark.parametrize("precision", ["float32", "mixed-bfloat16"])
@pytest.mark.parametrize("name", ["adapter.ranks", "adapter.gradient.axes", "adapter.columns", "exact.adapter.one"])
def test_every_part_of_a_case_is_read_back_bit_for_bit(name: str, precision: str, tmp_path: Path) -> None:
    old = case_of(name, precision)
    new = read(publish(repro(old, precision), tmp_path)).subject
    assert isinstance(new, AdapterCase)
    assert (new.adapter.config, new.exact, new.training) == (old.adapter.config, old.exact, old.training)
    ours, theirs = tensors(new), tensors(old)
    assert list(ours) == list(theirs)
    for a, b in zip(ours.values(), theirs.values(), strict=True):
        assert (a.dtype, a.shape, layout(a), a.tobytes()) == (b.dtype, b.shape, layout(b), b.tobytes())


def tensors(case: AdapterCase) -> dict[str, Any]:
    return {"x": case.x} | arrays({"": case.adapter, "bases": dict(case.bases), "dy": dict(case.upstream)})


def repro(case: AdapterCase, precision: str) -> Repro:
    return Repro("adapter.y", "ADP-3", "", precision, "", "b", BackendKind.NAME, SPEC_VERSION, case)


WRONG = {
    "a base of another width": lambda case: {"bases": case.bases | {"same": Base(case.bases["same"].weight[:3])}},
    "dy of another target": lambda case: {"upstream": {"same": case.upstream["same"]}},
    "a table of another rank": lambda case: {"rank": case.rank + 1},
    "an alpha that is not finite": lambda case: {"alpha": inf},
}


@pytest.mark.parametrize("what", WRONG)
def test_a_file_whose_tensors_do_not_fit_is_refused_in_one_sentence(what: str, tmp_path: Path) -> None:
    case = case_of("adapter.gradient.small")
    path = publish(repro(replace(case, **WRONG[what](case)), "float32"), tmp_path)
    with pytest.raises(ReproError, match="is no repro"):
        read(path)


@pytest.mark.parametrize("name", ["adapter.ranks", "adapter.axes", "adapter.gradient.small"])
def test_every_reduction_is_smaller_and_an_adapter(name: str) -> None:
    case = case_of(name)
    found = [smaller for reduce in reductions(case) for smaller in reduce(case)]
    assert len(found) > 20
    for smaller in found:
        new, old = tensors(smaller), tensors(case)
        assert sum(map(np.size, new.values())) <= sum(map(np.size, old.values()))
        trial = AdapterTrial(smaller, ObjectHost(reference, timeout=60.0))
        assert trial.violation is None


# -- bounds from both sides

CONFIG = AdapterConfig(29, 3, 16, 4, 2, targets={"map": 5}, rank=2, alpha=1.7)
RNG = np.random.default_rng(0)
TABLES = {name: np.abs(RNG.normal(size=shape)).astype("f4") for name, shape in CONFIG.shapes().items()}
ADAPTER, BASE = Adapter(CONFIG, TABLES), Base(np.abs(RNG.normal(size=(5, 29))).astype("f4"), np.ones(5, "f4"))
X = np.abs(RNG.normal(size=(3, 29))).astype("f4").astype(np.float64)
IDS = np.stack([RNG.permutation(16)[:12].reshape(3, 4) for _ in range(3)])
GATES = np.full((3, 3, 4), 0.25)
LEGAL = {"inner products first": 0.77, "a matrix for each token": 0.8}
"""The share of the bound that each order of ADP-3 reaches, with all of its roundings up."""


def orders(order: str, u: float) -> np.ndarray:
    """y with every rounding up: sums pass τ_m, products u each."""
    parts, base = {name: part[IDS].astype(np.float64) for name, part in TABLES.items() if "map" in name}, BASE.weight
    u_rows, v_rows = parts["targets.map.u"], parts["targets.map.v"]
    rows, width = CONFIG.heads * CONFIG.top_k * CONFIG.rank, CONFIG.d_model
    over = {"rows": (1 + 2 * u) ** (rows + 2), "width": (1 + 2 * u) ** width, "products": (1 + u) ** 3}
    if order == "inner products first":
        change = np.einsum("thk,thkrd,td,thkrm->tm", CONFIG.alpha * GATES, u_rows, X, v_rows)
        change = change * over["products"] * over["width"] * over["rows"]
        return change + (X @ base.T.astype(np.float64)) * over["width"] + 1
    matrix = np.einsum("thk,thkrm,thkrd->tmd", CONFIG.alpha * GATES, v_rows, u_rows) * over["products"]
    matrix = (matrix + base.astype(np.float64)) * over["rows"]
    return np.einsum("tmd,td->tm", matrix, X) * over["width"] + 1


@pytest.mark.parametrize("order", LEGAL)
def test_a_legal_order_reaches_a_share_of_the_bound_and_a_worse_one_exceeds_it(order: str) -> None:
    expected = adapted(F32, F32, ADAPTER, {"map": BASE}, X, IDS, given(GATES))["map"]
    legal = share(orders(order, U), expected)
    assert LEGAL[order] <= legal <= 1
    assert share(orders(order, 1.2 / legal * U), expected) > 1


def share(got: np.ndarray, expected: Bounded) -> float:
    worst = deviation(got, expected)
    assert worst is not None
    return worst.share


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_bases_may_round_before_the_sum_and_one_rounding_more_is_caught(dtype: str) -> None:
    """Every rounding to the dtype of x is up: of W x, W x + b, the change and the sum, then of the sum again."""
    model = F32.returning(PRECISIONS[dtype].input)
    expected = adapted(model, model, ADAPTER, {"map": BASE}, X, IDS, given(GATES))["map"]
    step = 1 + model.u_in
    product = X @ BASE.weight.T.astype(np.float64)
    change = expected.value - product - 1
    y = ((product * step + 1) * step + change * step) * step
    assert 0.9 < share(y, expected) <= 1
    assert share(y * step * step, expected) > 1


def test_a_gradient_of_a_row_that_no_token_selects_must_be_zero() -> None:
    trial = AdapterTrial(case_of("adapter.gradient.small"), ObjectHost(reference, timeout=60.0))
    unused = np.setdiff1d(np.arange(25), trial.routed.ids)
    assert len(unused)
    for name in ("targets.same.u", "targets.same.v"):
        bound = trial.expected_gradients[name]
        assert not bound.error[unused].any()
        assert not bound.value[unused].any()


def test_exact_data_leaves_no_room() -> None:
    trial = AdapterTrial(case_of("exact.adapter.one"), ObjectHost(reference, timeout=60.0))
    assert all(not bound.error.any() for bound in trial.expected.values())
