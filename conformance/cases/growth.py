"""The cases of the profile ``growth``: layers of every option, with numbers that only a copy of bits keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np

from peerspec.conformance.cases.build import Parts
from peerspec.conformance.cases.case import CaseDefinition, CaseFamily, Draw
from peerspec.conformance.cases.configs import MILLION, SMALL, UNIT, WIDE
from peerspec.conformance.cases.layers import full_params, tokens
from peerspec.conformance.cases.profile_build import ALL_OPTIONS, BATCH_NORM, PER_HEAD, TOGETHER
from peerspec.reference import PeerConfig
from peerspec.reference.config import STATISTICS

__all__ = ["GROWTH_CASES"]

ROWS = PeerConfig(1, 1, 190**2, 2, 2, d_out=1)
"""Old experts then lie in rows whose number needs more than 16 bits."""


def _with_corners(draw: Draw, config: PeerConfig) -> Parts:
    """The first numbers of each learned parameter are −0, the least subnormal number, and the largest number."""
    params = full_params(draw, config)
    for name in params.keys() - set(STATISTICS):
        info: Any = ml_dtypes.finfo(params[name].dtype)  # type: ignore[no-untyped-call]  # not annotated
        corners = np.array([-0.0, info.smallest_subnormal, info.max], params[name].dtype)
        flat = params[name].reshape(-1)
        flat[: len(corners)] = corners[: len(flat)]
    return {"params": params, "x": tokens(draw, (1, config.d_model))}


def _case(label: str, config: PeerConfig, *profiles: str, everywhere: int = 1, size: int = 0) -> CaseDefinition:
    return CaseDefinition(
        CaseFamily.GROWTH,
        label,
        config,
        _with_corners,
        frozenset({"growth"}),
        frozenset({"growth", *profiles}),
        size=size,
        everywhere=everywhere,
    )


GROWTH_CASES = (
    _case("small", SMALL, everywhere=0),
    _case("one", UNIT),
    _case("per-head", PER_HEAD, "per-head-keys"),
    _case("norm", replace(BATCH_NORM, query_bias=True), "query-norm", "query-bias"),
    _case("together", TOGETHER, *ALL_OPTIONS),
    _case("wide", WIDE, size=1),
    _case("rows", ROWS, size=1),
    _case("million", replace(MILLION, num_experts=511**2), size=2),
)
