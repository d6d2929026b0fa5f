"""Non-finite cases: one token holds NaN or infinity, and no other token may change (NFT-1, NFT-2)."""

from __future__ import annotations

from dataclasses import replace

from peerspec.conformance.cases.build import Build, Parts, core_case, full_case
from peerspec.conformance.cases.case import CaseDefinition, CaseFamily, Draw
from peerspec.conformance.cases.configs import RELU, SINGLE
from peerspec.conformance.cases.profile_build import GLU, PER_HEAD, SIGMOID
from peerspec.reference import PeerConfig
from peerspec.reference.config import ACTIVATIONS

__all__ = ["FINITE_CASES"]


def _one_token_with(value: float) -> Build:
    def build(draw: Draw, config: PeerConfig) -> Parts:
        parts = full_case(draw, config)
        parts["x"][3, 2] = value
        return parts

    return build


FINITE_CASES = (
    core_case(CaseFamily.FINITE, "nan", RELU, _one_token_with(float("nan")), {"any", "nan"}, everywhere=0),
    *(
        core_case(
            CaseFamily.FINITE,
            f"nan.{kind}",
            replace(SINGLE, activation=kind),
            _one_token_with(float("nan")),
            {"any", "nan"},
            own_activation=True,
        )
        for kind in ACTIVATIONS
    ),
    core_case(
        CaseFamily.FINITE,
        "nan.grid",
        replace(RELU, num_experts=521**2),
        _one_token_with(float("nan")),
        {"any", "nan"},
        size=1,
    ),
    core_case(CaseFamily.FINITE, "infinity", RELU, _one_token_with(float("inf")), {"any", "infinity"}),
    *(
        CaseDefinition(
            CaseFamily.FINITE,
            f"{kind}.{label}",
            config,
            _one_token_with(value),
            frozenset({"any", kind}),
            frozenset({profile}),
            size=1,
        )
        for label, config, profile in (
            ("glu", GLU, "glu"),
            ("sigmoid", SIGMOID, "sigmoid"),
            ("per-head", PER_HEAD, "per-head-keys"),
        )
        for kind, value in (("nan", float("nan")), ("infinity", float("inf")))
    ),
)
