"""Chapter 6: gradients, by the tensor they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import blocked, holds, violated, within
from peerspec.conformance.checks.forms import form_clause
from peerspec.conformance.checks.state import gradients_follow, gradients_repeat
from peerspec.conformance.kinds import Stage, TrialKind
from peerspec.conformance.problems import ProblemKind
from peerspec.conformance.trials.gradients import GradientTrial

__all__ = ["GRADIENT_CHECKS"]

Examine = Callable[[GradientTrial], Iterator[Evidence]]
AXES = {
    "experts": ("expert", "feature"),
    "keys": ("key head", "half", "sub-key", "feature"),
    "query": ("head", "query feature", "feature"),
    "query_norm": ("head", "query feature"),
    "x": ("token", "feature"),
}
"""The axes by the first part of a parameter's name."""


def _structure(trial: GradientTrial) -> Iterator[Evidence]:
    yield violated(trial.violation) if trial.violation else Evidence(0.0)


def _unselected(trial: GradientTrial) -> Iterator[Evidence]:
    """Rows without a single contribution are exactly zero."""
    ids, config = trial.trial.ids, trial.case.layer.config
    experts, sub_keys = np.zeros(config.num_experts, bool), np.zeros((config.key_heads, 2, config.n), bool)
    experts[ids] = True
    owner = np.arange(config.heads)[:, None] if config.key_heads > 1 else 0
    for side, rows in enumerate(np.divmod(ids, config.n)):
        sub_keys[owner, side, rows] = True
    for name, got in trial.returned.items():
        if name == "keys" or name.startswith("experts."):
            selected = sub_keys if name == "keys" else experts
            evidence = _zero_elsewhere(name, got.astype(np.float64), selected)
            if evidence.problem and _misplaced(got, trial.expected[name].value, selected):
                evidence = replace(evidence, clause="GRD-1" if name == "keys" else "GRD-3")
            yield evidence


def _misplaced(got: Array, expected: Array, selected: Array) -> bool:
    """Whether a selected row lacks its gradient, which another row may have got."""
    return bool(((got == 0).all(-1) & (expected != 0).any(-1) & selected).any())


def _zero_elsewhere(name: str, got: Array, selected: Array) -> Evidence:
    """Whether all rows but the selected ones are zero; a NaN is not zero."""
    wrong = np.argwhere((got != 0).any(-1) & ~selected)
    if not len(wrong):
        return Evidence(0.0)
    at = tuple(int(i) for i in wrong[0])
    where = dict(zip(AXES[name.split(".")[0]], at, strict=False))
    return holds(False, ProblemKind.NONZERO_GRADIENT, where=where, name=name, row=at[0] if len(at) == 1 else at)


def _of(*prefixes: str, narrow: bool = False) -> Examine:
    """Compare the gradients of the parameters whose names start with one of the prefixes.

    With ``narrow``, small errors are blamed on precision, unless an approximation of σ′ explains them.
    """

    def examine(trial: GradientTrial) -> Iterator[Evidence]:
        for name, expected in trial.expected.items():
            if name.startswith(prefixes):
                got = trial.returned[name].reshape(expected.value.shape)
                axes = AXES.get(name.split(".")[0], ())
                known = axes if len(axes) == got.ndim else None
                u = trial.trial.model.u * (narrow and _has_exact_slope(trial, name))
                yield from within(f"the gradient of {name}", got, expected, axes=known, u=u, exact=trial.case.exact)

    return _decided(examine)


def _has_exact_slope(trial: GradientTrial, name: str) -> bool:
    """Whether σ′ cannot be approximated, or has no part in this gradient."""
    straight = trial.case.layer.config.activation in ("relu", "identity")
    return straight or not name.startswith(("experts.u", "experts.w", "x"))


def _forms(trial: GradientTrial) -> Iterator[Evidence]:
    clause = form_clause(trial.case)
    yield replace(violated(trial.violation), clause=clause) if trial.violation else Evidence(0.0)
    for evidence in _of("")(trial):
        yield replace(evidence, clause=clause)


def _sound(examine: Examine) -> Examine:
    """Examine gradients only if the answer of ``forward`` has the right structure."""

    def examine_sound(trial: GradientTrial) -> Iterator[Evidence]:
        if trial.trial.structure:
            clause, problem = trial.trial.structure[0]
            yield blocked(problem, clause)
        else:
            yield from examine(trial)

    return examine_sound


