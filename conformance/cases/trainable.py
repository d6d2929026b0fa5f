"""The cases of the profile ``trainable``: tokens and upstream gradients of three steps."""

from __future__ import annotations

from dataclasses import replace

from peerspec.conformance.cases.build import Build, Parts
from peerspec.conformance.cases.case import CaseDefinition, CaseFamily, Draw
from peerspec.conformance.cases.configs import LONE, SMALL
from peerspec.conformance.cases.profile_build import ALL_OPTIONS, BATCH_NORM, PER_HEAD, TOGETHER, parts
from peerspec.reference import PeerConfig
from peerspec.reference.config import STATISTICS

__all__ = ["STEPS", "TRAINABLE_CASES"]

STEPS = 3


def _with_zeros(build: Build) -> Build:
    """Every fifth number of a learned parameter is −0, whose sign is lost where zero is added."""

    def with_zeros(draw: Draw, config: PeerConfig) -> Parts:
        made = build(draw, config)
        for name, array in made["params"].items():
            if name not in STATISTICS:
                array.reshape(-1)[::5] = -0.0
        return made

    return with_zeros


def _case(
    label: str, config: PeerConfig, *profiles: str, exact: bool = False, everywhere: int = 2, tokens: int = 12
) -> CaseDefinition:
    return CaseDefinition(
        CaseFamily.EXACT if exact else CaseFamily.TRAINABLE,
        f"trainable.{label}" if exact else label,
        config,
        _with_zeros(parts(STEPS, tokens, exact=exact, dy=True, training=config.query_norm == "batch")),
        frozenset({"trainable", *(["trainable.exact"] if exact else [])}),
        frozenset({"trainable", "training", *profiles}),
        everywhere=everywhere,
    )


TRAINABLE_CASES = (
    _case("small", SMALL, everywhere=0),
    _case("per-head", replace(PER_HEAD, query_bias=True), "per-head-keys", "query-bias"),
    _case("norm", BATCH_NORM, "query-norm", "frozen-statistics"),
    _case("together", TOGETHER, *ALL_OPTIONS, "frozen-statistics"),
    _case("one", replace(LONE, d_model=16, d_out=16, num_experts=25), exact=True),
)
