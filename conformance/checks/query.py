"""Chapter 2: the query, seen through scores of one expert."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import proportional, sound, within
from peerspec.conformance.kinds import Stage
from peerspec.conformance.trials.layer import Trial

__all__ = ["QUERY_CHECKS"]


def _up_to_a_factor(quantity: str) -> Callable[[Trial], Iterator[Evidence]]:
    """With one expert the score is the query folded with one sub-key; scores.values looks for a constant factor."""

    def examine(trial: Trial) -> Iterator[Evidence]:
        if proportional(trial.returned_scores, trial.scores.value) is not None:
            yield Evidence(0.0)
        else:
            got, expected, exact = trial.returned_scores, trial.scores, trial.case.exact
            yield from within(quantity, got, expected, u=trial.model.u, exact=exact)

    return sound(examine)


QUERY_CHECKS = (
    Check(
        "query.map",
        ("QRY-1", "PRC-2"),
        Stage.QUERY,
        "query",
        _up_to_a_factor("the query of one-hot weights, summed over its entries,"),
        "Does each head map the token by its own W?",
        needs_routing=True,
    ),
    Check(
        "query.halves",
        ("QRY-2", "PRC-2"),
        Stage.QUERY,
        "halves",
        _up_to_a_factor("the query folded with sub-keys (1, 1) and (−1, 1)"),
        "Is the query split into contiguous halves, the first one for keys[:, 0]?",
        needs_routing=True,
    ),
)
