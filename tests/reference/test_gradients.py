"""Gradients, compared with finite differences and with the autodiff of two frameworks on the formula of y.

Autodiff. Both sides evaluate sums of products in float64. To first order, a chain of at most m roundings has an error
of at most γ_m = mu/(1−mu) times the majorant of its value. The majorant is the same formula on absolute values, with
the greatest slope of each function and the condition of each division. ``majorants`` computes it; the two sides may
differ by 2γ_m of it.

Finite differences. The error of D(t) = (L(t) − L(−t))/2t is its truncation, a third of R = |D(2t) − D(t)| up to order
t⁴, and the rounding of L, γ_m times its majorant, divided by t.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
import torch

from peerspec.reference import InputError, Layer, forward, gradients

CASES: dict[str, dict[str, Any]] = {
    "core": {},
    "relu": {"activation": "relu"},
    "gelu_tanh": {"activation": "gelu_tanh"},
    "silu": {"activation": "silu"},
    "identity": {"activation": "identity"},
    "bias": {"query_bias": True},
    "glu": {"expert": "glu"},
    "glu silu": {"expert": "glu", "activation": "silu"},
    "sigmoid": {"gate": "sigmoid"},
    "sigmoid k=1": {"gate": "sigmoid", "top_k": 1},
    "per-head keys": {"key_heads": 3},
    "softmax k=1": {"top_k": 1},
    "k=N": {"top_k": 16},
    "one head": {"heads": 1},
    "one expert": {"num_experts": 1, "top_k": 1, "gate": "sigmoid"},
    "d=2": {"d_key": 2},
    "batch": {"query_norm": "batch"},
    "layer": {"query_norm": "layer"},
    "all, batch": {
        "query_norm": "batch", "query_bias": True, "expert": "glu", "gate": "sigmoid", "key_heads": 3,
    },
    "all, layer": {"query_norm": "layer", "query_bias": True, "expert": "glu", "key_heads": 3},
}  # fmt: skip
MASK = np.array([[True, True, False], [True, True, True]])
U = 2.0**-53


def inputs(layer: Layer) -> tuple[Any, Any, Any]:
    """Six tokens, dy and the mask; the ids of the layer repeat experts across heads and tokens."""
    rng = np.random.default_rng(7)
    x, dy = rng.standard_normal((2, 3, layer.config.d_model)), rng.standard_normal((2, 3, layer.config.d_out))
    return x, dy, MASK


def plain_loss(
    xp: Any, functions: dict[str, Any], layer: Layer, dy: Any, ids: Any, *, training: bool = True
) -> Callable[[Any], Any]:
    """Σ dy·y by the formula of SPEC.md, for given ids, with operations that ``xp`` shares with NumPy."""
    c, half = layer.config, layer.config.d_key // 2
    i, j, head, counted = ids // c.n, ids % c.n, np.arange(c.heads)[:, None] % c.key_heads, MASK.reshape(-1)

    def loss(p: Any) -> Any:
        x = p["x"].reshape(-1, c.d_model)
        q = xp.einsum("hcd,td->thc", p["query.weight"], x) + p.get("query.bias", 0)
        if c.query_norm != "none":
            mean = q[counted].mean(0) if c.query_norm == "batch" else q.mean(-1)[..., None]
            square = (q - mean) ** 2
            var = square[counted].mean(0) if c.query_norm == "batch" else square.mean(-1)[..., None]
            if c.query_norm == "batch" and not training:
                mean, var = p["query_norm.mean"], p["query_norm.var"]
            q = (q - mean) / (var + 1e-5) ** 0.5 * p["query_norm.scale"] + p["query_norm.bias"]
        k1, k2 = p["keys"][head, 0, i], p["keys"][head, 1, j]
        s = (q[:, :, None, :half] * k1).sum(-1) + (q[:, :, None, half:] * k2).sum(-1)
        g = xp.exp(s) / xp.exp(s).sum(-1)[..., None] if c.gate == "softmax" else 1 / (1 + xp.exp(-s))
        rows = {name: p[f"experts.{name}"][ids] for name in ("u", "v", "w") if f"experts.{name}" in p}
        a = (rows["u"] * x[:, None, None]).sum(-1)
        act = functions[c.activation]
        e = act((rows["w"] * x[:, None, None]).sum(-1)) * a if c.expert == "glu" else act(a)
        return (dy * xp.einsum("thk,thkm->tm", g * e, rows["v"]).reshape(dy.shape)).sum()

    return loss


def torch_gradients(layer: Layer, x: Any, dy: Any, ids: Any, *, training: bool = True) -> dict[str, Any]:
    f = torch.nn.functional
    functions = {
        "relu": f.relu, "gelu": f.gelu, "silu": f.silu, "identity": lambda a: a,
        "gelu_tanh": lambda a: f.gelu(a, approximate="tanh"),
    }  # fmt: skip
    p = {n: torch.tensor(a, requires_grad=True) for n, a in {**layer.params, "x": x}.items()}
    plain_loss(torch, functions, layer, torch.tensor(dy), ids, training=training)(p).backward()
    return {n: np.zeros(a.shape) if a.grad is None else a.grad.numpy() for n, a in p.items()}


def jax_gradients(layer: Layer, x: Any, dy: Any, ids: Any) -> dict[str, Any]:
    functions = {
        "relu": jax.nn.relu, "silu": jax.nn.silu, "identity": lambda a: a,
        "gelu": lambda a: jax.nn.gelu(a, approximate=False),
        "gelu_tanh": lambda a: jax.nn.gelu(a, approximate=True),
    }  # fmt: skip
    with jax.enable_x64(True):
        p = {n: jax.numpy.asarray(a) for n, a in {**layer.params, "x": x}.items()}
        grads = jax.jit(jax.grad(plain_loss(jax.numpy, functions, layer, dy, ids)))(p)
        return {n: np.asarray(a) for n, a in grads.items()}


SLOPE = 1.13  # the maximum of |σ′| over all activations, gelu's at √2; |σ(a)| ≤ |a|
CURVE = 0.8  # the maximum of |σ″|, gelu's at 0, 2φ(0): the effect on σ′ of an error of a


def majorants(layer: Layer, x: Any, dy: Any, ids: Any, gate: Any) -> tuple[dict[str, Any], float]:
    """The factors of γ_m by name and for the loss, and γ_m. The error of a product sums the errors of its factors."""
    c = layer.config
    parts = [backward_on_magnitudes(layer, x, dy, ids, gate, source) for source in ("unit", "gate", "root")]
    # the longest chain: inner product, statistics forward and backward, softmax twice, and the sum over all pairs
    m = 2 * c.d_model + c.d_key + 4 * max(MASK.size, c.d_key) + 2 * c.top_k + c.d_out + ids.size
    m += 12 * 16  # and at most 12 divisions and functions, each within 16u (PRC-4)
    return {name: sum(part[name] for part in parts) for name in parts[0]}, m * U / (1 - m * U)


def backward_on_magnitudes(layer: Layer, x: Any, dy: Any, ids: Any, gate: Any, source: str) -> dict[str, Any]:
    """The backward formulas on absolute values, with the factor ``source`` in its error."""
    c, half, p = layer.config, layer.config.d_key // 2, {n: abs(a) for n, a in layer.params.items()}
    signed = np.einsum("hcd,td->thc", layer.params["query.weight"], x.reshape(-1, c.d_model))
    signed = signed + layer.params.get("query.bias", 0)
    x, dy = abs(x).reshape(-1, c.d_model), abs(dy).reshape(-1, c.d_out)
    i, j, head = ids // c.n, ids % c.n, np.arange(c.heads)[:, None] % c.key_heads
    q = np.einsum("hcd,td->thc", p["query.weight"], x) + p.get("query.bias", 0)
    axis = -1 if c.query_norm == "layer" else 0
    if c.query_norm != "none":
        part = signed[MASK.reshape(-1)] if axis == 0 else signed
        count = part.shape[axis]
        mean, root = part.mean(axis, keepdims=True), 1 / np.sqrt(part.var(axis, keepdims=True) + 1e-5)
        unit = abs(signed - mean) * root
        moved = (q + q.sum(axis, keepdims=True) / count) * root  # error of q − mean
        condition = 1 + (unit * moved).sum(axis, keepdims=True) / count  # of the root, through var
        unit_error = moved + unit * condition
        q_error = unit_error * p["query_norm.scale"] + p["query_norm.bias"]
        unit = unit_error if source == "unit" else unit
        root = root * condition if source == "root" else root
        q = unit * p["query_norm.scale"] + p["query_norm.bias"]
    else:
        q_error = q
    k1, k2 = p["keys"][head, 0, i], p["keys"][head, 1, j]
    s_error = (q_error[:, :, None, :half] * k1).sum(-1) + (q_error[:, :, None, half:] * k2).sum(-1)
    # scores off by δ change a gate by at most 2δ relative
    g = gate * (1 + 2 * s_error.max(-1, keepdims=True)) if source == "gate" else gate
    a = {n: np.einsum("thkd,td->thk", p[f"experts.{n}"][ids], x) for n in ("u", "w") if f"experts.{n}" in p}
    slopes = {"u": SLOPE + CURVE * a["u"]}
    e = SLOPE * a["u"]
    if "w" in a:
        e = SLOPE * a["w"] * a["u"]
        slopes = {"u": SLOPE * a["w"], "w": (SLOPE + CURVE * a["w"]) * a["u"]}
    z = np.einsum("thkm,tm->thk", p["experts.v"][ids], dy)
    ez = e * z
    ds = g * (ez + (g * ez).sum(-1, keepdims=True)) if c.gate == "softmax" else g * (1 + g) * ez
    out = {"loss": (g * ez).sum()}
    out |= {f"experts.{n}": scatter_sum(p[f"experts.{n}"], ids, g * z * slope, x) for n, slope in slopes.items()}
    out["experts.v"] = scatter_sum(p["experts.v"], ids, g * e, dy)
    dx = sum(np.einsum("thk,thkd->td", g * z * w, p[f"experts.{n}"][ids]) for n, w in slopes.items())
    keys, dq = np.zeros_like(p["keys"]), np.zeros_like(q)
    for side, (row, sub) in enumerate(((i, k1), (j, k2))):
        cut = slice(side * half, (side + 1) * half)
        dq[..., cut] = (ds[..., None] * sub).sum(2)
        np.add.at(keys, (head, side, row), ds[..., None] * q[:, :, None, cut])
    out["keys"] = keys
    if c.query_norm != "none":
        out |= {"query_norm.scale": (dq * unit).sum(0), "query_norm.bias": dq.sum(0)}
        inner = dq * p["query_norm.scale"]
        total, product = inner.sum(axis, keepdims=True), (inner * unit).sum(axis, keepdims=True)
        dq = root * (inner + total / count + unit * product / count)
    if "query.bias" in p:
        out["query.bias"] = dq.sum(0)
    out["query.weight"] = np.einsum("thc,td->hcd", dq, x)
    out["x"] = dx + np.einsum("hcd,thc->td", p["query.weight"], dq)
    return out


def scatter_sum(table: Any, ids: Any, weights: Any, rows: Any) -> Any:
    out = np.zeros_like(table)
    np.add.at(out, ids, weights[..., None] * rows[:, None, None])
    return out


def case(make_layer: Any, name: str) -> tuple[Layer, Any, Any, Any, Any]:
    layer = make_layer(**CASES[name])
    x, dy, mask = inputs(layer)
    out = forward(layer, x, mask=mask, training=True)
    pairs = (-1, layer.config.heads, layer.config.top_k)
    return layer, x, dy, out.indices.reshape(pairs), out.gates.reshape(pairs)


@pytest.mark.parametrize("framework", [torch_gradients, jax_gradients])
@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_autodiff(make_layer: Any, name: str, framework: Any) -> None:
    layer, x, dy, ids, gate = case(make_layer, name)
    got, expected = gradients(layer, x, dy, mask=MASK), framework(layer, x, dy, ids)
    bound, gamma = majorants(layer, x, dy, ids, gate)
    assert got.keys() == expected.keys() - {"query_norm.mean", "query_norm.var"}
    for key, value in got.items():
        limit = 2 * gamma * bound[key].reshape(value.shape)
        assert (abs(value - expected[key]) <= limit).all(), key
        assert limit.max() < 1e-6, key  # far below the gradients, which are of order one


def folded(layer: Layer) -> Layer:
    """A layer without norm whose magnitudes bound those of this layer at inference, (|W|, |b| + |mean|)·a + |bias|."""
    p = {name: abs(array) for name, array in layer.params.items()}
    slope = p["query_norm.scale"] / np.sqrt(p["query_norm.var"] + 1e-5)
    bias = (p.get("query.bias", 0) + p["query_norm.mean"]) * slope + p["query_norm.bias"]
    rest = {name: array for name, array in layer.params.items() if not name.startswith("query")}
    query = {"query.weight": layer.params["query.weight"] * slope[..., None], "query.bias": bias}
    return Layer(replace(layer.config, query_norm="none", query_bias=True), query | rest)


@pytest.mark.parametrize("name", ["batch", "all, batch"])
def test_frozen_gradients_are_those_of_autodiff_with_constant_statistics(make_layer: Any, name: str) -> None:
    """Bounds are those of the folded layer, by the chain rule for W and scale."""
    layer = make_layer(**CASES[name])
    x, dy, mask = inputs(layer)
    out = forward(layer, x, mask=mask)
    pairs = (-1, layer.config.heads, layer.config.top_k)
    ids, gate = out.indices.reshape(pairs), out.gates.reshape(pairs)
    got = gradients(layer, x, dy, mask=mask, training=False)
    expected = torch_gradients(layer, x, dy, ids, training=False)
    bound, gamma = majorants(folded(layer), x, dy, ids, gate)
    std = np.sqrt(layer.params["query_norm.var"] + 1e-5)
    weights, biases = bound["query.weight"], bound["query.bias"]
    offset = abs(layer.params["query_norm.mean"]) + abs(layer.params.get("query.bias", 0))
    bound["query_norm.scale"] = ((abs(layer.params["query.weight"]) * weights).sum(-1) + offset * biases) / std
    bound["query_norm.bias"], slope = biases, layer.params["query_norm.scale"] / std
    bound |= {"query.weight": weights * slope[..., None], "query.bias": biases * slope}
    for key, value in got.items():
        limit = 2 * gamma * bound[key].reshape(value.shape)
        assert (abs(value - expected[key]) <= limit).all(), key
        assert limit.max() < 1e-6, key
    assert any((value != gradients(layer, x, dy, mask=mask)[key]).any() for key, value in got.items())


def test_frozen_gradients_of_a_token_do_not_depend_on_other_tokens_or_the_mask(make_layer: Any) -> None:
    layer = make_layer(query_norm="batch")
    x, dy, mask = inputs(layer)
    alone = gradients(layer, x[:1, :1], dy[:1, :1], training=False)["x"]
    among = gradients(layer, x, dy, mask=mask, training=False)["x"][:1, :1]
    np.testing.assert_allclose(alone, among, rtol=2.0**-40)  # the einsums of other shapes may add in another order


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_the_limit_of_finite_differences(make_layer: Any, name: str) -> None:
    layer, x, dy, ids, gate = case(make_layer, name)
    bound, gamma = majorants(layer, x, dy, ids, gate)
    ids, step, rng = ids.reshape(2, 3, *ids.shape[1:]), 2.0**-14, np.random.default_rng(3)

    def loss(key: str, direction: Any, t: float) -> float:
        params, token = dict(layer.params), x
        if key == "x":
            token = x + t * direction
        else:
            params[key] = params[key] + t * direction
        y = forward(Layer(layer.config, params), token, mask=MASK, training=True, indices=ids).y
        return float((dy * y).sum())

    for key, gradient in gradients(layer, x, dy, mask=MASK, indices=ids).items():
        for _ in range(6):
            direction = rng.choice([-1.0, 1.0], gradient.shape)
            near, far = ((loss(key, direction, t) - loss(key, direction, -t)) / (2 * t) for t in (step, 2 * step))
            limit = abs(far - near) + 2 * gamma * bound["loss"] / step
            assert abs(near - (gradient * direction).sum()) <= limit, key
            assert limit < 1e-3 * max(1.0, abs(gradient).sum())


@pytest.mark.parametrize("name", CASES)
def test_rows_that_no_token_selected_have_gradient_exactly_zero(make_layer: Any, name: str) -> None:
    layer, x, dy, ids, _ = case(make_layer, name)
    grads, n = gradients(layer, x, dy, mask=MASK), layer.config.n
    chosen = np.isin(np.arange(layer.config.num_experts), ids)
    for table in ("u", "v", "w"):
        if f"experts.{table}" in grads:
            assert not grads[f"experts.{table}"][~chosen].any()
    if layer.config.key_heads == 1:
        for side, rows in enumerate(np.divmod(ids, n)):
            assert not grads["keys"][0, side][~np.isin(np.arange(n), rows)].any()


def test_the_cases_contain_untouched_rows_and_experts_that_several_heads_select(make_layer: Any) -> None:
    """Without them the tests of GRD-2 and GRD-3 would test nothing."""
    _, _, _, ids, _ = case(make_layer, "softmax k=1")
    assert len(np.unique(ids)) < 16
    _, _, _, ids, _ = case(make_layer, "core")
    assert any(len(np.unique(token)) < token.size for token in ids)


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_softmax_with_k_1_has_router_gradients_of_exactly_zero(make_layer: Any, norm: str) -> None:
    layer = make_layer(top_k=1, query_norm=norm, query_bias=True)
    x, dy, mask = inputs(layer)
    grads = gradients(layer, x, dy, mask=mask)
    router = [name for name in grads if name.startswith("query") or name == "keys"]
    assert len(router) == (3 if norm == "none" else 5)
    assert not any(grads[name].any() for name in router)
    assert grads["x"].any()


def test_the_derivative_of_relu_at_zero_is_zero(make_layer: Any) -> None:
    layer = make_layer(activation="relu")
    x, dy, _ = inputs(layer)
    assert not gradients(layer, 0 * x, dy)["experts.u"].any()
    params = dict(layer.params) | {"experts.u": 0 * layer.params["experts.u"]}
    assert not gradients(Layer(layer.config, params), x, dy)["experts.u"].any()


def test_batch_gradients_ignore_running_statistics(make_layer: Any) -> None:
    layer = make_layer(query_norm="batch")
    x, dy, mask = inputs(layer)
    moved = Layer(layer.config, dict(layer.params) | {"query_norm.mean": layer.params["query_norm.mean"] + 3})
    a, b = gradients(layer, x, dy, mask=mask), gradients(moved, x, dy, mask=mask)
    assert all((a[name] == b[name]).all() for name in a)


def test_a_token_without_dy_gets_a_gradient_through_batch_statistics_only(make_layer: Any) -> None:
    """A masked token gets no gradient from others; a token that counts does (GRD-7, NRM-4)."""
    layer = make_layer(query_norm="batch")
    x, dy, mask = inputs(layer)
    dy[0, 2] = dy[0, 1] = 0
    dx = gradients(layer, x, dy, mask=mask)["x"]
    assert not dx[0, 2].any()
    assert dx[0, 1].any()


def test_gradients_have_the_given_dtype_and_any_leading_axes(make_layer: Any) -> None:
    layer = make_layer(np.float32)
    x, dy, _ = (a.astype(np.float32) for a in inputs(layer))
    grads = gradients(layer, x, dy, dtype=np.float32)
    assert {g.dtype for g in grads.values()} == {np.dtype(np.float32)}
    assert {n: g.shape for n, g in grads.items() if n != "x"} == layer.config.shapes()
    one = gradients(layer, x[0, 0], dy[0, 0])
    assert one["x"].shape == (5,)
    none = gradients(layer, x[:0], dy[:0])
    assert none["x"].shape == (0, 3, 5)
    assert not none["experts.v"].any()


def test_a_dy_that_does_not_fit_y_is_refused(make_layer: Any) -> None:
    layer = make_layer()
    x, dy, _ = inputs(layer)
    with pytest.raises(InputError, match=r"dy must have the shape of y, \(2, 3, 7\), got \(3, 2, 7\)"):
        gradients(layer, x, dy.reshape(3, 2, 7))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_a_token_that_is_not_finite_is_no_reason_to_warn(
    make_layer: Any, options: dict[str, Any], bad: float, training: bool
) -> None:
    """A warning is an error here."""
    layer, x = make_layer(np.float32, **options), np.ones((6, 5), np.float32)
    x[2, 1] = bad
    found = gradients(layer, x, np.ones((6, 7), np.float32), training=training)
    assert found["x"].shape == x.shape
