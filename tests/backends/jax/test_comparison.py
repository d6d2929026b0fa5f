"""The comparison layers in JAX: exact on integers, else within the bounds of PRC-4 for their own selection."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.comparison import KINDS, config_of, integer_layer, random_layer, tokens_of
from support.comparison_bounds import gradients_within, y_within

from peerspec.backends.jax import forward as peer_forward
from peerspec.backends.jax import library_operations
from peerspec.backends.jax import params_from_layer as peer_params
from peerspec.backends.jax.comparison import forward, init, layer_from_params, params_from_layer
from peerspec.reference import PRECISIONS, InputError, Layer, TableError
from peerspec.reference.comparison import ComparisonLayer
from peerspec.reference.comparison import forward as reference
from peerspec.reference.comparison.initial import initial_scales
from peerspec.reference.comparison.token_choice import choose, keep

MIXTURES = [kind for kind in KINDS if kind.startswith(("tokens", "experts"))]
WIDE = ["dense", "tokens capacity", "experts", "pkm"]
"""Kinds that run in every precision; the others in float32."""
STATISTICS = ("query_norm.mean", "query_norm.var")


run = jax.jit(forward, static_argnums=0, static_argnames="training")


def case(kind: str, precision: str, count: int = 24) -> tuple[ComparisonLayer, Any, Any, Any]:
    """A layer, its parameters, and tokens and dy in the dtype of the input."""
    named = PRECISIONS[precision]
    layer = random_layer(kind, named.parameters)
    x, dy = (array.astype(named.input) for array in tokens_of(layer, count))
    return layer, params_from_layer(layer), x, dy


@pytest.mark.parametrize(
    ("kind", "precision"), [*((kind, "float32") for kind in KINDS), *((k, p) for k in WIDE for p in PRECISIONS)]
)
def test_results_and_gradients_are_within_their_bounds(kind: str, precision: str) -> None:
    with jax.enable_x64(precision == "float64"):
        layer, params, x, dy = case(kind, precision)

        def loss(params: Any, x: Any) -> Any:
            out = forward(layer.config, params, x, training=True)
            # the upstream gradient is dy, whatever the dtype of y
            return (out.y.astype(jnp.float32) * dy.astype(np.float32)).sum() if x.dtype != jnp.float64 else (
                out.y * dy
            ).sum(), out

        (_, out), (grads, dx) = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))(params, jnp.asarray(x))
        assert out.y.dtype == x.dtype
        y_within(layer, x, np.asarray(out.y), out)
        got = {name: np.asarray(gradient) for name, gradient in grads.items() if name not in STATISTICS}
        gradients_within(layer, x, dy, got | {"x": np.asarray(dx)}, out)
        if kind.startswith("tokens"):
            expected = keep(np.asarray(out.indices), np.ones(24, bool), 4, layer.config.capacity)
            np.testing.assert_array_equal(out.kept, expected)


@pytest.mark.parametrize("precision", ["bfloat16", "mixed-float16"])
def test_layers_are_exact_on_integers_where_gates_are(precision: str) -> None:
    named = PRECISIONS[precision]
    mask = np.arange(9) % 4 != 1
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("dense", {}), ("dense glu", {}), ("tokens", {"capacity": None}), ("tokens", {"capacity": 2}),
        ("tokens k=1", {"gate": "softmax_after", "capacity": 1}), ("experts", {}), ("experts f=E", {}),
    ]  # fmt: skip
    for kind, options in kinds:
        layer = integer_layer(kind, named.parameters, **options)
        tied = {name: 0 * array if name == "router.weight" else array for name, array in layer.params.items()}
        layer = ComparisonLayer(layer.config, tied)
        x = np.random.default_rng(1).integers(-1, 2, (9, 5)).astype(named.input)
        expected = reference(layer, x, mask=mask)
        out = run(layer.config, params_from_layer(layer), x, mask=mask)
        np.testing.assert_array_equal(out.y, expected.y.astype(named.input))
        for name in {"indices", "kept", "chosen", "scores"} & set(out._fields):
            np.testing.assert_array_equal(getattr(out, name), getattr(expected, name))


def test_choices_of_integer_logits_are_those_of_the_reference() -> None:
    layer = integer_layer("tokens", np.float32, top_k=3, capacity=4)
    x = np.random.default_rng(1).integers(-1, 2, (30, 5)).astype(np.float32)
    out = run(layer.config, params_from_layer(layer), x)
    expected = reference(layer, x)
    np.testing.assert_array_equal(out.indices, expected.indices)
    np.testing.assert_array_equal(out.kept, expected.kept)
    assert not expected.kept.all()


def test_signed_zeros_are_equal_logits() -> None:
    logit = np.array([[-0.0, 0.0, -0.0, 1.0], [0.0, -0.0, -1.0, 0.0]], np.float32)
    config = config_of("tokens", d_model=4, d_hidden=1, d_out=1, top_k=3)
    params = {"router.weight": jnp.eye(4), "experts.u": jnp.ones((4, 1, 4)), "experts.v": jnp.ones((4, 1, 1))}
    np.testing.assert_array_equal(run(config, params, logit).indices, choose(logit, 3))


@pytest.mark.parametrize("library", [False, True])
@pytest.mark.parametrize("kind", ["pkm", "pkm all", "pkm layer"])
def test_the_routing_of_a_memory_is_that_of_peer_bit_for_bit(kind: str, library: bool) -> None:
    layer, params, x, _ = case(kind, "float32")
    router = {name: array for name, array in layer.params.items() if name != "values"}
    u = np.random.default_rng(4).standard_normal((16, 5)).astype(layer.dtype)
    peer = Layer(layer.config.retrieval, router | {"experts.u": u, "experts.v": layer.params["values"]})

    def both() -> tuple[Any, Any]:
        mine = jax.jit(lambda p, x: forward(layer.config, p, x, training=True))(params, x)
        theirs = jax.jit(lambda p, x: peer_forward(peer.config, p, x, training=True))(peer_params(peer), x)
        return mine, theirs

    if library:
        with library_operations():
            mine, theirs = both()
    else:
        mine, theirs = both()
    for name in ("scores", "indices", "gates"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
    for name, statistic in (mine.state or {}).items():
        np.testing.assert_array_equal(statistic, theirs.state[name])


@pytest.mark.parametrize("kind", KINDS)
def test_any_leading_axes_are_legal(kind: str) -> None:
    layer = random_layer(kind, np.float32)
    params = params_from_layer(layer)
    for lead in ((0,), (), (2, 3)):
        x = jnp.asarray(tokens_of(layer, *lead)[0], jnp.float32)
        y, gradient = jax.jit(jax.value_and_grad(lambda p, x: run(layer.config, p, x).y.sum(), 1))(params, x)
        assert gradient.shape == x.shape
        assert np.isfinite(y)
        assert run(layer.config, params, x).y.shape == (*lead, 7)


@pytest.mark.parametrize("kind", MIXTURES)
def test_masked_tokens_get_zero_and_a_counted_nan_is_nan_alone(kind: str) -> None:
    layer = random_layer(kind, np.float32)
    x, _ = tokens_of(layer, 9)
    x = x.astype(np.float32)
    mask = np.arange(9) % 4 != 1
    x[[1, 5]] = np.nan
    x[3, 2] = np.nan
    out = run(layer.config, params_from_layer(layer), x, mask=mask)
    expected = reference(layer, x, mask=mask)
    name = "chosen" if kind.startswith("experts") else "kept"
    np.testing.assert_array_equal(getattr(out, name), getattr(expected, name))
    y = np.asarray(out.y)
    assert not y[[1, 5]].any()
    assert np.isnan(y[3]).all()
    assert np.isfinite(y[[0, 2, 4, 6, 7, 8]]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_conversion_keeps_every_bit(kind: str) -> None:
    for dtype in (np.float32, np.float16, PRECISIONS["bfloat16"].parameters):
        layer = random_layer(kind, dtype)
        back = layer_from_params(layer.config, params_from_layer(layer))
        for name, array in layer.params.items():
            np.testing.assert_array_equal(back.params[name], array)


@pytest.mark.parametrize("kind", KINDS)
def test_new_parameters_have_their_scales(kind: str) -> None:
    config = config_of(kind, **({"d_model": 64} | ({} if kind.startswith("pkm") else {"d_hidden": 64})))
    for name, array in init(config, jax.random.key(0)).items():
        scale = initial_scales(config).get(name)
        if scale is None:
            assert ((array == 0) | (array == 1)).all()
        else:  # the deviation of n numbers is off by 1/√(2n), and five times this is allowed
            assert abs(array.std() / scale - 1) < 5 / (2 * array.size) ** 0.5


def test_what_does_not_fit_is_refused_in_one_sentence() -> None:
    layer = random_layer("tokens", np.float32)
    params, x = params_from_layer(layer), jnp.zeros((3, 5))
    with pytest.raises(InputError, match=r"x must have shape \[\.\.\., 5\], got \(3, 6\) \(SHP-1\)"):
        forward(layer.config, params, jnp.zeros((3, 6)))
    with pytest.raises(InputError, match=r"x must be float16 for parameters of float16, got float32"):
        forward(layer.config, {name: array.astype(jnp.float16) for name, array in params.items()}, x)
    with pytest.raises(InputError, match=r"mask must be boolean of shape \(3,\), got int32 .* \(SHP-2\)"):
        forward(layer.config, params, x, mask=jnp.ones(3, jnp.int32))
    with pytest.raises(TableError, match=r"experts\.v must be float32 in a layer of float32, got float16"):
        forward(layer.config, params | {"experts.v": params["experts.v"].astype(jnp.float16)}, x)
    with pytest.raises(TableError, match=r"the layer lacks the parameter 'experts\.v' of shape .* \(CMP-3\)"):
        forward(layer.config, {name: array for name, array in params.items() if name != "experts.v"}, x)
    with pytest.raises(TableError, match=r"parameters must be of dtype float64, .*, got int32"):
        init(layer.config, jax.random.key(0), jnp.int32)
