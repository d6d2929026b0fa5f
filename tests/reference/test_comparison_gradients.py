"""Gradients of the comparison layers, compared with autodiff of the formula of y, and with finite differences."""

from typing import Any

import numpy as np
import pytest
import torch
from support.comparison import KINDS, random_layer, tokens_of
from support.rounding import APART

from peerspec.reference import Layer
from peerspec.reference import gradients as peer_gradients
from peerspec.reference.comparison import ComparisonLayer, ExpertChoiceConfig, PKMConfig, forward, gradients

MASK = np.array([[True, True, False], [True, True, True]])
ACTIVATIONS = {
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda a: torch.nn.functional.gelu(a, approximate="tanh"),
    "silu": torch.nn.functional.silu,
}


def case(kind: str) -> tuple[ComparisonLayer, Any, Any, Any]:
    """The layer, tokens, dy and the selection, which is constant."""
    layer = random_layer(kind)
    x, dy = tokens_of(layer, 2, 3)
    out = forward(layer, x, mask=MASK, training=True)
    return layer, x, dy, getattr(out, "chosen", getattr(out, "indices", None))


def neurons(layer: ComparisonLayer, p: Any, prefix: str, x: Any) -> Any:
    """The output of every block for every token, [T, E, M]."""
    rows = {name: p[prefix + name] for name in ("u", "v", "w") if prefix + name in p}
    rows = {name: row if row.ndim == 3 else row[None] for name, row in rows.items()}
    act = ACTIVATIONS[layer.config.activation]
    inner = torch.einsum("ehd,td->teh", rows["u"], x)
    hidden = act(torch.einsum("ehd,td->teh", rows["w"], x)) * inner if "w" in rows else act(inner)
    return torch.einsum("teh,ehm->tem", hidden, rows["v"])


def plain_y(layer: ComparisonLayer, p: Any, kept: Any, selection: Any) -> Any:
    """y [T, M] by the formulas of chapter 15 in torch, for the choices that are kept."""
    c, x = layer.config, p["x"].reshape(-1, 5)
    if not hasattr(c, "num_experts"):
        return neurons(layer, p, "", x)[:, 0]
    logit = x @ p["router.weight"].T
    if isinstance(c, ExpertChoiceConfig):
        gates = logit.softmax(-1) * torch.tensor(selection.reshape(-1, 4))
    else:
        ids = torch.tensor(selection.reshape(-1, c.top_k))
        chosen = logit.gather(-1, ids).softmax(-1) if c.gate == "softmax_after" else logit.softmax(-1).gather(-1, ids)
        gates = torch.zeros_like(logit).scatter(-1, ids, chosen * torch.tensor(kept.reshape(-1, c.top_k)))
    return torch.einsum("te,tem->tm", gates, neurons(layer, p, "experts.", x))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("pkm")])
def test_gradients_are_those_of_autodiff(kind: str) -> None:
    layer, x, dy, selection = case(kind)
    kept = getattr(forward(layer, x, mask=MASK), "kept", None)
    p = {name: torch.tensor(array, requires_grad=True) for name, array in {**layer.params, "x": x}.items()}
    (plain_y(layer, p, kept, selection) * torch.tensor(dy.reshape(6, 7))).sum().backward()
    got = gradients(layer, x, dy, mask=MASK)
    assert got.keys() == p.keys()
    for name, gradient in got.items():
        expected = p[name].grad.numpy()
        assert abs(gradient - expected).max() <= APART * abs(expected).max(), name
        assert gradient.any(), name


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_the_limit_of_finite_differences(kind: str) -> None:
    """The truncation of (L(t) − L(−t))/2t is at most its change from t to 2t, and L has the rounding APART."""
    layer, x, dy, selection = case(kind)
    step, rng = 2.0**-14, np.random.default_rng(3)
    # a dense layer selects nothing; drops and masks follow from the selection and stay as they are
    given = {} if selection is None else {"selection": selection}

    def loss(name: str, direction: Any, t: float) -> float:
        params, token = dict(layer.params), x
        if name == "x":
            token = x + t * direction
        else:
            params[name] = params[name] + t * direction
        out = forward(ComparisonLayer(layer.config, params), token, mask=MASK, training=True, **given)
        return float((dy * out.y).sum())

    size = float((abs(dy) * abs(forward(layer, x, mask=MASK, training=True).y)).sum())
    for name, gradient in gradients(layer, x, dy, mask=MASK, **given).items():
        for _ in range(4):
            direction = rng.choice([-1.0, 1.0], gradient.shape)
            near, far = ((loss(name, direction, t) - loss(name, direction, -t)) / (2 * t) for t in (step, 2 * step))
            limit = abs(far - near) + APART * size / step
            assert abs(near - (gradient * direction).sum()) <= limit, name
            assert limit < 1e-3 * max(1.0, abs(gradient).sum()), name


