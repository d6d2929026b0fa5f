"""Exact cases: integers so small that no sum rounds, so that a backend must return the scores bit for bit (PRC-5)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from peerspec.conformance.cases.build import OUTPUT, Build, Parts, core_case, exact, steered_by
from peerspec.conformance.cases.case import CaseFamily, Draw
from peerspec.conformance.cases.configs import ALIKE, DEEP, IDENTITY, LONG, RELU, SINGLE, SQUARE, UNIT, WHOLE
from peerspec.conformance.cases.layers import exact_params, loud, one_hot_queries
from peerspec.reference import PeerConfig

__all__ = ["EXACT_CASES"]


def _unit(first: float, last: float) -> Build:
    """Query entries are ±1; the sub-keys (1, 1) and (first, last) have equal norms, so normalising only scales them."""

    def build(draw: Draw, config: PeerConfig) -> Parts:
        keys = np.array([[[[1.0, 1.0]], [[first, last]]]])
        params = exact_params(draw, config) | {
            "query.weight": one_hot_queries(config).astype(draw.dtype),
            "keys": keys.astype(draw.dtype),
        }
        x = 2 * (draw.coarse("x", (3, config.d_model), 1, 0) + draw.dtype.type(1)) - draw.dtype.type(1)
        return {"params": params, "x": np.concatenate([x, -x])}

    return build


TIES = [1.0, 0.0, 1.0, 0.0, 1.0]
APART = [0.0, 20.0, 6.0, 7.0, 13.0], [4.0, 8.0, 12.0, 0.0, 16.0]
"""All 25 sums differ, so a score identifies its expert; the four largest and the four smallest use several rows."""
RISING, FALLING = [1.0, 2.0, 3.0, 4.0, 5.0], [5.0, 4.0, 3.0, 2.0, 1.0]
PEAK = [64.0, 0.0, 0.0, 0.0, 0.0]

SPREAD = [0.0, -20.0, -40.0, -60.0, -80.0], [0.0, -5.0, -10.0, -15.0, -19.0]
"""Gates from 1 down to e⁻⁹⁹."""
FEW = replace(RELU, top_k=16)
FALL = [67.0 - i for i in range(67)]
STEPS = [float(i) for i in range(64)]
BELOW = replace(ALIKE, num_experts=521**2)
SUNK = [-1024.0 - 97 * i % 521 for i in range(521)]
"""All differ, all are negative, and all have the same upper bits."""

NARROW = [1 + (97 * i % 521) * 2.0**-15 for i in range(521)]
"""All differ, and have the same upper bits: a bfloat16 holds three of their values."""
FEATURES = PeerConfig(4105, 1, 4, 1, 2, d_out=3, activation="identity")
"""D > 4096 and one expert with gate 1: y is v times a sum of exact products, which has no bound in D."""
FIVE_HEADS = replace(RELU, heads=5)

EXACT_CASES = (
    core_case(CaseFamily.EXACT, "query", UNIT, _unit(1, 1), {"query", "odd"} | OUTPUT),
    core_case(CaseFamily.EXACT, "halves", UNIT, _unit(-1, 1), {"any", "halves"}),
    core_case(CaseFamily.EXACT, "winners", RELU, steered_by(*APART), {"index"}),
    core_case(CaseFamily.EXACT, "all", WHOLE, steered_by(*APART), {"index"}),
    core_case(CaseFamily.EXACT, "whole", WHOLE, exact(6), {"whole"} | OUTPUT),
    core_case(CaseFamily.EXACT, "single", SINGLE, exact(6), {"expert"} | OUTPUT),
    core_case(CaseFamily.EXACT, "ends", SINGLE, steered_by(RISING, RISING), {"expert"} | OUTPUT),
    core_case(CaseFamily.EXACT, "relu", RELU, exact(6), OUTPUT),
    core_case(CaseFamily.EXACT, "identity", IDENTITY, exact(6), OUTPUT),
    core_case(CaseFamily.EXACT, "row", RELU, steered_by(PEAK, FALLING), OUTPUT),
    core_case(CaseFamily.EXACT, "column", RELU, steered_by(FALLING, PEAK), OUTPUT),
    core_case(CaseFamily.EXACT, "corner", RELU, steered_by(RISING, FALLING), OUTPUT),
    core_case(CaseFamily.EXACT, "ties", RELU, steered_by(TIES, TIES[::-1]), OUTPUT),
    core_case(CaseFamily.EXACT, "equal", RELU, steered_by([0.0] * 5, [0.0, -0.0, 0.0, -0.0, 0.0]), OUTPUT),
    core_case(CaseFamily.EXACT, "deep", replace(DEEP, activation="relu"), exact(6), OUTPUT),
    core_case(CaseFamily.EXACT, "loud", RELU, loud, OUTPUT | {"loud"}),
    core_case(CaseFamily.EXACT, "apart", FEW, steered_by(*SPREAD), OUTPUT),
    core_case(CaseFamily.EXACT, "row.long", LONG, steered_by(PEAK + [0.0] * 62, FALL), OUTPUT, size=1),
    core_case(CaseFamily.EXACT, "alike", ALIKE, steered_by(STEPS * 4, STEPS[::-1] * 4), OUTPUT, size=1),
    core_case(CaseFamily.EXACT, "alike.below", BELOW, steered_by(SUNK, SUNK[::-1]), OUTPUT, size=1),
    core_case(CaseFamily.EXACT, "alike.narrow", BELOW, steered_by(NARROW, NARROW[::-1]), OUTPUT, size=1),
    core_case(CaseFamily.EXACT, "loud.heads", FIVE_HEADS, loud, OUTPUT | {"loud"}, size=1),
    core_case(CaseFamily.EXACT, "features", FEATURES, exact(3), OUTPUT, size=1),
    core_case(CaseFamily.EXACT, "square", SQUARE, exact(8), OUTPUT, size=1),
)
