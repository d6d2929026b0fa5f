"""Verdicts are data: reword every message, and no status, clause, stage, reason, verdict or exit status changes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from peerspec.backends import load, reference
from peerspec.conformance import Report, check_backend, sentences
from peerspec.conformance.cases import LAYER_CASES, SELECTION_CASES
from peerspec.conformance.hosts.host import open_host
from peerspec.conformance.kinds import TrialKind
from peerspec.conformance.problems import FaultKind, HintKind, ProblemKind
from peerspec.conformance.render.failures import blocked, failures
from peerspec.conformance.render.json import dumps, loads
from peerspec.conformance.repro.attempt import attempt
from peerspec.conformance.repro.script import describe
from peerspec.conformance.repro.shrink import shrink
from peerspec.conformance.suite import CHECKS
from peerspec.conformance.verdict import Verdict
from peerspec.reference import PRECISIONS, Output

TESTS = Path(__file__).parents[1]
MISLEADING = "not checked, because forward() modified the format (OUT-2): its waiver is stale; no answer"

MUTANTS = [
    "heads_averaged",
    "routing_half_missing",
    "routing_in_input_dtype",
    "answer_in_a_reused_buffer",
    "ids_as_float",
    "ids_transposed",
    "ids_strided_by_k",
    "nan_gives_id_n",
    "state_not_returned",
    "x_overwritten",
    "selection_shared_by_heads",
    "selection_smallest",
    "gates_relu",
    "gates_in_bfloat16",
    "gates_other_than_shown",
    "scores_with_temperature",
    "repeat_stale_cache",
    "softmax_over_tokens",
    "norm_without_counted_tokens",
    "ties_of_signed_zeros",
    "vector_keeps_an_axis",
    "gradient_of_x_missing",
    "gradient_of_x_flattened",
    "gradient_of_a_vector_has_an_axis",
    "gradient_scales_dy_in_place",
    "gradient_of_single_head_squeezed",
    "gradient_to_all_sub_keys",
    "gradient_atomic_order",
]
VARIANTS = ["unmutated", "without_routing", "declines_gelu", "selection_unsorted"]


def changed(**changes: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"name": "b", "profiles": ["float32"], "forward": reference.forward} | changes)


def forward(answer: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda layer, x, **options: answer(layer, x)


def fail(error: BaseException) -> Any:
    raise error


def raises_at_two_heads(layer: Any, x: Any) -> Output:
    return fail(IndexError("two: heads")) if layer.config.heads == 2 else reference.forward(layer, x)


def hangs_at_two_heads(layer: Any, x: Any) -> Output:
    if layer.config.heads == 2:
        time.sleep(3)
    return reference.forward(layer, x)


MADE: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
    "raises": lambda: (changed(forward=forward(raises_at_two_heads)), {}),
    "hangs": lambda: (changed(forward=forward(hangs_at_two_heads)), {"timeout": 0.4}),
    "exits": lambda: (changed(forward=forward(lambda layer, x: fail(SystemExit(3)))), {}),
    "returns a text": lambda: (changed(forward=forward(lambda layer, x: "y")), {}),
    "returns no numbers": lambda: (changed(forward=forward(lambda layer, x: Output(None))), {}),  # type: ignore[arg-type]
    "lacks a method": lambda: (changed(profiles=["float32", "select"]), {}),
    "supports False": lambda: (changed(supports=lambda config, dtype: False), {}),
    "refuses everything": lambda: (changed(supports=lambda config, dtype: "not today"), {}),
    "claims nothing": lambda: (changed(profiles=[]), {}),
    "a waiver": lambda: (mutant("heads_averaged"), {"only": ["output.heads"], "waivers": {"output.heads": "known"}}),
    "a stale waiver": lambda: (reference, {"only": ["output"], "waivers": {"output.heads": "known"}}),
    "an exploration": lambda: (mutant("ties_of_two_swapped"), {"only": ["explore.select"], "size": "default"}),
    "an exploration of faults": lambda: (
        changed(forward=forward(raises_at_two_heads)),
        {"only": ["explore.layer"], "size": "default"},
    ),
    "stopped early": lambda: (mutant("selection_smallest"), {"stop_early": True}),
}


def mutant(name: str) -> Any:
    return load(str(TESTS / "mutants" / f"{name}.py"))


def of_file(folder: str, name: str) -> tuple[Any, dict[str, Any]]:
    backend = load(str(TESTS / folder / f"{name}.py"))
    return backend, {"profiles": sorted({"core", "float32", *backend.profiles} - set(PRECISIONS) | {"float32"})}


BACKENDS: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
    **{name: lambda name=name: of_file("mutants", name) for name in MUTANTS},  # type: ignore[misc]
    **{name: lambda name=name: of_file("variants", name) for name in VARIANTS},  # type: ignore[misc]
    **MADE,
}


def reword(patch: pytest.MonkeyPatch, text: str) -> None:
    """Every renderer of words returns ``text``, wherever it was imported."""
    for module in [module for name, module in sys.modules.items() if name.startswith("peerspec.")]:
        for name in ("message", "sentence"):
            if getattr(module, name, None) is getattr(sentences, name) and module is not sentences:
                patch.setattr(module, name, lambda *_: text)
    for name in ("message", "sentence", "_filled"):
        patch.setattr(sentences, name, lambda *_: text)
    patch.setattr(Verdict, "__str__", lambda verdict: text)
    patch.setattr(Verdict, "head", text)


def judged(make: Callable[[], tuple[Any, dict[str, Any]]]) -> Report:
    backend, options = make()
    return check_backend(backend, **{"size": "minimal"} | options)


def facts(report: Report) -> dict[str, Any]:
    """Everything that a report says but its words and seconds."""
    causes = [report.findings.index(finding) for finding in report.causes]
    return {
        "report": asdict(_wordless(report)),
        "verdict": asdict(replace(report.verdict, error="")),
        "exit": report.exit_status,
        "causes": causes,
        "first": causes[0] if report.first else None,
        "failures": [(f.check, f.stage, f.status, f.clause, len(f.witnesses)) for f in failures(report)],
        "blocked": blocked(report),
        "read": asdict(loads(dumps([report]))[0].verdict) == asdict(report.verdict),
    }


def _wordless(report: Report) -> Report:
    return replace(report, seconds=0.0, findings=tuple(replace(finding, message="") for finding in report.findings))


@pytest.mark.parametrize("name", BACKENDS)
def test_no_verdict_depends_on_words(name: str) -> None:
    expected = judged(BACKENDS[name])
    for text in ("", MISLEADING) if name in MADE else (MISLEADING,):
        with pytest.MonkeyPatch.context() as patch:
            reword(patch, text)
            found = judged(BACKENDS[name])
            assert {finding.message for finding in found.findings} <= {"", text}, "a renderer is not patched"
            assert facts(found) == facts(expected)


def test_every_kind_has_words_and_no_two_kinds_are_equal() -> None:
    assert sorted(sentences.TEMPLATES) == sorted([*ProblemKind, *FaultKind])
    assert sorted(sentences.HINTS) == sorted(HintKind)


def test_the_backends_cover_every_status_and_reason() -> None:
    reports = [judged(MADE[name]) for name in ("raises", "exits", "a waiver", "a stale waiver", "claims nothing")]
    reports += [judged(BACKENDS[name]) for name in ("selection_smallest", "without_routing", "declines_gelu")]
    findings = [finding for report in reports for finding in report.findings]
    assert {finding.status for finding in findings} == {"pass", "fail", "error", "not claimed", "waived"}
    assert {str(finding.reason) for finding in findings} >= {
        "violation", "blocked by another failure", "no answer", "stale waiver", "waiver", "profile not claimed",
        "configuration declined", "routing not shown",
    }  # fmt: skip


SHRUNK = [
    ("halves_swapped", "query.halves", "exact.halves"),
    ("strides_ignored", "structure.forms", "shape.strided"),
    ("heads_averaged", "output.heads", "numeric.apart"),
    ("ties_of_signed_zeros", "select.ids", "zeros"),
    ("gradient_of_x_missing", "gradients.structure", "gradient.relu"),
]


def smallest(backend: Any, check: str, case: str) -> tuple[Any, ...]:
    """The shrunk case in numbers, and how it fails."""
    [question] = [one for one in CHECKS if one.id == check]
    definitions: list[Any] = [*SELECTION_CASES] if question.trial is TrialKind.SELECTION else [*LAYER_CASES]
    [definition] = [one for one in definitions if one.name == case]
    host = open_host(backend, timeout=60)
    found = shrink(question, definition.make(PRECISIONS["float32"], 0), host, cases=120, seconds=60)
    last = attempt(question, found.subject, host)
    return describe(found.subject), found.tried, last.reason, last.clause, last.fault


@pytest.mark.parametrize("text", ["", MISLEADING])
@pytest.mark.parametrize(("name", "check", "case"), SHRUNK)
def test_no_shrunk_case_depends_on_words(name: str, check: str, case: str, text: str) -> None:
    expected = smallest(mutant(name), check, case)
    with pytest.MonkeyPatch.context() as patch:
        reword(patch, text)
        assert smallest(mutant(name), check, case) == expected


def test_no_shrunk_case_of_a_fault_depends_on_words() -> None:
    """Two faults of one method: shrinking must not go from one fault to the other, whatever their messages."""

    def answer(layer: Any, x: Any) -> Output:
        if layer.config.heads < 2:
            raise KeyError("another: defect")
        return fail(IndexError("two: heads"))

    backend = changed(forward=forward(answer))
    expected = smallest(backend, "structure.answer", "exact.relu")
    assert "h=2" in expected[0]
    for text in ("", MISLEADING):
        with pytest.MonkeyPatch.context() as patch:
            reword(patch, text)
            assert smallest(backend, "structure.answer", "exact.relu") == expected
