"""Tokens are independent, and a token that is not finite changes no other token."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.cases.case import Array
from peerspec.conformance.cases.layouts import like
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import holds, sound
from peerspec.conformance.kinds import Stage
from peerspec.conformance.problems import ProblemKind
from peerspec.conformance.trials.layer import Trial
from peerspec.reference import Output

__all__ = ["FINITE_CHECKS", "FINITE_NORM_CHECKS", "INDEPENDENCE_CHECKS"]

BLAME = {"indices": "SEL-6", "scores": "SEL-6", "gates": "GAT-1", "y": "IND-1"}
"""The clause to blame for a dependence on other tokens, by the first part of the answer that shows it."""


def _perturb(trial: Trial) -> Iterator[Evidence]:
    """Change all tokens but one and compare its bits; then change one token and compare the bits of all others."""
    given = trial.case.x.reshape(len(trial.tokens), -1)
    for token in (len(trial.tokens) - 1, 0):
        rows, only = given * given.dtype.type(-0.5), np.arange(len(given)) == token
        rows[token] = given[token]
        moved = _changed(trial.output, trial.forward(_as_given(trial, rows)), only)
        yield _unmoved(moved, ProblemKind.TOKEN_FOLLOWS_OTHERS, token)
    for token in (len(trial.tokens) - 1, 0):
        rows, others = given.copy(), np.arange(len(given)) != token
        rows[token] = -rows[(token + 1) % len(rows)]
        moved = _changed(trial.output, trial.forward(_as_given(trial, rows)), others)
        yield _unmoved(moved, ProblemKind.OTHERS_FOLLOW_TOKEN, token)


def _as_given(trial: Trial, rows: Array) -> Array:
    """Rows [T, D] in the shape and the memory order of the case's x."""
    return like(trial.case.x, rows.reshape(trial.case.x.shape))


def _unmoved(moved: str | None, kind: ProblemKind, token: int) -> Evidence:
    return holds(moved is None, kind, clause=BLAME.get(moved or "", ""), where={"token": token}, part=moved)


def _nan(trial: Trial) -> Iterator[Evidence]:
    bad = np.isnan(trial.tokens).any(-1)
    lost = int((~np.isnan(trial.returned_y[bad].astype(np.float64))).sum())
    yield holds(not lost, ProblemKind.NAN_LOST, count=lost)


def _others(trial: Trial) -> Iterator[Evidence]:
    """The bits of the other tokens are those of the same batch with a finite token instead."""
    x = np.where(np.isfinite(trial.case.x.astype(np.float64)), trial.case.x, trial.case.x.dtype.type(0))
    moved = _changed(trial.output, trial.forward(x), trial.finite)
    yield holds(moved is None, ProblemKind.NON_FINITE_SPREADS, part=moved)


def _changed(a: Output, b: Output, tokens: Array) -> str | None:
    """The first part of the answer whose bits differ at these tokens."""
    for name in ("indices", "scores", "gates", "y"):
        first, second = getattr(a, name), getattr(b, name)
        if first is None or second is None:
            continue
        if first.shape != second.shape:
            return name
        rows = (part.reshape(len(tokens), -1)[tokens] for part in (first, second))
        if next(rows).tobytes() != next(rows).tobytes():
            return name
    return None


INDEPENDENCE_CHECKS = (
    Check(
        "independence.tokens",
        ("IND-1", "SEL-6", "GAT-1"),
        Stage.INDEPENDENCE,
        "perturb",
        sound(_perturb),
        "Do the bits of a token stay the same when other tokens change?",
    ),
)
FINITE_NORM_CHECKS = (
    Check(
        "norm.nan",
        ("NFT-1",),
        Stage.NON_FINITE,
        "norm.nan",
        sound(_nan),
        "Does a NaN in a masked x_t reach all of y_t in training?",
        profile="query-norm",
    ),
)
FINITE_CHECKS = (
    Check("finite.nan", ("NFT-1",), Stage.NON_FINITE, "nan", sound(_nan), "Does a NaN in x_t reach all of y_t?"),
    Check(
        "finite.others",
        ("NFT-2",),
        Stage.NON_FINITE,
        "nan",
        sound(_others),
        "Does a NaN stay in its token?",
    ),
    Check(
        "finite.infinity",
        ("NFT-2",),
        Stage.NON_FINITE,
        "infinity",
        sound(_others),
        "Does an infinity stay in its token?",
    ),
)
