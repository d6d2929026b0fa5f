"""Chapter 2: query, half scores, numbering, selection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.bounds.stages import gathered_scores
from peerspec.conformance.cases.case import Array
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.base import NARROW, holds, proportional, sound, within
from peerspec.conformance.trials.layer import Trial
from peerspec.reference import select_two_stage

__all__ = ["RETRIEVAL", "judge_admissible"]


def _up_to_a_factor(what: str) -> object:
    """One expert, so the score is the query folded with one sub-key; a constant factor is left to scores.values."""

    def judge(trial: Trial) -> Iterator[Evidence]:
        if proportional(trial.returned_scores, trial.scores.value) is not None:
            yield Evidence(0.0)
        else:
            yield from within(what, trial.returned_scores, trial.scores)

    return sound(judge)


def _odd(trial: Trial) -> Iterator[Evidence]:
    """The second half of the tokens is minus the first; so are sums of inner products, whatever W and the layout.

    Products and magnitudes of half scores are the same for both; what is neither is no inner product.
    """
    first, second = np.split(trial.returned_scores, 2)
    even = np.array_equal(first, second)
    yield holds(
        np.array_equal(first, -second),
        "the scores of −x must be minus those of x: they are sums of two inner products, not products or magnitudes",
        clause="" if even else "SCO-1",
    )


def _values(trial: Trial) -> Iterator[Evidence]:
    """All N scores as a multiset, so that neither numbering nor order matters."""
    got = np.sort(trial.returned_scores, -1)
    order = trial.scores.value.argsort(-1)
    s1, s2 = trial.half_scores
    everything = (s1.value[..., :, None] + s2.value[..., None, :]).reshape(*got.shape)
    expected = Bounded(np.sort(everything, -1), np.take_along_axis(trial.scores.error, order, -1))

    def hint() -> str:
        factor = proportional(got, expected.value)
        return "" if factor is None else f"; all scores are {factor:.6g} times the expected: a scale (SCO-1)"

    yield from within("the score of rank (from below)", got, expected, hint=hint)


def _scores(trial: Trial) -> Iterator[Evidence]:
    for evidence in _scores_of_ids(trial):
        misnamed = evidence.problem and _misnamed(trial)
        hint = "; the scores are those of the best experts, but the ids are not"
        yield replace(evidence, clause="IDX-1", problem=evidence.problem + hint) if misnamed else evidence


def _misnamed(trial: Trial) -> bool:
    """Whether the scores, apart from the ids, are the k best."""
    if not trial.finite.all():
        return False
    s1, s2 = trial.half_scores
    ids = select_two_stage(s1.value, s2.value, trial.case.layer.config.top_k).indices
    best, got = gathered_scores(trial.linear, s1, s2, ids), -np.sort(-trial.returned_scores.astype(np.float64), -1)
    return bool((np.abs(got - best.value) <= best.error).all())


def _scores_of_ids(trial: Trial) -> Iterator[Evidence]:
    what, got, expected = "the score of the selected expert", trial.returned_scores, trial.scores
    if trial.case.exact:  # more than any rounding is no fault of a sum
        coarse = Bounded(expected.value, expected.error + NARROW * np.abs(expected.value).max(initial=0))
        yield from within(what, got, coarse, _rows(trial), clause="SCO-1")
    clause = "" if trial.case.exact else "SCO-1"
    yield from within(what, got, expected, _rows(trial), clause=clause, u=trial.model.u)


def _rows(trial: Trial) -> Array:
    return np.broadcast_to(trial.finite[:, None, None], trial.ids.shape)


def judge_admissible(trial: Trial) -> Iterator[Evidence]:
    """No expert left out beats one taken by more than both bounds."""
    if not trial.ids.size:
        return
    margin = trial.margin
    worst = np.unravel_index(int(margin.share.argmax()), margin.share.shape)
    t, h = (int(i) for i in worst)
    share = float(margin.share[worst])
    if margin.excess[worst] <= 0:
        yield Evidence(min(share, 1.0))
        return
    left, taken = int(margin.left[worst]), int(margin.taken[worst])
    yield Evidence(
        share,
        f"token {t}, head {h}: expert {left} was left out although it beats expert {taken}, which was taken, "
        f"by {margin.excess[worst]:.3g} beyond both bounds" + ("; all heads took the same" if _shared(trial) else ""),
        "SEL-6" if _shared(trial) else "",
        where={"token": t, "head": h, "left": left, "taken": taken},
    )


def _shared(trial: Trial) -> bool:
    """Whether all heads of every token took the same experts."""
    ids = np.sort(trial.ids, -1)
    return ids.shape[1] > 1 and bool((ids == ids[:, :1]).all())


def _order(trial: Trial) -> Iterator[Evidence]:
    """On exact data the whole layer must list the reference's ids in the reference's order."""
    if not trial.ids.size:
        return
    s1, s2 = trial.half_scores
    expected = select_two_stage(s1.value, s2.value, trial.case.layer.config.top_k).indices
    wrong = np.argwhere((expected != trial.ids).any(-1))
    if not len(wrong):
        yield Evidence(0.0)
        return
    t, h = (int(i) for i in wrong[0])
    yield holds(
        False,
        f"token {t}, head {h}: expected the ids {expected[t, h].tolist()}, got {trial.ids[t, h].tolist()}",
        token=t,
        head=h,
    )


def _check(id: str, clauses: tuple[str, ...], stage: str, tag: str, judge: object, summary: str, **more: str) -> Check:
    return Check(id, clauses, stage, tag, judge, summary, needs_routing=True, **more)  # type: ignore[arg-type]


RETRIEVAL = (
    _check("scores.sum", ("SCO-2", "SCO-1"), "score", "odd", sound(_odd), "Are scores sums of two inner products?"),
    _check(
        "query.map",
        ("QRY-1",),
        "query",
        "query",
        _up_to_a_factor("the query of one-hot weights, summed over its entries,"),
        "Does each head map the token by its own W?",
    ),
    _check(
        "query.halves",
        ("QRY-2",),
        "query",
        "halves",
        _up_to_a_factor("the query folded with sub-keys (1, 1) and (−1, 1)"),
        "Is the query split into contiguous halves, the first against keys[:, 0]?",
    ),
    _check(
        "scores.values",
        ("SCO-1", "PRC-5"),
        "score",
        "whole",
        sound(_values),
        "Are all N scores plain inner products?",
    ),
    _check(
        "scores.rounding",
        ("SCO-2", "SCO-1", "SCO-3", "IDX-1", "PRC-2", "PRC-4", "PRC-5"),
        "score",
        "scores",
        sound(_scores),
        "Are scores within their bound, and exact on exact data?",
    ),
    _check(
        "selection.admissible",
        ("SEL-3", "SEL-6"),
        "selection",
        "selection",
        sound(judge_admissible),
        "Does no expert left out beat one that was taken?",
    ),
    _check(
        "selection.order",
        ("SEL-2", "SEL-1", "SEL-4"),
        "tie",
        "order",
        sound(_order),
        "Are ids listed in the selection order where half scores are exact?",
        profile="select",
    ),
)
