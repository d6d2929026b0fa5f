"""Cases of the shape for which kernels are built: several sizes at once are multiples of a tile.

A path for such shapes is taken only if all of them are, which no case with one large size shows. In the covering array
sizes are paired with options, not with each other.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from peerspec.conformance.cases.build import OUTPUT, Build, Parts, core_case, full
from peerspec.conformance.cases.case import Array, CaseFamily, Draw
from peerspec.conformance.cases.layouts import laid_out
from peerspec.conformance.cases.profile_build import parts
from peerspec.reference import PeerConfig

__all__ = ["TILED", "TILED_CASES", "TILED_FEW", "TILED_GLU", "TILED_RELU", "biased", "unaligned"]

TILED = PeerConfig(64, 8, 64**2, 16, 128)
"""The paper's h, k and d, with fewer features and experts."""
TILED_RELU = replace(TILED, activation="relu")
TILED_FEW = PeerConfig(64, 4, 16**2, 8, 64)
TILED_GLU = replace(TILED_FEW, expert="glu")
"""Fewer experts are near-ties less often, and gradients need a certain selection."""
PAPER = PeerConfig(8, 8, 1024**2, 16, 128)
"""The paper's h, k, d and N, with few features, so that tables fit."""
STEP = 2.0**-10
"""What TF32 keeps of a number in [1, 2) is a multiple of it, and a bfloat16 is one of 2⁻⁷."""


def biased(*lead: int, dy: bool = False) -> Build:
    """Every entry is positive and a little above a number that TF32 or bfloat16 rounds it to.

    Roundings of random entries cancel in a sum, and a long sum has a wide bound. Here they add up. With sigmoid gates
    the upstream gradients of scores are positive, too.
    """

    def build(draw: Draw, config: PeerConfig) -> Parts:
        made = parts(*lead, dy=dy)(draw, config)
        scales = {"query.weight": 1 / config.d_model, "keys": 1 / config.d_key, "experts.u": 1 / config.d_model}
        made["params"] = {name: _above(array, scales.get(name, 1.0)) for name, array in made["params"].items()}
        return made | {name: _above(made[name], 1.0) for name in ("x", "dy") if name in made}

    return build


def unaligned() -> Build:
    """Every array begins one entry behind a multiple of 16 bytes, and every row has whole vectors."""

    def build(draw: Draw, config: PeerConfig) -> Parts:
        made = parts(16, dy=True)(draw, config)
        params = {name: laid_out(array, "unaligned") for name, array in made["params"].items()}
        return made | {"params": params} | {name: laid_out(made[name], "unaligned") for name in ("x", "dy")}

    return build


def _above(array: Array, scale: float) -> Array:
    """A multiple of STEP in [1, 2) and 0.45 steps more, times a power of two near ``scale``."""
    grid = np.floor(np.abs(array.astype(np.float64)) / STEP) % (1 / STEP) * STEP
    power = 2.0 ** np.round(np.log2(scale))
    made: Array = ((1 + grid + 0.45 * STEP) * power).astype(array.dtype)
    return made


TILED_CASES = (
    core_case(CaseFamily.NUMERIC, "tiled", TILED, full(16), OUTPUT | {"repeat"}, size=1, everywhere=1),
    core_case(CaseFamily.NUMERIC, "tiled.biased", TILED_RELU, biased(16), OUTPUT, size=1),
    core_case(CaseFamily.NUMERIC, "paper", PAPER, full(16), OUTPUT, size=2),
)
