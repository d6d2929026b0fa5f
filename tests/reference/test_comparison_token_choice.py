"""The mixture in which tokens choose, compared with loops over tokens and experts, one after the other."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.comparison import integer_layer, random_layer, tokens_of
from support.rounding import APART

from peerspec.reference.activations import activate
from peerspec.reference.comparison import ComparisonLayer, TokenChoiceConfig, forward, gradients
from peerspec.reference.comparison.token_choice import choose, keep


def slow(layer: ComparisonLayer, x: Any, mask: Any) -> tuple[Any, Any, Any]:
    """ids, kept and y, as the clauses say, one choice after the other."""
    c, p = layer.config, layer.params
    logit = [[float(row @ token) for row in p["router.weight"]] for token in x]
    ids = [sorted(range(c.num_experts), key=lambda e, row=row: (-row[e], e))[: c.top_k] for row in logit]
    kept, load = np.zeros((len(x), c.top_k), bool), [0] * c.num_experts
    for place in range(c.top_k):
        for token in range(len(x)):
            expert = ids[token][place]
            if mask[token] and (c.capacity is None or load[expert] < c.capacity):
                load[expert] += 1
                kept[token, place] = True
    y = np.zeros((len(x), c.d_out))
    for token in range(len(x)):
        pool = ids[token] if c.gate == "softmax_after" else range(c.num_experts)
        total = sum(np.exp(logit[token][e]) for e in pool)
        for place, expert in enumerate(ids[token]):
            if kept[token, place]:
                gate = np.exp(logit[token][expert]) / total
                y[token] += gate * block(layer, expert, x[token])
    return np.array(ids), kept, y


def block(layer: ComparisonLayer, expert: int, token: Any) -> Any:
    rows = {
        name: layer.params[f"experts.{name}"][expert] for name in ("u", "v", "w") if f"experts.{name}" in layer.params
    }
    inner = rows["u"] @ token
    if "w" in rows:
        return (activate(layer.config.activation, rows["w"] @ token) * inner) @ rows["v"]
    return activate(layer.config.activation, inner) @ rows["v"]


KINDS = ["tokens", "tokens before", "tokens capacity", "tokens before capacity", "tokens k=1", "tokens k=E"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("capacity", [None, 1, 2, 5])
def test_the_result_is_that_of_one_choice_after_the_other(kind: str, capacity: int | None) -> None:
    layer = random_layer(kind, capacity=capacity)
    x, _ = tokens_of(layer, 9)
    mask = np.arange(9) % 4 != 1
    out, (ids, kept, y) = forward(layer, x, mask=mask), slow(layer, x, mask)
    np.testing.assert_array_equal(out.indices, ids)
    np.testing.assert_array_equal(out.kept, kept)
    assert abs(out.y - y).max() <= APART * abs(y).max()
    if capacity == 1:
        assert not out.kept[mask].all()


@given(st.lists(st.permutations(range(4)), max_size=12), st.integers(1, 4), st.integers(1, 4), st.data())
def test_drops_are_the_latest_in_the_order_of_place_and_token(
    lists: list[list[int]], k: int, capacity: int, data: st.DataObject
) -> None:
    ids = np.array(lists, np.int64).reshape(-1, 4)[:, :k]
    computed = np.array(data.draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids))), bool)
    kept = keep(ids, computed, 4, capacity)
    for expert in range(4):
        queue = [(place, token) for token, place in np.argwhere(ids == expert) if computed[token]]
        expected = set(sorted(queue)[:capacity])
        assert {(place, token) for token, place in np.argwhere((ids == expert) & kept)} == expected
    assert not kept[~computed].any()


@given(
    st.lists(st.lists(st.sampled_from([-1.0, -0.0, 0.0, 1.0]), min_size=5, max_size=5), min_size=1), st.integers(1, 5)
)
def test_equal_logits_are_chosen_by_lower_index(rows: list[list[float]], k: int) -> None:
    expected = [sorted(range(5), key=lambda e, row=row: (-row[e], e))[:k] for row in rows]
    np.testing.assert_array_equal(choose(np.array(rows), k), expected)


def test_equal_logits_of_a_whole_layer_choose_the_first_experts_with_equal_gates() -> None:
    layer = integer_layer("tokens")
    params = dict(layer.params) | {"router.weight": np.ones((4, 5))}
    x = np.random.default_rng(1).integers(-3, 4, (6, 5)).astype(float)
    tied = ComparisonLayer(layer.config, params)
    out = forward(tied, x)
    assert (out.indices == [0, 1]).all()
    assert (out.gates == 0.5).all()
    expected = sum(0.5 * np.maximum(x @ params["experts.u"][e].T, 0) @ params["experts.v"][e] for e in (0, 1))
    np.testing.assert_array_equal(out.y, expected)


def test_gates_before_are_shares_of_all_experts_and_gates_after_of_the_chosen_ones() -> None:
    layer = random_layer("tokens before")
    x, _ = tokens_of(layer, 6)
    logit = x @ layer.params["router.weight"].T
    before, after = forward(layer, x), forward(random_layer("tokens", activation="silu"), x)
    every = np.exp(logit) / np.exp(logit).sum(-1, keepdims=True)
    share = np.take_along_axis(every, before.indices, -1)
    assert abs(before.gates - share).max() <= APART
    assert abs(after.gates - share / share.sum(-1, keepdims=True)).max() <= APART
    assert (before.gates.sum(-1) < 1).all()


def test_one_choice_after_has_the_gate_one_and_gives_the_router_no_gradient() -> None:
    layer = random_layer("tokens k=1", gate="softmax_after")
    x, dy = tokens_of(layer, 6)
    assert (forward(layer, x).gates == 1).all()
    grads = gradients(layer, x, dy)
    assert not grads["router.weight"].any()
    assert grads["experts.u"].any()


def test_a_dropped_choice_adds_nothing_and_leaves_other_gates_as_they_are() -> None:
    layer = random_layer("tokens capacity", capacity=1)
    x, _ = tokens_of(layer, 6)
    out, whole = forward(layer, x), forward(random_layer("tokens capacity", capacity=None), x)
    np.testing.assert_array_equal(out.gates, whole.gates)
    token = int(np.flatnonzero(out.kept.sum(-1) == 1)[0])
    (place,) = np.flatnonzero(out.kept[token])
    expected = out.gates[token, place] * block(layer, out.indices[token, place], x[token])
    assert abs(out.y[token] - expected).max() <= APART * abs(expected).max()
    lost = int(np.flatnonzero(out.kept.sum(-1) == 0)[0])
    assert not out.y[lost].any()


def test_first_choices_of_later_tokens_precede_second_choices_of_earlier_ones() -> None:
    """So with a capacity and k > 1 a token depends on later ones, and with k = 1 it does not (TCM-7)."""
    params = {"router.weight": np.eye(3), "experts.u": np.ones((3, 1, 3)), "experts.v": np.ones((3, 1, 1))}
    x = np.array([[2.0, 1, 0], [0, 2, 1]])
    config = TokenChoiceConfig(3, 3, 2, 1, d_out=1, capacity=1)
    layer = ComparisonLayer(config, params)
    np.testing.assert_array_equal(forward(layer, x).kept, [[True, False], [True, True]])
    np.testing.assert_array_equal(forward(layer, x[:1]).kept, [[True, True]])
    alone = ComparisonLayer(TokenChoiceConfig(3, 3, 1, 1, d_out=1, capacity=1), params)
    for count in (1, 2):
        np.testing.assert_array_equal(forward(alone, x[:count]).y[0], forward(alone, x).y[0])


def test_masked_tokens_take_no_capacity_and_get_zero_whatever_they_hold() -> None:
    layer = random_layer("tokens capacity")
    x, _ = tokens_of(layer, 8)
    mask = np.arange(8) % 2 == 1
    alone = forward(layer, x[mask])
    for value in (None, 0.0, np.nan, np.inf):
        if value is not None:
            x[~mask] = value
        out = forward(layer, x, mask=mask)
        assert not out.y[~mask].any()
        assert not out.kept[~mask].any()
        np.testing.assert_array_equal(out.kept[mask], alone.kept)
        assert abs(out.y[mask] - alone.y).max() <= APART * abs(alone.y).max()


def test_a_counted_token_with_nan_is_nan_and_takes_no_capacity() -> None:
    layer = random_layer("tokens capacity", capacity=1)
    x, _ = tokens_of(layer, 6)
    rest = np.arange(6) != 0
    expected = forward(layer, x, mask=rest)
    x[0, 3] = np.nan
    out = forward(layer, x)
    assert np.isnan(out.y[0]).all()
    assert ((out.indices >= 0) & (out.indices < 4)).all()
    np.testing.assert_array_equal(out.y[rest], expected.y[rest])
    np.testing.assert_array_equal(out.kept, expected.kept)


def test_a_token_alone_has_the_result_that_it_has_among_others_without_a_capacity() -> None:
    for kind in ("tokens", "tokens before", "tokens k=E"):
        layer = random_layer(kind)
        x, _ = tokens_of(layer, 6)
        whole = forward(layer, x)
        for token in range(6):
            one = forward(layer, x[token])
            np.testing.assert_array_equal(one.indices, whole.indices[token])
            assert abs(one.y - whole.y[token]).max() <= APART * abs(whole.y).max()


def test_all_experts_chosen_after_is_the_whole_softmax() -> None:
    layer = random_layer("tokens k=E")
    x, _ = tokens_of(layer, 6)
    before = forward(random_layer("tokens k=E", gate="softmax_before"), x)
    assert abs(forward(layer, x).y - before.y).max() <= APART * abs(before.y).max()
