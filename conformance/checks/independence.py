"""Tokens are independent, answers repeat, and a bad token harms itself alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.cases.case import Array
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.base import holds, sound
from peerspec.conformance.trials.layer import Trial
from peerspec.reference import Layer, Output

__all__ = ["FINITE", "INDEPENDENCE", "OPTIONS"]

BLAME = {"indices": "SEL-6", "scores": "SEL-6", "gates": "GAT-1", "y": "IND-1"}
"""The clause that a dependence on other tokens breaks first, by the part of the answer it shows in."""


def _repeat(trial: Trial) -> Iterator[Evidence]:
    everyone = np.ones(len(trial.tokens), bool)
    moved = _changed(trial.output, trial.forward(), everyone)
    yield holds(moved is None, f"the same input gave another result the second time, first in {moved}")
    # no legal layer gives x and −2x one answer: scores and inner products change signs and sizes
    other = trial.forward(trial.case.x * trial.case.x.dtype.type(-2))
    yield holds(_all_changed(trial.output, other), "another input of the same shape gave the answer of the first")
    for kept in (0, len(trial.tokens) - 1) if len(trial.tokens) > 1 else ():
        rows = np.arange(len(trial.tokens)) == kept
        mixed = np.where(rows.reshape(*trial.lead, 1), trial.case.x, trial.case.x * trial.case.x.dtype.type(-2))
        yield holds(
            _all_changed(trial.output, trial.forward(mixed), at=~rows),
            f"another input with the same token {kept} gave the answer of the first",
        )


def _parameters(trial: Trial) -> Iterator[Evidence]:
    """The same tokens with other parameters: nothing is kept by configuration or shape."""
    for name, array in trial.case.layer.params.items():
        params = dict(trial.case.layer.params)
        params[name] = array * array.dtype.type(4 if name == "query_norm.var" else -2)  # a variance is not negative
        other = trial.forward(layer=Layer(trial.case.layer.config, params))
        parts = ("y",) if name.startswith("experts") else ("scores", "y")
        yield holds(_all_changed(trial.output, other, parts), f"another {name} gave the answer of the first")


def _perturb(trial: Trial) -> Iterator[Evidence]:
    """Replace one token and compare the bits of all others; then keep one token and replace all others."""
    for kept in (len(trial.tokens) - 1, 0):
        x = trial.case.x * trial.case.x.dtype.type(-0.5)
        rows, only = x.reshape(len(trial.tokens), -1), np.arange(len(trial.tokens)) == kept
        rows[kept] = trial.case.x.reshape(rows.shape)[kept]
        moved = _changed(trial.output, trial.forward(x), only)
        clause = BLAME.get(moved or "", "")
        yield holds(
            moved is None, f"changing all others changed token {kept}, first in {moved}", clause=clause, token=kept
        )
    for victim in (len(trial.tokens) - 1, 0):
        x = trial.case.x.copy()
        rows = x.reshape(len(trial.tokens), -1)
        rows[victim] = -rows[(victim + 1) % len(rows)]
        others = np.arange(len(rows)) != victim
        moved = _changed(trial.output, trial.forward(x), others)
        yield holds(
            moved is None,
            f"changing token {victim} changed another token, first in {moved}",
            clause=BLAME.get(moved or "", ""),
            token=victim,
        )


def _nan(trial: Trial) -> Iterator[Evidence]:
    bad = np.isnan(trial.tokens).any(-1)
    finite = ~np.isnan(trial.returned_y[bad].astype(np.float64))
    yield holds(not finite.any(), f"{int(finite.sum())} entries of y are not NaN although x of their token holds one")


def _others(trial: Trial) -> Iterator[Evidence]:
    """The other tokens' bits are those of the same batch with a finite token in its place."""
    x = np.where(np.isfinite(trial.case.x.astype(np.float64)), trial.case.x, trial.case.x.dtype.type(0))
    moved = _changed(trial.output, trial.forward(x), trial.finite)
    yield holds(moved is None, f"a token that is not finite changed another token, first in {moved}")


def _all_changed(a: Output, b: Output, parts: tuple[str, ...] = ("scores", "y"), *, at: Array | None = None) -> bool:
    """Whether each of the parts is another, among the tokens ``at`` taken together."""
    pairs = ((getattr(a, part), getattr(b, part)) for part in parts)
    return all(first is None or _rows(first, at) != _rows(second, at) for first, second in pairs)


def _rows(part: Array, at: Array | None) -> bytes:
    return part.tobytes() if at is None else part.reshape(len(at), -1)[at].tobytes()


def _changed(a: Output, b: Output, tokens: Array) -> str | None:
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


INDEPENDENCE = (
    Check(
        "independence.repeat",
        ("IND-3",),
        "independence",
        "perturb",
        sound(_repeat),
        "Do equal inputs give equal bits?",
    ),
    Check(
        "independence.parameters",
        ("IND-3",),
        "independence",
        "perturb",
        sound(_parameters),
        "Do other parameters give another answer?",
    ),
    Check(
        "independence.tokens",
        ("IND-1", "SEL-6", "GAT-1"),
        "independence",
        "perturb",
        sound(_perturb),
        "Does a token leave the bits of all others alone?",
    ),
)
OPTIONS = (
    Check(
        "independence.options",
        ("IND-3",),
        "independence",
        "parameters",
        sound(_parameters),
        "Do other parameters give another answer where there are options?",
    ),
)
"""After the options, because a parameter that is ignored breaks the clause of its option."""
FINITE = (
    Check("finite.nan", ("NFT-1",), "non-finite", "nan", sound(_nan), "Does a NaN in x_t reach all of y_t?"),
    Check(
        "finite.others",
        ("NFT-2",),
        "non-finite",
        "nan",
        sound(_others),
        "Does a NaN stay in its token?",
    ),
    Check(
        "finite.infinity",
        ("NFT-2",),
        "non-finite",
        "infinity",
        sound(_others),
        "Does an infinity stay in its token?",
    ),
)