@pytest.mark.parametrize("kind", ["pkm", "pkm all", "pkm layer"])
@pytest.mark.parametrize("training", [False, True])
def test_router_gradients_of_a_memory_are_those_of_a_peer_layer_with_constant_experts(
    kind: str, training: bool
) -> None:
    """σ(u·x) of a token whose last number is 1, where u reads only this, is the same for all: identity gives ω = 1."""
    layer = random_layer(kind)
    assert isinstance(layer.config, PKMConfig)
    x, dy = tokens_of(layer, 2, 3)
    x[..., -1] = 1
    router = {name: array for name, array in layer.params.items() if name != "values"}
    fields = {name: getattr(layer.config.retrieval, name) for name in layer.config.retrieval.__dataclass_fields__}
    config = type(layer.config.retrieval)(
        **({n: v for n, v in fields.items() if n != "_"} | {"activation": "identity"})
    )
    u = np.zeros((16, 5))
    u[:, -1] = 1
    peer = Layer(config, router | {"experts.u": u, "experts.v": layer.params["values"]})
    got = gradients(layer, x, dy, mask=MASK, training=training)
    expected = peer_gradients(peer, x, dy, mask=MASK, training=training)
    for name, gradient in got.items():
        # the gradient of x through u, in its last column, is none of the memory
        part = (..., slice(0, -1)) if name == "x" else (...,)
        want = expected["experts.v" if name == "values" else name][part]
        assert abs(gradient[part] - want).max() <= APART * max(1.0, abs(want).max()), name


@pytest.mark.parametrize("kind", ["tokens capacity", "tokens before capacity", "experts"])
def test_experts_get_gradients_from_the_tokens_that_they_compute_alone(kind: str) -> None:
    layer, x, dy, _ = case(kind)
    out = forward(layer, x, mask=MASK)
    chosen = out.chosen if kind == "experts" else np.zeros((2, 3, 4), bool)
    if kind != "experts":
        np.put_along_axis(chosen, out.indices, out.kept, -1)
    for expert in range(4):
        silent = dy * ~chosen[..., expert, None]
        grads = gradients(layer, x, silent, mask=MASK)
        assert not grads["experts.v"][expert].any()
        assert not grads["experts.u"][expert].any()


@pytest.mark.parametrize("kind", ["tokens", "tokens capacity", "experts"])
def test_a_masked_token_gives_and_gets_no_gradient(kind: str) -> None:
    layer, x, dy, _ = case(kind)
    got = gradients(layer, x, dy, mask=MASK)
    assert not got["x"][~MASK].any()
    other = np.where(MASK[..., None], dy, 100.0)
    for name, gradient in gradients(layer, x, other, mask=MASK).items():
        np.testing.assert_array_equal(gradient, got[name])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("pkm all", "pkm layer")])
def test_gradients_have_the_given_dtype_and_the_shapes_of_parameters(kind: str) -> None:
    layer = random_layer(kind, np.float32)
    x, dy = (array.astype(np.float32) for array in tokens_of(layer, 6))
    grads = gradients(layer, x, dy, dtype=np.float32)
    assert {gradient.dtype for gradient in grads.values()} == {np.dtype(np.float32)}
    learned = {
        name: shape for name, shape in layer.config.shapes().items() if name.split(".")[-1] not in ("mean", "var")
    }
    assert {name: gradient.shape for name, gradient in grads.items() if name != "x"} == learned
