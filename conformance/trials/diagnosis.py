"""What a failure is blamed on: a formula only if the answer repeats, and an option only if the check holds without it.

- The call is made again. If its bits differ, nothing can be said of a formula (IND-3).
- A check of ``core`` may run on arrays in any order of memory, with any leading axes, on a layer with options, with a
  mask or in training. If it holds on the same case without one of these, the clause of that one is broken.
- Where an error came instead of an answer, the call is made again with arrays in rows of memory and one leading axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from peerspec.conformance.cases.adapter_case import AdapterCase
from peerspec.conformance.cases.case import Array, Case, Subject
from peerspec.conformance.cases.layouts import laid_out, layout, like
from peerspec.conformance.cases.options import OPTIONS, profiles_of
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import Host, supports
from peerspec.conformance.kinds import Stage, TrialKind
from peerspec.conformance.problems import Hint, HintKind, Problem
from peerspec.conformance.trials.run_check import examine_trial, make_trial, run_check
from peerspec.conformance.trials.structure import harm
from peerspec.reference import Layer

__all__ = ["diagnosed", "diagnosed_fault"]

_STEADY = frozenset({"IND-2", "IND-3", "IND-4", "CNF-4", "NRM-5"})
"""The clauses of failures that say something of calls, and not of formulas."""


@dataclass(frozen=True)
class _Without:
    """The case without one thing, and what is to blame if the check then holds."""

    what: str
    case: Case
    clause: str
    stage: Stage


def diagnosed(check: Check, subject: Subject, host: Host, evidence: Evidence, trial: Any = None) -> Evidence:
    """The evidence of a failure with the clause and the stage that are to blame.

    Args:
        check: the check that failed.
        subject: the case on which it failed.
        host: the backend, which is called a few times more.
        evidence: the failure.
        trial: the trial of the case; a new one is made unless it is given.
    """
    if not evidence.problem or evidence.blocked or host.dead or check.broken_clause(evidence) in _STEADY:
        return evidence
    try:
        trial = trial or make_trial(check.trial, subject, host)
        if trial.unsteady:
            stage = Stage.GRADIENT if check.trial is TrialKind.GRADIENTS else Stage.INDEPENDENCE
            return Evidence(inf, trial.unsteady, "IND-3", stage=stage, explored=evidence.explored)
        return _by_option(check, subject, host, evidence)
    except Fault:  # of a call besides those of the check
        return evidence


def diagnosed_fault(check: Check, subject: Subject, host: Host, problem: Problem) -> Evidence | None:
    """What is to blame for an error instead of an answer, if the case in plain form says it.

    An error of memory that cannot be written to, or cannot be viewed in another shape, hides what the call does.

    Args:
        check: the check that needed the answer.
        subject: the case.
        host: the backend, which is called a few times more.
        problem: the error.
    """
    if not isinstance(subject, Case) or host.dead:
        return None
    method = {TrialKind.GRADIENTS: "gradients", TrialKind.ADAPTER: "adapt"}.get(check.trial, "forward")
    for without in _in_plain_form(subject, _form_stage(check)):
        trial = make_trial(check.trial, without.case, host)
        try:
            found = examine_trial(check, trial)
            wrong = harm(method, trial.answer)
        except Fault:
            continue
        if wrong:
            return Evidence(inf, wrong.problem, wrong.clause, stage=without.stage)
        if found and not found.problem:
            return Evidence(inf, _holding(problem, without), without.clause, stage=without.stage)
    return None


def _holding(problem: Problem, without: _Without) -> Problem:
    """The problem, and that it is none without something."""
    return replace(problem, hints=(*problem.hints, Hint(HintKind.HOLDS_WITHOUT, {"option": without.what})))


def _by_option(check: Check, subject: Subject, host: Host, evidence: Evidence) -> Evidence:
    formula = check.stage in (*_STAGES, Stage.INDEPENDENCE) and not _formal(check.broken_clause(evidence))
    if not isinstance(subject, Case) or not formula or not evidence.problem:
        return evidence
    for without in _simpler(subject, check):
        if supports(host, without.case.layer.config, without.case.layer.dtype) is not True:
            continue
        found = run_check(check, without.case, host)
        if found and not found.problem:
            problem = _holding(evidence.problem, without)
            return replace(evidence, problem=problem, clause=without.clause or evidence.clause, stage=without.stage)
    return evidence


def _formal(clause: str) -> bool:
    """Whether a clause is not about a formula that options change: dtypes, shapes, memory, rounding, zeros."""
    return clause.startswith(("PRC-", "SHP-", "PAR-")) or clause in ("GRD-2", "GRD-5", "GRD-6")


def _simpler(case: Case, check: Check) -> Iterator[_Without]:
    """The case in rows of memory and [T, D], and for checks of ``core`` without its mask, training and each option."""
    gradients = check.trial is TrialKind.GRADIENTS
    yield from _in_plain_form(case, _form_stage(check))
    if (check.profile in ("core", "select", "training") or check.tag == "together") and check.stage in _STAGES:
        yield from _with_less(case, gradients=gradients)


def _with_less(case: Case, *, gradients: bool) -> Iterator[_Without]:
    batch = case.layer.config.query_norm == "batch"
    if case.mask is not None and not case.mask.all():
        yield _Without("a mask", replace(case, mask=None), *_mask(case, gradients=gradients))
    if case.training and not batch:
        yield _Without("training", replace(case, training=False), "OUT-4", Stage.INDEPENDENCE)
    used = profiles_of(case.layer.config)
    for profile in filter(used.__contains__, _WORDS):
        clause, stage = _option(case, profile, gradients=gradients)
        yield _Without(_WORDS[profile], _neutral(case, profile), clause, stage)


def _form_stage(check: Check) -> Stage:
    """The stage of a failure that the form of arrays causes."""
    return Stage.GRADIENT if check.stage is Stage.GRADIENT else Stage.STRUCTURE


def _in_plain_form(case: Case, stage: Stage) -> Iterator[_Without]:
    if isinstance(case, AdapterCase):
        yield from _adapter_in_plain_form(case, stage)
        return
    params, arrays = case.layer.params, {name: getattr(case, name) for name in ("x", "dy", "mask")}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    if _moved(params):
        layer = Layer(case.layer.config, _in_rows(params))
        yield _Without("tables in another order of memory", replace(case, layer=layer), "PAR-1", stage)
    if _moved(arrays):
        rows: dict[str, Any] = _in_rows(arrays)
        yield _Without("arrays in another order of memory", replace(case, **rows), "SHP-1", stage)
    batch = case.training and case.layer.config.query_norm == "batch"
    if case.x.ndim != 2 and not batch:  # the statistics of a batch are those of all leading axes (NRM-2)
        width = {"x": case.layer.config.d_model, "dy": case.layer.config.d_out}
        flat: dict[str, Any] = {
            name: like(a, a.reshape((-1, *([width[name]] if name in width else ())))) for name, a in arrays.items()
        }
        yield _Without("these leading axes", replace(case, **flat), "SHP-1", stage)


def _adapter_in_plain_form(case: AdapterCase, stage: Stage) -> Iterator[_Without]:
    if _moved(case.tables):
        yield _Without("tables in another order of memory", replace(case, tables=_in_rows(case.tables)), "PAR-1", stage)
    batch = case.training and case.layer.config.query_norm == "batch"
    if case.x.ndim != 2 and not batch:
        x, dy = case.x.reshape(-1, case.x.shape[-1]), case.upstream.items()
        flat = replace(case, x=x, upstream={name: part.reshape(-1, part.shape[-1]) for name, part in dy})
        yield _Without("these leading axes", flat, "SHP-1", stage)


def _moved(arrays: Mapping[str, Array]) -> bool:
    return any(layout(array) != "rows" for array in arrays.values())


def _in_rows(arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name: laid_out(array, "rows") for name, array in arrays.items()}


_WORDS = {
    "query-bias": "the query bias",
    "query-norm": "the query norm",
    "per-head-keys": "keys per head",
    "sigmoid": "sigmoid",
    "glu": "GLU",
}
_STAGES = frozenset(
    {
        Stage.QUERY,
        Stage.QUERY_NORM,
        Stage.SCORE,
        Stage.SELECTION,
        Stage.TIE,
        Stage.GATE,
        Stage.EXPERT,
        Stage.ACTIVATION,
        Stage.ACCUMULATION,
        Stage.GRADIENT,
    }
)
"""The stages of formulas."""


def _mask(case: Case, *, gradients: bool) -> tuple[str, Stage]:
    """Of a mask; with batch norm it has a meaning."""
    batch = case.layer.config.query_norm == "batch"
    if gradients:
        return _option(case, "query-norm", gradients=True) if batch else ("SHP-2", Stage.GRADIENT)
    return ("NRM-4", Stage.QUERY_NORM) if batch and case.training else ("SHP-2", Stage.STRUCTURE)


def _option(case: Case, profile: str, *, gradients: bool) -> tuple[str, Stage]:
    """The clause and the stage of an option; for gradients only the norm has clauses of its own."""
    kind = case.layer.config.query_norm
    if gradients:
        norm = {"batch": "GRD-9" if case.frozen else "GRD-7", "layer": "GRD-1"}.get(kind, "")
        return norm if profile == "query-norm" else "", Stage.GRADIENT
    batch = "NRM-2" if case.training else "NRM-1"
    return {
        "query-bias": ("QRY-1", Stage.QUERY),
        "query-norm": (batch if kind == "batch" else "NRM-6", Stage.QUERY_NORM),
        "per-head-keys": ("SCO-3", Stage.SCORE),
        "sigmoid": ("GAT-3", Stage.GATE),
        "glu": ("EXP-2", Stage.EXPERT),
    }[profile]


def _neutral(case: Case, profile: str) -> Case:
    """The case without the option of a profile, with the parameters that are left."""
    config = case.layer.config
    if profile == "per-head-keys":
        changed = replace(config, key_heads=1)
    else:
        field, values = OPTIONS[profile]
        changed = replace(config, **{field: values[0]})
    params = dict(case.layer.params) | {"keys": case.layer.params["keys"][: changed.key_heads]}
    layer = Layer(changed, {name: params[name] for name in changed.shapes()})
    return replace(case, layer=layer, training=case.training and changed.query_norm == config.query_norm)
