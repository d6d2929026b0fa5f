"""Large numeric cases: more tokens, pairs, features or experts than a tile or a narrow integer holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from peerspec.conformance.cases.build import OUTPUT, Parts, core_case, full, full_case
from peerspec.conformance.cases.case import Array, CaseFamily, Draw
from peerspec.conformance.cases.configs import BEYOND, LONE, MILLION, PAIRS, POOL, RELU, TALL
from peerspec.reference import PeerConfig

__all__ = ["LARGE_CASES"]

CROWD = 1031
"""More tokens than a usual tile holds."""
OFFSETS = PeerConfig(1, 1, 130**2, 4, 2, d_out=1031, activation="identity")
"""N·M > 2²⁴: float32 and 24 bits do not hold every offset into v."""
BUDGET = PeerConfig(257, 2, 33**2, 16, 4, activation="relu")
"""With 140 tokens, T·h·k·D and T·h·k·M > 2²⁰: gathered rows are more than a usual budget of memory."""
TABLES = PeerConfig(4, 1, 256**2, 4, 4, activation="relu")
"""2¹⁸ entries in a table, of which a change of one must be seen."""
BROAD_GRID = replace(RELU, num_experts=33**2)
"""More than 2¹⁸ half scores for 4099 tokens."""


def _positive(draw: Draw, config: PeerConfig) -> Parts:
    """Inner products of tokens and experts are positive and small: relu is the identity there."""
    parts = full_case(draw, config)
    u = parts["params"]["experts.u"]
    parts["params"]["experts.u"] = np.abs(u) / draw.dtype.type(16)
    return parts | {"x": np.abs(parts["x"])}


def _high_ids(draw: Draw, config: PeerConfig) -> Parts:
    """The last four sub-keys are the largest, so ids reach N − 1."""
    parts = full_case(draw, config)
    keys: Array = parts["params"]["keys"]
    keys[:, :, -4:] = keys[:, :, -4:] * draw.dtype.type(4)
    return parts


def _highest_ids(draw: Draw, config: PeerConfig) -> Parts:
    """The last four sub-keys are the largest of either sign, so the selected ids are above 2²⁴."""
    parts = full_case(draw, config, (2,))
    parts["params"]["keys"][:, :, -4:, 0] = [4, -4, 3.5, -3.5]
    return parts


LARGE_CASES = (
    core_case(CaseFamily.NUMERIC, "lone", LONE, _positive, {"expert"}),
    core_case(CaseFamily.NUMERIC, "crowd", RELU, full(CROWD), OUTPUT | {"repeat"}, size=1),
    core_case(CaseFamily.NUMERIC, "throng", BROAD_GRID, full(4099), OUTPUT, size=1),
    core_case(CaseFamily.NUMERIC, "pairs", PAIRS, full(1), OUTPUT | {"repeat"}, size=1),
    core_case(CaseFamily.NUMERIC, "tall", TALL, full(17), OUTPUT | {"repeat"}, size=1),
    core_case(CaseFamily.NUMERIC, "pool", POOL, _high_ids, {"expert"} | OUTPUT, size=1),
    core_case(CaseFamily.NUMERIC, "budget", BUDGET, full(140), OUTPUT, size=1),
    core_case(CaseFamily.NUMERIC, "tables", TABLES, full(6), OUTPUT | {"follow"}, size=1),
    core_case(CaseFamily.NUMERIC, "offsets", OFFSETS, _high_ids, OUTPUT, size=2),
    core_case(CaseFamily.NUMERIC, "million", MILLION, _high_ids, OUTPUT, size=2),
    core_case(CaseFamily.NUMERIC, "beyond", BEYOND, _highest_ids, OUTPUT - {"without routing"}, size=2),
)
