"""The forward pass against the reference: exact where the data are, within a derived bound elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from peerspec.backends import load
from peerspec.backends.torch import backend, functional, rows
from peerspec.backends.torch.arrays import to_tensor
from peerspec.backends.torch.query_norm import query_norm
from peerspec.reference import DTYPES, InputError, Layer, PeerConfig, TableError, forward, parameter_dtype
from peerspec.reference import query_norm as reference_norm

CONFIG = PeerConfig(d_model=6, heads=3, num_experts=49, top_k=5, d_key=4, d_out=5)
OPTIONS = [
    {},
    {"query_bias": True, "activation": "gelu_tanh"},
    {"key_heads": 3, "activation": "silu"},
    {"expert": "glu", "activation": "gelu"},
    {"gate": "sigmoid", "activation": "relu"},
    {"top_k": 49, "activation": "identity"},
    {"heads": 1, "num_experts": 1, "top_k": 1},
]


def integers(config, dtype, *, seed=0, keys=2):
    """A layer and tokens of small whole numbers: all products and sums are exact in every dtype."""
    rng = np.random.default_rng(seed)
    params = {name: rng.integers(-1, 2, shape) for name, shape in config.shapes().items()}
    params["keys"] = rng.integers(-keys, keys + 1, config.shapes()["keys"])
    if "query_norm.var" in params:
        params["query_norm.var"] = params["query_norm.var"] ** 2
    layer = Layer(config, {name: array.astype(parameter_dtype(name, dtype)) for name, array in params.items()})
    return layer, rng.integers(-2, 3, (7, config.d_model)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("expert", ["mlp", "glu"])
@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("key_heads", [1, 3])
def test_whole_numbers_with_one_expert_a_head_come_out_without_error(dtype, expert, activation, key_heads):
    config = replace(CONFIG, top_k=1, expert=expert, activation=activation, key_heads=key_heads, query_bias=True)
    layer, x = integers(config, DTYPES[dtype])
    ours, theirs = backend.forward(layer, x), forward(layer, x)
    assert ours.y.dtype == DTYPES[dtype]
    np.testing.assert_array_equal(ours.y, theirs.y.astype(DTYPES[dtype]))
    np.testing.assert_array_equal(ours.indices, theirs.indices)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", OPTIONS)
def test_scores_and_ids_of_whole_numbers_are_exact_ties_included(dtype, options):
    config = replace(CONFIG, **options)
    layer, x = integers(config, DTYPES[dtype])
    ours, theirs = backend.forward(layer, x), forward(layer, x)
    compute_dtype = np.float64 if dtype == "float64" else np.float32
    assert ours.scores.dtype == ours.gates.dtype == compute_dtype
    assert ours.indices.dtype == np.int64
    np.testing.assert_array_equal(ours.indices, theirs.indices)
    np.testing.assert_array_equal(ours.scores, theirs.scores)


@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_scores_share_the_gate_exactly_and_repeated_experts_count_twice(dtype):
    config = replace(CONFIG, top_k=4, activation="relu")
    layer, x = integers(config, DTYPES[dtype], keys=0)
    out = backend.forward(layer, x)
    assert (out.gates == 0.25).all()
    assert (out.indices == np.arange(4)).all()
    np.testing.assert_array_equal(out.y, forward(layer, x).y.astype(DTYPES[dtype]))


def value_bound(layer, x, out):
    """How far two float64 evaluations of y on the same experts may lie apart, by the model of PRC-4.

    A score is two chains of a D-term and a d/2-term product, a bias and an addition: its error is
    γ_{D+d/2+2} of the same formula on magnitudes. A gate's relative error is at most twice the largest error of
    a score plus exp, k-term sum and division; σ has a slope below 1.13 and 16u of its own.
    """
    c, u = layer.config, 2.0**-53
    magnitude = Layer(c, {name: abs(array) for name, array in layer.params.items()})
    gamma = lambda m: m * u / (1 - m * u)  # noqa: E731
    score = gamma(c.d_model + c.d_key // 2 + 2) * forward(magnitude, abs(x), indices=out.indices).scores
    gate = 2 * score.max(-1, keepdims=True) + gamma(c.top_k + 24)
    picked = {name: abs(layer.params[f"experts.{name}"])[out.indices] for name in "uvw" if name in names(layer)}
    products = [np.einsum("thkd,td->thk", picked[name], abs(x)) for name in picked if name != "v"]
    weight = np.prod([1.13 * a for a in products], axis=0)
    relative = len(products) * (gamma(c.d_model) + 16 * u) + gate + gamma(c.heads * c.top_k + 3)
    return 2 * np.einsum("thk,thkm->tm", out.gates * weight * relative, picked["v"])


def names(layer):
    return {name.rpartition(".")[2] for name in layer.params}


@pytest.mark.parametrize("options", OPTIONS)
def test_float64_values_lie_within_the_bound_of_the_model_of_arithmetic(options):
    layer = Layer.random(replace(CONFIG, **options), seed=3, dtype=np.float64)
    x = np.random.default_rng(3).standard_normal((40, 6))
    ours = backend.forward(layer, x)
    theirs = forward(layer, x, indices=ours.indices)
    error, bound = abs(ours.y - theirs.y), value_bound(layer, x, theirs)
    assert (error <= bound).all(), (error / bound).max()


@pytest.mark.parametrize("kind", ["batch", "layer"])
@pytest.mark.parametrize("training", [True, False])
def test_the_query_norm_of_whole_numbers_differs_by_its_five_roundings_at_most(kind, training):
    # eight tokens, four features: means and variances are exact, so +ε, √, ÷, ·scale, +bias remain
    config = replace(CONFIG, query_norm=kind)
    layer, _ = integers(config, np.float64)
    q = np.random.default_rng(5).integers(-4, 5, (8, 3, 4)).astype(np.float64)
    mask = np.ones(8, bool)
    theirs, theirs_state = reference_norm.query_norm(layer, q, mask=mask, training=training)
    tensors = {name: to_tensor(array) for name, array in layer.params.items()}
    ours, state = query_norm(kind, tensors, to_tensor(q), mask=to_tensor(mask), training=training)
    bias = abs(layer.params["query_norm.bias"])
    assert (abs(ours.numpy() - theirs) <= 2 * 5.1 * 2**-53 * (abs(theirs) + 2 * bias)).all()
    assert (state is None) == (theirs_state is None) == (kind == "layer" or not training)
    for name, value in (state or {}).items():  # two products and a sum of numbers of at most 33
        assert (abs(value.numpy() - theirs_state[name]) <= 2 * 3.1 * 2**-53 * 33).all()


def test_masked_tokens_stay_out_of_the_statistics_even_as_nan_and_are_still_evaluated():
    layer = Layer.random(replace(CONFIG, query_norm="batch"), seed=1)
    x = np.random.default_rng(0).standard_normal((6, 6)).astype(np.float32)
    mask = np.array([True, True, False, True, False, True])
    clean = backend.forward(layer, x, mask=mask, training=True)
    x[2] = np.nan
    poisoned = backend.forward(layer, x, mask=mask, training=True)
    for name in clean.state:
        np.testing.assert_array_equal(clean.state[name], poisoned.state[name])
    np.testing.assert_array_equal(np.delete(clean.y, 2, 0), np.delete(poisoned.y, 2, 0))
    assert np.isfinite(clean.y[4]).all()


def test_training_without_a_token_that_counts_is_refused():
    layer = Layer.random(replace(CONFIG, query_norm="batch"))
    with pytest.raises(InputError, match="NRM-5"):
        backend.forward(layer, np.zeros((3, 6), np.float32), mask=np.zeros(3, bool), training=True)
    with pytest.raises(InputError, match="NRM-5"):
        backend.forward(layer, np.zeros((0, 6), np.float32), training=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lead", [(), (0,), (1,), (2, 0, 3), (2, 1, 2, 3)])
def test_any_leading_axes_are_accepted(dtype, lead):
    layer, _ = integers(CONFIG, DTYPES[dtype])
    x = np.random.default_rng(0).integers(-2, 3, (*lead, 6)).astype(DTYPES[dtype])
    out = backend.forward(layer, x)
    assert out.y.shape == (*lead, 5)
    assert out.scores.shape == out.indices.shape == out.gates.shape == (*lead, 3, 5)
    np.testing.assert_array_equal(out.indices, forward(layer, x).indices)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["relu", "gelu", "identity"])
@pytest.mark.parametrize("k", [1, 5])
def test_a_nan_makes_its_own_token_nan_and_changes_no_bit_of_another(dtype, activation, k):
    layer = Layer.random(replace(CONFIG, activation=activation, top_k=k), dtype=DTYPES[dtype])
    x = np.random.default_rng(0).standard_normal((9, 6)).astype(DTYPES[dtype])
    clean = backend.forward(layer, x)
    x[4, 2] = np.nan
    out = backend.forward(layer, x)
    assert np.isnan(out.y[4].astype(float)).all()
    np.testing.assert_array_equal(np.delete(out.y, 4, 0), np.delete(clean.y, 4, 0))
    np.testing.assert_array_equal(np.delete(out.indices, 4, 0), np.delete(clean.indices, 4, 0))
    assert out.indices.min() >= 0
    assert out.indices.max() < 49


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("dtype", DTYPES)
def test_inputs_may_be_read_only_or_strided_and_are_not_modified(dtype):
    layer, x = integers(replace(CONFIG, query_norm="batch"), DTYPES[dtype], keys=1)
    params = {name: read_only(array) for name, array in layer.params.items()}
    layer, wide = Layer(layer.config, params), np.repeat(x, 2, axis=1)
    dy, before = np.ones((7, 5), DTYPES[dtype]), {name: array.copy() for name, array in params.items()}
    want = backend.forward(layer, x, training=True)
    for view in (wide[:, ::2], x[::-1][::-1], np.asfortranarray(x), read_only(x)):
        got = backend.forward(layer, view, training=True)
        np.testing.assert_array_equal(got.y, want.y)
        backend.gradients(layer, view, read_only(dy))
    np.testing.assert_array_equal(backend.forward(layer, x[::-1]).y, backend.forward(layer, x).y[::-1])
    np.testing.assert_array_equal(wide, np.repeat(x, 2, axis=1))
    for name, array in before.items():
        np.testing.assert_array_equal(layer.params[name], array)


def test_the_same_inputs_give_the_same_bits():
    layer = Layer.random(CONFIG)
    x = np.random.default_rng(0).standard_normal((64, 6)).astype(np.float32)
    first, second = backend.forward(layer, x), backend.forward(layer, x)
    np.testing.assert_array_equal(first.y, second.y)


def test_splitting_rows_into_chunks_changes_nothing_of_exact_data(monkeypatch):
    layer, x = integers(replace(CONFIG, activation="relu", top_k=1), np.float32)
    whole = backend.forward(layer, x), backend.gradients(layer, x, np.ones((7, 5), np.float32))
    monkeypatch.setitem(rows.BUDGET, "cpu", 1)
    parts = backend.forward(layer, x), backend.gradients(layer, x, np.ones((7, 5), np.float32))
    np.testing.assert_array_equal(parts[0].y, whole[0].y)
    for name in whole[1]:
        np.testing.assert_array_equal(parts[1][name], whole[1][name])


@pytest.mark.parametrize(
    ("x", "mask", "clause"),
    [
        (np.zeros((2, 5), np.float32), None, "SHP-1"),
        (np.array(1, np.float32), None, "SHP-1"),
        (np.zeros((2, 6), np.float64), None, "PAR-5"),
        (np.zeros((2, 6), np.int64), None, "PAR-5"),
        (np.zeros((2, 6), "U1"), None, "PAR-5"),
        ([[0.0] * 6], None, "NumPy"),
        (np.zeros((2, 6), np.float32), np.ones(3, bool), "SHP-2"),
        (np.zeros((2, 6), np.float32), np.ones(2, np.int64), "SHP-2"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_clause(x, mask, clause):
    with pytest.raises(InputError, match=clause):
        backend.forward(Layer.random(CONFIG), x, mask=mask)


def test_parameters_that_do_not_fit_are_refused_by_clause():
    params = {name: torch.zeros(shape) for name, shape in CONFIG.shapes().items()}
    x = torch.zeros(2, 6)
    broken = [
        {name: tensor for name, tensor in params.items() if name != "keys"},
        params | {"experts.w": torch.zeros(1)},
        params | {"experts.u": torch.zeros(49, 5)},
        params | {"experts.u": torch.zeros(49, 6).double()},
        {name: tensor.int() for name, tensor in params.items()},
    ]
    for bad in broken:
        with pytest.raises(TableError, match="PAR-"):
            functional.forward(CONFIG, bad, x)


def test_tensors_on_two_devices_are_refused():
    config = replace(CONFIG, query_norm="batch")
    params = {name: to_tensor(array) for name, array in Layer.random(config, seed=0).params.items()}
    x, mask = torch.zeros(3, 6), torch.ones(3, dtype=torch.bool)
    with pytest.raises(InputError, match="x must be on cpu as the parameters, got meta; move it"):
        functional.forward(config, params, x.to("meta"))
    with pytest.raises(InputError, match="mask must be on cpu as the parameters, got meta; move it"):
        functional.forward(config, params, x, mask=mask.to("meta"))
    with pytest.raises(TableError, match=r"experts\.u must be on cpu as the keys, got meta; move one of them"):
        functional.forward(config, params | {"experts.u": params["experts.u"].to("meta")}, x)


def test_the_entry_point_leads_to_the_backend_with_every_profile():
    loaded = load("torch")
    assert loaded.name == "torch"
    assert {"select", "training", "query-norm", "glu", "sigmoid", "per-head-keys", "query-bias"} <= set(loaded.profiles)
    assert set(DTYPES) <= set(loaded.profiles)
