"""The generator of inputs: pinned words, exact values, and a comparison with a second implementation."""

import numpy as np
import pytest

from peerspec.conformance.inputs import dyadic, significant_bits, word
from peerspec.reference import DTYPES

M = 2**64


def _second_word(seed: int, name: str, index: int) -> int:
    """INP-1, written a second time from its text."""

    def scramble(z: int) -> int:
        z ^= z >> 30
        z = z * 0xBF58476D1CE4E5B9 % M
        z ^= z >> 27
        z = z * 0x94D049BB133111EB % M
        return z ^ (z >> 31)

    f = 14695981039346656037
    for byte in name.encode("utf-8"):
        f = (f ^ byte) * 1099511628211 % M
    return scramble((scramble(seed ^ f) + (index + 1) * 0x9E3779B97F4A7C15) % M)


@pytest.mark.parametrize(
    ("seed", "name", "index", "expected"),
    [(0, "x", 0, 0x5BC0EDCB8475DCA7), (1, "keys", 2**33, 0x325F6AE44B447F07)],
)
def test_words_are_pinned(seed: int, name: str, index: int, expected: int) -> None:
    assert word(seed=seed, name=name, index=index) == expected == _second_word(seed, name, index)


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("bits", [1, 2, 8])
def test_entries_are_the_dyadic_rationals_of_the_definition(precision: str, bits: int) -> None:
    got = dyadic(seed=3, name="gâteau/u", shape=(3, 5), bits=bits, exponent=1, dtype=DTYPES[precision])
    for index, value in enumerate(got.ravel()):
        r = _second_word(3, "gâteau/u", index) >> (64 - bits)
        assert float(value) == (r - 2 ** (bits - 1)) * 2.0 ** (1 - bits + 1)


@pytest.mark.parametrize("precision", DTYPES)
def test_numeric_inputs_use_the_whole_significand(precision: str) -> None:
    p = significant_bits(DTYPES[precision])
    got = dyadic(seed=0, name="x", shape=(4096,), bits=p, exponent=0, dtype=DTYPES[precision]).astype(np.float64)
    scaled = got * 2 ** (p - 1)
    assert np.array_equal(scaled, np.round(scaled))
    assert (scaled % 2 == 1).any()
    assert got.min() >= -1
    assert got.max() < 1


def test_a_part_of_a_large_tensor_equals_the_whole_across_chunks() -> None:
    small = dyadic(seed=0, name="t", shape=(10,), bits=24, exponent=0, dtype=np.float32)
    large = dyadic(seed=0, name="t", shape=((1 << 20) + 10,), bits=24, exponent=0, dtype=np.float32)
    assert np.array_equal(large[:10], small)
    assert large[-1] == ((_second_word(0, "t", (1 << 20) + 9) >> 40) - 2**23) * 2.0**-23


def test_more_bits_than_the_format_holds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"bits must lie in 1\.\.24"):
        dyadic(seed=0, name="x", shape=(1,), bits=25, exponent=0, dtype=np.float32)
