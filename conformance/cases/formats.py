"""Cases at the ends of binary16: results that it holds, by way of numbers that it does not.

The compute dtype of float16 is float32. What passes through binary16 on the way becomes infinite, 65504 or zero.
All scales are powers of two, so that other dtypes see the same case.
"""

from __future__ import annotations

from collections.abc import Mapping

from peerspec.conformance.cases.build import OUTPUT, Build, Parts, core_case, full_case
from peerspec.conformance.cases.case import CaseFamily, Draw
from peerspec.conformance.cases.configs import RELU
from peerspec.conformance.cases.profile_build import parts
from peerspec.reference import PeerConfig

__all__ = ["FORMAT_CASES", "SCALED", "scaled"]

HALF_SCORES_BEYOND = {"x": 7, "query.weight": 0, "keys": 9}
"""Half scores are near 2¹⁷."""
PRODUCTS_BEYOND = {"x": 7, "query.weight": -7, "experts.u": 10, "experts.v": -8}
"""Inner products are near 2¹⁸, and y is near 2¹⁰."""
FIRST_SUBNORMAL = {"x": 6, "query.weight": -15, "keys": 8, "experts.u": -17}
"""W and u are subnormal in binary16; a query without them selects the first experts."""
SECOND_SUBNORMAL = {"x": 6, "query.weight": 6, "keys": -16, "experts.u": 4, "experts.v": -17}
"""Sub-keys and v are subnormal in binary16; scores and y are not."""
SCALED = {"x": -6, "experts.u": -10, "experts.v": 10, "dy": 8}
"""z = v·dy is near 2¹⁸, as with a loss that is scaled, and the gradients are not."""


def scaled(exponents: Mapping[str, int], *, dy: bool = False) -> Build:
    """Full significands; parameters, x and dy times 2^exponent."""

    def build(draw: Draw, config: PeerConfig) -> Parts:
        made = parts(dy=True)(draw, config) if dy else full_case(draw, config)
        for name, exponent in exponents.items():
            place = made if name in made else made["params"]
            place[name] = place[name] * place[name].dtype.type(2.0**exponent)
        return made

    return build


FORMAT_CASES = tuple(
    core_case(CaseFamily.NUMERIC, label, RELU, scaled(exponents), OUTPUT, size=1, narrow=1)
    for label, exponents in (
        ("scores.beyond", HALF_SCORES_BEYOND),
        ("products.beyond", PRODUCTS_BEYOND),
        ("subnormal.first", FIRST_SUBNORMAL),
        ("subnormal.second", SECOND_SUBNORMAL),
    )
)
