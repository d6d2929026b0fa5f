"""Numeric cases: full significands, where every sum rounds and a backend must stay within the bounds of PRC-4."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from peerspec.conformance.cases.build import OUTPUT, Parts, core_case, full, full_case
from peerspec.conformance.cases.case import CaseFamily, Draw
from peerspec.conformance.cases.configs import DEEP, EVEN, RELU, SINGLE, SMALL, WIDE
from peerspec.reference import PeerConfig
from peerspec.reference.config import ACTIVATIONS

__all__ = ["NUMERIC_CASES"]


def _wide_activation(draw: Draw, config: PeerConfig) -> Parts:
    """Inner products from −8 to 8, where σ bends, then in pairs about ±24, ±90, ±700 and ±2048: exp overflows.

    Between −24 and −700 the tails of σ end, in float32 and then in float64.
    """
    parts = full_case(draw, config, (12,))
    u = parts["params"]["experts.u"]
    u[...] = u * draw.dtype.type(2)
    u[:, 0], parts["x"][-8:, 0] = 1, [24, -24, 90, -90, 700, -700, 2048, -2048]
    return parts


def _prefixes(draw: Draw, config: PeerConfig) -> Parts:
    """Tokens that differ in their last feature alone."""
    parts = full_case(draw, config)
    parts["x"][:, :-1] = parts["x"][0, :-1]
    return parts


def _twins(draw: Draw, config: PeerConfig) -> Parts:
    """All heads have the same query, so each selects the same experts."""
    parts = full_case(draw, config)
    weight = parts["params"]["query.weight"]
    parts["params"]["query.weight"] = np.repeat(weight[:1], config.heads, 0)
    return parts


def _apart(draw: Draw, config: PeerConfig) -> Parts:
    """The query of the second head is minus that of the first, so no expert is selected twice."""
    parts = full_case(draw, config)
    weight = parts["params"]["query.weight"]
    weight[1] = -weight[0]
    return parts


def _cancelling(draw: Draw, config: PeerConfig) -> Parts:
    """Rows of v nearly cancel, so y is small compared with its terms."""
    parts = full_case(draw, config)
    v = parts["params"]["experts.v"]
    v[1::2] = -v[:-1:2]
    return parts


def _range(draw: Draw, config: PeerConfig) -> Parts:
    """One feature of the last tokens is near 2²⁰, and small in W and u: in the range of bfloat16, not of float16."""
    parts = full_case(draw, config)
    params, small = parts["params"], draw.dtype.type(2.0**-20)
    for rows in (params["query.weight"], params["experts.u"]):
        rows[..., 0] = rows[..., 0] * small
    with np.errstate(over="ignore"):  # a token of float16 becomes infinite, and is not judged
        parts["x"][-3:, 0] = parts["x"][-3:, 0] * np.float64(2.0**20)
    return parts


def _huge(draw: Draw, config: PeerConfig) -> Parts:
    """Inner products of the last two tokens are about ±2¹⁹, beyond float16; no query reads that feature."""
    parts = full_case(draw, config)
    params = parts["params"]
    params["query.weight"][..., 0], params["experts.u"][:, 0] = 0, 8
    with np.errstate(over="ignore"):  # a token of float16 becomes infinite, and is not judged
        parts["x"][-2:, 0] = np.float64(2.0**16), np.float64(-(2.0**16))
    return parts


def _tiny(draw: Draw, config: PeerConfig) -> Parts:
    """Tokens near 2⁻²⁰, and two of zeros alone."""
    parts = full_case(draw, config)
    parts["x"] *= draw.dtype.type(2.0**-20)
    parts["x"][-2:] = 0
    return parts


_ACTIVATIONS = tuple(
    core_case(
        CaseFamily.NUMERIC,
        kind,
        replace(SINGLE, activation=kind),
        _wide_activation,
        {"any", f"activation.{kind}", "without routing"},
        everywhere=2 if kind == "identity" else 1,
        own_activation=True,
    )
    for kind in ACTIVATIONS
)
_SMALL = tuple(
    core_case(
        CaseFamily.NUMERIC,
        f"small.{kind}",
        replace(SMALL, activation=kind),
        full(6),
        OUTPUT,
        size=2 if kind in ("gelu_tanh", "silu") else 0,
        own_activation=True,
    )
    for kind in ACTIVATIONS
)
NUMERIC_CASES = (
    *_ACTIVATIONS,
    *_SMALL,
    core_case(
        CaseFamily.NUMERIC, "wide", WIDE, full(17), OUTPUT | {"perturb", "repeat", "follow", "mode"}, everywhere=0
    ),
    core_case(CaseFamily.NUMERIC, "wide.relu", replace(WIDE, activation="relu"), full(17), OUTPUT, size=2),
    core_case(CaseFamily.NUMERIC, "deep", replace(DEEP, activation="relu"), full(6), OUTPUT),
    core_case(CaseFamily.NUMERIC, "apart", SMALL, _apart, {"any", "apart"}),
    core_case(CaseFamily.NUMERIC, "twins", RELU, _twins, OUTPUT | {"twins"}),
    core_case(CaseFamily.NUMERIC, "prefixes", replace(WIDE, activation="relu"), _prefixes, OUTPUT, size=1),
    core_case(CaseFamily.NUMERIC, "cancelling", RELU, _cancelling, OUTPUT),
    core_case(CaseFamily.NUMERIC, "even", EVEN, full(12), OUTPUT, size=1),
    core_case(CaseFamily.NUMERIC, "huge", RELU, _huge, OUTPUT, size=1),
    core_case(CaseFamily.NUMERIC, "tiny", RELU, _tiny, OUTPUT, size=1),
    core_case(CaseFamily.NUMERIC, "range", RELU, _range, OUTPUT, narrow=0),
)
