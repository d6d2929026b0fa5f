"""The cases of the profile ``trainable``: tokens and upstream gradients of three steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from peerspec.conformance.cases.build import Build, Parts
from peerspec.conformance.cases.case import CaseDefinition, CaseFamily, Draw
from peerspec.conformance.cases.configs import LONE, SMALL
from peerspec.conformance.cases.layers import steered
from peerspec.conformance.cases.profile_build import ALL_OPTIONS, BATCH_NORM, PER_HEAD, TOGETHER, parts
from peerspec.reference import PeerConfig
from peerspec.reference.config import STATISTICS

__all__ = ["STEPS", "TRAINABLE_CASES"]

STEPS = 3
ALONE = PeerConfig(1, 1, 9, 1, 2, d_out=1, activation="identity")
"""No gradient of a row is a sum."""


def _with_zeros(build: Build) -> Build:
    """Every fifth number of a learned parameter is −0, whose sign is lost where zero is added."""

    def with_zeros(draw: Draw, config: PeerConfig) -> Parts:
        made = build(draw, config)
        for name, array in made["params"].items():
            if name not in STATISTICS:
                array.reshape(-1)[::5] = -0.0
        return made

    return with_zeros


def _lone(best: int) -> Build:
    """One token a step, of powers of two: every gradient of the selected expert is one product, which is not rounded.

    In the first step that is the expert ``best``, below n, whose score is 0: the gate of sigmoid is a half there, and
    its slope a quarter.
    """

    def build(draw: Draw, config: PeerConfig) -> Parts:
        made = parts(STEPS, 1, exact=True, dy=True)(draw, config)
        steps = -np.arange(config.n, dtype=np.float64)
        params = steered(draw, config, [*steps], [*np.roll(steps, best)])
        params["experts.u"][:], params["experts.v"][:], made["x"][:] = 0.5, 4, 2
        made["dy"] = np.copysign(np.resize([2, 8, 1], made["dy"].shape), made["dy"]).astype(made["dy"].dtype)
        return made | {"params": params}

    return build


def _case(
    label: str, config: PeerConfig, *profiles: str, exact: bool = False, everywhere: int = 2, lone: int | None = None
) -> CaseDefinition:
    build = _with_zeros(parts(STEPS, 12, exact=exact, dy=True, training=config.query_norm == "batch"))
    return CaseDefinition(
        CaseFamily.EXACT if exact else CaseFamily.TRAINABLE,
        f"trainable.{label}" if exact else label,
        config,
        build if lone is None else _lone(lone),
        frozenset(
            {"trainable", *(["trainable.exact"] if exact else []), *(["trainable.lone"] if lone is not None else [])}
        ),
        frozenset({"trainable", "training", *profiles}),
        everywhere=everywhere,
    )


TRAINABLE_CASES = (
    _case("small", SMALL, everywhere=0),
    _case("per-head", replace(PER_HEAD, query_bias=True), "per-head-keys", "query-bias"),
    _case("norm", BATCH_NORM, "query-norm", "frozen-statistics"),
    _case("together", TOGETHER, *ALL_OPTIONS, "frozen-statistics"),
    _case("one", replace(LONE, d_model=16, d_out=16, num_experts=25), exact=True),
    _case("lone", ALONE, exact=True, lone=0),
    _case("lone.sigmoid", replace(ALONE, gate="sigmoid"), "sigmoid", exact=True, lone=1),
)
