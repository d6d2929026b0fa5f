"""Gradients: exact where the data are, by central differences elsewhere (GRD-1 … GRD-7)."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from peerspec.backends.torch import backend
from peerspec.backends.torch.arrays import to_tensor
from peerspec.backends.torch.functional import forward
from peerspec.reference import DTYPES, InputError, Layer, PeerConfig, gradients
from peerspec.reference.config import STATISTICS

CONFIG = PeerConfig(d_model=5, heads=2, num_experts=16, top_k=3, d_key=4, d_out=3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("expert", ["mlp", "glu"])
@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_expert_gradients_of_whole_numbers_are_exact_and_the_router_has_none_at_k_1(dtype, expert, activation):
    config = replace(CONFIG, top_k=1, expert=expert, activation=activation, query_bias=True, query_norm="layer")
    rng = np.random.default_rng(1)
    params = {name: rng.integers(-1, 2, shape) for name, shape in config.shapes().items()}
    layer = Layer(config, {name: array.astype(DTYPES[dtype]) for name, array in params.items()})
    x = rng.integers(-1, 2, (4, 2, 5)).astype(DTYPES[dtype])
    dy = rng.integers(-1, 2, (4, 2, 3)).astype(DTYPES[dtype])
    ours = backend.gradients(layer, x, dy)
    theirs = gradients(layer, x, dy, indices=backend.forward(layer, x).indices)
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        assert ours[name].dtype == DTYPES[dtype]
        np.testing.assert_array_equal(ours[name], gradient.astype(DTYPES[dtype]))
        if name.startswith(("query", "keys")):
            assert not ours[name].any()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"query_bias": True, "query_norm": "batch", "activation": "silu"},
        {"query_norm": "layer", "key_heads": 2, "activation": "gelu_tanh"},
        {"expert": "glu", "gate": "sigmoid", "activation": "gelu"},
        {"top_k": 9, "activation": "identity"},
    ],
)
def test_every_gradient_is_the_slope_of_the_forward_pass(options):
    config = replace(CONFIG, d_model=2, num_experts=9, d_out=1, **options)
    layer = Layer.random(config, seed=7, dtype=np.float64)
    names = [name for name in layer.params if name not in ("query_norm.mean", "query_norm.var")]
    rest = {name: to_tensor(layer.params[name]) for name in layer.params if name not in names}
    x = torch.from_numpy(np.random.default_rng(7).standard_normal((3, 2))).requires_grad_()
    leaves = [to_tensor(layer.params[name]).clone().requires_grad_() for name in names]
    step = 1e-6

    def routing(x, *tensors):
        return forward(config, dict(zip(names, tensors, strict=True)) | rest, x, training=True).y

    # Central differences of values of order one: rounding 2⁻⁵²/step ≈ 2e-10 for each of the fewer than 100
    # operations in a chain, truncation step² ≈ 1e-12 times a third derivative of order ten.
    assert torch.autograd.gradcheck(routing, (x, *leaves), eps=step, atol=2e-8, rtol=0)


def test_rows_and_sub_keys_no_token_selects_have_gradient_exactly_zero():
    layer = Layer.random(replace(CONFIG, num_experts=400, expert="glu"), seed=2)
    x, dy = np.random.default_rng(2).standard_normal((2, 6, 5)).astype(np.float32)
    found, ids = backend.gradients(layer, x, dy[:, :3]), backend.forward(layer, x).indices
    unused = np.setdiff1d(np.arange(400), ids)
    for name in ("experts.u", "experts.v", "experts.w"):
        assert not found[name][unused].any()
        assert found[name][np.unique(ids)].any(-1).all()
    for side, used in enumerate(np.divmod(ids, 20)):
        assert not found["keys"][0, side, np.setdiff1d(np.arange(20), used)].any()
        assert found["keys"][0, side, np.unique(used)].any(-1).all()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_many_small_contributions_are_summed_in_float32_and_rounded_once(dtype):
    # One expert, 5000 tokens, every contribution 1: a narrow sum would stop growing at 256 or 2048.
    config = PeerConfig(1, 1, 1, 1, 2, activation="identity", gate="sigmoid", query_bias=True)
    one = {"query.weight": [[[1], [1]]], "query.bias": [[0, 0]], "keys": [[[[1]], [[-1]]]]}
    one |= {"experts.u": [[2]], "experts.v": [[2]]}
    layer = Layer(config, {name: np.array(value, DTYPES[dtype]) for name, value in one.items()})
    ones = np.ones((5000, 1), DTYPES[dtype])
    found = backend.gradients(layer, ones, ones)
    # score 0, gate ½ with slope ¼: du = ½·2·1, dv = ½·2·1, ds = ¼·2·2 = 1
    for name in ("experts.u", "experts.v", "query.bias", "query.weight", "keys"):
        np.testing.assert_array_equal(abs(found[name]), np.full(found[name].shape, 5000, DTYPES[dtype]))


def test_the_slope_of_relu_at_zero_is_zero():
    layer = Layer.random(replace(CONFIG, activation="relu"), seed=1, dtype=np.float64)
    layer = Layer(layer.config, dict(layer.params) | {"experts.u": np.zeros((16, 5))})
    found = backend.gradients(layer, np.ones((2, 5)), np.ones((2, 3)))
    assert not found["experts.u"].any()
    assert not found["x"].any()


def test_no_token_gives_zero_gradients():
    layer = Layer.random(replace(CONFIG, expert="glu", query_bias=True))
    found = backend.gradients(layer, np.zeros((0, 5), np.float32), np.zeros((0, 3), np.float32))
    for name, array in layer.params.items():
        assert found[name].shape == array.shape
        assert not found[name].any()


def test_a_mask_keeps_a_token_out_of_the_statistics_and_so_out_of_their_gradient():
    layer = Layer.random(replace(CONFIG, query_norm="batch"), dtype=np.float64)
    x, dy = np.random.default_rng(0).standard_normal((2, 8, 5))
    dy, mask = dy[:, :3].copy(), np.arange(8) != 3
    dy[3] = 0
    with_it = backend.gradients(layer, x, dy, mask=mask)
    without = backend.gradients(layer, x[mask], dy[mask])
    assert not with_it["x"][3].any()
    # two orders of summing the same eight terms of order one
    for name, gradient in without.items():
        got = with_it[name][mask] if name == "x" else with_it[name]
        assert abs(got - gradient).max() <= 1000 * 2**-53


@pytest.mark.parametrize("dy", [np.ones((2, 4), np.float32), np.ones((2, 3), np.float64)])
def test_an_upstream_gradient_that_does_not_fit_is_refused(dy):
    with pytest.raises(InputError, match="dy must be"):
        backend.gradients(Layer.random(CONFIG), np.ones((2, 5), np.float32), dy)


def test_tables_that_are_frozen_get_no_gradient_and_others_do():
    layer = Layer.random(CONFIG)
    tensors = {name: to_tensor(array) for name, array in layer.params.items()}
    tensors["experts.v"].requires_grad_()
    forward(CONFIG, tensors, torch.ones(2, 5)).y.sum().backward()
    assert tensors["experts.v"].grad is not None
    assert all(tensors[name].grad is None for name in tensors if name != "experts.v")


@pytest.mark.parametrize("training", [False, True])
def test_running_statistics_are_constants_though_they_require_gradients(training):
    """Old and new ones (GRD-9)."""
    layer = Layer.random(PeerConfig(5, 2, 16, 3, 4, query_norm="batch"), seed=0)
    params = {name: to_tensor(array).requires_grad_() for name, array in layer.params.items()}
    out = forward(layer.config, params, torch.randn(6, 5), training=training)
    assert not any(statistic.requires_grad for statistic in (out.state or {}).values())
    out.y.square().sum().backward()
    assert {name for name, tensor in params.items() if tensor.grad is None} == set(STATISTICS)
