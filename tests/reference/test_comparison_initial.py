"""New layers: the scale of y does not depend on N, E and the number of hidden neurons (SPEC.md, section 15.6).

Given x, y is a sum of independent normal numbers v with the factors g·ω. So y/v's scale has the variance Σ (g·ω)² for
each token, which a layer computes here from its own routing; and y has that variance over random v. The tests compare
Σ (g·ω)²·scale² over sizes.
"""

import numpy as np
import pytest

from peerspec.reference.comparison import (
    ComparisonConfig,
    ComparisonLayer,
    DenseConfig,
    ExpertChoiceConfig,
    PKMConfig,
    TokenChoiceConfig,
    forward,
)
from peerspec.reference.comparison.initial import initial_scales

WIDTH, TOKENS = 64, 256


def variance(config: ComparisonConfig) -> float:
    """The mean of y² over tokens and columns; x of order one."""
    x = np.random.default_rng(5).standard_normal((TOKENS, WIDTH))
    y = forward(ComparisonLayer.random(config, dtype=np.float64), x).y
    return float((y**2).mean())


EXPECTED = 0.5
"""The mean of ω² for `relu` and u·x of variance 1."""
# Sums over 16 neurons or more, of |u|² and |v|² over 64 numbers each: a relative deviation of √(2/(64·16)) = 0.04 for
# each table. Products of two different neurons add (0.4²/0.5)·√(16·15)/(16·√64) = 0.04, tokens less: together
# less than 0.1, of which five are allowed. A scale that grows with E, H or N is off by a factor of four or more.
SPREAD = 5 * 0.1


@pytest.mark.parametrize("hidden", [16, 64, 256, 1024])
def test_the_scale_of_a_dense_layer_does_not_depend_on_its_width(hidden: int) -> None:
    got = variance(DenseConfig(WIDTH, hidden, activation="relu"))
    assert abs(got / EXPECTED - 1) < SPREAD


@pytest.mark.parametrize("gate", ["softmax_before", "softmax_after"])
@pytest.mark.parametrize(("experts", "k", "hidden"), [(4, 2, 16), (64, 2, 16), (64, 8, 16), (64, 1, 64), (256, 2, 16)])
def test_the_scale_of_a_token_choice_layer_does_not_depend_on_its_sizes(
    gate: str, experts: int, k: int, hidden: int
) -> None:
    got = variance(TokenChoiceConfig(WIDTH, experts, k, hidden, activation="relu", gate=gate))
    assert abs(got / EXPECTED - 1) < SPREAD


@pytest.mark.parametrize(("experts", "factor", "hidden"), [(4, 2, 16), (64, 2, 16), (64, 8, 16), (256, 1, 64)])
def test_the_scale_of_an_expert_choice_layer_does_not_depend_on_its_sizes(
    experts: int, factor: float, hidden: int
) -> None:
    got = variance(ExpertChoiceConfig(WIDTH, experts, hidden, factor, activation="relu"))
    assert abs(got / EXPECTED - 1) < SPREAD


@pytest.mark.parametrize("n", [4, 16, 64, 128])
def test_the_scale_of_a_memory_lies_between_its_bounds_for_every_number_of_values(n: int) -> None:
    """Given the routing, y has the variance Σ G²/h over the rows that a token uses, where G adds the gates of a row.

    Where every row is used by one head, it is the mean over heads of Σ g², between 1/k and 1. Heads that use one row
    add to it, the more often the fewer rows there are.
    """
    config = PKMConfig(WIDTH, 8, n * n, 4, 32)
    layer = ComparisonLayer.random(config, dtype=np.float64)
    x = np.random.default_rng(5).standard_normal((TOKENS, WIDTH))
    out = forward(layer, x)
    of_rows = np.zeros((TOKENS, n * n))
    np.add.at(of_rows, (np.arange(TOKENS)[:, None, None], out.indices), out.gates)
    share, apart = (of_rows**2).sum(-1).mean() / 8, (out.gates**2).sum(-1).mean()
    assert 1 / 4 <= apart <= share <= 1
    assert abs((out.y**2).mean() / share - 1) < SPREAD


def test_parameters_that_are_no_normal_numbers_start_as_ones_or_zeros() -> None:
    layer = ComparisonLayer.random(PKMConfig(8, 2, 16, 2, 4, query_bias=True, query_norm="batch"))
    ones = ("query_norm.scale", "query_norm.var")
    for name, array in layer.params.items():
        if name not in initial_scales(layer.config):
            assert (array == (name in ones)).all(), name
