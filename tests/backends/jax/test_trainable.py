"""Optimisers of Optax and of rows limited to a part of a layer."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from peerspec.backends.jax import PeerConfig, forward, init, optim
from peerspec.backends.jax.names import flat
from peerspec.backends.jax.optim import only
from peerspec.reference import InputError, Trainable

CONFIG = PeerConfig(12, 2, 36, 3, 6, d_out=7, expert="glu", query_bias=True)
SOME = Trainable(np.arange(36) % 3 != 1, np.arange(12).reshape(1, 2, 6) % 2 == 0, query=False)
MASKS = SOME.masks(CONFIG)


def parameters() -> dict[str, jax.Array]:
    found = init(CONFIG, jax.random.key(0))
    return {name: array.reshape(-1).at[::4].set(-0.0).reshape(array.shape) for name, array in found.items()}


def nest(params: dict[str, jax.Array]) -> dict[str, object]:
    query, experts = ({k.partition(".")[2]: a for k, a in params.items() if k.startswith(g)} for g in ("query.", "exp"))
    return {"query": query, "keys": params["keys"], "experts": experts}


def loss(params: object, x: jax.Array) -> jax.Array:
    return (forward(CONFIG, params, x).y ** 2).sum()


def tokens(seed: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).standard_normal((40, 12)), jnp.float32)


def check_limited(before: object, after: object) -> None:
    for name, array in flat(before).items():
        changed = np.asarray(array).view(np.uint32) != np.asarray(flat(after)[name]).view(np.uint32)
        mask = np.broadcast_to(MASKS[name], changed.shape)
        assert not (changed & ~mask).any(), name
        assert (changed & mask).any() == mask.any(), name


@pytest.mark.stack("jax", "`only`", "a part of a layer, with optimisers of Optax and of rows")
@pytest.mark.parametrize("make", [parameters, lambda: nest(parameters())], ids=["flat", "nested"])
@pytest.mark.parametrize(
    "optimiser",
    [optax.adamw(0.05, weight_decay=0.1), optax.sgd(0.05, momentum=0.9), optim.lazy_adam(0.05), optim.row_sgd(0.05)],
    ids=["adamw", "momentum", "lazy_adam", "row_sgd"],
)
def test_a_step_leaves_what_is_frozen_also_after_steps_on_the_whole(
    optimiser: optax.GradientTransformation, make: Callable[[], object]
) -> None:
    params, limited = make(), only(optimiser, CONFIG, SOME)
    state = optimiser.init(params)

    @partial(jax.jit, static_argnums=0)
    def step(update: object, params: object, state: object, x: jax.Array) -> tuple[object, object]:
        updates, state = update(jax.grad(loss)(params, x), state, params)
        return optax.apply_updates(params, updates), state

    for number, update in enumerate([limited.update, optimiser.update, limited.update]):
        before = params
        params, state = step(update, params, state, tokens(number))
        if update is limited.update:
            check_limited(before, params)


@pytest.mark.parametrize("kind", [optim.lazy_adam(0.05), optim.row_adagrad(0.05), optim.row_sgd(0.05)])
def test_gradients_of_rows_lose_the_rows_that_are_frozen(kind: optax.GradientTransformation) -> None:
    params = parameters()
    optimiser = optax.partition(
        {"tables": kind, "statistics": optax.set_to_zero(), "rest": optax.adamw(0.05)}, optim.labels
    )
    limited, state = only(optimiser, CONFIG, SOME), optimiser.init(params)
    for number, update in enumerate([limited.update, optimiser.update, limited.update]):
        before = params
        _, grads = optim.value_and_grad(loss)(params, tokens(number))
        updates, state = update(grads, state, params)
        params = optax.apply_updates(params, updates)
        if update is limited.update:
            check_limited(before, params)


def test_a_limited_step_is_the_step_on_the_whole_inside() -> None:
    params, optimiser = parameters(), optax.adamw(0.05, weight_decay=0.1)
    grads = jax.grad(loss)(params, tokens(0))
    whole, _ = optimiser.update(grads, optimiser.init(params), params)
    limited, _ = only(optimiser, CONFIG, SOME).update(grads, optimiser.init(params), params)
    for name, mask in MASKS.items():
        inside = np.broadcast_to(mask, whole[name].shape)
        assert (np.asarray(whole[name])[inside] == np.asarray(limited[name])[inside]).all()


def test_wrong_input_is_one_sentence() -> None:
    with pytest.raises(InputError, match="TRN-1"):
        only(optax.sgd(0.1), CONFIG, Trainable(np.ones(4, bool)))
    optimiser = only(optax.sgd(0.1), CONFIG, SOME)
    with pytest.raises(InputError, match="needs the parameters"):
        optimiser.update(parameters(), optimiser.init(parameters()))
