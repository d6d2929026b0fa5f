"""Exact data stay exact where products are made of parts: one factor of each product has one part (PRC-5)."""

import numpy as np
import pytest

from peerspec.conformance.cases import LAYER_CASES
from peerspec.reference import PRECISIONS
from peerspec.reference.query import query

EXACT = [definition for definition in LAYER_CASES if definition.exact and definition.size < 2]
PART = 8


def bits(array: np.ndarray) -> int:
    """The largest number of significant bits of an entry."""
    mantissa, _ = np.frexp(array.astype(np.float64))
    whole = np.abs(np.ldexp(mantissa, 53)).astype(np.int64)
    whole = whole[whole > 0]
    lowest = np.log2((whole & -whole).astype(np.float64)).min(initial=53)
    return 53 - int(lowest)


@pytest.mark.parametrize("definition", EXACT, ids=lambda definition: definition.name)
def test_one_factor_of_each_product_of_an_exact_case_has_at_most_8_bits(definition) -> None:
    case = definition.make(PRECISIONS["float32"], 0)
    params, x = case.layer.params, bits(case.x)
    q = bits(query(case.layer, case.x.reshape(-1, case.x.shape[-1]).astype(np.float64)))
    others = {"query.weight": x, "keys": q, "experts.u": x, "experts.w": x}
    found = {name: min(bits(params[name]), other) for name, other in others.items() if name in params}
    assert all(number <= PART for number in found.values()), found


def test_bits_are_counted_from_the_first_to_the_last_that_is_set() -> None:
    assert [bits(np.array([value])) for value in (0.0, 1.0, 0.75, -200.0, 199.5, 257.0)] == [0, 1, 2, 5, 9, 9]
