"""What the checks of the layers of chapter 15 share: form, repetition, y, gradients, and independence of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.bounds.compare import deviation
from peerspec.conformance.cases.case import Array
from peerspec.conformance.cases.layouts import like
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import blocked, holds, violated, within
from peerspec.conformance.kinds import Stage, TrialKind
from peerspec.conformance.problems import ProblemKind
from peerspec.conformance.trials.comparison import ComparisonTrial
from peerspec.conformance.trials.layer import AGAIN
from peerspec.conformance.trials.parts import moved

__all__ = [
    "comparison_check",
    "examine_form",
    "examine_gradients",
    "examine_padding",
    "examine_repeat",
    "examine_tokens",
    "examine_y",
    "rows",
]

Examine = Callable[[Any], Iterator[Evidence]]


def comparison_check(
    profile: str,
    question: str,
    clauses: tuple[str, ...],
    stage: Stage,
    examine: Examine,
    summary: str,
    *,
    needs_routing: bool = False,
    cases: str = "",
) -> Check:
    """The check ``<profile>.<question>`` on the cases of the profile; values are examined in sound answers alone.

    Args:
        profile, question, clauses, stage, examine, summary, needs_routing: as for ``Check``.
        cases: ``exact``, ``training`` or ``gradients`` for the cases that are or have that; all by default.
    """
    sound = examine if question == "form" else _sound(examine)
    return Check(
        f"{profile}.{question}",
        clauses,
        stage,
        f"{profile}.{cases}" if cases else profile,
        sound,
        summary,
        profile=profile,
        trial=TrialKind.COMPARISON,
        needs_routing=needs_routing,
    )


def _sound(examine: Examine) -> Examine:
    def examine_sound(trial: ComparisonTrial) -> Iterator[Evidence]:
        if trial.violation:
            yield blocked(trial.violation.problem, trial.violation.clause)
        else:
            yield from examine(trial)

    return examine_sound


def examine_form(trial: ComparisonTrial) -> Iterator[Evidence]:
    """Names, shapes, dtypes, ids, and what a call must not change."""
    yield violated(trial.violation) if trial.violation else Evidence(0.0)


def examine_repeat(trial: ComparisonTrial) -> Iterator[Evidence]:
    """Equal calls give equal bits, also after a call for other tokens in the same arrays, which has another answer."""
    case = trial.case
    for other in (None, replace(case, x=case.x * case.x.dtype.type(-2)), *[None] * (AGAIN - 1)):
        if other is not None:
            trial.later(in_place=True)
            after = trial.later(other, in_place=True)
            same = moved(trial.output, after.output) is None
            yield holds(not same or not _must_differ(trial, after), ProblemKind.STALE_FOR_INPUT)
        part = moved(trial.output, trial.later().output)
        yield holds(part is None, ProblemKind.NOT_REPEATED, part=part)
        if part:
            return
    if case.dy is not None:
        found = (moved(trial.gradient_answer.value, trial.call_gradients().value) for _ in range(AGAIN))
        name = next(filter(None, found), None)
        yield holds(name is None, ProblemKind.GRADIENT_NOT_REPEATED, names=[name])
    if case.x.ndim > 1 and len(case.x) <= FEW:
        yield from _after_more_tokens(trial)


FEW = 64
"""The most rows of x that are doubled: a longer call takes more time, and shows no other kind of fault."""


def _after_more_tokens(trial: ComparisonTrial) -> Iterator[Evidence]:
    """Once more, after a call for twice as many tokens, which leaves more in a workspace than this one fills."""
    case = trial.case
    mask = None if case.mask is None else np.concatenate([case.mask] * 2)
    longer = trial.later(replace(case, x=_twice(case.x), dy=None if case.dy is None else _twice(case.dy), mask=mask))
    part = moved(trial.output, trial.later().output)
    yield holds(part is None, ProblemKind.NOT_REPEATED, part=part)
    if case.dy is not None:
        longer.call_gradients()
        name = moved(trial.gradient_answer.value, trial.call_gradients().value)
        yield holds(name is None, ProblemKind.GRADIENT_NOT_REPEATED, names=[name])


def _twice(array: Array) -> Array:
    """The array, and behind it the same times −2."""
    found: Array = np.concatenate([array, array * array.dtype.type(-2)])
    return found


def _must_differ(before: ComparisonTrial, after: ComparisonTrial) -> bool:
    """Whether an answer that is right for one case cannot be right for the other, too."""
    got = before.returned("y")
    both = (deviation(got, trial.y, rows(trial.judged & trial.counted, got)) for trial in (before, after))
    first, second = both
    return first is not None and first.holds and second is not None and not second.holds


def examine_y(trial: ComparisonTrial, *groups: tuple[Array, str]) -> Iterator[Evidence]:
    """y of tokens whose numbers are finite, by groups of tokens with the clause to blame, then y of NaN tokens."""
    got, where = trial.returned("y"), trial.judged & trial.counted
    for tokens, clause in groups or ((where, ""),):
        clause = clause or ("CMP-4" if getattr(trial.config, "expert", "") == "glu" else "")
        yield from within("y", got, trial.y, rows(where & tokens, got), clause=clause, u=trial.model.u)
    yield from _nan(trial, got)


def examine_padding(trial: ComparisonTrial) -> Iterator[Evidence]:
    """y of a token that does not count is 0, whatever it holds."""
    got = trial.returned("y").astype(np.float64)
    wrong = np.argwhere((got != 0) & ~trial.mask[:, None])
    if not len(wrong):
        yield Evidence(0.0)
        return
    token, feature = (int(i) for i in wrong[0])
    value = float(got[token, feature])
    yield holds(False, ProblemKind.PADDING_NOT_ZERO, clause="CMP-5", where={"token": token}, got=value)


def _nan(trial: ComparisonTrial, got: Array) -> Iterator[Evidence]:
    """y of a counted token that holds a NaN is NaN (NFT-1, in mixtures for counted tokens)."""
    lost = int((~np.isnan(got[trial.holds_nan & trial.counted].astype(np.float64))).sum())
    yield holds(not lost, ProblemKind.NAN_LOST, clause="NFT-1", count=lost)


def examine_gradients(trial: ComparisonTrial) -> Iterator[Evidence]:
    """Every gradient within its bound, if at least half of the tokens have a certain choice."""
    if 2 * trial.certain.sum() < len(trial.certain):
        return
    if trial.gradient_violation:
        yield violated(trial.gradient_violation)
        return
    for name, expected in trial.gradients.items():
        got = trial.gradient_answer.value[name].reshape(expected.value.shape)
        yield from within(f"the gradient of {name}", got, expected, u=trial.model.u)


def examine_tokens(trial: ComparisonTrial) -> Iterator[Evidence]:
    """The last token changes, and then holds a NaN: no bit of another token's result does (IND-1, NFT-2)."""
    case, count = trial.case, len(trial.tokens)
    batch = case.training and getattr(trial.config, "query_norm", "none") == "batch"
    if count < 2 or batch:
        return
    names = ("y", *(trial.routing if trial.shows_routing else ()))
    last = (np.arange(count) == count - 1).reshape(*trial.lead, 1)
    for change, clause, kind in (
        (case.x * case.x.dtype.type(-2), "", ProblemKind.OTHERS_FOLLOW_TOKEN),
        (case.x.dtype.type(np.nan), "NFT-2", ProblemKind.NON_FINITE_SPREADS),
    ):
        after = trial.later(replace(case, x=like(case.x, np.where(last, change, case.x))))
        pairs = ((name, trial.returned(name)[:-1], after.returned(name)[:-1]) for name in names)
        part = next((name for name, old, new in pairs if old.tobytes() != new.tobytes()), None)
        yield holds(part is None, kind, clause=clause, part=part, token=count - 1)


def rows(where: Array, of: Array) -> Array:
    """Tokens [T] as entries of an array [T, ...]."""
    return np.broadcast_to(where.reshape(-1, *[1] * (of.ndim - 1)), of.shape)
