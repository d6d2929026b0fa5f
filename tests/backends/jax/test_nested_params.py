"""Parameters as nested dictionaries are the flat ones: results, gradients, optimisers, conversion."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from peerspec.backends.jax import PeerConfig, forward, init, layer_from_params, optim, sharded
from peerspec.backends.jax.names import flat, like
from peerspec.reference import TableError

CONFIG = PeerConfig(6, 2, 16, 3, 4, expert="glu", query_norm="batch", query_bias=True)


def nested(params: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, array in params.items():
        *outer, leaf = name.split(".")
        place = found
        for part in outer:
            place = place.setdefault(part, {})
        place[leaf] = array
    return found


def loss_of(params: Any, x: jax.Array) -> jax.Array:
    return (forward(CONFIG, params["layer"], x, training=True).y * params["scale"] - x).var()


def assert_equal(got: Any, right: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, got, right)


@pytest.fixture(scope="module")
def given() -> tuple[dict[str, jax.Array], jax.Array]:
    return init(CONFIG, jax.random.key(0)), jax.random.normal(jax.random.key(1), (5, 6))


@pytest.mark.stack("jax", "nested parameters", "dictionaries of dictionaries, with gradients and optimisers of rows")
def test_nested_parameters_are_the_flat_ones(given: Any) -> None:
    params, x = given
    tree = nested(params)
    assert set(tree) == {"keys", "query", "query_norm", "experts"}
    assert_equal(forward(CONFIG, tree, x), forward(CONFIG, params, x))
    assert layer_from_params(CONFIG, tree).params.keys() == params.keys()
    flat_gradient = jax.grad(loss_of)({"layer": params, "scale": jnp.ones(6)}, x)
    gradient = jax.grad(loss_of)({"layer": tree, "scale": jnp.ones(6)}, x)
    assert_equal(gradient["layer"], nested(flat_gradient["layer"]))


@pytest.mark.parametrize("make", [optim.row_sgd, optim.row_adagrad, optim.lazy_adam])
def test_optimisers_of_rows_take_nested_parameters(given: Any, make: Any) -> None:
    learned = []
    for layer in (given[0], nested(given[0])):
        kinds = {"tables": make(0.1), "statistics": optax.set_to_zero(), "rest": optax.sgd(0.1)}
        optimiser, params = optax.partition(kinds, optim.labels), {"layer": layer, "scale": jnp.ones(6)}
        state = optimiser.init(params)
        for _ in range(2):
            _, gradients = optim.value_and_grad(loss_of)(params, given[1])
            updates, state = optimiser.update(gradients, state, params)
            params = optax.apply_updates(params, updates)
        learned.append(params["layer"])
    assert_equal(learned[1], nested(learned[0]))
    assert not np.array_equal(learned[0]["experts.u"], given[0]["experts.u"])


def test_names_go_to_nested_dictionaries_and_back() -> None:
    names = dict.fromkeys(CONFIG.shapes(), 0)
    assert flat(nested(names)) == names
    assert like(nested(names), names) == nested(names)
    assert like(names, names | {"experts.tap": 1}) == names | {"experts.tap": 1}
    assert like(nested(names), names | {"experts.tap": 1})["experts"]["tap"] == 1


def test_dictionaries_may_be_nested_in_part_and_no_name_is_given_twice(given: Any) -> None:
    params, x = given
    mixed = nested({name: array for name, array in params.items() if name != "experts.v"})
    mixed["experts.v"] = params["experts.v"]
    _, gradients = optim.value_and_grad(loss_of)({"layer": mixed, "scale": jnp.ones(6)}, x)
    assert set(gradients["layer"]["experts"]) == {"u", "w"}
    assert isinstance(gradients["layer"]["experts.v"], optim.RowGradient)
    with pytest.raises(TableError, match=r"'experts.v' is given twice"):
        forward(CONFIG, mixed | {"experts": nested(params)["experts"]}, x)


def test_the_places_of_nested_parameters_are_nested_as_they_are(given: Any) -> None:
    params, x = given
    mesh = jax.make_mesh((1,), ("experts",))
    config = PeerConfig(6, 2, 16, 3, 4, expert="glu", query_bias=True)
    own = {name: array for name, array in params.items() if not name.startswith("query_norm")}
    places = sharded.shardings(config, mesh, "experts", nested_as=nested(own))
    assert places == nested(sharded.shardings(config, mesh, "experts"))
    y = sharded.forward(config, jax.device_put(nested(own), places), x, mesh=mesh, axis="experts").y
    # sums of at most 6 numbers of order one, each rounded by 2⁻²⁴ of them, in two orders
    np.testing.assert_allclose(y, forward(config, own, x).y, rtol=0, atol=2**-20)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (5, "5 is none of them"),
        ({"params": {"keys": 1}}, "params.keys is none of them"),
        ({"keys": 1}, "experts.u is missing"),
    ],
)
def test_places_nested_as_something_else_are_refused_in_one_sentence(wrong: Any, words: str) -> None:
    config, mesh = PeerConfig(6, 2, 16, 3, 4), jax.make_mesh((1,), ("experts",))
    with pytest.raises(
        TableError, match=rf"^parameters must be .*, in one dictionary or nested, but {words} \(PAR-1\)$"
    ):
        sharded.shardings(config, mesh, "experts", nested_as=wrong)
