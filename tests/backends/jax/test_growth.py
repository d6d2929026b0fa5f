"""Parameters that grow, flat and nested, and the states of Optax and of the optimisers of rows."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from peerspec.backends.jax import PeerConfig, forward, grow, grow_state, layer_from_params, optim, params_from_layer
from peerspec.reference import ConfigError, Layer, TableError, grown_ids
from peerspec.reference import grow as grow_layer

CONFIG = PeerConfig(12, 2, 16, 3, 6, d_out=7, expert="glu", query_bias=True)
IDS = grown_ids(4, 6)
NESTED = {"query": {"weight": 0, "bias": 0}, "keys": 0, "experts": {"u": 0, "v": 0, "w": 0}}


def flat_params() -> dict[str, jax.Array]:
    return params_from_layer(Layer.random(CONFIG, seed=2))


def nested_params() -> dict[str, object]:
    found = flat_params()
    return {
        name: found[name] if part == 0 else {leaf: found[f"{name}.{leaf}"] for leaf in part}
        for name, part in NESTED.items()
    }


def test_the_parameters_have_the_bits_of_the_reference() -> None:
    layer = Layer.random(CONFIG, seed=2)
    config, params = grow(CONFIG, params_from_layer(layer), 36, seed=5)
    expected = grow_layer(layer, 36, seed=5)
    assert config == expected.config
    assert all(np.asarray(params[name]).tobytes() == array.tobytes() for name, array in expected.params.items())
    assert forward(config, params, jnp.ones((3, 12))).y.shape == (3, 7)


def test_nested_parameters_stay_nested() -> None:
    config, params = grow(CONFIG, nested_params(), 25)
    assert jax.tree.structure(params) == jax.tree.structure(nested_params())
    assert layer_from_params(config, params).config.num_experts == 25


@pytest.mark.stack("jax", "growth", "`grow` and `grow_state`, for states of Optax and of the optimisers of rows")
@pytest.mark.parametrize("make", [flat_params, nested_params], ids=["flat", "nested"])
@pytest.mark.parametrize(
    "optimiser",
    [
        optax.adam(1e-2),
        optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-2)),
        optax.sgd(1e-2, momentum=0.9),
        optim.row_adagrad(1e-2),
        optim.lazy_adam(1e-2),
    ],
    ids=["adam", "chain", "momentum", "row_adagrad", "lazy_adam"],
)
def test_the_state_of_an_optimiser_moves_with_its_entries(make: object, optimiser: object) -> None:
    params = make()
    state = jax.tree.map(lambda leaf: leaf + 1, optimiser.init(params))  # no entry is zero
    grown = grow_state(state, CONFIG, 36)
    fresh = jax.eval_shape(optimiser.init, grow(CONFIG, params, 36)[1])
    assert jax.tree.structure(grown) == jax.tree.structure(fresh)
    moved = 0
    for leaf, old, new in zip(*map(jax.tree.leaves, (fresh, state, grown)), strict=True):
        assert (new.shape, new.dtype) == (leaf.shape, leaf.dtype)
        if new.shape != old.shape:
            moved += 1
            check_moved(np.asarray(old), np.asarray(new))
        else:
            assert (np.asarray(new) == np.asarray(old)).all()
    assert moved


def check_moved(old: np.ndarray, new: np.ndarray) -> None:
    if old.shape[:1] == (16,):
        rest = np.delete(new, IDS, 0)
        assert (new[IDS] == old).all()
    else:
        rest = new[:, :, 4:]
        assert (new[:, :, :4] == old).all()
    assert not rest.any()


def test_training_goes_on_after_growth() -> None:
    optimiser, config, params = optax.adam(1e-2), CONFIG, flat_params()
    state, x = optimiser.init(params), jnp.asarray(np.random.default_rng(0).standard_normal((30, 12)), jnp.float32)

    def loss(params: object, config: PeerConfig) -> jax.Array:
        return (forward(config, params, x).y - 1).__pow__(2).mean()

    losses = []
    for number in range(30):
        if number == 15:
            state = grow_state(state, config, 36)
            config, params = grow(config, params, 36, init="zero")
        value, grads = jax.value_and_grad(loss)(params, config)
        updates, state = optimiser.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        losses.append(float(value))
    assert losses[-1] < losses[15] < losses[0]


def test_a_state_of_the_same_number_of_experts_stays() -> None:
    state = optax.adam(1e-2).init(flat_params())
    assert all(a is b for a, b in zip(*map(jax.tree.leaves, (state, grow_state(state, CONFIG, 16))), strict=True))


def test_wrong_input_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="GRW-2"):
        grow(CONFIG, flat_params(), 9)
    with pytest.raises(ConfigError, match="perfect square"):
        grow_state({}, CONFIG, 17)
    with pytest.raises(TableError, match="PAR-1"):
        grow(CONFIG, {"keys": jnp.ones(3)}, 25)
