"""The forward pass through the contract of a backend, with NumPy arrays in and out."""

import ml_dtypes
import numpy as np
import pytest

from peerspec.backends.jax import backend
from peerspec.reference import DTYPES, InputError, Layer, forward

BATCH = {"query_norm": "batch", "query_bias": True, "key_heads": 3}
OPTIONS = [
    ({"activation": "gelu_tanh", "gate": "sigmoid"}, False),
    ({"activation": "silu", "expert": "glu", "query_bias": True}, False),
    ({"activation": "identity", "query_norm": "layer"}, False),
    (BATCH, False),
    (BATCH, True),
]


def tokens(layer, *lead, seed=0):
    x = np.random.default_rng(seed).standard_normal((*lead, layer.config.d_model))
    return x.astype(np.float32).astype(layer.dtype)


def assert_same_bits(a, b):
    for left, right in ((a.y, b.y), (a.scores, b.scores), (a.indices, b.indices), (a.gates, b.gates)):
        assert left.tobytes() == right.tobytes()


EXACT = [*(({"tied": True, "expert": "glu"}, name) for name in DTYPES), ({"tied": True}, "float32")]


@pytest.mark.parametrize(("options", "dtype"), [*EXACT, ({"top_k": 1}, "bfloat16")], ids=str)
def test_exact_data_give_the_exact_result(make_integer_layer, dtype, options):
    dtype = DTYPES[dtype]
    layer = make_integer_layer(dtype, **options)
    x = np.random.default_rng(0).integers(-2, 3, (9, 5)).astype(dtype)
    got, want = backend.forward(layer, x), forward(layer, x)
    np.testing.assert_array_equal(got.indices, want.indices)
    np.testing.assert_array_equal(got.scores, want.scores)
    np.testing.assert_array_equal(got.gates, want.gates)
    np.testing.assert_array_equal(got.y, want.y.astype(dtype))
    compute = np.float64 if dtype == np.float64 else np.float32
    assert (got.y.dtype, got.scores.dtype, got.gates.dtype, got.indices.dtype) == (dtype, compute, compute, np.int64)
    assert got.state is None


@pytest.mark.parametrize(("options", "training"), OPTIONS, ids=str)
def test_the_distance_to_the_reference_is_rounding(make_layer, options, training):
    """Rounding shrinks with the unit roundoff, by 2⁻²⁹ from float32 to float64; a wrong formula does not shrink.

    Half of those bits are a margin for single roundings.
    """
    narrow, wide = make_layer(np.float32, **options), make_layer(np.float64, **options)
    errors = []
    for layer in (narrow, wide):
        x = tokens(layer, 6)
        got = backend.forward(layer, x, training=training)
        want = forward(layer, x, training=training, indices=got.indices)
        errors.append([np.abs(getattr(got, part) - getattr(want, part)).max() for part in ("y", "scores", "gates")])
        np.testing.assert_array_equal(got.indices, forward(layer, x, training=training).indices)
    assert (np.array(errors[1]) < np.maximum(errors[0], 2**-24) * 2.0**-15).all(), errors


def test_training_returns_updated_statistics_of_the_tokens_that_count(make_layer):
    layer = make_layer(np.float64, query_norm="batch")
    x, mask = tokens(layer, 2, 4), np.array([[True, False, True, True], [True, False, False, True]])
    poisoned = np.where(mask[..., None], x, np.nan)
    got = backend.forward(layer, poisoned, mask=mask, training=True)
    want = forward(layer, x, mask=mask, training=True)
    for name in ("query_norm.mean", "query_norm.var"):
        # each of D products and T tokens, the mean, the square and the average round: fewer than 64 times
        scale = np.abs(want.state[name]).max() + np.abs(x).max() ** 2
        assert np.abs(got.state[name] - want.state[name]).max() <= 64 * 2.0**-53 * scale
    assert np.isfinite(got.y[mask]).all()
    assert np.isnan(got.y[~mask]).all()


def test_leading_axes_change_nothing(make_layer):
    layer = make_layer()
    x = tokens(layer, 2, 3, 1)
    flat, deep = backend.forward(layer, x.reshape(6, 5)), backend.forward(layer, x)
    assert deep.y.shape == (2, 3, 1, 7)
    assert deep.indices.shape == (2, 3, 1, 3, 6)
    assert_same_bits(flat, deep)
    assert backend.forward(layer, x[0, 0, 0]).y.shape == (7,)


def test_no_tokens_give_an_empty_output(make_layer):
    layer = make_layer(query_norm="batch")
    out = backend.forward(layer, tokens(layer, 2, 0))
    assert out.y.shape == (2, 0, 7)
    assert out.indices.shape == (2, 0, 3, 6)
    with pytest.raises(InputError, match="NRM-5"):
        backend.forward(layer, tokens(layer, 0), training=True)


@pytest.mark.parametrize("options", [{"activation": "relu", "top_k": 1}, {"expert": "glu", "gate": "sigmoid"}], ids=str)
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_token_that_is_not_finite_touches_no_other(make_layer, options, poison):
    layer = make_layer(**options)
    x = tokens(layer, 6)
    clean = backend.forward(layer, x)
    x[3, 1] = poison
    out = backend.forward(layer, x)
    others = np.arange(6) != 3
    assert out.y[others].tobytes() == clean.y[others].tobytes()
    assert out.indices[others].tobytes() == clean.indices[others].tobytes()
    assert 0 <= out.indices.min() <= out.indices.max() < 16
    if np.isnan(poison):
        assert np.isnan(out.y[3]).all()


def test_the_same_inputs_give_the_same_bits_and_stay_as_they_were(make_layer):
    layer = make_layer()
    before = {name: array.copy() for name, array in layer.params.items()}
    for array in layer.params.values():
        array.setflags(write=False)
    x = tokens(layer, 6)
    tokens_before = x.copy()
    x.setflags(write=False)
    assert_same_bits(backend.forward(layer, x), backend.forward(layer, x))
    assert x.tobytes() == tokens_before.tobytes()
    assert all(before[name].tobytes() == array.tobytes() for name, array in layer.params.items())


def test_a_layer_from_a_file_gives_the_same_bits(make_layer, tmp_path):
    layer = make_layer(ml_dtypes.bfloat16)
    layer.save(tmp_path / "layer.safetensors")
    x = tokens(layer, 6)
    assert_same_bits(backend.forward(Layer.load(tmp_path / "layer.safetensors"), x), backend.forward(layer, x))


def test_strided_tokens_give_the_same_bits(make_layer):
    layer = make_layer()
    x = tokens(layer, 12)[::2]
    assert_same_bits(backend.forward(layer, x), backend.forward(layer, x.copy()))


def test_inputs_that_do_not_fit_are_refused_in_one_sentence(make_layer):
    layer = make_layer()
    with pytest.raises(InputError, match=r"\[\.\.\., 5\], got \(2, 4\)"):
        backend.forward(layer, np.zeros((2, 4), np.float32))
    with pytest.raises(InputError, match="float64; convert it"):
        backend.forward(layer, np.zeros((2, 5)))
    with pytest.raises(InputError, match="SHP-2"):
        backend.forward(layer, np.zeros((2, 5), np.float32), mask=np.ones(3, bool))
    with pytest.raises(InputError, match=r"dy must be float32 of shape \(2, 7\), got float32 of shape \(2, 5\)"):
        backend.gradients(layer, np.zeros((2, 5), np.float32), np.zeros((2, 5), np.float32))
