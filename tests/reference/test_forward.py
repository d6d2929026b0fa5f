"""The whole layer: identities of the paper, shapes, independence of tokens, and errors."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from peerspec.reference import DTYPES, InputError, Layer, PeerConfig, forward, select_exhaustive
from peerspec.reference.activations import activate
from peerspec.reference.gates import softmax
from peerspec.reference.half_scores import half_scores, head_keys
from peerspec.reference.query import query

U = 2.0**-53
OPTIONS: list[dict[str, Any]] = [
    {},
    {"activation": "relu", "top_k": 1},
    {"expert": "glu", "gate": "sigmoid", "key_heads": 3, "query_bias": True},
    {"query_norm": "layer", "activation": "silu"},
    {"query_norm": "batch", "activation": "gelu_tanh"},
]


def tokens(*lead: int, dtype: Any = np.float64, d_model: int = 5) -> Any:
    return np.random.default_rng(11).standard_normal((*lead, d_model)).astype(dtype)


def gamma(m: int) -> float:
    return m * U / (1 - m * U)


def magnitude(layer: Layer, x: Any, out: Any) -> Any:
    """Σ gate·(1 + 2·Σ|q||C|)·|u||x|·|v|, the factor of γ_m: scores change gates; |σ(a)| ≤ |a| and |σ′| ≤ 1.13."""
    p = {name: abs(array) for name, array in layer.params.items()}
    scores = np.einsum("hcd,...d->...h", p["query.weight"], abs(x)) * p["keys"].max()
    a = np.einsum("...hkd,...d->...hk", p["experts.u"][out.indices], abs(x))
    weights = 1.13 * out.gates * (1 + 2 * scores[..., None]) * a
    return np.einsum("...hk,...hkm->...m", weights, p["experts.v"][out.indices])


def test_the_case_checked_by_hand_comes_out() -> None:
    config = PeerConfig(d_model=2, heads=1, num_experts=9, top_k=2, d_key=2, activation="relu")
    u, v = np.zeros((9, 2)), np.zeros((9, 2))
    u[2], u[5], v[2], v[5] = (1, 2), (3, -2), (1, 0), (0, 1)
    keys = np.array([[[[1.0], [0], [-1]], [[0.5], [-0.5], [2]]]])
    layer = Layer(config, {"query.weight": np.eye(2)[None], "keys": keys, "experts.u": u, "experts.v": v})
    out = forward(layer, np.ones(2))
    assert out.indices.tolist() == [[2, 5]]
    assert out.scores.tolist() == [[3.0, 2.0]]
    assert out.gates.round(6).tolist() == [[0.731059, 0.268941]]
    assert out.y.round(6).tolist() == [2.193176, 0.268941]


@pytest.mark.parametrize("key_heads", [1, 3])
def test_k_equal_to_n_experts_is_the_dense_mlp_weighted_by_softmax(make_layer: Any, key_heads: int) -> None:
    """Every expert is selected: y = Σ_heads softmax over all N of (s₁ ⊕ s₂), times σ(U x), times V."""
    layer, x = make_layer(top_k=16, key_heads=key_heads), tokens(6)
    p, keys, expected = layer.params, head_keys(layer), np.zeros((6, 7))
    for head in range(3):
        q = x @ p["query.weight"][head].T
        s = (q[:, :4] @ keys[head, 0].T)[:, :, None] + (q[:, 4:] @ keys[head, 1].T)[:, None, :]
        expected += (softmax(s.reshape(6, 16)) * activate("gelu", x @ p["experts.u"].T)) @ p["experts.v"]
    out = forward(layer, x)
    m = 3 * 16 + 16 + 5 + 8 + 5 + 6 * 16  # both sums, softmax, u·x, score, query; six functions and divisions
    assert (abs(out.y - expected) <= 2 * gamma(m) * magnitude(layer, x, out)).all()
    assert (np.sort(out.indices, -1) == np.arange(16)).all()


def test_k_1_is_a_dense_layer_of_the_selected_experts(make_layer: Any) -> None:
    """Equation 8: with k = 1 each gate is 1 and y = V·σ(Wᵀx); the h selected experts are the columns of V and W."""
    layer, x = make_layer(top_k=1), tokens(6)
    out = forward(layer, x)
    assert (out.gates == 1).all()
    for t in range(6):
        ids = out.indices[t, :, 0]
        w, v = layer.params["experts.u"][ids].T, layer.params["experts.v"][ids].T
        expected = v @ activate("gelu", w.T @ x[t])
        limit = 2 * gamma(5 + 3 + 2 * 16) * magnitude(layer, x, out)[t]
        assert (abs(out.y[t] - expected) <= limit).all()


@pytest.mark.parametrize("options", OPTIONS)
def test_the_layer_is_the_sum_of_its_stages_written_out(make_layer: Any, options: dict[str, Any]) -> None:
    """Token by token, head by head, expert by expert, from the returned ids and gates."""
    layer, x = make_layer(**options), tokens(4)
    out, p, kind = forward(layer, x), layer.params, layer.config.activation
    expected = np.zeros((4, 7))
    size = np.zeros((4, 7))
    for t, h, k in np.ndindex(*out.indices.shape):
        e, g = out.indices[t, h, k], out.gates[t, h, k]
        a = p["experts.u"][e] @ x[t]
        bound = abs(p["experts.u"][e]) @ abs(x[t])
        if layer.config.expert == "glu":
            inner = p["experts.w"][e] @ x[t]
            weight = float(activate(kind, np.array(inner))) * a
            bound *= abs(p["experts.w"][e]) @ abs(x[t])
        else:
            weight = float(activate(kind, np.array(a)))
        expected[t] += g * weight * p["experts.v"][e]
        size[t] += g * 1.13 * bound * abs(p["experts.v"][e])
    m = 2 * 5 + out.indices[0].size + 16 + 4
    assert (abs(out.y - expected) <= 2 * gamma(m) * size).all()


def test_heads_are_summed_and_an_equal_head_doubles_y(make_layer: Any) -> None:
    """Two equal heads give exactly twice one head: doubling is exact (OUT-2, OUT-3)."""
    one, x = make_layer(heads=1), tokens(6)
    params = dict(one.params) | {"query.weight": np.repeat(one.params["query.weight"], 2, 0)}
    two = Layer(PeerConfig(5, 2, 16, 6, 8, d_out=7), params)
    a, b = forward(one, x), forward(two, x)
    assert (b.indices[:, 0] == b.indices[:, 1]).all()
    assert (abs(b.y - 2 * a.y) <= 2 * gamma(12) * 2 * magnitude(one, x, a)).all()
    assert abs(a.y).min() > 0


def test_scores_and_ids_are_the_exhaustive_selection_of_the_half_scores(make_layer: Any) -> None:
    layer, x = make_layer(key_heads=3), tokens(6)
    expected = select_exhaustive(*half_scores(layer, query(layer, x)), 6)
    out = forward(layer, x)
    assert out.scores.tobytes() == expected.scores.tobytes()
    assert out.indices.tobytes() == expected.indices.tobytes()


def test_half_scores_are_plain_inner_products_of_contiguous_halves(make_layer: Any) -> None:
    layer, q = make_layer(key_heads=3), np.random.default_rng(0).integers(-4, 5, (2, 3, 8)).astype(float)
    keys = np.random.default_rng(1).integers(-4, 5, (3, 2, 4, 4)).astype(float)  # integers: no rounding
    layer = Layer(layer.config, dict(layer.params) | {"keys": keys})
    s1, s2 = half_scores(layer, q)
    for t, h, i in np.ndindex(2, 3, 4):
        assert s1[t, h, i] == sum(q[t, h, c] * keys[h, 0, i, c] for c in range(4))
        assert s2[t, h, i] == sum(q[t, h, 4 + c] * keys[h, 1, i, c] for c in range(4))


@pytest.mark.parametrize("options", OPTIONS)
def test_given_ids_are_evaluated_in_the_order_given(make_layer: Any, options: dict[str, Any]) -> None:
    layer, x = make_layer(**options), tokens(2, 3)
    own = forward(layer, x)
    again = forward(layer, x, indices=own.indices)
    assert all(getattr(again, f).tobytes() == getattr(own, f).tobytes() for f in ("y", "scores", "indices", "gates"))
    turned = forward(layer, x, indices=own.indices[..., ::-1].astype(np.int32))
    assert turned.indices.dtype == np.int64
    assert (turned.scores == own.scores[..., ::-1]).all()


def test_given_ids_need_not_be_the_best(make_layer: Any) -> None:
    layer, x = make_layer(), tokens(2)
    s1, s2 = half_scores(layer, query(layer, x))
    ids = np.broadcast_to(np.array([15, 0, 7, 4, 1, 9]), (2, 3, 6))
    scores = forward(layer, x, indices=ids).scores
    for t, h, k in np.ndindex(2, 3, 6):
        assert scores[t, h, k] == s1[t, h, ids[t, h, k] // 4] + s2[t, h, ids[t, h, k] % 4]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("lead", [(), (1,), (6,), (2, 3), (1, 6, 1), (0,), (2, 0, 3)])
def test_leading_axes_do_not_change_the_result(make_layer: Any, options: Any, lead: tuple[int, ...]) -> None:
    layer, x = make_layer(**options), tokens(*lead)
    out, k = forward(layer, x), layer.config.top_k
    assert out.y.shape == (*lead, 7)
    assert out.scores.shape == out.indices.shape == out.gates.shape == (*lead, 3, k)
    assert out.indices.dtype == np.int64
    flat = forward(layer, x.reshape(-1, 5))
    assert flat.y.tobytes() == out.y.tobytes()


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308])
def test_a_token_that_is_not_finite_is_isolated(make_layer: Any, options: Any, bad: float) -> None:
    layer, x = make_layer(**options), tokens(6)
    clean = forward(layer, x)
    x[2, 1] = bad
    out, others = forward(layer, x), np.arange(6) != 2
    for name in ("y", "scores", "indices", "gates"):
        assert getattr(out, name)[others].tobytes() == getattr(clean, name)[others].tobytes(), name
    assert ((out.indices >= 0) & (out.indices < 16)).all()
    assert all(len(set(head)) == layer.config.top_k for head in out.indices[2].tolist())
    if np.isnan(bad):
        assert np.isnan(out.y[2]).all()


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_layer_computes_in_the_given_dtype_and_returns_it(make_layer: Any, name: str, dtype: Any) -> None:
    layer, x = make_layer(DTYPES[name]), tokens(6, dtype=DTYPES[name])
    out = forward(layer, x, dtype=dtype)
    assert out.y.dtype == out.scores.dtype == out.gates.dtype == dtype
    assert out.indices.dtype == np.int64


def test_every_stage_computes_in_the_given_dtype(make_layer: Any) -> None:
    """Scores in float32 are sums of float32 products. Almost all would differ if they were computed in float64."""
    layer, x = make_layer(np.float32), tokens(6, dtype=np.float32)
    wide = forward(layer, x)
    narrow = forward(layer, x, dtype=np.float32, indices=wide.indices)
    assert (narrow.scores != wide.scores).mean() > 0.5
    p = {n: abs(a.astype(np.float64)) for n, a in layer.params.items()}
    reach = np.einsum("hcd,td->th", p["query.weight"], abs(x.astype(np.float64))) * p["keys"].max()
    m = 5 + 4 + 1
    assert (abs(narrow.scores - wide.scores) <= (m * 2.0**-24 / (1 - m * 2.0**-24)) * reach[..., None]).all()


def test_the_layer_and_the_input_stay_unmodified(make_layer: Any) -> None:
    layer, x = make_layer(query_norm="batch", expert="glu"), tokens(2, 3)
    x.flags.writeable = False
    for array in layer.params.values():
        array.flags.writeable = False
    mask = np.ones((2, 3), bool)
    mask.flags.writeable = False
    first = forward(layer, x, mask=mask, training=True)
    assert forward(layer, x, mask=mask, training=True).y.tobytes() == first.y.tobytes()


def test_strided_inputs_are_read_as_their_values(make_layer: Any) -> None:
    layer, x = make_layer(), tokens(6)
    assert forward(layer, np.repeat(x, 2, -1)[:, ::2]).y.tobytes() == forward(layer, x).y.tobytes()
    assert forward(layer, np.asfortranarray(x)).y.tobytes() == forward(layer, x).y.tobytes()


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (tokens(2, d_model=4), {}, r"x must have shape \[\.\.\., 5\], got \(2, 4\) \(SHP-1\)"),
        (np.array(1.0), {}, r"x must have shape \[\.\.\., 5\], got \(\)"),
        (tokens(2, dtype=np.float32), {}, "x must be float64 for parameters of float64, got float32; convert it"),
        (tokens(2, dtype=ml_dtypes.bfloat16), {}, "got bfloat16"),
        (tokens(2), {"mask": np.ones(3, bool)}, r"mask must be boolean of shape \(2,\), got bool of shape \(3,\)"),
        (tokens(2), {"mask": np.ones(2)}, "mask must be boolean of shape .* got float64"),
        (tokens(2), {"indices": np.zeros((2, 3, 5), int)}, r"integers of shape \(2, 3, 6\), got int64 of .*5\)"),
        (tokens(2), {"indices": np.zeros((2, 3, 6))}, "indices must be integers of shape .*, got float64"),
        (tokens(2), {"indices": np.full((2, 3, 6), 16)}, r"indices must lie in 0\.\.15, got 16\.\.16"),
        (tokens(2), {"indices": np.full((2, 3, 6), -1)}, r"indices must lie in 0\.\.15, got -1\.\.-1"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(make_layer: Any, x: Any, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        forward(make_layer(), x, **options)
