"""Chapter 6: gradients, by what they are the gradient of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.base import holds, within
from peerspec.conformance.trials.gradients import GradientTrial

__all__ = ["GRADIENTS"]

Judge = Callable[[GradientTrial], Iterator[Evidence]]
AXES = {
    "experts": ("expert", "feature"),
    "keys": ("key head", "half", "sub-key", "feature"),
    "query": ("head", "query feature", "feature"),
    "x": ("token", "feature"),
}


def _structure(trial: GradientTrial) -> Iterator[Evidence]:
    signs = {"modified": "IND-2", "format": "PRC-1", "gradient of x must have shape": "SHP-1"}
    clause = next((clause for sign, clause in signs.items() if sign in trial.problem), "")
    yield holds(not trial.problem, trial.problem, clause=clause)


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
            evidence = _silent(name, got.astype(np.float64), selected)
            if evidence.problem and _misplaced(got, trial.expected[name].value, selected):
                evidence = replace(evidence, clause="GRD-1" if name == "keys" else "GRD-3")
            yield evidence


def _misplaced(got: Array, expected: Array, selected: Array) -> bool:
    """Whether rows that were selected lack what others got."""
    return bool(((got == 0).all(-1) & (expected != 0).any(-1) & selected).any())


def _silent(name: str, got: Array, selected: Array) -> Evidence:
    """Whether all rows but the selected ones are zero; a NaN is not."""
    wrong = np.argwhere((got != 0).any(-1) & ~selected)
    at = tuple(int(i) for i in wrong[0]) if len(wrong) else ()
    row = at[0] if len(at) == 1 else at
    where: dict[str, Any] = dict(zip(AXES[name.split(".")[0]], at, strict=False))
    return holds(not at, f"the gradient of {name} is not zero in row {row}, which no token selected", **where)


def _repeat(trial: GradientTrial) -> Iterator[Evidence]:
    """Some times more, as sums in any order may agree by chance; after a forward pass of other tokens."""
    trial.trial.forward(-trial.case.x)
    again = [trial.again() for _ in range(4)]
    moved = [name for name, got in trial.returned.items() if any(got.tobytes() != a[name].tobytes() for a in again)]
    yield holds(
        not moved, f"the same question gave another answer after a call of forward(): the gradient of {moved[:1]}"
    )


def _of(*prefixes: str, narrow: bool = False) -> Judge:
    def judge(trial: GradientTrial) -> Iterator[Evidence]:
        for name, expected in trial.expected.items():
            if name.startswith(prefixes):
                got = trial.returned[name].reshape(expected.value.shape)
                axes = AXES.get(name.split(".")[0])
                axes = axes if axes and len(axes) == got.ndim else None
                yield from within(f"the gradient of {name}", got, expected, axes=axes, u=trial.trial.model.u * narrow)

    return _decided(judge)


def _forms(trial: GradientTrial) -> Iterator[Evidence]:
    moved = not trial.case.layer.params["experts.u"].flags.c_contiguous
    clause = "PAR-1" if moved else "SHP-1" if trial.case.mask is None else "SHP-2"
    yield holds(not trial.problem, trial.problem, clause=clause)
    for evidence in _of("")(trial):
        yield replace(evidence, clause=clause)


def _sound(judge: Judge) -> Judge:
    """Judge gradients only where the forward pass they belong to has the right structure."""

    def judged(trial: GradientTrial) -> Iterator[Evidence]:
        if trial.trial.structure:
            clause, problem = trial.trial.structure[0]
            yield Evidence(float("inf"), f"not judged, because {problem}", clause, blocked=True)
        else:
            yield from judge(trial)

    return judged


def _decided(judge: Judge) -> Judge:
    """Judge only sound answers, and only where at least half of the tokens have a certain selection."""

    def judged(trial: GradientTrial) -> Iterator[Evidence]:
        if 2 * trial.certain.sum() < len(trial.certain):
            return
        elif trial.problem:
            yield holds(False, f"not judged, because {trial.problem}")
        else:
            yield from judge(trial)

    return _sound(judged)


def _check(id: str, clauses: tuple[str, ...], tag: str, judge: Judge, summary: str, profile: str = "training") -> Check:
    return Check(id, clauses, "gradient", tag, judge, summary, profile=profile)


def _kink(trial: GradientTrial) -> Iterator[Evidence]:
    """First the rows whose inner products are not zero, then those of zeros alone."""
    zero: Any = ~np.asarray(trial.case.layer.params["experts.u"], float).any(1)
    got, expected = trial.returned["experts.u"], trial.expected["experts.u"]
    for rows, clause in ((~zero, "GRD-3"), (zero, "")):
        where = np.broadcast_to(rows[:, None], got.shape)
        yield from within("the gradient of experts.u", got, expected, where, axes=AXES["experts"], clause=clause)


def _norm(trial: GradientTrial) -> Iterator[Evidence]:
    """GRD-7 is about batches; the layer norm is a path like others."""
    clause = "GRD-1" if trial.case.layer.config.query_norm == "layer" else ""
    for evidence in _of("")(trial):
        yield replace(evidence, clause=clause)


GRADIENTS = (
    _check(
        "gradients.structure",
        ("GRD-1", "PRC-1", "IND-2", "SHP-1"),
        "gradient",
        _sound(_structure),
        "Are all gradients there?",
    ),
    _check(
        "gradients.repeat",
        ("IND-3",),
        "gradient.repeat",
        _decided(_repeat),
        "Do equal questions about gradients give equal bits?",
    ),
    _check(
        "gradients.unselected",
        ("GRD-2", "GRD-1", "GRD-3"),
        "gradient",
        _decided(_unselected),
        "Are rows never selected exactly zero?",
    ),
    _check(
        "gradients.v",
        ("GRD-3", "PRC-2", "PRC-4"),
        "gradient",
        _of("experts.v", narrow=True),
        "Do all uses of a row of v add up?",
    ),
    _check(
        "gradients.kink", ("GRD-6", "GRD-3", "PRC-5"), "gradient.kink", _decided(_kink), "Is the slope of relu 0 at 0?"
    ),
    _check(
        "gradients.u",
        ("GRD-3", "GRD-6", "PRC-4"),
        "gradient",
        _of("experts.u", "experts.w"),
        "And of u and w?",
    ),
    _check(
        "gradients.one",
        ("GRD-5", "PRC-5"),
        "gradient.one",
        _of("query", "keys"),
        "Is the router's gradient zero at k = 1?",
    ),
    _check(
        "gradients.keys",
        ("GRD-1", "PRC-4"),
        "gradient",
        _of("keys"),
        "Do gradients reach both halves of the keys?",
    ),
    _check("gradients.query", ("GRD-1", "PRC-4"), "gradient", _of("query."), "Do gradients reach W and b?"),
    _check("gradients.x", ("GRD-4", "PRC-4"), "gradient", _of("x"), "Does x get both paths?"),
    _check(
        "gradients.forms",
        ("SHP-1", "SHP-2", "PAR-1"),
        "gradient.form",
        _sound(_forms),
        "Do leading axes, none of them filled, the order of memory and a mask leave gradients as they are?",
    ),
    _check(
        "gradients.norm",
        ("GRD-7", "GRD-1", "PRC-4"),
        "gradient.norm",
        _norm,
        "Do gradients pass through the query norm?",
    ),
)
