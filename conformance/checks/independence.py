"""Tokens are independent, answers repeat, and a token that is not finite changes no other token."""

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
from peerspec.reference import Layer, Output

__all__ = ["FINITE_CHECKS", "INDEPENDENCE_CHECKS", "OPTION_CHECKS"]

BLAME = {"indices": "SEL-6", "scores": "SEL-6", "gates": "GAT-1", "y": "IND-1"}
"""The clause to blame for a dependence on other tokens, by the first part of the answer that shows it."""


def _repeat(trial: Trial) -> Iterator[Evidence]:
    everyone = np.ones(len(trial.tokens), bool)
    moved = _changed(trial.output, trial.forward(), everyone)
    yield holds(moved is None, ProblemKind.NOT_REPEATED, part=moved)
    # no legal layer gives x and −2x one answer: scores and inner products change signs and sizes
    opposite = trial.case.x * trial.case.x.dtype.type(-2)
    yield holds(_all_changed(trial.output, trial.forward(opposite)), ProblemKind.STALE_FOR_INPUT)
    for same in (0, len(trial.tokens) - 1) if len(trial.tokens) > 1 else ():
        rows = np.arange(len(trial.tokens)) == same
        x = np.where(rows.reshape(*trial.lead, 1), trial.case.x, opposite)
        changed = _all_changed(trial.output, trial.forward(x), at=~rows)
        yield holds(changed, ProblemKind.STALE_FOR_TOKENS, same=same)


def _parameters(trial: Trial) -> Iterator[Evidence]:
    """The same tokens with other parameters: a backend must not store answers by configuration or shape."""
    for name, array in trial.case.layer.params.items():
        params = dict(trial.case.layer.params)
        params[name] = array * array.dtype.type(4 if name == "query_norm.var" else -2)  # a variance is not negative
        other = trial.forward(layer=Layer(trial.case.layer.config, params))
        parts = ("y",) if name.startswith("experts") else ("scores", "y")
        yield holds(_all_changed(trial.output, other, parts), ProblemKind.STALE_FOR_PARAMETER, name=name)


def _perturb(trial: Trial) -> Iterator[Evidence]:
    """Change all tokens but one and compare its bits; then change one token and compare the bits of all others."""
    for token in (len(trial.tokens) - 1, 0):
        only = np.arange(len(trial.tokens)) == token
        others = trial.case.x * trial.case.x.dtype.type(-0.5)
        x = like(trial.case.x, np.where(only.reshape(*trial.lead, 1), trial.case.x, others))
        yield _unmoved(_changed(trial.output, trial.forward(x), only), ProblemKind.TOKEN_FOLLOWS_OTHERS, token)
    for token in (len(trial.tokens) - 1, 0):
        rows = np.array(trial.case.x.reshape(len(trial.tokens), -1))
        rows[token] = -rows[(token + 1) % len(rows)]
        x = like(trial.case.x, rows.reshape(trial.case.x.shape))
        others = np.arange(len(rows)) != token
        yield _unmoved(_changed(trial.output, trial.forward(x), others), ProblemKind.OTHERS_FOLLOW_TOKEN, token)


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


def _all_changed(a: Output, b: Output, parts: tuple[str, ...] = ("scores", "y"), *, at: Array | None = None) -> bool:
    """Whether each of the parts differs, the tokens ``at`` taken together."""
    pairs = ((getattr(a, part), getattr(b, part)) for part in parts)
    return all(first is None or _rows(first, at) != _rows(second, at) for first, second in pairs)


def _rows(part: Array, at: Array | None) -> bytes:
    return part.tobytes() if at is None else part.reshape(len(at), -1)[at].tobytes()


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
        "independence.repeat",
        ("IND-3",),
        Stage.INDEPENDENCE,
        "perturb",
        sound(_repeat),
        "Do equal inputs give equal bits?",
    ),
    Check(
        "independence.parameters",
        ("IND-3",),
        Stage.INDEPENDENCE,
        "perturb",
        sound(_parameters),
        "Do other parameters give another answer?",
    ),
    Check(
        "independence.tokens",
        ("IND-1", "SEL-6", "GAT-1"),
        Stage.INDEPENDENCE,
        "perturb",
        sound(_perturb),
        "Do the bits of a token stay the same when other tokens change?",
    ),
)
OPTION_CHECKS = (
    Check(
        "independence.options",
        ("IND-3",),
        Stage.INDEPENDENCE,
        "parameters",
        sound(_parameters),
        "Do other parameters give another answer if the layer has options?",
    ),
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
"""After the options, because a parameter that is ignored breaks the clause of its option."""
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
