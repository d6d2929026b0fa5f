"""The query norm: batch and layer, mask, statistics and their update."""

from typing import Any

import numpy as np
import pytest
from support.constant_query import ACCURACY, STEPS, constant_query_layer
from support.constant_query import tokens as constant_tokens

from peerspec.reference import DTYPES, InputError, Layer, forward
from peerspec.reference.query import query
from peerspec.reference.query_norm import batch_statistics, query_norm

MASK = np.array([True, True, False, True, True, False])
ALL = np.ones(6, bool)


@pytest.fixture
def tokens() -> Any:
    return np.random.default_rng(5).standard_normal((6, 5))


def close(got: Any, expected: Any, terms: int) -> bool:
    """Whether the error is at most that of a sum of ``terms`` numbers below 2⁶ and of 16 more operations."""
    return bool((abs(got - expected) <= (terms + 16) * 2.0**-53 * 2**6).all())


def test_without_a_norm_the_query_is_unchanged(make_layer: Any, tokens: Any) -> None:
    layer = make_layer()
    q = query(layer, tokens)
    got, state = query_norm(layer, q, mask=ALL, training=True)
    assert got is q
    assert state is None


@pytest.mark.parametrize("bias", [False, True])
def test_each_head_has_its_own_linear_map(make_layer: Any, tokens: Any, bias: bool) -> None:
    layer = make_layer(query_bias=bias)
    q = query(layer, tokens)
    assert q.shape == (6, 3, 8)
    for t, m in np.ndindex(6, 3):
        expected = layer.params["query.weight"][m] @ tokens[t]
        expected = expected + layer.params["query.bias"][m] if bias else expected
        assert close(q[t, m], expected, 6)


def test_inference_uses_running_statistics(make_layer: Any, tokens: Any) -> None:
    layer = make_layer(query_norm="batch")
    p = layer.params
    q = query(layer, tokens)
    got, state = query_norm(layer, q, mask=ALL, training=False)
    root = np.sqrt(p["query_norm.var"] + 1e-5)
    expected = (q - p["query_norm.mean"]) / root * p["query_norm.scale"] + p["query_norm.bias"]
    assert state is None
    assert close(got, expected, 1)


def test_training_uses_statistics_of_the_counted_tokens_and_normalises_all(make_layer: Any, tokens: Any) -> None:
    layer = make_layer(query_norm="batch")
    p, q = layer.params, query(layer, tokens)
    got, state = query_norm(layer, q, mask=MASK, training=True)
    counted = [t for t in range(6) if MASK[t]]
    for m, c in np.ndindex(3, 8):
        mean = sum(q[t, m, c] for t in counted) / 4
        var = sum((q[t, m, c] - mean) ** 2 for t in counted) / 4  # biased: 4 tokens, not 3
        unit = (q[:, m, c] - mean) / np.sqrt(var + 1e-5)
        assert close(got[:, m, c], unit * p["query_norm.scale"][m, c] + p["query_norm.bias"][m, c], 12)
        assert close(state["query_norm.mean"][m, c], 0.9 * p["query_norm.mean"][m, c] + 0.1 * mean, 4)
        assert close(state["query_norm.var"][m, c], 0.9 * p["query_norm.var"][m, c] + 0.1 * var, 8)


def test_a_masked_token_does_not_reach_the_statistics_even_as_nan(make_layer: Any, tokens: Any) -> None:
    layer = make_layer(query_norm="batch")
    before = forward(layer, tokens, mask=MASK, training=True)
    tokens[2] = np.nan
    after = forward(layer, tokens, mask=MASK, training=True)
    keep = np.arange(6) != 2
    assert after.y[keep].tobytes() == before.y[keep].tobytes()
    assert np.isnan(after.y[2]).all()
    assert (after.state["query_norm.var"] == before.state["query_norm.var"]).all()


@pytest.mark.parametrize("training", [False, True])
def test_layer_norm_is_over_the_features_of_each_token_and_head(make_layer: Any, tokens: Any, training: bool) -> None:
    layer = make_layer(query_norm="layer")
    p, q = layer.params, query(layer, tokens)
    got, state = query_norm(layer, q, mask=MASK, training=training)
    assert state is None
    for t, m in np.ndindex(6, 3):
        unit = (q[t, m] - q[t, m].mean()) / np.sqrt(((q[t, m] - q[t, m].mean()) ** 2).mean() + 1e-5)
        assert close(got[t, m], unit * p["query_norm.scale"][m] + p["query_norm.bias"][m], 24)


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_a_mask_changes_batch_statistics_only(make_layer: Any, tokens: Any, norm: str) -> None:
    layer = make_layer(query_norm=norm)
    for training in (False, True):
        plain, masked = (forward(layer, tokens, mask=m, training=training).y for m in (None, MASK))
        assert (plain.tobytes() == masked.tobytes()) is not (norm == "batch" and training)


def test_one_counted_token_is_enough_and_has_variance_zero(make_layer: Any, tokens: Any) -> None:
    mask = np.arange(6) == 3
    _, var = batch_statistics(query(make_layer(), tokens), mask)
    assert not var.any()
    out = forward(make_layer(query_norm="batch"), tokens, mask=mask, training=True)
    assert np.isfinite(out.y).all()


@pytest.mark.parametrize(("count", "mask"), [(6, ~ALL), (0, None), (0, ALL[:0])])
def test_training_without_a_counted_token_is_refused(make_layer: Any, tokens: Any, count: int, mask: Any) -> None:
    layer: Layer = make_layer(query_norm="batch")
    with pytest.raises(InputError, match=r"at least one token that counts, got none; pass a non-empty batch"):
        forward(layer, tokens[:count], mask=mask, training=True)
    assert forward(layer, tokens[:count], mask=mask).y.shape == (count, 7)


def test_training_does_not_change_the_layer(make_layer: Any, tokens: Any) -> None:
    layer = make_layer(query_norm="batch")
    before = {name: array.tobytes() for name, array in layer.params.items()}
    forward(layer, tokens, training=True)
    assert before == {name: array.tobytes() for name, array in layer.params.items()}


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_the_running_mean_of_a_constant_becomes_the_constant(name: str) -> None:
    """PAR-5: kept in bfloat16, the average of a constant 1 stalls at 0.984."""
    layer, x = constant_query_layer(DTYPES[name]), constant_tokens(DTYPES[name])
    for _ in range(STEPS):
        out = forward(layer, x, training=True, dtype=np.float32)
        layer = Layer(layer.config, {**layer.params, **(out.state or {})})
    assert abs(layer.params["query_norm.mean"] - 1).max() <= ACCURACY
    assert layer.params["query_norm.var"].max() <= ACCURACY
