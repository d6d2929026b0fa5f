"""The dense layer: its formula, and a PEER layer whose experts it holds."""

import numpy as np
import pytest
from support.comparison import integer_layer, random_layer, tokens_of
from support.rounding import APART

from peerspec.reference import Layer, PeerConfig
from peerspec.reference import forward as peer_forward
from peerspec.reference.activations import activate, activate_derivative
from peerspec.reference.comparison import ComparisonLayer, DenseConfig, forward, gradients


@pytest.mark.parametrize("activation", ["relu", "gelu", "gelu_tanh", "silu", "identity"])
def test_y_is_the_sum_over_hidden_neurons(activation: str) -> None:
    layer = random_layer("dense", activation=activation)
    x, _ = tokens_of(layer, 4)
    u, v = layer.params["u"], layer.params["v"]
    for token, y in zip(x, forward(layer, x).y, strict=True):
        expected = sum(activate(activation, np.array(u[r] @ token)) * v[r] for r in range(6))
        assert abs(y - expected).max() <= APART * abs(expected).max()


def test_the_second_product_of_a_glu_neuron_is_outside_the_activation() -> None:
    layer = integer_layer("dense glu")
    x = np.random.default_rng(1).integers(-3, 4, (4, 5)).astype(float)
    p = layer.params
    expected = (np.maximum(x @ p["w"].T, 0) * (x @ p["u"].T)) @ p["v"]
    np.testing.assert_array_equal(forward(layer, x).y, expected)
    assert expected.any()


def test_a_peer_layer_of_one_expert_per_head_is_a_dense_layer() -> None:
    """Equation 8 of the paper: with k = 1, and N = 1, h heads add the same neuron."""
    peer = Layer.random(PeerConfig(5, 3, 1, 1, 8, d_out=7), dtype=np.float64)
    rows = {name: np.repeat(peer.params[f"experts.{name}"], 3, 0) for name in ("u", "v")}
    dense = ComparisonLayer(DenseConfig(5, 3, d_out=7), rows)
    x, _ = tokens_of(dense, 6)
    expected = peer_forward(peer, x).y
    assert abs(forward(dense, x).y - expected).max() <= APART * abs(expected).max()


def test_a_mask_changes_nothing_and_a_nan_stays_with_its_token() -> None:
    for activation in ("relu", "gelu"):
        layer = random_layer("dense", activation=activation)
        x, _ = tokens_of(layer, 4)
        y = forward(layer, x).y
        np.testing.assert_array_equal(forward(layer, x, mask=np.zeros(4, bool)).y, y)
        x[1, 0] = np.nan
        got = forward(layer, x).y
        assert np.isnan(got[1]).all()
        np.testing.assert_array_equal(got[[0, 2, 3]], y[[0, 2, 3]])


def test_gradients_are_those_of_two_matrices() -> None:
    layer = integer_layer("dense")
    rng = np.random.default_rng(2)
    x, dy = rng.integers(-3, 4, (4, 5)).astype(float), rng.integers(-3, 4, (4, 7)).astype(float)
    u, v = layer.params["u"], layer.params["v"]
    a = x @ u.T
    da = (dy @ v.T) * activate_derivative("relu", a)
    grads = gradients(layer, x, dy)
    np.testing.assert_array_equal(grads["v"], np.maximum(a, 0).T @ dy)
    np.testing.assert_array_equal(grads["u"], da.T @ x)
    np.testing.assert_array_equal(grads["x"], da @ u)
