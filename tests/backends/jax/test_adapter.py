"""Adapters as pure functions: the numbers of the reference, one routing, dtypes, transformations."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from support.adapters import CONFIG, OPTIONS, adapter_of, assert_as_the_reference, bases_of, tokens_of

from peerspec.backends.jax import (
    adapt,
    adapter_from_params,
    backend,
    init_adapter,
    library_operations,
    params_from_adapter,
    plain_operations,
)
from peerspec.reference import InputError, TableError

PRECISIONS = [
    (np.float32, np.float32),
    (ml_dtypes.bfloat16, ml_dtypes.bfloat16),
    (np.float32, np.float16),
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_gradients_are_those_of_the_reference(options: dict, training: bool) -> None:
    assert_as_the_reference(backend, options, training=training)


@pytest.mark.parametrize("library", [False, True])
@pytest.mark.parametrize(("learned", "dtype"), PRECISIONS)
def test_the_routing_has_the_bits_of_the_layer_and_results_the_dtypes_of_their_precision(
    learned: type, dtype: type, library: bool
) -> None:
    adapter, bases, x = adapter_of(dtype=learned), bases_of(dtype=dtype), tokens_of(dtype=dtype)
    if library:
        with library_operations():
            found, layer = backend.adapt(adapter, bases, x), backend.forward(adapter.routing_layer(), x)
    else:
        found, layer = backend.adapt(adapter, bases, x), backend.forward(adapter.routing_layer(), x)
    for name in ("scores", "indices", "gates"):
        assert found[name].tobytes() == getattr(layer, name).tobytes()
        assert found[name].dtype == getattr(layer, name).dtype
    assert {found[f"y.{name}"].dtype for name in bases} == {np.dtype(dtype)}
    gradients = backend.adapter_gradients(adapter, bases, x, {name: found[f"y.{name}"] for name in bases})
    assert gradients.pop("x").dtype == dtype
    assert all(gradient.dtype == adapter.params[name].dtype for name, gradient in gradients.items())


def test_a_target_that_is_left_out_changes_no_bit_of_the_others_and_has_gradients_of_zero() -> None:
    adapter, bases, x = adapter_of(dtype=np.float32), bases_of(dtype=np.float32), tokens_of(dtype=np.float32)
    both, alone = backend.adapt(adapter, bases, x), backend.adapt(adapter, {"keys": bases["keys"]}, x)
    assert set(both) - set(alone) == {"y.q"}
    assert all(alone[name].tobytes() == both[name].tobytes() for name in alone)
    gradients = backend.adapter_gradients(adapter, {"keys": bases["keys"]}, x, {"keys": alone["y.keys"]})
    assert not gradients["targets.q.u"].any()
    assert gradients["targets.keys.u"].any()


def test_a_new_adapter_gives_the_base_by_value() -> None:
    params, x = init_adapter(CONFIG, jax.random.key(0)), jnp.asarray(tokens_of(dtype=np.float32))
    bases = {name: tuple(base) for name, base in bases_of(dtype=np.float32).items()}
    y, alone = adapt(CONFIG, params, bases, x).y, adapt(replace(CONFIG, alpha=0.0), params, bases, x).y
    assert all((y[name] == alone[name]).all() for name in bases)
    assert y["q"].any()


@pytest.mark.parametrize("lead", [(), (1,), (0,), (2, 0)])
def test_any_leading_axes(lead: tuple[int, ...]) -> None:
    adapter, bases, x = adapter_of(), bases_of(), tokens_of(lead=lead)
    found = backend.adapt(adapter, bases, x)
    assert found["y.q"].shape == (*lead, 7)
    assert found["gates"].shape == (*lead, 3, 4)
    gradients = backend.adapter_gradients(adapter, bases, x, {name: found[f"y.{name}"] for name in bases})
    assert gradients["x"].shape == x.shape
    assert gradients["keys"].any() == bool(x.size)


def test_the_base_has_no_gradient_and_transformations_compose() -> None:
    params, x = params_from_adapter(adapter_of(dtype=np.float32)), jnp.asarray(tokens_of(dtype=np.float32))
    nested = {"query": {"weight": params["query.weight"]}, "keys": params["keys"]}
    nested |= {"targets": {n: {t: params[f"targets.{n}.{t}"] for t in "uv"} for n in CONFIG.targets}}
    bases = {name: tuple(base) for name, base in bases_of(dtype=np.float32).items()}

    def loss(params: dict, bases: dict, x: jax.Array) -> jax.Array:
        return sum((y**2).sum() for y in adapt(CONFIG, params, bases, x).y.values())

    of_params, of_bases = jax.grad(loss, argnums=(0, 1))(nested, bases, x)
    assert all(leaf.any() for leaf in jax.tree.leaves(of_params))
    assert not any(leaf.any() for leaf in jax.tree.leaves(of_bases))
    each = jax.vmap(lambda x: adapt(CONFIG, params, bases, x).y["q"])(x)
    whole = adapt(CONFIG, params, bases, x).y["q"]
    np.testing.assert_allclose(each, whole, rtol=0, atol=2.0**-15)
    with plain_operations():
        assert jax.jvp(lambda x: loss(params, bases, x), (x,), (x,))[1].shape == ()


def test_parameters_go_to_an_adapter_and_back() -> None:
    adapter = adapter_of(dtype=np.float32)
    again = adapter_from_params(CONFIG, params_from_adapter(adapter))
    assert all(again.params[name].tobytes() == array.tobytes() for name, array in adapter.params.items())
    assert hash(again.config) == hash(CONFIG)


def test_what_does_not_fit_is_one_sentence() -> None:
    params, x = init_adapter(CONFIG, jax.random.key(0)), jnp.ones((3, 5))
    for wrong, words in (
        ({"other": (jnp.ones((7, 5)), None)}, "has the targets q, keys, got 'other'"),
        ({"keys": (jnp.ones((7, 5)), None)}, r"the base of keys must have a weight of shape \(5, 5\), got \(7, 5\)"),
        ({"q": (jnp.ones((7, 5), jnp.bfloat16), None)}, "must be float32 as x, got bfloat16"),
    ):
        with pytest.raises(InputError, match=words):
            adapt(CONFIG, params, wrong, x)
    with pytest.raises(TableError, match=r"params\['targets.q.u'\] must have shape"):
        adapt(CONFIG, {name: p for name, p in params.items() if name != "targets.q.u"}, {}, x)
    with pytest.raises(InputError, match="dy must have the shape of y"):
        backend.adapter_gradients(adapter_of(), bases_of(), tokens_of(), {})
