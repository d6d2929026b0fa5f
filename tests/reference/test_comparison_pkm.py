"""The product-key memory: the routing of PEER, bit for bit, and a PEER layer whose experts ignore the token."""

from typing import Any

import numpy as np
import pytest
from support.comparison import random_layer, tokens_of
from support.rounding import APART

from peerspec.reference import InputError, Layer
from peerspec.reference import forward as peer_forward
from peerspec.reference.comparison import forward

KINDS = ["pkm", "pkm all", "pkm layer"]


def peer_like(layer: Any) -> Layer:
    """A PEER layer with the same router, v the values, and some u."""
    router = {name: array for name, array in layer.params.items() if name != "values"}
    u = np.random.default_rng(4).standard_normal((16, 5)).astype(layer.dtype)
    return Layer(layer.config.retrieval, router | {"experts.u": u, "experts.v": layer.params["values"]})


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_ids_gates_and_statistics_are_those_of_peer_bit_for_bit(kind: str, dtype: Any, training: bool) -> None:
    layer = random_layer(kind, dtype)
    x = tokens_of(layer, 2, 3)[0].astype(dtype)
    mask = np.array([[True, True, False], [True, True, True]])
    for computed in (np.float32, np.float64):
        out = forward(layer, x, mask=mask, training=training, dtype=computed)
        peer = peer_forward(peer_like(layer), x, mask=mask, training=training, dtype=computed)
        for name in ("scores", "indices", "gates"):
            np.testing.assert_array_equal(getattr(out, name), getattr(peer, name))
        assert (out.state is None) == (peer.state is None) == (kind != "pkm all" or not training)
        for name, statistic in (out.state or {}).items():
            np.testing.assert_array_equal(statistic, peer.state[name])


@pytest.mark.parametrize("kind", KINDS)
def test_y_is_the_sum_of_values_with_their_gates(kind: str) -> None:
    layer = random_layer(kind)
    x, _ = tokens_of(layer, 6)
    out = forward(layer, x)
    expected = (out.gates[..., None] * layer.params["values"][out.indices]).sum((1, 2))
    assert abs(out.y - expected).max() <= APART * abs(expected).max()


def test_a_nan_stays_with_its_token_and_ids_stay_in_range() -> None:
    layer = random_layer("pkm")
    x, _ = tokens_of(layer, 6)
    expected = forward(layer, x)
    x[1, 2] = np.nan
    out = forward(layer, x)
    assert np.isnan(out.y[1]).all()
    assert out.indices.min() >= 0
    assert out.indices.max() < 16
    rest = np.arange(6) != 1
    np.testing.assert_array_equal(out.y[rest], expected.y[rest])


def test_training_with_batch_statistics_needs_a_counted_token() -> None:
    layer = random_layer("pkm all")
    with pytest.raises(
        InputError, match=r"batch statistics need at least one token that counts, got none; .* \(NRM-5\)"
    ):
        forward(layer, tokens_of(layer, 3)[0], mask=np.zeros(3, bool), training=True)