def _decided(examine: Examine) -> Examine:
    """Examine sound answers only, and only if at least half of the tokens have a certain selection."""

    def examine_decided(trial: GradientTrial) -> Iterator[Evidence]:
        if 2 * trial.certain.sum() < len(trial.certain):
            return
        if trial.violation:
            yield blocked(trial.violation.problem)
        else:
            yield from examine(trial)

    return _sound(examine_decided)


def _kink(trial: GradientTrial) -> Iterator[Evidence]:
    """First the rows whose inner products are not zero, then the rows of zeros alone."""
    zero: Any = ~np.asarray(trial.case.layer.params["experts.u"], float).any(1)
    got, expected = trial.returned["experts.u"], trial.expected["experts.u"]
    for rows, clause, u in ((~zero, "GRD-3", trial.trial.model.u), (zero, "", 0.0)):
        where, axes = np.broadcast_to(rows[:, None], got.shape), AXES["experts"]
        yield from within(
            "the gradient of experts.u", got, expected, where, axes=axes, clause=clause, u=u, exact=trial.case.exact
        )


def _norm(trial: GradientTrial) -> Iterator[Evidence]:
    """GRD-7 is about batches; the layer norm is a path like others."""
    clause = "GRD-1" if trial.case.layer.config.query_norm == "layer" else ""
    for evidence in _of("")(trial):
        yield replace(evidence, clause=clause)


def _check(
    id: str, clauses: tuple[str, ...], tag: str, examine: Examine, summary: str, profile: str = "training"
) -> Check:
    return Check(id, clauses, Stage.GRADIENT, tag, examine, summary, profile=profile, trial=TrialKind.GRADIENTS)


GRADIENT_CHECKS = (
    _check(
        "gradients.structure",
        ("GRD-1", "PRC-6", "IND-2", "IND-4", "SHP-1"),
        "gradient",
        _sound(_structure),
        "Are all gradients there, with the right shapes and dtypes?",
    ),
    _check(
        "gradients.repeat",
        ("IND-3", "IND-4"),
        "gradient.repeat",
        _decided(gradients_repeat),
        "Do equal calls of gradients() give equal bits, several times and after other calls?",
    ),
    _check(
        "gradients.follow",
        ("IND-3", "IND-4"),
        "gradient.follow",
        _decided(gradients_follow),
        "Do gradients follow a change of any entry of x, dy and the parameters?",
    ),
    _check(
        "gradients.unselected",
        ("GRD-2", "GRD-1", "GRD-3"),
        "gradient",
        _decided(_unselected),
        "Are the gradients of rows that no token selected exactly zero?",
    ),
    _check(
        "gradients.v",
        ("GRD-3", "PRC-2", "PRC-4"),
        "gradient",
        _of("experts.v", narrow=True),
        "Do all uses of a row of v add up?",
    ),
    _check(
        "gradients.kink",
        ("GRD-6", "GRD-3", "PRC-2", "PRC-5"),
        "gradient.kink",
        _decided(_kink),
        "Is the slope of relu 0 at 0?",
    ),
    _check(
        "gradients.u",
        ("GRD-3", "GRD-6", "PRC-2", "PRC-4"),
        "gradient",
        _of("experts.u", "experts.w", narrow=True),
        "Do all uses of a row of u and of w add up?",
    ),
    _check(
        "gradients.one",
        ("GRD-5", "PRC-5"),
        "gradient.one",
        _of("query", "keys"),
        "Is the gradient of the router zero at k = 1?",
    ),
    _check(
        "gradients.keys",
        ("GRD-1", "PRC-2", "PRC-4"),
        "gradient",
        _of("keys", narrow=True),
        "Do gradients reach both halves of the keys?",
    ),
    _check(
        "gradients.query",
        ("GRD-1", "PRC-2", "PRC-4"),
        "gradient",
        _of("query.", narrow=True),
        "Do gradients reach W and b?",
    ),
    _check(
        "gradients.x",
        ("GRD-4", "PRC-2", "PRC-4"),
        "gradient",
        _of("x", narrow=True),
        "Does x get the gradient of both paths?",
    ),
    _check(
        "gradients.forms",
        ("SHP-1", "SHP-2", "PAR-1"),
        "gradient.form",
        _sound(_forms),
        "Are gradients independent of leading axes, of an empty batch, of the order of memory and of a mask?",
    ),
    _check(
        "gradients.norm",
        ("GRD-7", "GRD-1", "PRC-4"),
        "gradient.norm",
        _norm,
        "Do gradients pass through the query norm?",
    ),
    _check(
        "gradients.frozen",
        ("GRD-9", "GRD-1", "PRC-4"),
        "gradient.frozen",
        _of(""),
        "Are running statistics constants if the statistics are frozen?",
        profile="frozen-statistics",
    ),
)
