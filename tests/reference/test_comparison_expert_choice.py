"""The mixture in which experts choose, compared with loops over experts; and what it leaks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.comparison import integer_layer, random_layer, tokens_of
from support.rounding import APART

from peerspec.reference.activations import activate
from peerspec.reference.comparison import ComparisonLayer, forward
from peerspec.reference.comparison.expert_choice import choose_tokens

KINDS = ["experts", "experts glu", "experts f=E"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_result_is_that_of_one_expert_after_the_other(kind: str) -> None:
    layer = random_layer(kind)
    c, p = layer.config, layer.params
    x, _ = tokens_of(layer, 9)
    mask = np.arange(9) % 4 != 1
    scores = np.exp(x @ p["router.weight"].T)
    scores /= scores.sum(-1, keepdims=True)
    chosen, y = np.zeros((9, 4), bool), np.zeros((9, 7))
    for expert in range(4):
        queue = sorted(np.flatnonzero(mask), key=lambda t, e=expert: (-scores[t, e], t))
        for token in queue[: c.capacity(int(mask.sum()))]:
            chosen[token, expert] = True
            inner = p["experts.u"][expert] @ x[token]
            hidden = activate(c.activation, p["experts.w"][expert] @ x[token]) * inner if c.expert == "glu" else None
            hidden = activate(c.activation, inner) if hidden is None else hidden
            y[token] += scores[token, expert] * hidden @ p["experts.v"][expert]
    out = forward(layer, x, mask=mask)
    np.testing.assert_array_equal(out.chosen, chosen)
    assert abs(out.scores - scores).max() <= APART
    assert abs(out.y - y).max() <= APART * abs(y).max()
    assert (out.chosen.sum(0) == c.capacity(7)).all()


@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.25, 0.5]), min_size=3, max_size=3), max_size=10),
    st.integers(0, 10),
    st.data(),
)
def test_equal_scores_are_chosen_by_earlier_token(rows: list[list[float]], capacity: int, data: st.DataObject) -> None:
    scores = np.array(rows).reshape(-1, 3)
    computed = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), bool)
    chosen = choose_tokens(scores, computed, capacity)
    for expert in range(3):
        queue = sorted(np.flatnonzero(computed), key=lambda t, e=expert: (-scores[t, e], t))
        assert set(np.flatnonzero(chosen[:, expert])) == set(queue[:capacity])


def test_equal_tokens_are_chosen_from_the_first_on() -> None:
    layer = random_layer("experts")
    x = np.repeat(tokens_of(layer, 1)[0], 6, 0)
    out = forward(layer, x)
    assert (out.chosen == (np.arange(6) < layer.config.capacity(6))[:, None]).all()
    assert not out.y[3:].any()


def test_a_factor_of_e_is_the_sum_over_all_experts() -> None:
    layer = integer_layer("experts f=E")
    params = dict(layer.params) | {"router.weight": np.zeros((4, 5))}
    x = np.random.default_rng(1).integers(-3, 4, (6, 5)).astype(float)
    out = forward(ComparisonLayer(layer.config, params), x)
    assert out.chosen.all()
    assert (out.scores == 0.25).all()
    expected = sum(0.25 * np.maximum(x @ params["experts.u"][e].T, 0) @ params["experts.v"][e] for e in range(4))
    np.testing.assert_array_equal(out.y, expected)


def test_a_later_token_changes_the_result_of_an_earlier_one() -> None:
    """It leaks the future, as XCM-6 says: alone, the first token is chosen by every expert."""
    layer = random_layer("experts", capacity_factor=1)
    x, _ = tokens_of(layer, 8)
    assert forward(layer, x[:1]).chosen.all()
    before = forward(layer, x)
    other = x.copy()
    other[-1] = 50 * layer.params["router.weight"].T @ np.eye(4)[0]
    assert (forward(layer, other).chosen[:-1] != before.chosen[:-1]).any()


def test_masked_tokens_are_not_counted_not_chosen_and_get_zero() -> None:
    layer = random_layer("experts")
    x, _ = tokens_of(layer, 8)
    mask = np.arange(8) % 2 == 1
    alone = forward(layer, x[mask])
    for value in (None, 0.0, np.nan, np.inf):
        if value is not None:
            x[~mask] = value
        out = forward(layer, x, mask=mask)
        assert not out.y[~mask].any()
        assert not out.chosen[~mask].any()
        np.testing.assert_array_equal(out.chosen[mask], alone.chosen)
        assert abs(out.y[mask] - alone.y).max() <= APART * abs(alone.y).max()


def test_no_counted_token_is_legal() -> None:
    layer = random_layer("experts")
    x, _ = tokens_of(layer, 3)
    assert not forward(layer, x, mask=np.zeros(3, bool)).y.any()


def test_a_counted_token_with_nan_is_nan_and_chosen_by_no_expert() -> None:
    layer = random_layer("experts", capacity_factor=4)
    x, _ = tokens_of(layer, 6)
    x[2, 0] = np.nan
    out = forward(layer, x)
    assert np.isnan(out.y[2]).all()
    rest = np.arange(6) != 2
    assert np.isfinite(out.y[rest]).all()
    assert (out.chosen == rest[:, None]).all()  # all that are eligible, fewer than the capacity


def slots(layer: Any, counted: int) -> int:
    return int(layer.config.capacity(counted))


def test_a_nan_counts_in_the_capacity_and_a_mask_does_not() -> None:
    layer = random_layer("experts", capacity_factor=2)
    x, _ = tokens_of(layer, 6)
    x[5, 0] = np.nan
    assert (forward(layer, x).chosen.sum(0) == slots(layer, 6)).all()
    assert (forward(layer, x, mask=np.arange(6) < 3).chosen.sum(0) == slots(layer, 3)).all()
    assert slots(layer, 6) > slots(layer, 3)
